"""Label files: every form is read, every problem is named with file and row."""

import csv
import json
import zipfile

import datasets
import pytest

from jinyu import tables
from training import data, label_files, labels
from training.scheme import load

SAID = [("这个不归我管，您找别人去", "deflecting"), ("您的套餐下个月一号生效", "neutral.business")]


def check(*sources, scheme=None, measured=None):
    return labels.check([str(s) for s in sources], scheme or load(), measured or {})


def write_jsonl(path, records):
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


def as_jsonl(tmp_path):
    return write_jsonl(tmp_path / "a.jsonl", [{"text": t, "label": c} for t, c in SAID])


def as_json(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"text": t, "leaf": c} for t, c in SAID], ensure_ascii=False), encoding="utf-8")
    return path


def as_csv(tmp_path, encoding="utf-8-sig", delimiter=",", name="a.csv"):
    with (tmp_path / name).open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([["文本", "标签"], *SAID])
    return tmp_path / name


def as_xlsx(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    for row in [("text", "label"), *SAID]:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    return tmp_path / "a.xlsx"


def table():
    names = sorted({c for _, c in SAID})
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)})
    return datasets.Dataset.from_dict({"text": [t for t, _ in SAID], "label": [names.index(c) for _, c in SAID]}, features=features)


def as_parquet(tmp_path):
    table().to_parquet(tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


def as_dataset(tmp_path):
    table().save_to_disk(tmp_path / "one")
    return tmp_path / "one"


def as_datasets(tmp_path):
    datasets.DatasetDict({"train": table()}).save_to_disk(tmp_path / "many")
    return tmp_path / "many"


def as_reviews(tmp_path):
    """As src/jinyu/report/reviews.js writes them."""
    model = {"name": "jinyu", "version": "1", "sha256": "0"}
    one = {
        "call_id": "c",
        "turn_id": "1",
        "text": SAID[0][0],
        "category": "deflecting",
        "decision": "confirm",
        "label": "deflecting",
    }
    two = {"call_id": "c", "turn_id": "2", "text": SAID[1][0], "category": "arrogant", "decision": "relabel", "label": SAID[1][1]}
    return write_jsonl(tmp_path / "reviews.jsonl", [one | {"model": model}, two | {"model": model}])


def as_label_studio(tmp_path):
    def result(label):
        return [{"from_name": "leaf", "to_name": "text", "type": "choices", "value": {"choices": [label]}}]

    tasks = [
        {
            "id": i,
            "data": {"text": t},
            "annotations": [
                {"completed_by": {"email": "a@b"}, "was_cancelled": True, "result": result("blaming")},
                {"completed_by": 2, "was_cancelled": False, "result": result(c)},
            ],
            "predictions": [],
        }
        for i, (t, c) in enumerate(SAID)
    ]
    tasks.append({"id": 9, "data": {"text": "还没有人标"}, "annotations": []})
    path = tmp_path / "studio.json"
    path.write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")
    return path


def as_label_studio_taxonomy(tmp_path):
    tasks = [
        {"id": i, "data": {"话": t}, "annotations": [{"result": [{"type": "taxonomy", "value": {"taxonomy": [c.split(".")]}}]}]}
        for i, (t, c) in enumerate(SAID)
    ]
    path = tmp_path / "paths.json"
    path.write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")
    return path


def as_label_studio_min(tmp_path):
    path = tmp_path / "min.json"
    tasks = [{"id": i, "text": t, "sentiment": c, "annotator": 1, "annotation_id": i} for i, (t, c) in enumerate(SAID)]
    path.write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")
    return path


def as_label_studio_min_among_data(tmp_path):
    """Fields of the task before `id`, one of them called like a label; the answer is a taxonomy path, each region in a list."""
    path = tmp_path / "among.json"
    tasks = [
        {"call": "c1", "label": "arrogant", "话": t, "text": t, "id": i, "judged": [{"taxonomy": [c.split(".")]}], "annotator": 1,
         "annotation_id": i, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "lead_time": 1.5}
        for i, (t, c) in enumerate(SAID)
    ]  # fmt: skip
    path.write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")
    return path


def as_argilla_1(tmp_path):
    record = {"inputs": None, "annotation_agent": "li", "status": "Validated", "prediction": None}
    records = [record | {"text": t, "annotation": c} for t, c in SAID]
    return write_jsonl(tmp_path / "argilla.jsonl", [*records, record | {"text": "未标", "annotation": None, "status": "Default"}])


def as_argilla_feedback(tmp_path):
    def response(label, status):
        return {"user_id": "u", "values": {"label": {"value": label}}, "status": status}

    records = [{"fields": {"text": t}, "responses": [response(c, "submitted"), response("blaming", "discarded")]} for t, c in SAID]
    return write_jsonl(tmp_path / "feedback.jsonl", records)


def as_argilla_2(tmp_path):
    path = tmp_path / "argilla.json"
    records = [
        {"id": "1", "status": "completed", "fields": {"text": t}, "metadata": {}, "suggestions": {"label": {"value": "blaming"}},
         "responses": {"label": [{"value": c, "user_id": "u"}]}, "vectors": {}}
        for t, c in SAID
    ]  # fmt: skip
    path.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    return path


def as_argilla_datasets(tmp_path):
    columns = {
        "id": ["1", "2"], "text": [t for t, _ in SAID], "label.responses": [[c, "blaming"] for _, c in SAID],
        "label.responses.users": [["u", "v"]] * 2, "label.responses.status": [["submitted", "discarded"], [None, "discarded"]],
    }  # fmt: skip
    datasets.Dataset.from_dict(columns).save_to_disk(tmp_path / "argilla")
    return tmp_path / "argilla"


def as_argilla_feedback_datasets(tmp_path):
    """As argilla 1's format_as("datasets") has it; the last record has no answer yet."""
    answers = [{"user_id": ["u", "v"], "value": [c, "blaming"], "status": [None, "discarded"]} for _, c in SAID]
    columns = {
        "text": [*(t for t, _ in SAID), "还没有人标"], "label": [*answers, None], "label-suggestion": ["blaming", None, "blaming"],
        "label-suggestion-metadata": [{"agent": "m"}] * 3, "external_id": ["1", "2", "3"], "metadata": ["{}"] * 3,
    }  # fmt: skip
    datasets.Dataset.from_dict(columns).save_to_disk(tmp_path / "feedback")
    return tmp_path / "feedback"


def as_argilla_feedback_list(tmp_path):
    """The same as JSON lines, a list of records in the column."""
    records = [{"text": t, "leaf": [{"user_id": "u", "value": c, "status": "submitted"}], "leaf-suggestion": None} for t, c in SAID]
    return write_jsonl(tmp_path / "list.jsonl", [*records, {"text": "未标", "leaf": None, "leaf-suggestion": "blaming"}])


FORMS = [as_jsonl, as_json, as_csv, as_xlsx, as_parquet, as_dataset, as_datasets, as_reviews, as_label_studio, as_label_studio_taxonomy,
         as_label_studio_min, as_label_studio_min_among_data, as_argilla_1, as_argilla_feedback, as_argilla_2, as_argilla_datasets,
         as_argilla_feedback_datasets, as_argilla_feedback_list]  # fmt: skip


@pytest.mark.parametrize("form", FORMS, ids=lambda f: f.__name__)
def test_every_form_gives_the_same_labels(form, tmp_path):
    found = check(form(tmp_path))
    assert [(x.text, x.leaf) for x in found.labels] == SAID
    assert not found.problems


def test_csv_as_chinese_spreadsheets_save_it(tmp_path):
    for path in (as_csv(tmp_path, "gb18030"), as_csv(tmp_path, delimiter="\t", name="b.tsv")):
        assert [(x.text, x.leaf) for x in check(path).labels] == SAID


def test_a_table_that_spreadsheets_and_we_have_written(tmp_path):
    said = [("-好的吧", "neutral.business"), ("=您自己看着办", "arrogant")]
    tables.write(tmp_path / "a.csv", "csv", lambda: [{"text": t, "leaf": c} for t, c in said])
    assert [(x.text, x.leaf) for x in check(tmp_path / "a.csv").labels] == said
    with zipfile.ZipFile(as_xlsx(tmp_path)) as old, zipfile.ZipFile(tmp_path / "b.xlsx", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            assert (b'ref="A1:B3"' in content) == name.endswith("sheet1.xml")
            new.writestr(name, content.replace(b'ref="A1:B3"', b'ref="A1"'))
    assert [(x.text, x.leaf) for x in check(tmp_path / "b.xlsx").labels] == SAID


def test_a_hub_data_set_is_streamed_by_name(monkeypatch, tmp_path):
    asked = []

    def load_dataset(name, **options):
        asked.append((name, options))
        return datasets.IterableDatasetDict({"train": table().to_iterable_dataset()})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert [(x.where, x.leaf) for x in check("ours/labels").labels] == [
        ("ours/labels:train:1", "deflecting"),
        ("ours/labels:train:2", "neutral.business"),
    ]
    assert asked == [("ours/labels", {"streaming": True})]

    def fails(name, **_):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(datasets, "load_dataset", fails)
    assert "cannot be read (no route); no such file here either; name a file, or set up access" in str(
        check("ours/labels").problems[0]
    )


def test_names_of_leaves_may_be_those_for_people(tmp_path):
    path = write_jsonl(
        tmp_path / "a.jsonl", [{"text": "您请稍等一下哈", "label": "请客户等候"}, {"text": "祝您生活愉快", "label": "Farewell"}]
    )
    assert [x.leaf for x in check(path).labels] == ["inquiry.hold", "closing.farewell"]


def test_a_rejected_alarm_says_what_it_is_not(tmp_path):
    path = write_jsonl(
        tmp_path / "r.jsonl", [{"text": "您先挂断吧，我打给您", "category": "commanding", "decision": "reject", "label": None}]
    )
    found = check(path)
    assert not found.labels
    assert [(x.rejected, x.leaf) for x in found.rejected] == [("commanding", "")]


PROBLEMS = [
    ({"text": "您好", "label": "deflectin"}, "unknown leaf 'deflectin'; did you mean 'deflecting'; correct it"),
    ({"text": "您好", "label": "inquiry"}, "label 'inquiry' is a category; name one of its leaves: inquiry.hold, "),
    ({"text": "您好", "label": ""}, "no label; label the row, or drop it"),
    ({"text": "……", "label": "blaming"}, "the text '……' has no words; drop the row"),
    ({"text": 7, "label": "blaming"}, "the text is 7, a int; expected a string"),
    ({"text": "您好"}, "no label: it has text; name the column one of leaf, label"),
    ({"words": "您好", "label": "blaming"}, "no text: it has words, label; name the column one of text, utterance"),
    ({"text": "您好", "label": ["blaming", "arrogant"]}, "2 labels (blaming, arrogant); an utterance has one"),
    (
        {"data": {"words": "您好", "call": "c1"}, "annotations": [{"result": [{"value": {"choices": ["blaming"]}}]}]},
        "no text: it has words, call; name the column one of text, utterance",
    ),
    (
        {"words": "您好", "call": "c1", "id": 1, "choice": "blaming", "annotation_id": 1},
        "no text: it has words, call, id, choice, annotation_id; name the column one of text, utterance",
    ),
    (
        {"text": "您好", "label": "blaming", "id": 1, "annotator": 1, "annotation_id": 1},
        "no label: no answer between id and annotator",
    ),
    (
        {
            "text": "您好",
            "id": 1,
            "leaf": [{"choices": ["blaming"]}, {"choices": ["arrogant"]}],
            "annotator": 1,
            "annotation_id": 1,
        },
        "2 labels (blaming, arrogant)",
    ),
    (
        {"words": "您好", "label.responses": ["blaming"]},
        "no text: it has words, label.responses; name the column one of text, utterance",
    ),
    ({"text": "您好", "category": "blaming", "decision": "maybe"}, "decision is 'maybe'; expected confirm, reject or relabel"),
]


def test_all_problems_are_named_at_once_with_file_and_row(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [record for record, _ in PROBLEMS])
    with path.open("a", encoding="utf-8") as file:
        file.write('{"text": \n\n{"text": "我来帮您看看", "label": "explanation.reassure"}\n[1]\n')
    other = tmp_path / "b.csv"
    other.write_text('text,label\n"两行\n的话",blaming\n您好,blamin\n', encoding="utf-8")
    found = check(path, other, tmp_path / "none.csv", tmp_path / "none")
    lines = [str(p) for p in found.stops]
    for number, (_, message) in enumerate(PROBLEMS, 1):
        assert lines[number - 1].startswith(f"{path}:{number}: {message}")
    after = len(PROBLEMS) + 1
    assert lines[len(PROBLEMS)].startswith(f"{path}:{after}: not JSON")
    assert lines[len(PROBLEMS) + 1] == f"{path}:{after + 3}: a list; expected an object with text and label"
    assert lines[len(PROBLEMS) + 2].startswith(f"{other}:4: unknown leaf 'blamin'; did you mean 'blaming'")
    assert lines[len(PROBLEMS) + 3].startswith(f"{tmp_path / 'none.csv'}: no such file")
    assert len(lines) == len(PROBLEMS) + 5
    assert [x.where for x in found.labels] == [f"{path}:{after + 2}", f"{other}:2"]


def test_heads_and_broken_files_are_named(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (tmp_path / "a.xlsx").write_bytes(b"no zip")
    (tmp_path / "a.parquet").write_bytes(b"no parquet")
    (tmp_path / "a.doc").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "bad.jsonl").write_bytes(b'{"text": "\xff\xff"}')
    found = check(*(tmp_path / n for n in ("a.csv", "a.xlsx", "a.parquet", "a.doc", "folder", "bad.jsonl")))
    lines = [str(p).removeprefix(str(tmp_path)) for p in found.stops]
    assert lines[0].startswith("/a.csv:1: the head is a, b; expected a column of text, ")
    assert lines[1].startswith("/a.xlsx: not a spreadsheet")
    assert lines[2].startswith("/a.parquet: cannot be read")
    assert lines[3].startswith("/a.doc: a .doc file; expected one of .jsonl")
    assert lines[4].startswith("/folder: cannot be read")
    assert lines[5] == "/bad.jsonl: neither UTF-8 nor GB18030; save it as UTF-8"


def test_what_is_no_record_or_not_read_yet(tmp_path):
    (tmp_path / "a.csv").write_text('text,label\n您好,greeting.open\n"没有关的引号,blaming\n' + "x" * 140_000, encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('"您好"\n', encoding="utf-8")
    unread = {"id": "c#1", "row": 1, "text": "这个要等一下", "leaf": "", "why": "audit", "says": "", "predicted": None}
    read = unread | {"row": 2, "text": "您自己看着办", "leaf": "arrogant"}
    lines = [json.dumps(r, ensure_ascii=False) + "\n" for r in (unread, read)]
    (tmp_path / "c.jsonl").write_text("".join(lines), encoding="utf-8")
    found = check(*(str(tmp_path / name) for name in ("a.csv", "b.jsonl", "c.jsonl")))
    assert [(x.text, x.leaf) for x in found.labels] == [("您好", "greeting.open"), ("您自己看着办", "arrogant")]
    said = [str(p) for p in found.problems]
    assert "look for a quote that is not closed" in said[0]
    assert said[1].endswith("b.jsonl:1: a str; expected an object with text and label")
    assert len(said) == 2


def test_readings_that_disagree_are_left_out_and_both_named(tmp_path):
    one = write_jsonl(
        tmp_path / "a.jsonl",
        [{"text": "您怎么才说", "label": "blaming", "reviewer": "li"}, {"text": "好的", "label": "neutral.backchannel"}],
    )
    two = write_jsonl(
        tmp_path / "b.jsonl", [{"text": "您怎麼才說", "label": "arrogant"}, {"text": "好的", "label": "neutral.backchannel"}]
    )
    found = check(one, two)
    assert [(p.kind, p.where) for p in found.problems] == [
        ("conflict", f"{one}:1"),
        ("conflict", f"{two}:1"),
        ("duplicate", f"{two}:2"),
    ]
    assert f"{one}:1 (li) blaming; {two}:1 arrogant; settle it" in found.problems[0].what
    assert [x.text for x in found.labels] == ["好的"]
    assert not found.stops


def test_a_rejection_and_a_label_of_the_same_leaf_disagree(tmp_path):
    rejected = {"text": "您怎么才说", "category": "blaming", "decision": "reject", "label": None}
    confirmed = rejected | {"decision": "confirm", "label": "blaming"}
    assert [p.kind for p in check(write_jsonl(tmp_path / "a.jsonl", [rejected, confirmed])).problems] == ["conflict", "conflict"]
    found = check(write_jsonl(tmp_path / "b.jsonl", [rejected, confirmed | {"label": "neutral.business", "decision": "relabel"}]))
    assert [x.leaf for x in found.labels] == ["neutral.business"]


def test_copies_of_what_measures_the_model_are_left_out(tmp_path):
    measured = {"test": data.load("test")[:50]}
    row = measured["test"][7]
    path = write_jsonl(
        tmp_path / "a.jsonl",
        [{"text": row.text + "！", "label": "greeting.open"}, {"text": "这是一句谁也没写过的话哈", "label": "neutral.business"}],
    )
    found = check(path, measured=measured)
    assert [x.where for x in found.labels] == [f"{path}:2"]
    (problem,) = found.problems
    assert problem.kind == "near copy"
    assert problem.where == f"{path}:1"
    assert f"test row {row.id} and is {row.leaf} there" in problem.what


def test_the_command_lists_problems(tmp_path, capsys):
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": "您好", "label": "x"}])
    assert labels.main([str(path)]) == 1
    out = capsys.readouterr()
    assert f"{path}:1: unknown leaf 'x'" in out.err
    assert "1 rows read, 0 labels, 0 rejections, 1 problems" in out.out
    assert labels.main([str(as_csv(tmp_path))]) == 0


def test_every_documented_suffix_is_read():
    assert set(label_files.SUFFIXES) == {".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".xlsx"}
