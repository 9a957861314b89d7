"""Whisper, whisperX, faster-whisper: `segments[]` or the bare list of segments; times in seconds.

`{"text", "language", "segments": [{"start", "end", "text", "avg_logprob"?, "no_speech_prob"?, "speaker"?}]}`; only whisperX names speakers.
"""

from __future__ import annotations

import math
from typing import Any

from jinyu.recordings.document import Document, fraction, label
from jinyu.recordings.vendor import Found, calls, has, locate, recording, text_at, time_at
from jinyu.types import Recording, Turn

NAME = "whisper"
SUMMARY = "Whisper, whisperX, faster-whisper: JSON with segments[] of start, end (seconds), text"


def _segments(value: Any) -> Found | None:
    if isinstance(value, list):
        table = has(value, "role") or has(value, "call_id")  # a table of utterances that happens to say start and end
        return ("", value) if has(value, "start", "end", "text") and not table else None
    return locate(value, "segments")


def matches(document: Document) -> bool:
    """JSON with `segments`, or a list of objects with `start`, `end` and `text`."""
    return bool(calls(document, _segments))


def parse(document: Document) -> list[Recording]:
    """All calls of the file."""
    return [
        recording(call.where, call.stem, [_turn(item, place) for place, item in call.items()], unit="seconds")
        for call in calls(document, _segments)
    ]


def _turn(item: dict[str, Any], place: str) -> Turn:
    mean_log_probability = fraction(item.get("avg_logprob"))
    return Turn(
        text=text_at(item, place, "text"),
        speaker=label(item.get("speaker")),
        start_ms=time_at(item, place, "start", unit="seconds"),
        end_ms=time_at(item, place, "end", unit="seconds"),
        asr_confidence=None if mean_log_probability is None else math.exp(min(mean_log_probability, 0.0)),
    )
