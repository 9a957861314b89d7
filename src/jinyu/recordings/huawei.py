"""Huawei Cloud SIS transcription: `segments[]`, for the quality-check service in `asr_result`; times in milliseconds.

`{"status": "FINISHED", "job_id"?, "segments": [{"start_time", "end_time", "result": {"text", "analysis_info": {"role": "AGENT"}}}]}`.
The role is `AGENT`, `USER`, or a speaker, `speaker1` to `speaker10`. A segment that failed has no `result`.
"""

from __future__ import annotations

from typing import Any

from jinyu.recordings.document import Document, fraction, label, role_of, wrong
from jinyu.recordings.vendor import Found, at, calls, first, has, locate, recording, text_at, time_at
from jinyu.types import Recording, Role, Turn

NAME = "huawei"
SUMMARY = "Huawei Cloud SIS: JSON with [asr_result.]segments[] of start_time, end_time, result.text"


def _segments(value: Any) -> Found | None:
    found = locate(value, "asr_result.segments", "segments")
    if found is None or found[0] == "asr_result.segments":
        return found
    job = any(has(value, key) for key in ("job_id", "audio_duration", "create_time", "finish_time"))
    return found if has(found[1], "result") or (job and (not found[1] or has(found[1], "start_time"))) else None


def matches(document: Document) -> bool:
    """JSON with `segments` that hold a `result`."""
    return bool(calls(document, _segments))


def parse(document: Document) -> list[Recording]:
    """All calls of the file."""
    recordings = []
    for call in calls(document, _segments):
        call.require_done(first(call.value, "asr_result.status", "status"), "finished")
        turns = [_turn(item, place) for place, item in call.items()]
        recordings.append(recording(call.where, call.id("job_id", "asr_result.job_id"), turns))
    return recordings


def _turn(item: dict[str, Any], place: str) -> Turn:
    result, said = item.get("result"), at(item, "result.analysis_info.role")
    if not isinstance(result, dict | None):
        raise wrong(f"{place}.result", result, 'an object with "text"')
    role = role_of(said)
    return Turn(
        text="" if result is None else text_at(result, f"{place}.result", "text"),
        role=role,
        speaker=label(said) if role is Role.UNKNOWN else None,
        start_ms=time_at(item, place, "start_time"),
        end_ms=time_at(item, place, "end_time"),
        asr_confidence=fraction(at(item, "result.score")),
    )
