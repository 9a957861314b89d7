"""jinyu's own form: one call as JSON, or one a line as JSONL; `{"call_id", "turns": [{"role", "text", ...}]}`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from jinyu.recordings.document import Document, fraction, who, whole_number
from jinyu.recordings.vendor import check_unit
from jinyu.types import InputError, Recording, Turn

NAME = "canonical"
SUMMARY = 'JSON or JSONL {"call_id", "turns": [{"role", "text"}]}'


def matches(document: Document) -> bool:
    """JSON objects with `turns`."""
    rows = document.json_rows
    if rows and len(rows) == 1 and isinstance(rows[0][1], list):
        return bool(rows[0][1]) and all(isinstance(v, dict) and "turns" in v for v in rows[0][1])
    return bool(rows) and isinstance(rows[0][1], dict) and "turns" in rows[0][1]  # type: ignore[index]


def parse(document: Document) -> list[Recording]:
    """All recordings of the file."""
    rows = document.json_rows or []
    if len(rows) == 1 and isinstance(rows[0][1], list):
        rows = [(f"{document.path}: call {i}", value) for i, value in enumerate(rows[0][1])]
    return [_recording(value, where, document) for where, value in rows]


def _recording(value: Any, where: str, document: Document) -> Recording:
    if not isinstance(value, dict) or not isinstance(value.get("turns"), list):
        raise InputError(f'{where}: expected a call {{"call_id", "turns": [...]}}, got {str(value)[:60]!r}')
    turns = []
    for number, turn in enumerate(value["turns"]):
        place = f"{where}: turn {number}"
        if not isinstance(turn, dict) or not isinstance(turn.get("text"), str):
            raise InputError(f'{place}: expected {{"role", "text"}} with text a string, got {str(turn)[:60]!r}')
        role, speaker = who(turn.get("role"), turn.get("speaker"))
        turns.append(
            Turn(
                text=turn["text"],
                role=role,
                turn_id=str(turn.get("turn_id", number)),
                channel=_text(turn.get("channel")),
                speaker=speaker,
                start_ms=whole_number(turn.get("start_ms"), "start_ms", place),
                end_ms=whole_number(turn.get("end_ms"), "end_ms", place),
                asr_confidence=fraction(turn.get("asr_confidence")),
            )
        )
    check_unit(turns, where)
    return Recording(
        call_id=str(value.get("call_id") or document.path.stem),
        turns=tuple(turns),
        agent_id=_text(value.get("agent_id")),
        started_at=_text(value.get("started_at")),
        audio=_text(value.get("audio")),
    )


def to_dict(recording: Recording) -> dict[str, Any]:
    """The canonical form of a recording, empty fields left out."""
    record = {k: v for k, v in asdict(recording).items() if v is not None and k != "turns"}
    record["turns"] = [{k: v for k, v in asdict(t).items() if v is not None} for t in recording.turns]
    return record


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
