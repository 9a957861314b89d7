"""Many recordings to output tables: `utterances`, `calls`, and `errors.jsonl` for what could not be read.

One recording is judged at a time; an unreadable file is written down and the others go on. Files appear under their names only
when they are complete.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

from jinyu import recordings, speakers
from jinyu.redact import redact as masked
from jinyu.report.tables import turn_rows
from jinyu.scorecard import Scorecard
from jinyu.scorer import Scorer
from jinyu.types import SCHEMA, InputError, Judgement, Recording, Role, Turn

FORMATS = ("jsonl", "csv", "parquet")


@dataclass
class Summary:
    """What a batch came to."""

    files: int = 0
    calls: int = 0
    utterances: int = 0
    flagged: list[dict[str, Any]] = field(default_factory=list)
    needs_review: int = 0
    errors: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0


def judge_turns(recording: Recording, scorer: Scorer) -> list[Judgement | None]:
    """One judgement a turn, None for turns that are not the agent's: customers and bots are never judged."""
    judged = iter(scorer.score_many([t.text for t in recording.turns if t.role is Role.AGENT]))
    return [next(judged) if t.role is Role.AGENT else None for t in recording.turns]


@cache
def shipped_scorecard() -> Scorecard:
    """The default card, read once."""
    return Scorecard.load()


def judge_recording(
    recording: Recording,
    scorer: Scorer,
    source: str = "",
    scorecard: Scorecard | None = None,
    *,
    agent_channel: str | None = None,
    agent_speaker: str | None = None,
    redact: bool = False,
    heard: Callable[[Recording], None] | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(utterance records of the agent's turns, the call's record), scored by the shipped card unless another is given.

    Where turns name no role, `speakers.py` finds the agent. `redact` masks what is returned; judged is the text as it was said.
    `heard` is given the recording with the roles filled in.
    """
    recording, finding = speakers.assign_roles(recording, scorer, agent_channel, agent_speaker)
    if heard:
        heard(recording)
    judged = judge_turns(recording, scorer)
    rows = [_utterance(recording, t, j, redact) for t, j in zip(recording.turns, judged, strict=True) if j is not None]
    review_reason = speakers.review_reason(recording, finding)
    score = (scorecard or shipped_scorecard()).judge(recording, judged).to_dict()
    call = {
        "schema": SCHEMA,
        "call_id": recording.call_id,
        "agent_id": recording.agent_id,
        "source": source,
        "score": score["score"],
        "auto_fail": score["auto_fail"],
        "role_method": finding.method,
        "role_confidence": round(finding.confidence, 4),
        "needs_review": bool(review_reason),
        "review_reason": review_reason,
        "items": score["items"],
        "metrics": {"turns": len(recording.turns), "agent_turns": len(rows), **score["metrics"]},
        "model": rows[0]["model"] if rows else None,
    }
    return rows, call


def _utterance(recording: Recording, turn: Turn, judgement: Judgement, redact: bool) -> dict[str, Any]:
    head = {
        "call_id": recording.call_id,
        "turn_id": turn.turn_id,
        "agent_id": recording.agent_id,
        "role": str(turn.role),
        "start_ms": turn.start_ms,
        "end_ms": turn.end_ms,
    }
    record = {**head, **judgement.to_dict()}
    if redact:
        record["text"] = masked(judgement.text)
        if evidence := judgement.evidence:
            record["evidence"]["text"] = record["text"][evidence.start : evidence.end]
    return record


def score_paths(
    paths: list[Path],
    out: Path,
    scorer: Scorer,
    *,
    table_format: str = "jsonl",
    options: recordings.ReadOptions | None = None,
    scorecard: Scorecard | None = None,
    agent_channel: str | None = None,
    agent_speaker: str | None = None,
    redact: bool = False,
    keep_turns: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Summary:
    """Score files and folders into `out`. Raises `InputError` only if a named path is not there or nothing is found."""
    files = list(recordings.find_files(paths))
    if not files:
        raise InputError(f"no transcripts in {', '.join(map(str, paths))} (looked for {' '.join(recordings.SUFFIXES)})")
    summary = Summary(files=len(files))

    def each() -> Iterator[tuple[str, Recording]]:
        for number, path in enumerate(files, 1):
            try:
                for recording in recordings.read(path, options):
                    yield str(path), recording
            except InputError as error:
                message = masked(str(error)) if redact else str(error)  # it may quote the file
                summary.errors.append({"source": str(path), "error": message})
            if progress:
                progress(f"{number}/{len(files)} files, {summary.utterances} utterances, {len(summary.flagged)} flagged")

    return score_recordings(
        each(),
        out,
        scorer,
        summary,
        table_format=table_format,
        scorecard=scorecard,
        agent_channel=agent_channel,
        agent_speaker=agent_speaker,
        redact=redact,
        keep_turns=keep_turns,
    )


def score_recordings(
    source: Iterable[tuple[str, Recording]],
    out: Path,
    scorer: Scorer,
    summary: Summary | None = None,
    *,
    table_format: str = "jsonl",
    scorecard: Scorecard | None = None,
    agent_channel: str | None = None,
    agent_speaker: str | None = None,
    redact: bool = False,
    keep_turns: bool = False,
) -> Summary:
    """Score (source name, recording) pairs into the tables under `out`. Raises `ScorecardError` if the card asks for unknown labels.

    `keep_turns` writes every turn, the customers' too, into a table `turns`, which the report shows.
    """
    if scorecard:
        scorecard.check_labels(scorer.taxonomy)
    summary = summary or Summary()
    started = time.monotonic()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot write there ({error.strerror}); name another folder with -o") from error
    with (
        _Table(out, "utterances", table_format) as utterances,
        _Table(out, "calls", table_format) as calls,
        _Table(out, "turns", table_format) if keep_turns else nullcontext() as turns,
    ):

        def heard(recording: Recording) -> None:
            if turns is not None:
                for row in turn_rows(recording, redact):
                    turns.write(row)

        for name, recording in source:
            rows, call = judge_recording(
                recording,
                scorer,
                name,
                scorecard,
                agent_channel=agent_channel,
                agent_speaker=agent_speaker,
                redact=redact,
                heard=heard,
            )
            for row in rows:
                utterances.write(row)
            calls.write(call)
            summary.calls += 1
            summary.utterances += len(rows)
            summary.needs_review += call["needs_review"]
            summary.flagged += [row for row in rows if row["flagged"]]
    if not keep_turns:  # those of an earlier run, which the report would join to the tables of this one
        (out / f"turns.{table_format}").unlink(missing_ok=True)
    errors = out / "errors.jsonl"
    errors.unlink(missing_ok=True)
    if summary.errors:
        errors.write_text("".join(_line(e) for e in summary.errors), encoding="utf-8")
    summary.seconds = time.monotonic() - started
    return summary


class _Table:
    """A table under a temporary name until it is complete. Nested fields become `name.field` columns in CSV."""

    def __init__(self, out: Path, name: str, table_format: str) -> None:
        self.path = out / f"{name}.{table_format}"
        self.partial = self.path.with_name(self.path.name + ".part")
        self.format = table_format
        self.rows: list[dict[str, Any]] = []  # Parquet alone is written in one piece
        self.columns: list[str] | None = None
        self.file: IO[str] | None = None

    def __enter__(self) -> _Table:
        if self.format == "csv":  # with byte-order mark: spreadsheets then read it as UTF-8
            self.file = self.partial.open("w", encoding="utf-8-sig", newline="")
        elif self.format == "jsonl":
            self.file = self.partial.open("w", encoding="utf-8")
        return self

    def write(self, row: dict[str, Any]) -> None:
        if self.format == "parquet":
            self.rows.append(flatten(row))
        elif self.format == "csv":
            flat = {k: _cell(v) for k, v in flatten(row).items()}
            assert self.file is not None
            writer = csv.DictWriter(self.file, list(flat) if self.columns is None else self.columns)
            if self.columns is None:
                self.columns = list(flat)
                writer.writeheader()
            writer.writerow(flat)
        else:
            assert self.file is not None
            self.file.write(_line(row))

    def __exit__(self, kind: object, *_: object) -> None:
        if self.file is not None:
            self.file.close()
        if kind is not None:
            self.partial.unlink(missing_ok=True)
            return
        if self.format == "parquet":
            write_parquet(self.rows, self.partial)
        self.partial.replace(self.path)


_PARTS = {  # nested fields that may be null keep their columns
    "evidence": ("start", "end", "text"),
    "rule": ("phrase_id", "phrase", "source", "section"),
    "model": ("name", "version", "sha256"),
    "metrics": (),
}


def flatten(row: dict[str, Any]) -> dict[str, Any]:
    """A record without nesting: `evidence.start` and so on; the columns are the same for every record."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name in _PARTS:
            parts = value if value is not None else dict.fromkeys(_PARTS[name])
            flat.update({f"{name}.{k}": v for k, v in parts.items()})
        else:
            flat[name] = value
    return flat


def write_parquet(rows: list[dict[str, Any]], path: Path) -> None:
    """Rows to Parquet. Raises `InputError` without the tables extra."""
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(rows), path)


def check_format(table_format: str) -> None:
    """Raises `InputError` before any work if a format needs an extra that is not installed."""
    if table_format == "parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError as error:
            raise InputError("--format parquet needs the tables extra: pip install 'jinyu[tables]'") from error


def _cell(value: Any) -> Any:
    """Lists as JSON. A leading = + - @ would be run as a formula by a spreadsheet; a quote in front makes it text."""
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _line(row: dict[str, Any]) -> str:
    # surrogates cannot be written as UTF-8; they come back as \udXXX escapes
    text = json.dumps(row, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(row)
    return text + "\n"


def stderr_progress() -> Callable[[str], None] | None:
    """A one-line progress display on stderr; None when that is not a terminal."""
    if not sys.stderr.isatty():
        return None
    last = 0.0

    def show(message: str) -> None:
        nonlocal last
        if time.monotonic() - last > 0.2:
            last = time.monotonic()
            print(f"\r{message}\033[K", end="", file=sys.stderr, flush=True)

    return show
