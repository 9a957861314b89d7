"""What people should read, and what may be concluded from it: arithmetic by hand, and coverage by simulation."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta

from jinyu import InputError
from training import data, prevalence, select
from training.prevalence import Estimate, Stratum, allocate, count_limits, estimate, more_to_read


def test_limits_of_a_stratum_by_hand():
    # 10 utterances, 5 read, none found: with 3 of the type that has chance C(7,5)/C(10,5) = 21/252 = 8.3 %, with 4 it has 6/252 = 2.4 %
    assert count_limits(Stratum(10, 5, 0)) == (0, 3)
    assert count_limits(Stratum(10, 5, 5)) == (7, 10)
    assert count_limits(Stratum(10, 10, 4)) == (4, 4)  # all read: certain
    # 1 found of 2 read of 4: 1 to 3 all have chances above 2.5 %, and 0 and 4 are impossible
    assert count_limits(Stratum(4, 2, 1)) == (1, 3)


def test_limits_of_a_large_stratum_are_clopper_and_pearson_s():
    least, most = count_limits(Stratum(1_000_000, 100, 3))
    assert least / 1e6 == pytest.approx(beta.ppf(0.025, 3, 98), rel=1e-3)
    assert most / 1e6 == pytest.approx(beta.ppf(0.975, 4, 97), rel=1e-3)


def test_estimate_by_hand():
    # 90 utterances of which 45 read hold none: at most 3 by the exact limits, checked below; 10 all read hold 4
    low, high = count_limits(Stratum(90, 45, 0))
    assert low == 0
    e = estimate([Stratum(90, 45, 0), Stratum(10, 10, 4), Stratum(0, 0, 0)])
    assert e == Estimate(pytest.approx(0.04), pytest.approx(0.04), pytest.approx((4 + high) / 100))
    # two alike: arms add by their squares. 10, 5 read, 0 found: +3 each
    two = estimate([Stratum(10, 5, 0), Stratum(10, 5, 0)])
    assert two.high == pytest.approx(np.sqrt(9 + 9) / 20)
    assert two.arm == two.high
    with pytest.raises(ValueError, match="none of 7 utterances was read"):
        estimate([Stratum(7, 0, 0)])


def test_one_stratum_weighs_by_its_size():
    # 1 of 10 in the 1,000, 5 of 10 in the 100: (100 + 50) / 1100
    assert estimate([Stratum(1000, 10, 1), Stratum(100, 10, 5)]).share == pytest.approx(150 / 1100)


@pytest.mark.parametrize(("rates", "sizes"), [
    ((0.0002, 0.05, 0.3), (19000, 800, 200)),
    ((0.0, 0.02, 0.8), (9000, 900, 100)),
    ((0.01, 0.1, 0.5), (3000, 800, 200)),
])  # fmt: skip
def test_the_interval_covers_the_truth_as_often_as_it_says(rates, sizes):
    rng = np.random.default_rng(1)
    held = [rng.binomial(n, r) for n, r in zip(sizes, rates, strict=True)]
    truth = sum(held) / sum(sizes)
    reads = allocate(list(sizes), [0.001, 0.03, 0.5], 300)
    hits = total = 0.0
    for _ in range(1000):
        found = [int(rng.hypergeometric(m, n - m, k)) for m, n, k in zip(held, sizes, reads, strict=True)]
        e = estimate([Stratum(n, k, x) for n, k, x in zip(sizes, reads, found, strict=True)])
        hits += e.low <= truth <= e.high
        total += e.share
    assert hits / 1000 >= 0.94  # 95 % within the error of a simulation
    assert total / 1000 == pytest.approx(truth, rel=0.25)  # no bias: alarms' own errors play no part


def test_reads_go_where_they_help():
    assert sum(allocate([10_000, 500, 20], [0.0005, 0.05, 0.9], 100)) == 100
    # by hand: 1000 sqrt(.01 .99) = 99.5 and 1000 sqrt(.5 .5) = 500: one to five
    few, many = allocate([1000, 1000], [0.01, 0.5], 600)
    assert (few, many) == (100, 500)
    assert allocate([5, 1, 0], [0.5, 0.5, 0.5], 100) == [5, 1, 0]
    assert allocate([100_000, 3], [0.001, 0.5], 5000)[1] == 3
    assert allocate([1000, 1000], [0.0005, 0.0005], 1) == [2, 2]  # at least two of each


def test_how_many_more_to_read():
    # nothing found: the upper limit of so many read is about 3.69 / n (the exact two-sided 95 %), so 0.001 takes about 3,690
    more = more_to_read([Stratum(1_000_000, 100, 0)], 0.001)
    assert 100 + more == pytest.approx(3690, rel=0.05)
    assert more_to_read([Stratum(1_000_000, 5000, 0)], 0.001) == 0
    assert more_to_read([Stratum(50, 10, 5)], 1e-9) == 40  # only all will do
    wide, narrow = (more_to_read([Stratum(9000, 200, 1), Stratum(500, 100, 40)], x) for x in (0.01, 0.003))
    assert 0 < wide < narrow < 9200


def table(path, rows):
    lines = [
        {"call_id": f"c{i}", "turn_id": "1", "text": t, "category": leaf.split(".")[0], "scenario": leaf.partition(".")[2],
         "probability": p, "taboo_probability": s} for i, (t, leaf, p, s) in enumerate(rows)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def batch(tmp_path_factory, tiny_data):
    """240 utterances, scores rising; every tenth is said twice, two are no words."""
    texts = [r.text for split in ("train", "validation") for r in data.load(split, tiny_data)][:216]
    texts = [*texts, *texts[:24]]
    rows = [
        (t, "neutral.business" if i < 200 else "blaming", 0.5 + (i % 50) / 100, round((i / 240) ** 4, 4))
        for i, t in enumerate(texts)
    ]
    path = tmp_path_factory.mktemp("batch") / "utterances.jsonl"
    return table(path, [*rows, ("……", "neutral.business", 0.0, 0.0), ("", "neutral.business", 0.0, 0.0)])


def test_picks_are_of_three_kinds_each_with_its_reason(batch, tiny):
    results = select.read_results(batch)
    assert (len(results.texts), results.silent) == (240, 2)
    rows = select.choose(results, tiny, 50, 0.4, seed=3)
    assert len(rows) == 50
    why = [r["why"] for r in rows]
    assert why.count("audit") == 20
    assert why.count("doubtful") >= 15
    assert why[:20] != sorted(why)[:20]  # mixed
    audited = {r["row"] - 1 for r in rows if r["why"] == "audit"}
    of = prevalence.strata(results.scores)
    assert min(np.bincount(of[sorted(audited)], minlength=6)) >= 2
    others = [r["text"] for r in rows if r["why"] != "audit"]
    assert len(set(others)) == len(others)
    assert not {results.texts[i] for i in audited} & set(others)
    for r in rows:
        assert results.texts[r["row"] - 1] == r["text"]
        assert r["leaf"] == ""
        assert (r["predicted"] is None) == (r["why"] == "audit")
        if r["why"] == "doubtful":
            best, second = (float(part.split()[1]) for part in r["says"].split(" or "))
            assert best >= second > 0
    assert select.choose(results, tiny, 50, 0.4, seed=3) == rows
    assert [r["row"] for r in select.choose(results, tiny, 50, 0.4, seed=4)] != [r["row"] for r in rows]


def test_doubtful_ones_are_nearer_to_call_than_the_rest(batch, tiny):
    results = select.read_results(batch)
    rows = [r for r in select.choose(results, tiny, 20, 0.0) if r["why"] == "doubtful"]
    p = np.sort(tiny.predict_proba(results.texts), axis=1)
    margins = dict(zip(results.texts, p[:, -1] - p[:, -2], strict=True))
    assert np.mean([margins[r["text"]] for r in rows]) < np.mean(list(margins.values()))


def test_near_the_threshold(batch, tiny):
    results = select.read_results(batch)
    rows = [r for r in select.choose(results, tiny, 40, 0.0) if r["why"] == "threshold"]
    for r in rows:
        taboo, limit = (float(part.split()[-1]) for part in r["says"].split(","))
        assert abs(select.logit(taboo) - select.logit(limit)) < select.NEAR + 0.1
    near = (np.abs(select.logit(tiny.predict_proba(results.texts)[:, 34:39].sum(1)) - select.logit(next(iter(tiny.model.scoring.thresholds.values())))) < select.NEAR).sum()  # fmt: skip
    assert len(rows) == 20 or len(rows) <= near


def test_spread_takes_the_cheapest_of_each_cluster():
    vectors = np.array([[0.0, 0], [0, 0.1], [9, 9], [9, 9.1], [9, 9.2], [-9, 9]])
    cost = np.array([0.3, 0.2, 0.1, 0.0, 0.5, 0.9])
    assert sorted(select.spread(vectors, cost, 3, seed=0)) == [1, 3, 5]
    assert len(set(select.spread(np.ones((5, 2)), np.arange(5.0), 3, 0))) == 3  # all alike
    assert select.spread(vectors, cost, 9, 0) == [0, 1, 2, 3, 4, 5]
    assert select.spread(vectors, cost, 0, 0) == []


def test_from_selection_to_prevalence_by_the_command(batch, tiny_run, tmp_path, capsys):
    out = tmp_path / "to_label.csv"
    run = [str(batch), "--model", str(tiny_run), "--threads", "1"]
    assert select.main([*run, "-n", "60", "--audit", "0.5", "--out", str(out)]) == 0
    assert "60 utterances to read (audit 30" in capsys.readouterr().out
    assert select.main([*run, "-n", "60", "--out", str(out)]) == 1
    assert "exists" in capsys.readouterr().err
    rows = [row for _, row in select.tables.records(out)]
    scores = select.read_results(batch).scores
    for row in rows:  # the truth: whatever scores over 0.5 is blaming
        row["leaf"] = "blaming" if scores[int(row["row"]) - 1] >= 0.5 else "neutral.business"
    done = tmp_path / "done.jsonl"
    done.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    more = tmp_path / "more.jsonl"
    assert select.main([*run, "--labelled", str(done), "--precision", "0.02", "--out", str(more), "-n", "60", "--seed", "5"]) == 0
    said = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  ")}
    truth = (scores >= 0.5).mean()  # 38 of 240: the strata part the two exactly
    assert float(said["blaming"][1].rstrip("%")) == pytest.approx(100 * truth, abs=0.001)
    assert float(said["blaming"][2].rstrip("%")) <= 100 * truth <= float(said["blaming"][4].rstrip("%"))
    assert said["hailing"][1] == "0.000%"
    again = [json.loads(line) for line in more.read_text(encoding="utf-8").splitlines()]
    before = {int(r["row"]): r for r in rows}
    assert not [r for r in again if r["why"] == "audit" and before.get(r["row"], {}).get("why") == "audit"]
    assert all(bool(r["leaf"]) == (r["row"] in before) for r in again)


def test_labels_that_do_not_fit_are_named(batch, tmp_path, tiny_data):
    results, taxonomy = select.read_results(batch), data.load_taxonomy(tiny_data)
    good = {"row": 1, "text": results.texts[0], "why": "audit", "leaf": "blaming"}
    path = tmp_path / "l.jsonl"
    for rows, message in [
        ([{**good, "row": 2}], r"l\.jsonl: row 1: row 2 of .* is another text"),
        ([{**good, "row": 999}], "another text"),
        ([good, {**good, "leaf": "rude"}], r"l\.jsonl: row 2: unknown leaf 'rude'"),
        ([good, {**good, "leaf": "neutral.business"}], "settle which"),
        ([{"leaf": "blaming", "text": "x"}], "no 'row'"),
    ]:
        path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
        with pytest.raises(data.DataError, match=message):
            select.read_labels([path], results, taxonomy)
    path.write_text(json.dumps(good) + "\n" + json.dumps({**good, "row": 2, "leaf": ""}) + "\n", encoding="utf-8")
    labels = select.read_labels([path], results, taxonomy)
    assert {i: (v.category, v.audit) for i, v in labels.items()} == {0: ("blaming", True)}
    with pytest.raises(data.DataError, match="no audit row is labelled"):
        select.parts(results, labels, {"blaming"})
    with pytest.raises(data.DataError, match="an audit of 3 cannot reach all strata"):
        select.audit(results, 3, {}, np.random.default_rng(0))


def test_results_that_cannot_be_read(tmp_path):
    with pytest.raises(data.DataError, match="nothing to read"):
        select.read_results(table(tmp_path / "utterances.jsonl", [("……", "neutral.business", 0.0, 0.0)]))
    (tmp_path / "utterances.jsonl").write_text('{"text": "好"}\n', encoding="utf-8")
    with pytest.raises(data.DataError, match=r"utterances\.jsonl: row 1: no category, scenario, probability, taboo_probability"):
        select.read_results(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        select.read_results(tmp_path / "gone")


def test_an_empty_text_of_a_csv_is_nobody_s_to_read(tmp_path):
    row = {
        "call_id": "c",
        "turn_id": "1",
        "category": "neutral",
        "scenario": "business",
        "probability": 0.5,
        "taboo_probability": 0.0,
    }
    select.tables.write(tmp_path / "utterances.csv", "csv", lambda: [{"text": "", **row}, {"text": "好的", **row}])
    results = select.read_results(tmp_path)
    assert (results.texts, results.rows, results.silent) == (["好的"], [2], 1)


def test_labels_may_be_names_for_people(batch, tmp_path, tiny_data):
    results, taxonomy = select.read_results(batch), data.load_taxonomy(tiny_data)
    path = tmp_path / "l.jsonl"
    rows = [
        {"row": i, "text": results.texts[i - 1], "why": "audit", "leaf": said}
        for i, said in enumerate(["请客户等候", "Farewell", "greeting"], 1)
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    labels = select.read_labels([path], results, taxonomy)
    assert [(x.category, x.leaf) for x in labels.values()] == [
        ("inquiry", "inquiry.hold"), ("closing", "closing.farewell"), ("greeting", "greeting"),
    ]  # fmt: skip
    same = replace(taxonomy, leaves=tuple(replace(leaf, zh="同名") for leaf in taxonomy.leaves[:2]))
    path.write_text(json.dumps(rows[0] | {"leaf": "同名"}) + "\n", encoding="utf-8")
    with pytest.raises(
        data.DataError, match=r"row 1: '同名' names 2 leaves \(greeting\.open, greeting\.outbound\); write the code"
    ):
        select.read_labels([path], results, same)
