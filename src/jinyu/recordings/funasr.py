"""FunASR: a list of `{"key", "text", "sentence_info": [{"text", "start", "end", "spk"}]}`; times in milliseconds.

One speaker mode writes `sentence` for `text`. The pieces are cut at every punctuation mark, so neighbouring pieces of one speaker are
joined into one turn, over pauses of up to three seconds; where no speaker is told apart, only to the end of the sentence.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from jinyu.recordings.document import Document, label
from jinyu.recordings.vendor import Found, at, calls, has, in_time_order, joined, locate, merged, recording, text_at, time_at
from jinyu.types import Recording, Turn

NAME = "funasr"
SUMMARY = "FunASR: JSON list of objects with sentence_info[]"

PAUSE_MS = 3000  # a longer silence may be a hold, which the two turns around it must show
_TAG = re.compile(r"<\|[^|<>]*\|>")  # SenseVoice: <|zh|><|NEUTRAL|><|Speech|>


def _pieces(value: Any) -> Found | None:
    if isinstance(value, list):  # sentence_info saved by itself
        return ("", value) if has(value, "spk", "text") or has(value, "spk", "sentence") else None
    found = locate(value, "sentence_info")
    if found is None and has(value, "key", "text"):  # recognised without sentences: the whole is one piece
        return "text", [{**value, **_ends(value.get("timestamp"))}]
    return found


def _ends(timestamp: Any) -> dict[str, Any]:
    """The start of the first word and the end of the last."""
    try:
        return {"start": timestamp[0][0], "end": timestamp[-1][1]} if isinstance(timestamp, list) else {}
    except (LookupError, TypeError):
        return {}


def matches(document: Document) -> bool:
    """JSON with `sentence_info`."""
    return bool(calls(document, _pieces))


def parse(document: Document) -> list[Recording]:
    """All calls of the file."""
    recordings = []
    for call in calls(document, _pieces):
        pieces = in_time_order(_piece(item, place) for place, item in call.items())
        key = str(at(call.value, "key") or "")
        call_id = call.stem if key.startswith("rand_key") else call.id("key")
        recordings.append(recording(call.where, call_id, merged(pieces, _goes_on, _join)))
    return recordings


def _piece(item: dict[str, Any], place: str) -> Turn:
    return Turn(
        text=_TAG.sub("", text_at(item, place, "text", "sentence")).strip(),
        speaker=label(item.get("spk")),
        start_ms=time_at(item, place, "start"),
        end_ms=time_at(item, place, "end"),
    )


def _join(last: Turn, piece: Turn) -> Turn:
    return replace(last, text=joined(last.text, piece.text), end_ms=last.end_ms if piece.end_ms is None else piece.end_ms)


def _goes_on(last: Turn, piece: Turn) -> bool:
    if last.speaker != piece.speaker or (last.speaker is None and last.text[-1:] in "。？！?!."):
        return False
    return last.end_ms is None or piece.start_ms is None or piece.start_ms - last.end_ms <= PAUSE_MS
