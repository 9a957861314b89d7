"""Flat tables, one utterance a row: CSV, TSV, Parquet, XLSX, or JSONL. Only the `text` column is needed.

`call_id`, `agent_id`, `role`, `channel`, `speaker`, `turn_id`, `start_ms`, `end_ms`, `asr_confidence` are used when there. Where no row has a
role, a channel or a speaker, all rows are agents', unless it is a recogniser's file (Whisper's TSV with start and end in milliseconds, or one JSON object):
then who speaks is unknown. A role that says nothing we know is a speaker, and a speaker may say the role. Rows of one `call_id` are one
recording, in the order of the file; without that column the whole file is.
"""

from __future__ import annotations

import csv
import io
from typing import Any

from jinyu.recordings.document import Document, fraction, label, who, whole_number
from jinyu.recordings.vendor import check_unit
from jinyu.types import InputError, Recording, Role, Turn

NAME = "table"
SUMMARY = "CSV, TSV, Parquet, XLSX or JSONL with a text column"


def matches(document: Document) -> bool:
    """By the suffix, or JSON objects that are not calls."""
    if document.suffix in (".csv", ".tsv", ".parquet", ".xlsx"):
        return True
    rows = document.json_rows
    if not rows:
        return False
    first = rows[0][1]
    if isinstance(first, list):
        first = first[0] if first else None
    return isinstance(first, dict) and document.text_column in first


def parse(document: Document) -> list[Recording]:
    """All recordings of the table, in the order in which their ids first appear."""
    calls: dict[str, list[Turn]] = {}
    agents: dict[str, str | None] = {}
    rows = _rows(document)
    told = any(row.get(name) not in (None, "") for _, row in rows for name in ("role", "channel", "speaker"))
    heard = not any("call_id" in row for _, row in rows) and (
        any("start" in row and "end" in row for _, row in rows)
        or (document.suffix == ".json" and isinstance(document.json_rows[0][1], dict))  # type: ignore[index]
    )
    silent = Role.UNKNOWN if told or heard else Role.AGENT
    start, end = ("start", "end") if document.suffix == ".tsv" and heard else ("start_ms", "end_ms")
    for where, row in rows:
        value = row.get(document.text_column)
        if value is None:
            value = ""
        if not isinstance(value, str):
            raise InputError(f"{where}: {document.text_column} is {value!r}, expected text")
        call_id = str(row.get("call_id") or document.path.stem)
        turns = calls.setdefault(call_id, [])
        agents.setdefault(call_id, None)
        if agents[call_id] is None and row.get("agent_id") not in (None, ""):
            agents[call_id] = str(row["agent_id"])
        role, speaker = who(row.get("role"), row.get("speaker"))
        turns.append(
            Turn(
                text=value,
                role=role if row.get("role") or role is not Role.UNKNOWN else silent,
                turn_id=str(row.get("turn_id") or len(turns)),
                channel=label(row.get("channel")),
                speaker=speaker,
                start_ms=whole_number(row.get(start), start, where),
                end_ms=whole_number(row.get(end), end, where),
                asr_confidence=fraction(row.get("asr_confidence")),
            )
        )
    for call_id, turns in calls.items():
        check_unit(turns, f"{document.path}: call {call_id}")
    return [Recording(call_id, tuple(turns), agents[call_id]) for call_id, turns in calls.items()]


def _rows(document: Document) -> list[tuple[str, dict[str, Any]]]:
    if document.suffix == ".parquet":
        rows = _parquet(document)
    elif document.suffix == ".xlsx":
        rows = _xlsx(document)
    elif document.suffix in (".csv", ".tsv"):
        rows = _csv(document)
    else:
        rows = document.json_rows or []
        if len(rows) == 1 and isinstance(rows[0][1], list):
            rows = [(f"{document.path}: row {i}", value) for i, value in enumerate(rows[0][1])]
        for where, value in rows:
            if not isinstance(value, dict) or document.text_column not in value:
                raise InputError(f"{where}: no {document.text_column!r} in this row: {str(value)[:60]!r}")
    return rows


def _csv(document: Document) -> list[tuple[str, dict[str, Any]]]:
    delimiter = "\t" if document.suffix == ".tsv" else ","
    try:
        reader = csv.DictReader(io.StringIO(document.text, newline=""), delimiter=delimiter)
        _check_columns(document, list(reader.fieldnames or []))
        return [(f"{document.path}:{reader.line_num}", row) for row in reader]
    except csv.Error as error:
        raise InputError(f"{document.path}: not a CSV table ({error}); save it as UTF-8 CSV") from error


def _parquet(document: Document) -> list[tuple[str, dict[str, Any]]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise InputError(f"{document.path}: Parquet needs the tables extra: pip install 'jinyu[tables]'") from error
    try:
        table = parquet.read_table(io.BytesIO(document.data))
    except (ArrowException, OSError) as error:
        raise InputError(f"{document.path}: not a Parquet file ({error})") from error
    _check_columns(document, table.column_names)
    return [(f"{document.path}: row {i}", row) for i, row in enumerate(table.to_pylist())]


def _xlsx(document: Document) -> list[tuple[str, dict[str, Any]]]:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise InputError(f"{document.path}: XLSX needs the tables extra: pip install 'jinyu[tables]'") from error
    try:
        book = load_workbook(io.BytesIO(document.data), read_only=True, data_only=True)
        rows = list(book.worksheets[0].iter_rows(values_only=True))
    except Exception as error:  # zipfile, KeyError, XML errors and its own
        raise InputError(f"{document.path}: not a spreadsheet ({error}); save it again as XLSX, or as CSV") from error
    columns = [str(name) for name in rows[0]] if rows else []
    _check_columns(document, columns)
    filled = ((number, row) for number, row in enumerate(rows[1:], 2) if any(cell not in (None, "") for cell in row))
    return [(f"{document.path}: row {number}", dict(zip(columns, map(_text, row), strict=False))) for number, row in filled]


def _text(cell: Any) -> Any:
    """Ids and texts that a spreadsheet took for numbers, as they look."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell) if isinstance(cell, int) else cell


def _check_columns(document: Document, columns: list[str]) -> None:
    if document.text_column not in columns:
        found = ", ".join(columns[:12]) or "none"
        raise InputError(
            f"{document.path}: no column {document.text_column!r} (found: {found}). Name the one with the utterances: --text-column NAME"
        )
