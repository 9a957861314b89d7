"""Aliyun recording-file transcription: `Result.Sentences[]`, `Sentences[]` or a bare list of sentences; times in milliseconds.

`{"TaskId", "StatusText", "Result": {"Sentences": [{"ChannelId", "BeginTime", "EndTime", "Text", "SpeakerId"?}]}}`; callbacks write the same
names in lower camel case. Nobody is named the agent: roles are unknown.
"""

from __future__ import annotations

from typing import Any

from jinyu.recordings.document import Document, label
from jinyu.recordings.vendor import Found, at, calls, embedded, first, has, locate, recording, text_at, time_at
from jinyu.types import Recording, Turn

NAME = "aliyun"
SUMMARY = "Aliyun file transcription: JSON with [Result.]Sentences[], or the bare list"


def _sentences(value: Any) -> Found | None:
    if isinstance(value, list):  # the list alone; an empty one is a call without speech
        return ("", value) if not value or has(value, "BeginTime", "Text") or has(value, "beginTime", "text") else None
    if isinstance(at(value, "Result"), str) and has(value, "StatusText"):  # JSON within JSON, as logs keep it
        value = {**value, "Result": embedded(value["Result"], "Result")}
    found = locate(value, "Result.Sentences", "result.sentences", "Sentences", "sentences")
    if found is None and (has(value, "StatusText") or has(value, "statusText")):  # nothing was said, or the task is not done
        return ("Result.Sentences", None) if not at(value, "Result") or isinstance(value["Result"], dict) else None
    if found and found[0].endswith("sentences") and not has(found[1], "beginTime") and (found[1] or has(value, "text")):
        return None  # others write sentences too
    return found


def matches(document: Document) -> bool:
    """JSON with `Sentences`, or a list of objects with `BeginTime` and `Text`."""
    return bool(calls(document, _sentences))


def parse(document: Document) -> list[Recording]:
    """All calls of the file."""
    recordings = []
    for call in calls(document, _sentences):
        status = first(call.value, "StatusText", "statusText")
        call.require_done(status, "success", "success_with_no_valid_fragment")
        turns = [_turn(item, place) for place, item in call.items()]
        recordings.append(recording(call.where, call.id("callId", "TaskId", "taskId"), turns))
    return recordings


def _turn(item: dict[str, Any], place: str) -> Turn:
    return Turn(
        text=text_at(item, place, "Text", "text"),
        channel=label(first(item, "ChannelId", "channelId")),
        speaker=label(first(item, "SpeakerId", "speakerId")),
        start_ms=time_at(item, place, "BeginTime", "beginTime"),
        end_ms=time_at(item, place, "EndTime", "endTime"),
    )
