"""The data is honest, and a fault in it is named by file, row and remedy."""

import json
import shutil
from collections import Counter

import pytest

from jinyu import Kind
from training import data

TAXONOMY = data.load_taxonomy()


def test_the_project_s_own_data_has_no_fault(capsys):
    assert data.check() == []


def test_splits_are_large_and_complete():
    splits = {s: data.load(s) for s in data.SPLITS}
    assert len(splits["train"]) >= 7000
    assert len(splits["validation"]) >= 800
    assert len(splits["test"]) >= 1200
    counts = {s: Counter(r.leaf for r in rows) for s, rows in splits.items()}
    taboo = [leaf.code for leaf in TAXONOMY.leaves if leaf.kind is Kind.TABOO]
    assert all(counts["train"][c] >= 80 for c in TAXONOMY.codes)
    assert all(counts[s][c] for s in data.SPLITS for c in TAXONOMY.codes)
    for code in taboo:
        rows = [r for r in splits["test"] if r.leaf == code]
        assert len(rows) >= 80
        assert 0.4 <= sum(r.implicit for r in rows) / len(rows) <= 0.67
    assert sum(r.hard for r in splits["test"]) >= 150


def test_every_taboo_phrase_says_what_to_say_instead():
    phrases = data.load_phrases()
    assert len(phrases) == 193
    ids = {p["id"]: p for p in phrases}
    for p in phrases:
        assert ("instead" in p) == (TAXONOMY.kind_of(p["leaf"].split(".")[0]) is Kind.TABOO), p["id"]
        if origin := p.get("instead_from"):
            assert TAXONOMY.kind_of(ids[origin]["leaf"].split(".")[0]) is Kind.COMPLIANT


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "X", "text": "您好", "leaf": "rude", "industry": "银行", "hand": "H01"}', "unknown leaf 'rude'"),
        ('{"id": "X", "leaf": "blaming", "industry": "银行", "hand": "H01"}', "no 'text'"),
        ('{"id": "X", "text": "您好", "leaf": "blaming", "industry": "银行", "hand": "H01", "hrad": true}', "unknown field 'hrad'"),
        ('{"id": "X", "text": "您好", "leaf": "blaming", "industry": "银行", "hand": "H01", "hard": 1}', "expected bool"),
        ('{"id": "X", "text": "……", "leaf": "blaming", "industry": "银行", "hand": "H01"}', "has no words"),
        ("{", "not JSON"),
        ("[]", "expected an object"),
    ],
)
def test_a_bad_row_is_named(tiny_data, tmp_path, line, message):
    folder = shutil.copytree(tiny_data, tmp_path / "data")
    path = folder / "utterances" / "train.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    number = len(path.read_text(encoding="utf-8").splitlines())
    with pytest.raises(data.DataError, match=message) as caught:
        data.load("train", folder)
    assert f"train.jsonl:{number}" in str(caught.value)


def test_near_copies_across_splits_are_faults(tiny_data, tmp_path, capsys):
    folder = shutil.copytree(tiny_data, tmp_path / "data")
    row = json.loads((folder / "utterances" / "test.jsonl").read_text(encoding="utf-8").splitlines()[-3])
    copy = {**row, "id": "H01-9999", "hand": "H01", "text": row["text"] + "啊"}
    path = folder / "utterances" / "train.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + json.dumps(copy, ensure_ascii=False) + "\n", encoding="utf-8")
    faults = data.check(folder)
    assert len(faults) == 1
    assert "near copies" in faults[0]


def test_near_pairs_counts_shared_trigrams():
    pairs = data.near_pairs(["这个不归我管的", "您好"], ["这个不归我管", "您好", "再见"])
    assert [(i, j) for i, j, _ in pairs] == [(0, 0), (1, 1)]
    assert pairs[0][2] == pytest.approx(4 / 5)


def test_only_a_line_feed_ends_a_row(tiny_data, tmp_path):
    folder = shutil.copytree(tiny_data, tmp_path / "data")
    rows = [
        {"id": str(i), "text": t, "leaf": "blaming", "industry": "银行", "hand": "H01"}
        for i, t in enumerate(["一\u2028二\x85三", "四\u2029五"])
    ]
    (folder / "utterances" / "train.jsonl").write_text(
        "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8"
    )
    assert [r.text for r in data.load("train", folder)] == [r["text"] for r in rows]
    (folder / "phrases.jsonl").write_text("", encoding="utf-8")
    assert data.load_phrases(folder) == []
