"""Two batches: the same people say the same things, or one thing has moved and is named."""

import json
import re
import zipfile

import numpy as np
import pytest

from jinyu import InputError, drift, tables
from jinyu.cli import main

LEAVES = ["neutral.business", "greeting.open", "closing.farewell", "blaming"]


def batch(n, seed=0, shares=(0.7, 0.15, 0.145, 0.005), sure=(8, 2), length=12.0, alarms=0.004):
    rng = np.random.default_rng(seed)
    leaves = list(rng.choice(LEAVES, n, p=shares))
    texts = ["好" * int(k) for k in rng.poisson(length, n) + 1]
    return drift.Batch(
        "b", texts, leaves, [leaf.split(".")[0] for leaf in leaves], rng.beta(*sure, n), rng.random(n) < alarms, frozenset({"m"})
    )


def verdicts(measures):
    return {m.name: m.verdict for m in measures}


@pytest.mark.parametrize("sizes", [(5000, 5000), (5000, 300), (60, 40)])
def test_the_same_is_stable(sizes):
    worst = [drift.overall(drift.compare(batch(sizes[0], 2 * s), batch(sizes[1], 2 * s + 1))) for s in range(20)]
    assert worst.count("stable") >= 18  # shares are tested at 95 %, the rest at 99 %
    assert "drifted" not in worst or min(sizes) < 1000


@pytest.mark.parametrize(
    ("changed", "named", "verdict"),
    [
        ({"shares": (0.45, 0.3, 0.245, 0.005)}, {"categories", "leaves"}, "drifted"),
        ({"shares": (0.55, 0.25, 0.195, 0.005)}, {"categories", "leaves"}, "look"),
        ({"alarms": 0.02}, {"alarms"}, "drifted"),
        ({"sure": (5, 2)}, {"confidence"}, "drifted"),
        ({"length": 13.5}, {"length"}, "look"),
        ({"length": 18.0}, {"length"}, "drifted"),
    ],
)
def test_what_moved_is_named_and_nothing_else(changed, named, verdict):
    found = verdicts(drift.compare(batch(5000, 1), batch(5000, 2, **changed)))
    assert {name for name, v in found.items() if v != "stable"} == named
    assert {found[name] for name in named} == {verdict}


def test_population_stability_index_by_hand():
    old, new = np.array([49.5, 49.5]), np.array([79.5, 19.5])  # with the added halves 50 : 50 and 80 : 20
    assert drift.psi(old, new) == pytest.approx(0.3 * np.log(0.8 / 0.5) - 0.3 * np.log(0.2 / 0.5))
    assert drift.psi(np.array([3.0, 0.0]), np.array([3.0, 0.0])) == 0


def test_chance_alone_is_no_drift_in_a_small_batch():
    """Thirty utterances of many labels: the bare index says 'drifted', the simulated chance says otherwise."""
    rng = np.random.default_rng(0)
    labels = [f"leaf{i}" for i in range(40)]
    measure = drift.label_mix("leaves", list(rng.choice(labels, 30)), list(rng.choice(labels, 30)), rng)
    assert measure.value > 0.25
    assert measure.verdict == "stable"


def test_newcombe_s_interval_is_the_published_one():
    """56 of 70 against 48 of 80: 0.0524 to 0.3339 (Newcombe 1998, table II, example a, method 10)."""
    new, old = np.arange(70) < 56, np.arange(80) < 48
    measure = drift.share("x", "x", old, new)
    low, high = (float(part) / 100 for part in re.findall(r"([+-][\d.]+)%", measure.says)[1:])
    assert (low, high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))
    assert measure.value == pytest.approx(0.2)
    assert measure.verdict == "drifted"


def test_kolmogorov_smirnov_by_hand():
    measure = drift.distribution("x", "x", np.array([1.0, 2, 3, 4]), np.array([3.0, 4, 5, 6]))
    assert measure.value == pytest.approx(0.5)
    assert measure.chance == pytest.approx(1.628 * np.sqrt(0.5))
    assert measure.verdict == "stable"  # four against four prove nothing


def test_centroid_distance_in_spreads():
    rng = np.random.default_rng(0)
    old, same, moved = rng.normal(size=(400, 8)), rng.normal(size=(400, 8)), rng.normal(size=(400, 8))
    moved[:, 0] += 1.0  # one standard deviation of one of eight: 1 / sqrt(8) of the spread
    assert drift.meaning(old, same, rng).verdict == "stable"
    far = drift.meaning(old, moved, rng)
    assert far.verdict == "drifted"
    assert far.value == pytest.approx(1 / np.sqrt(8), abs=0.08)
    assert drift.meaning(np.ones((3, 2)), np.ones((3, 2)), rng).verdict == "stable"


def folder(path, rows):
    path.mkdir()
    lines = [
        {"text": t, "category": leaf.split(".")[0], "scenario": leaf.partition(".")[2], "probability": p, "flagged": f, "model": {"sha256": "m"}}
        for t, leaf, p, f in rows
    ]  # fmt: skip
    (path / "utterances.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_the_command_with_a_model(tmp_path, tiny_run, capsys):
    say = ["您好，请问有什么可以帮您", "套餐下个月生效", "请您稍等", "感谢您的来电，再见"]
    plain = [(say[i % 4], "neutral.business", 0.9, False) for i in range(240)]
    strange = [("𠀋𠀌𠀍" + say[i % 4], "neutral.business", 0.9, False) for i in range(240)]
    one, same, other = folder(tmp_path / "1", plain), folder(tmp_path / "2", plain), folder(tmp_path / "3", strange)
    model = ["--model", str(tiny_run), "--threads", "1"]
    assert main(["drift", str(one), str(same / "utterances.jsonl"), *model]) == 0
    assert capsys.readouterr().out.startswith("stable: no change")
    assert main(["drift", str(one), str(other), "--json", *model]) == 0
    facts = json.loads(capsys.readouterr().out)
    found = {m["name"]: m["verdict"] for m in facts["measures"]}
    assert facts["verdict"] == "drifted"
    assert (found["unknown tokens"], found["categories"], found["confidence"]) == ("drifted", "stable", "stable")
    assert facts["notes"] == []
    assert list(found)[-1] == "meaning"


def test_without_a_model_the_tables_are_compared_all_the_same(tmp_path, monkeypatch, capsys):
    from jinyu import ModelError, Scorer

    def gone(*_, **__):
        raise ModelError("no model here")

    monkeypatch.setattr(Scorer, "load", gone)
    one = folder(tmp_path / "1", [("您好", "greeting.open", 0.9, False)] * 5)
    assert main(["drift", str(one), str(one), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [m["name"] for m in facts["measures"]] == ["categories", "leaves", "alarms", "confidence", "length"]
    assert facts["notes"][0] == "words and meaning were not compared: no model here"
    assert "fewer than 200" in facts["notes"][1]
    assert main(["drift", str(one), str(one), "--model", "gone"]) == 4


def test_batches_that_cannot_be_read(tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"no utterances\.jsonl or .*; name an output folder of: jinyu score"):
        drift.read(empty)
    bad = tmp_path / "utterances.jsonl"
    for line, message in [
        ("{", r"utterances\.jsonl: row 1: damaged"),
        ('{"text": "好"}', "no category, scenario"),
        ("", "no utterances in it"),
    ]:
        bad.write_text(line, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            drift.read(bad)
    assert main(["drift", str(empty), str(empty)]) == 3


def test_every_table_format_reads_back_as_it_was_written(tmp_path):
    row = {"text": "=1+1", "category": "blaming", "scenario": "", "probability": 0.5, "flagged": True, "model": {"name": "n", "version": "1", "sha256": "m"}}  # fmt: skip
    batches = []
    for kind in ("jsonl", "csv", "parquet"):
        tables.write(tmp_path / f"utterances.{kind}", kind, lambda: [row, {**row, "flagged": False, "text": "'好"}])
        batches.append(drift.read(tmp_path / f"utterances.{kind}"))
    for b in batches:
        assert b.texts == ["=1+1", "'好"]
        assert b.leaves == ["blaming"] * 2
        assert b.flagged.tolist() == [True, False]
        assert b.models == {"m"}


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_empty_text_is_not_the_word_none(tmp_path, kind):
    row = {"text": "", "category": "neutral", "scenario": "business", "probability": 0.0, "flagged": False, "model.sha256": "m"}
    tables.write(tmp_path / f"utterances.{kind}", kind, lambda: [row, {**row, "text": "好"}])
    assert drift.read(tmp_path).texts == ["", "好"]


def test_tables_that_other_programs_have_saved(tmp_path):
    rows = [
        {"text": "好的", "category": "greeting", "scenario": None},
        {"text": "您好", "category": "greeting", "scenario": "open"},
    ]
    tables.write(tmp_path / "a.csv", "csv", lambda: rows)
    (tmp_path / "a.csv").write_bytes((tmp_path / "a.csv").read_text(encoding="utf-8-sig").encode("gb18030"))
    assert [row for _, row in tables.records(tmp_path / "a.csv")] == rows
    (tmp_path / "b.csv").write_bytes(b"text\n\xff\xff\n")
    with pytest.raises(InputError, match=r"b\.csv: row 1: damaged"):
        list(tables.records(tmp_path / "b.csv"))
    tables.write(tmp_path / "a.xlsx", "xlsx", lambda: rows)
    with zipfile.ZipFile(tmp_path / "a.xlsx") as old, zipfile.ZipFile(tmp_path / "b.xlsx", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("sheet1.xml"):
                content, n = re.subn(rb"(<sheetData|<dimension)", rb'<dimension ref="A1"/>\1', content, count=1)
                assert n == 1
            new.writestr(name, content)
    assert [row for _, row in tables.records(tmp_path / "b.xlsx")] == rows
