"""Amazon Transcribe Call Analytics and Connect Contact Lens: `Transcript[]`; times in milliseconds.

`{"JobName", "JobStatus", "Transcript": [{"Id", "ParticipantRole": "AGENT", "BeginOffsetMillis", "EndOffsetMillis", "Content"}]}`.
Contact Lens may give a `ParticipantId` instead, and its role in `Participants[]`.
"""

from __future__ import annotations

from typing import Any

from jinyu.recordings.document import Document, label, role_of
from jinyu.recordings.vendor import Found, at, calls, first, has, items, locate, recording, text_at, time_at
from jinyu.types import Recording, Turn

NAME = "aws"
SUMMARY = "Amazon Transcribe Call Analytics: JSON with Transcript[] of Content"


def _transcript(value: Any) -> Found | None:
    found = locate(value, "Transcript")
    return found if found and (not found[1] or has(found[1], "Content") or has(found[1], "BeginOffsetMillis")) else None


def matches(document: Document) -> bool:
    """JSON with `Transcript`."""
    return bool(calls(document, _transcript))


def parse(document: Document) -> list[Recording]:
    """All calls of the file."""
    recordings = []
    for call in calls(document, _transcript):
        call.require_done(first(call.value, "JobStatus"), "completed")
        participants = items(at(call.value, "Participants"), f"{call.where}: Participants")
        roles = {str(p.get("ParticipantId")): p.get("ParticipantRole") for _, p in participants}
        turns = [_turn(item, place, roles) for place, item in call.items()]
        recordings.append(recording(call.where, call.id("CustomerMetadata.ContactId", "JobName"), turns))
    return recordings


def _turn(item: dict[str, Any], place: str, roles: dict[str, Any]) -> Turn:
    participant = label(item.get("ParticipantId"))
    return Turn(
        text=text_at(item, place, "Content"),
        role=role_of(item.get("ParticipantRole") or roles.get(str(participant), participant)),
        turn_id=label(item.get("Id")) or "",
        speaker=participant,
        start_ms=time_at(item, place, "BeginOffsetMillis"),
        end_ms=time_at(item, place, "EndOffsetMillis"),
    )
