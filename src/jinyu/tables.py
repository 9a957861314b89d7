"""Output tables: JSONL, CSV, Parquet, XLSX. A table appears under its name only when it is complete, and the same rows give the same bytes.

`find` and `read` give the rows back, flat, whatever the format.
"""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from jinyu.types import InputError

Row = dict[str, Any]
FORMATS = ("jsonl", "csv", "parquet", "xlsx")
CHUNK = 5000  # rows of a Parquet row group
SHEET_ROWS = 1_048_576  # what a spreadsheet can hold, its head included
LONG_AGO = datetime(1980, 1, 1)  # the date in XLSX files: the same rows give the same bytes


def write(path: Path, table_format: str, rows: Callable[[], Iterable[Row]]) -> None:
    """Write what `rows()` yields to `path`; it may be called twice. The file replaces an older one at once.

    Raises `InputError` if the folder cannot be written or a spreadsheet cannot hold the rows.
    """
    partial = path.with_name(path.name + ".part")
    try:
        _WRITERS[table_format](partial, rows)
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); free the disk or name another folder with -o") from error
    finally:
        partial.unlink(missing_ok=True)


def check_format(table_format: str) -> None:
    """Raises `InputError` before any work if a format needs an extra that is not installed."""
    needs = {"parquet": "pyarrow", "xlsx": "openpyxl"}.get(table_format)
    if needs:
        try:
            __import__(needs)
        except ImportError as error:
            raise InputError(f"--format {table_format} needs the tables extra: pip install 'jinyu[tables]'") from error


_PARTS = {  # nested fields that may be null keep their columns
    "evidence": ("start", "end", "text"),
    "rule": ("phrase_id", "phrase", "source", "section"),
    "model": ("name", "version", "sha256"),
    "metrics": (),
}


def flatten(row: Row) -> Row:
    """A record without nesting: `evidence.start` and so on; the columns are the same for every record."""
    flat: Row = {}
    for name, value in row.items():
        if name in _PARTS:
            parts = value if value is not None else dict.fromkeys(_PARTS[name])
            flat.update({f"{name}.{k}": v for k, v in parts.items()})
        else:
            flat[name] = value
    return flat


def json_line(row: Row) -> str:
    """A record as a line of JSON; lone surrogates, which UTF-8 cannot hold, as escapes."""
    text = json.dumps(row, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(row)
    return text + "\n"


def _write_jsonl(path: Path, rows: Callable[[], Iterable[Row]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(map(json_line, rows()))


def _write_csv(path: Path, rows: Callable[[], Iterable[Row]]) -> None:
    with path.open(
        "w", encoding="utf-8-sig", errors="backslashreplace", newline=""
    ) as file:  # with a mark: spreadsheets then read UTF-8
        writer = None
        for row in map(flatten, rows()):
            if writer is None:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
            writer.writerow({k: _cell(v) for k, v in row.items()})


def _cell(value: Any) -> Any:
    """Lists as JSON. A leading = + - @ would be run as a formula by a spreadsheet; a quote in front makes it text."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _write_parquet(path: Path, rows: Callable[[], Iterable[Row]]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    def chunks() -> Iterator[Any]:
        flat = (_encodable(flatten(row)) for row in rows())
        while chunk := list(islice(flat, CHUNK)):
            yield pa.Table.from_pylist(chunk)

    # a column may hold nothing but nulls for long: the types are found before the first row group is written
    schemas = [table.schema for table in chunks()]
    schema = pa.unify_schemas(schemas, promote_options="permissive") if schemas else pa.schema([])
    with parquet.ParquetWriter(path, schema) as writer:
        for table in chunks():
            filled = {f.name: table[f.name] if f.name in table.column_names else pa.nulls(len(table), f.type) for f in schema}
            writer.write_table(pa.table(filled).cast(schema))


def _encodable(value: Any) -> Any:
    """`value` with the lone surrogates in its strings escaped."""
    if isinstance(value, dict):
        return {k: _encodable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_encodable(v) for v in value]
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _write_xlsx(path: Path, rows: Callable[[], Iterable[Row]]) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    book.properties.created = book.properties.modified = LONG_AGO
    sheet = book.create_sheet(path.name.split(".")[0])
    sheet.freeze_panes = "A2"

    def cell(value: Any) -> Any:
        if isinstance(value, list | dict):
            value = json.dumps(value, ensure_ascii=False)
        if not isinstance(value, str):
            return value
        text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "\ufffd", value)[:32_767]  # what the format allows
        made = WriteOnlyCell(sheet, text)
        made.data_type = "s"  # never a formula
        return made

    for number, row in enumerate(map(flatten, rows()), 2):
        if number == 2:
            sheet.append([cell(k) for k in row])
        if number > SHEET_ROWS:
            raise InputError(
                f"{path.name.removesuffix('.part')}: more than {SHEET_ROWS - 1} rows, a spreadsheet holds no more; use --format csv"
            )
        sheet.append([cell(v) for v in row.values()])
    loose = path.with_name(path.name + ".zip")
    book.save(loose)
    with zipfile.ZipFile(loose) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            content = old.read(item)
            if item.filename == "docProps/core.xml":  # openpyxl stamps the hour of saving
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>1980-01-01T00:00:00Z", content)
            new.writestr(zipfile.ZipInfo(item.filename, LONG_AGO.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    loose.unlink()


_WRITERS = {"jsonl": _write_jsonl, "csv": _write_csv, "parquet": _write_parquet, "xlsx": _write_xlsx}


def find(path: Path, name: str, table_format: str | None = None) -> Path:
    """The file of one table in an output folder, or `path` itself if it is a file.

    Raises `InputError` if there is none, or more than one and no format is named.
    """
    if path.is_file():
        return path
    names = [f"{name}.{f}" for f in ([table_format] if table_format else FORMATS)]
    found = [path / n for n in names if (path / n).is_file()]
    if not found:
        why = f"no {' or '.join(names)}" if path.is_dir() else "no such folder"
        raise InputError(f"{path}: {why}; name an output folder of: jinyu score CALLS -o OUT")
    if len(found) > 1:
        many = " and ".join(p.name for p in found)
        raise InputError(f"{path}: holds {many}, perhaps of different runs; say which with --format {found[0].suffix[1:]}")
    return found[0]


def records(path: Path) -> Iterator[tuple[str, Row]]:
    """(place, record) of each row of a table that jinyu wrote, flat (`evidence.text`), one at a time; `place` is for messages.

    Empty cells are None; the numbers of a CSV are strings. Raises `InputError` with the row if it is damaged.
    """
    if path.suffix[1:] not in _READERS:
        raise InputError(f"{path}: not a table that jinyu writes ({', '.join(FORMATS)})")
    check_format(path.suffix[1:])
    place = f"{path}: row 1"
    try:
        for number, row in enumerate(_READERS[path.suffix[1:]](path), 1):
            place = f"{path}: row {number}"
            yield place, row
            place = f"{path}: row {number + 1}"
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, csv.Error, RecursionError, zipfile.BadZipFile, KeyError, AttributeError, TypeError) as error:
        raise InputError(f"{place}: damaged ({error}); make the table anew") from error


def read(path: Path, columns: Sequence[str], numbers: Sequence[str] = ()) -> Iterator[Row]:
    """The named columns of each row; those of `numbers` as floats or None. Raises `InputError` as `records` does, or if one is missing."""
    for place, row in records(path):
        if missing := [c for c in columns if c not in row]:
            raise InputError(f"{place}: no {', '.join(missing)}; make the table anew with jinyu score")
        yield {c: None if row.get(c) is None else number(row[c], c, place) if c in numbers else row[c] for c in columns}


def number(value: Any, name: str, place: str) -> float:
    """The number in a cell. Raises `InputError`."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{place}: {name} is {value!r}, expected a number; make the table anew with jinyu score") from error


def _read_jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield flatten(json.loads(line))


def encoding(path: Path) -> str | None:
    """utf-8-sig or, as Chinese spreadsheets save CSV, gb18030; None if it is neither."""
    for name in ("utf-8-sig", "gb18030"):
        try:
            with path.open(encoding=name, newline="") as file:
                while file.read(1 << 20):
                    pass
        except UnicodeDecodeError:
            continue
        return name
    return None


def _read_csv(path: Path) -> Iterator[Row]:
    with path.open(encoding=encoding(path) or "utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            yield {k: uncell(v) for k, v in row.items()}


def uncell(text: str) -> str | None:
    """The text of a CSV cell: without the quote that `write` puts before what looks like a formula; None for an empty cell."""
    return (text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@", "\t", "\r") else text) or None


def _read_parquet(path: Path) -> Iterator[Row]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(CHUNK):
            yield from batch.to_pylist()


def _read_xlsx(path: Path) -> Iterator[Row]:
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True)
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # some programs write a wrong size, and rows beyond it would be lost
        rows = sheet.iter_rows(values_only=True)
        head = next(rows, ())
        for row in rows:  # which now end with their last cell
            yield dict(zip_longest(head, row[: len(head)]))
    finally:
        book.close()


_READERS = {"jsonl": _read_jsonl, "csv": _read_csv, "parquet": _read_parquet, "xlsx": _read_xlsx}
