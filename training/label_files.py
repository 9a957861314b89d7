"""Label files to records, a row at a time: every form that reviewers' work comes in. `labels.py` checks what is read here.

| form | what is read |
|---|---|
| .jsonl, .json, .csv, .tsv, .xlsx | a text column (`TEXT`) and a label column (`LABEL`) |
| .parquet, a `datasets` directory, a hub name | the same, through `datasets`; class numbers become their names |
| what training.select wrote | rows whose leaf is filled in |
| reviews.jsonl of the report | confirmed and relabelled alarms; a rejected one says what the utterance is not |
| label-studio JSON and JSON-MIN | each finished annotation's choice or taxonomy path |
| argilla 1 and 2, JSON or `datasets` | each submitted response |

JSON lines, CSV and XLSX are read by hand and not by `datasets`, which stops at the first broken row without naming it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from jinyu.tables import encoding, uncell
from training.data import DataError

TEXT = ("text", "utterance", "sentence", "文本", "话术", "内容", "坐席话术")
LABEL = ("leaf", "label", "标签", "人工标签", "类别")
REVIEWER = ("reviewer", "annotator", "user_id", "质检员", "标注人")
ANSWER = ("user_id", "value", "status")  # what argilla 1 keeps of each answer, where a question is a column
SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".xlsx")
Record = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """One reading of one utterance. `rejected`: the reviewer said that it is not this leaf, and not what it is. `fault`: no reading."""

    where: str  # file:row, rows as an editor or a spreadsheet counts them
    text: str = ""
    label: str = ""
    reviewer: str = ""
    rejected: str = ""
    fault: str = ""


def read(source: str) -> Iterator[Found]:
    """Every reading in one file, `datasets` directory or hub data set. A row that cannot be read is a `Found` with its fault."""
    for where, record in _records(source):
        if isinstance(record, str):
            yield Found(where, fault=record)
        else:
            yield from readings(where, record)


def readings(where: str, record: Record) -> Iterator[Found]:
    """The readings in one record, whatever tool wrote it; one that nobody has labelled yet gives none."""
    if {"row", "why", "predicted"} <= record.keys() and not record.get("leaf"):
        return  # of training.select, not read yet
    if "decision" in record and "category" in record:
        yield _review(where, record)
    elif isinstance(record.get("data"), dict) and "annotations" in record:
        yield from _label_studio(where, record)
    elif isinstance(record.get("fields"), dict) and "responses" in record:
        yield from _argilla(where, record)
    elif any(name.endswith(".responses") for name in record):
        yield from _argilla_flat(where, record)
    elif "annotation" in record and "annotation_agent" in record:
        yield from _argilla_1(where, record)
    elif "annotation_id" in record:
        yield _label_studio_min(where, record)
    elif any(_answers(value) is not None or f"{name}-suggestion" in record for name, value in record.items()):
        yield from _argilla_columns(where, record)
    else:
        yield _plain(where, record)


def _plain(where: str, record: Record) -> Found:
    text, label = (next((name for name in names if name in record), None) for names in (TEXT, LABEL))
    if text is None or label is None:
        return _missing(where, *(("text", TEXT) if text is None else ("label", LABEL)), record)
    reviewer = next((str(record[name]) for name in REVIEWER if record.get(name)), "")
    return _found(where, record[text], record[label], reviewer)


def _missing(where: str, what: str, names: Iterable[str], fields: Record) -> Found:
    has = ", ".join(map(str, fields)) or "nothing"
    return Found(where, fault=f"no {what}: it has {has}; name the column one of {', '.join(names)}")


def _review(where: str, record: Record) -> Found:
    decision, alarm = record["decision"], str(record["category"])
    if decision == "confirm":
        return _found(where, record.get("text"), record.get("label") or alarm)
    if decision in ("reject", "relabel"):
        if record.get("label"):
            return _found(where, record.get("text"), record["label"])
        return Found(where, str(record.get("text") or ""), rejected=alarm)
    return Found(where, fault=f"decision is {decision!r}; expected confirm, reject or relabel, as jinyu report writes them")


def _label_studio(where: str, task: Record) -> Iterator[Found]:
    data = task["data"]
    name = _text_of(data)
    for annotation in task["annotations"] or ():
        if annotation.get("was_cancelled"):
            continue
        by = annotation.get("completed_by")
        reviewer = str(by.get("email") or by.get("id")) if isinstance(by, dict) else str(by or "")
        answers = [a for result in annotation.get("result") or () if (a := _choice(result.get("value") or {}))]
        if answers and name is None:
            yield _missing(where, "text", TEXT, data)
        elif answers:
            yield _found(where, data[name], answers if len(answers) > 1 else answers[0], reviewer)


def _text_of(data: Record) -> str | None:
    """The field of a task's data that holds the text: one of `TEXT`, or the only one with a string."""
    strings = [name for name, value in data.items() if isinstance(value, str)]
    return next((name for name in TEXT if name in data), strings[0] if len(strings) == 1 else None)


def _choice(value: Record) -> Any:
    if value.get("choices"):
        return value["choices"] if len(value["choices"]) > 1 else value["choices"][0]
    if value.get("taxonomy"):
        paths = [".".join(map(str, path)) for path in value["taxonomy"]]
        return paths if len(paths) > 1 else paths[0]
    return None


def _label_studio_min(where: str, task: Record) -> Found:
    """One object: the task's data, `id`, a key for each control, `annotator`, `annotation_id` and more."""
    names = list(task)
    start = names.index("id") if "id" in task else 0
    end = names.index("annotator" if "annotator" in task else "annotation_id")
    name = next((n for n in TEXT if n in task), None) or _text_of({n: task[n] for n in names[:start]})
    if name is None:
        return _missing(where, "text", TEXT, task)
    controls = [n for n in names[start:end] if n not in ("id", "comment", name) and task[n]]
    if not controls:
        return Found(where, fault="no label: no answer between id and annotator; label the task, or, if a control is called as a field "
                     "of the data is, export as JSON")  # fmt: skip
    label = task[next((n for n in (*LABEL, "choice", "sentiment") if n in controls), controls[0])]
    regions = [_choice(x) if isinstance(x, dict) else x for x in (label if isinstance(label, list) else [label])]
    return _found(where, task[name], regions[0] if len(regions) == 1 else regions, str(task.get("annotator") or ""))


def _argilla(where: str, record: Record) -> Iterator[Found]:
    """`responses` is a list of answers by user (argilla 1) or a list of answers by question (argilla 2)."""
    fields = record["fields"]
    text = next((fields[n] for n in TEXT if n in fields), next(iter(fields.values()), None))
    responses = record["responses"] or []
    if isinstance(responses, dict):
        by_question = {q: answers or [] for q, answers in responses.items()}
        name = _question(by_question)
        answers = [(a.get("value"), a.get("user_id"), a.get("status")) for a in by_question.get(name, [])]
    else:
        by_user = [(r.get("values") or {}, r.get("user_id"), r.get("status")) for r in responses]
        name = _question({k: True for values, _, _ in by_user for k in values})
        answers = [((values.get(name) or {}).get("value"), user, status) for values, user, status in by_user]
    for value, user, status in answers:
        if status in (None, "submitted") and value is not None:
            yield _found(where, text, value, str(user or ""))


def _argilla_flat(where: str, record: Record) -> Iterator[Found]:
    name = _question({k.removesuffix(".responses"): v for k, v in record.items() if k.endswith(".responses")})
    text = next((n for n in TEXT if n in record), None)
    values = record[f"{name}.responses"] or []
    users = record.get(f"{name}.responses.users") or [""] * len(values)
    states = record.get(f"{name}.responses.status") or ["submitted"] * len(values)
    for value, user, status in zip(values, users, states, strict=False):
        if status in (None, "submitted") and value is not None:
            yield _found(where, record[text], value, str(user or "")) if text else _missing(where, "text", TEXT, record)


def _argilla_columns(where: str, record: Record) -> Iterator[Found]:
    """Feedback data of argilla 1 as `datasets`: fields and questions are columns."""
    questions = {name: found for name, value in record.items() if (found := _answers(value)) is not None}
    fields = {name: value for name, value in record.items() if name not in questions}
    yield from _argilla(where, {"fields": fields, "responses": questions})


def _answers(value: Any) -> list[Record] | None:
    """The answers in a column, which `datasets` gives as lists by name or as a list of records; None if it is another column."""
    if isinstance(value, dict) and value.keys() >= set(ANSWER):
        return [dict(zip(ANSWER, one, strict=True)) for one in zip(*(value[name] or () for name in ANSWER), strict=False)]
    if isinstance(value, list) and value and all(isinstance(x, dict) and x.keys() >= set(ANSWER) for x in value):
        return value
    return None


def _argilla_1(where: str, record: Record) -> Iterator[Found]:
    if record["annotation"] and record.get("status", "Validated") == "Validated":
        text = record.get("text") or next(iter((record.get("inputs") or {}).values()), None)
        yield _found(where, text, record["annotation"], str(record["annotation_agent"] or ""))


def _question(answers: Record) -> str:
    return next((n for n in LABEL if n in answers), next(iter(answers), ""))


def _found(where: str, text: Any, label: Any, reviewer: str = "") -> Found:
    if isinstance(label, (list, tuple)):
        if len(label) != 1:
            return Found(
                where, fault=f"{len(label)} labels ({', '.join(map(str, label))}); an utterance has one: the worst thing said"
            )
        label = label[0]
    if text is not None and not isinstance(text, str):
        return Found(where, fault=f"the text is {text!r}, a {type(text).__name__}; expected a string")
    return Found(where, text or "", "" if label is None else str(label).strip(), reviewer)


def _records(source: str) -> Iterator[tuple[str, Record | str]]:
    """(file:row, record), or (file:row, what is wrong with it)."""
    path = Path(source)
    suffix = path.suffix.lower()
    if path.is_dir():
        yield from _datasets(source, "disk")
    elif not path.exists():
        if source.count("/") == 1 and not suffix and not source.startswith((".", "/")):
            yield from _datasets(source, "hub")
        else:
            yield source, "no such file; name a label file, a datasets directory, or a hub data set as owner/name"
    elif suffix in (".jsonl", ".ndjson"):
        yield from _jsonl(path)
    elif suffix == ".json":
        yield from _json(path)
    elif suffix in (".csv", ".tsv"):
        yield from _csv(path, "\t" if suffix == ".tsv" else ",")
    elif suffix == ".parquet":
        yield from _datasets(source, "parquet")
    elif suffix == ".xlsx":
        yield from _xlsx(path)
    else:
        yield source, f"a {suffix or 'nameless'} file; expected one of {', '.join(SUFFIXES)}, or a datasets directory"


def _jsonl(path: Path) -> Iterator[tuple[str, Record | str]]:
    name = encoding(path)
    if name is None:
        yield str(path), "neither UTF-8 nor GB18030; save it as UTF-8"
        return
    with path.open(encoding=name, newline="\n") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    record = json.loads(line)
                except ValueError as error:
                    yield f"{path}:{number}", f"not JSON ({error}); one object a line"
                    continue
                what = f"a {type(record).__name__}; expected an object with text and label"
                yield f"{path}:{number}", record if isinstance(record, dict) else what


def _json(path: Path) -> Iterator[tuple[str, Record | str]]:
    """One JSON value is not streamed: exports are this way. Rows are the places in its list, from 1."""
    try:
        value = json.loads(path.read_text(encoding=encoding(path) or "utf-8"))
    except ValueError:
        yield from _jsonl(path)  # JSON lines under another name, or each line's fault
        return
    if isinstance(value, dict):
        lists = [v for v in value.values() if isinstance(v, list)]
        value = lists[0] if len(lists) == 1 and "text" not in value else [value]
    if not isinstance(value, list):
        yield str(path), "expected a list of records"
        return
    for number, record in enumerate(value, 1):
        yield f"{path}:{number}", record if isinstance(record, dict) else f"{record!r}; expected an object with text and label"


def _csv(path: Path, delimiter: str) -> Iterator[tuple[str, Record | str]]:
    name = encoding(path)
    if name is None:
        yield str(path), "neither UTF-8 nor GB18030; save it as UTF-8"
        return
    with path.open(encoding=name, newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        try:
            yield from _table(str(path), ((start, [uncell(cell) for cell in row]) for start, row in _numbered(reader)))
        except csv.Error as error:  # most often a quote that is never closed
            yield f"{path}:{reader.line_num}", f"not a CSV table from here on ({error}); look for a quote that is not closed"


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    start = 1
    for row in reader:
        yield start, row
        start = reader.line_num + 1


def _xlsx(path: Path) -> Iterator[tuple[str, Record | str]]:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise DataError(f"{path}: XLSX needs the tables extra: pip install 'jinyu[tables]'") from error
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # zipfile, KeyError and its own
        yield str(path), f"not a spreadsheet ({error}); save it again as XLSX, or as CSV"
        return
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # some programs write a wrong size, and rows beyond it would be lost
        yield from _table(str(path), enumerate(([*row] for row in sheet.iter_rows(values_only=True)), 1))
    finally:
        book.close()


def _table(name: str, rows: Iterable[tuple[int, list[Any]]]) -> Iterator[tuple[str, Record | str]]:
    head: list[str] | None = None
    for number, row in rows:
        if not any(cell not in (None, "") for cell in row):
            continue
        if head is None:
            head = [str(cell or "").strip() for cell in row]
            if not set(TEXT) & set(head) or not set(LABEL) & set(head):
                columns = f"a column of {', '.join(TEXT)} and one of {', '.join(LABEL)}"
                yield f"{name}:{number}", f"the head is {', '.join(head)}; expected {columns}"
                return
            continue
        yield f"{name}:{number}", dict(zip_longest(head, row[: len(head)]))


def _datasets(source: str, kind: str) -> Iterator[tuple[str, Record | str]]:
    """Rows through `datasets`, streamed; where they lie in no file with lines, rows are counted from 1 in each split."""
    import datasets

    try:
        if kind == "disk":
            loaded = datasets.load_from_disk(source)
        elif kind == "parquet":
            loaded = datasets.load_dataset("parquet", data_files=source, split="train", streaming=True)
        else:
            loaded = datasets.load_dataset(source, streaming=True)
    except Exception as error:  # the library and the hub client raise many unrelated classes
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        remedy = {
            "disk": "name a folder that Dataset.save_to_disk wrote",
            "parquet": "write the file again",
            "hub": "no such file here either; name a file, or set up access to the hub",
        }[kind]
        yield source, f"cannot be read ({reason}); {remedy}"
        return
    splits = dict(loaded) if isinstance(loaded, dict) else {"": loaded}
    for split, rows in splits.items():
        features = rows.features or {}
        names = {k: f for k, f in features.items() if isinstance(f, datasets.ClassLabel)}
        inner = {k: getattr(f, "feature", f) for k, f in features.items()}
        questions = [k for k, f in inner.items() if isinstance(f, dict) and f.keys() >= set(ANSWER)]
        try:
            for number, record in enumerate(rows, 1):
                for column, feature in names.items():
                    if isinstance(record[column], int):
                        record[column] = feature.int2str(record[column]) if record[column] >= 0 else None
                for column in questions:
                    record[column] = record[column] or dict.fromkeys(ANSWER)  # None: nobody has answered
                yield f"{source}:{split + ':' if split else ''}{number}", record
        except Exception as error:
            yield source, f"cannot be read to its end ({str(error).splitlines()[0]}); write it again"
