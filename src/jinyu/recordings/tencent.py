"""Tencent Cloud recording-file recognition: `[Response.][Data.]ResultDetail[]`; times in milliseconds.

`{"Response": {"Data": {"TaskId", "StatusStr", "Result", "ResultDetail": [{"FinalSentence", "StartMs", "EndMs", "SpeakerId"}]}}}`; the
callback writes `resultDetail`, a JSON string. Without `ResTextFormat` the service leaves `ResultDetail` null.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jinyu.recordings.document import Document, label
from jinyu.recordings.vendor import Found, calls, embedded, first, has, locate, recording, text_at, time_at
from jinyu.types import InputError, Recording, Turn

NAME = "tencent"
SUMMARY = "Tencent Cloud: JSON with [Response.][Data.]ResultDetail[]"

_WRAPPERS = ("Response.Data.", "Data.", "Response.", "")


def _detail(value: Any) -> Found | None:
    if isinstance(value, list):
        return ("", value) if has(value, "FinalSentence") else None
    return locate(value, *(w + "ResultDetail" for w in _WRAPPERS), "resultDetail")


def _field(*keys: str) -> list[str]:
    return [wrapper + key for key in keys for wrapper in _WRAPPERS]


def matches(document: Document) -> bool:
    """JSON with `ResultDetail`."""
    return bool(calls(document, _detail))


def parse(document: Document) -> list[Recording]:
    """All calls of the file."""
    recordings = []
    for found in calls(document, _detail):
        call = replace(found, listed=embedded(found.listed, f"{found.where}: {found.name}"))
        call.require_done(first(call.value, *_field("StatusStr")), "success")
        if not call.listed and first(call.value, *_field("Result"), "text"):
            raise InputError(f"{call.where}: {call.name} is empty though Result holds text. Recognise with ResTextFormat=1, 2 or 3")
        turns = [_turn(item, place) for place, item in call.items()]
        recordings.append(recording(call.where, call.id(*_field("TaskId"), "taskId", "requestId"), turns))
    return recordings


def _turn(item: dict[str, Any], place: str) -> Turn:
    return Turn(
        text=text_at(item, place, "FinalSentence"),
        speaker=label(item.get("SpeakerId")),
        start_ms=time_at(item, place, "StartMs"),
        end_ms=time_at(item, place, "EndMs"),
    )
