"""Aliyun SCA, the quality-check service: `Data.Dialogues[]` or `Data.Dialogues.Dialogue[]`; times in milliseconds.

`{"Code": "200", "Success": true, "Data": {"Vid", "Dialogues": {"Dialogue": [{"Words", "Role": "客服", "Identity", "Begin", "End"}]}}}`.
`BeginTime` and `HourMinSec` are clock times and not read.
"""

from __future__ import annotations

from typing import Any

from jinyu.recordings.document import Document, label, role_of
from jinyu.recordings.vendor import Found, calls, first, locate, recording, text_at, time_at
from jinyu.types import Recording, Role, Turn

NAME = "aliyun-sca"
SUMMARY = "Aliyun SCA quality check: JSON with Data.Dialogues[] or Data.Dialogues.Dialogue[]"


def _dialogues(value: Any) -> Found | None:
    return locate(value, "Data.Dialogues.Dialogue", "Data.Dialogues", "Dialogues.Dialogue", "Dialogues")


def matches(document: Document) -> bool:
    """JSON with `Dialogues`."""
    return bool(calls(document, _dialogues))


def parse(document: Document) -> list[Recording]:
    """All calls of the file."""
    recordings = []
    for call in calls(document, _dialogues):
        success = first(call.value, "Success")
        call.require_done(None if success in (None, True, "true") else first(call.value, "Message", "Code") or success)
        call_id = call.id(*(prefix + key for prefix in ("Data.", "") for key in ("Tid", "Vid", "FileId", "TaskId")))
        recordings.append(recording(call.where, call_id, [_turn(item, place) for place, item in call.items()]))
    return recordings


def _turn(item: dict[str, Any], place: str) -> Turn:
    role, identity = role_of(item.get("Role")), item.get("Identity")
    return Turn(
        text=text_at(item, place, "Words"),
        role=role_of(identity) if role is Role.UNKNOWN else role,
        speaker=label(identity),
        start_ms=time_at(item, place, "Begin"),
        end_ms=time_at(item, place, "End"),
    )
