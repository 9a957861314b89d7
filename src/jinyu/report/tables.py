"""The tables of a batch, joined: each call with all its turns, and the judgement of each turn that was judged.

Customers' turns come from `turns.jsonl` (`jinyu score --report` writes it) or from the transcripts; without either a case holds the
agent's turns alone, and says so.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinyu.redact import MASK
from jinyu.redact import redact as masked
from jinyu.types import SCHEMA, InputError, Recording

Row = dict[str, Any]
HOW = "make the tables with: jinyu score CALLS -o OUT --report"
FIELDS = {
    "calls": ("schema", "call_id", "agent_id", "source", "score", "auto_fail", "review_reason", "items", "metrics"),
    "utterances": (
        *("schema", "call_id", "turn_id", "start_ms", "text", "kind", "category", "scenario", "label_zh", "probability"),
        *("taboo_probability", "flagged", "evidence", "rule", "suggestion", "model"),
    ),
    "turns": ("schema", "call_id", "turn_id", "role", "start_ms", "text"),
}


@dataclass(frozen=True)
class Case:
    """One call. `judged` has an entry for every turn, None where it was not judged; `whole` tells that no turn is left out."""

    call: Row
    turns: tuple[Row, ...]
    judged: tuple[Row | None, ...]
    whole: bool


def turn_rows(recording: Recording, redact: bool) -> list[Row]:
    """The rows of `turns.jsonl` for one call, in order."""
    return [
        {
            "schema": SCHEMA,
            "call_id": recording.call_id,
            "turn_id": turn.turn_id,
            "role": str(turn.role),
            "start_ms": turn.start_ms,
            "end_ms": turn.end_ms,
            "text": masked(turn.text) if redact else turn.text,
        }
        for turn in recording.turns
    ]


def read(out: Path, recordings: Mapping[str, Sequence[Recording]], redact: bool = False) -> list[Case]:
    """The cases of a batch, in the order of its calls. Raises `InputError` with the file, the line and the remedy."""
    utterances = _by_call(out, "utterances")
    turns = _by_call(out, "turns") if (out / "turns.jsonl").exists() else {}
    # transcripts are as they were said: where the tables were masked, what is added from them is masked too
    redact = redact or any(MASK in row["text"] for rows in utterances.values() for row in rows)
    spoken = {call_id: deque(found) for call_id, found in recordings.items()}
    cases: list[Case] = []
    for call in _rows(out, "calls"):
        call_id, counts = call["call_id"], call["metrics"]
        # counts, because files of different folders may carry the same call_id
        judged = _take(utterances.get(call_id), counts.get("agent_turns"))
        all_turns = _take(turns.get(call_id), counts.get("turns"))
        if not all_turns and spoken.get(call_id):
            all_turns = turn_rows(spoken[call_id].popleft(), redact or bool(call.get("redacted")))
        cases.append(_join(call, judged, all_turns))
    return cases


def count_errors(out: Path) -> int:
    """How many recordings the batch could not read."""
    path = out / "errors.jsonl"
    return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0


def _join(call: Row, judged: list[Row], turns: list[Row]) -> Case:
    if not turns:
        agent = tuple({**row, "role": "agent"} for row in judged)
        return Case(call, agent, tuple(judged), whole=not call["metrics"].get("turns", 1))
    waiting = deque(judged)  # utterances stand in the order of their turns
    found = []
    for turn in turns:
        mine = waiting and turn["role"] in ("agent", "unknown") and turn["turn_id"] == waiting[0]["turn_id"]
        found.append(waiting.popleft() if mine else None)
    if waiting:
        raise InputError(
            f"call {call['call_id']}: turn {waiting[0]['turn_id']} was judged but is not in its transcript; "
            f"the transcripts and the tables are of different runs; {HOW}"
        )
    return Case(call, tuple(turns), tuple(found), whole=True)


def _take(rows: deque[Row] | None, count: int | None) -> list[Row]:
    most = len(rows or ()) if count is None else min(count, len(rows or ()))
    return [rows.popleft() for _ in range(most)] if rows else []


def _by_call(out: Path, name: str) -> dict[str, deque[Row]]:
    found: dict[str, deque[Row]] = defaultdict(deque)
    for row in _rows(out, name):
        found[row["call_id"]].append(row)
    return found


def _rows(out: Path, name: str) -> Iterator[Row]:
    path = out / f"{name}.jsonl"
    if not path.exists():
        others = sorted(p.name for p in out.glob(f"{name}.*") if p.suffix in (".csv", ".parquet"))
        if others:
            raise InputError(f"{out}: found {others[0]}; the report is made from JSONL tables, score again with --format jsonl")
        raise InputError(f"{out}: no {path.name}; {HOW}")
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                yield _row(line, name, f"{path}:{number}")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8; {HOW}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _row(line: str, name: str, place: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: not a line of JSON; {HOW}") from error
    missing = [field for field in FIELDS[name] if field not in row] if isinstance(row, dict) else list(FIELDS[name])
    if missing:
        raise InputError(f"{place}: no {', '.join(missing)}; {HOW}")
    if row["schema"] != SCHEMA:
        raise InputError(f"{place}: schema {row['schema']!r}, this version reads {SCHEMA}; {HOW}")
    return dict(row)
