"""Google Conversational Insights: `entries[]`; the starts in microseconds, the ends unknown.

`{"conversation_info"?, "entries": [{"text", "role": "AGENT", "user_id", "start_timestamp_usec"}]}`. The timestamps may count from the
start of the call or from 1970; the second are made the first, and give the call's `started_at`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from jinyu.recordings.document import Document, label, role_of
from jinyu.recordings.vendor import Found, calls, has, locate, recording, text_at, time_at
from jinyu.types import Recording, Turn

NAME = "google"
SUMMARY = "Google Conversational Insights: JSON with entries[] of text, role, start_timestamp_usec"

_YEAR_2000, _YEAR_2100 = 946_684_800_000, 4_102_444_800_000  # milliseconds since 1970


def _entries(value: Any) -> Found | None:
    found = locate(value, "entries")
    return found if found and (not found[1] or has(found[1], "start_timestamp_usec") or has(found[1], "role", "text")) else None


def matches(document: Document) -> bool:
    """JSON with `entries`."""
    return bool(calls(document, _entries))


def parse(document: Document) -> list[Recording]:
    """All calls of the file."""
    recordings = []
    for call in calls(document, _entries):
        turns = [_turn(item, place) for place, item in call.items()]
        began = min((t.start_ms for t in turns if t.start_ms is not None), default=0)
        started_at = None
        if _YEAR_2000 <= began < _YEAR_2100:
            started_at = datetime.fromtimestamp(began / 1000, UTC).isoformat()
            turns = [t if t.start_ms is None else replace(t, start_ms=t.start_ms - began) for t in turns]
        recordings.append(recording(call.where, call.stem, turns, "microseconds", started_at))
    return recordings


def _turn(item: dict[str, Any], place: str) -> Turn:
    return Turn(
        text=text_at(item, place, "text"),
        role=role_of(item.get("role")),
        speaker=label(item.get("user_id")),
        start_ms=time_at(item, place, "start_timestamp_usec", unit="microseconds"),
    )
