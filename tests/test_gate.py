"""The gate's arithmetic, on answers made up for it."""

import json

import numpy as np
import yaml

from training import data, gate
from training.behaviour import Capability
from training.scheme import load

LEAVES = ["blaming", "neutral.business", "inquiry.hold", "closing.farewell"]


def truth_of(leaves):
    """Every other row is marked: taboo as implicit, decent as hard."""
    rows = [
        data.Row(str(i), "x", leaf, "", "T", implicit=bool(i % 2) and leaf == "blaming", hard=bool(i % 2) and leaf != "blaming")
        for i, leaf in enumerate(leaves)
    ]
    return gate.Truth.of(rows, data.load_taxonomy())


def made_up(n=800, seed=0):
    random = np.random.default_rng(seed)
    leaves = random.choice(LEAVES, n).tolist()
    return truth_of(leaves), random


def answers_with(truth, random, wrong):
    """Right but for a share `wrong` of the rows; taboo rows answered right are flagged, and so are decent ones answered blaming."""
    leaf = truth.leaf.copy()
    at = random.random(len(leaf)) < wrong
    leaf[at] = [LEAVES[(LEAVES.index(x) + 1) % 4] for x in leaf[at]]
    category = np.array([x.split(".")[0] for x in leaf], dtype=object)
    return gate.Answers(leaf, category, category == "blaming")


def test_the_same_answers_pass_with_no_difference():
    truth, random = made_up()
    old = answers_with(truth, random, 0.1)
    result = gate.compare(truth, old, old)
    assert set(result["figures"]) == set(gate.FIGURES)
    for figure in result["figures"].values():
        assert figure["difference"] == 0
        assert figure["interval"] == [0, 0]
        assert not figure["falls"]


def test_a_clear_fall_is_told_from_noise():
    truth, random = made_up(4000)
    old, worse = (answers_with(truth, random, w) for w in (0.10, 0.20))
    assert all(f["falls"] for f in gate.compare(truth, old, worse)["figures"].values())
    assert not any(f["falls"] for f in gate.compare(truth, worse, old)["figures"].values())


def test_an_equal_candidate_seldom_falls_by_chance():
    falls = []
    for seed in range(60):
        truth, random = made_up(400, seed)
        old, same = answers_with(truth, random, 0.1), answers_with(truth, random, 0.1)
        falls += [f["falls"] for f in gate.compare(truth, old, same, draws=300)["figures"].values()]
    assert np.mean(falls) < 0.06  # 2.5 % lie on the bad side of a 95 % interval; fewer rows, a little more


def test_figures_are_those_of_scikit_learn():
    from sklearn.metrics import f1_score

    truth, random = made_up()
    old, new = answers_with(truth, random, 0.1), answers_with(truth, random, 0.3)
    got = gate.compare(truth, old, new)
    assert got["figures"]["category_macro_f1"]["new"] == round(
        f1_score(truth.category.tolist(), new.category.tolist(), average="macro"), 4
    )
    assert got["figures"]["leaf_accuracy"]["old"] == round(float((old.leaf == truth.leaf).mean()), 4)
    assert got["figures"]["taboo_recall"]["new"] == round(float(new.flagged[truth.taboo].mean()), 4)
    assert got["figures"]["implicit_taboo_recall"]["new"] == round(float(new.flagged[truth.implicit].mean()), 4)
    assert got["figures"]["hard_decent_flagged"]["new"] == round(float(new.flagged[truth.hard].mean()), 4)
    assert got["figures"]["decent_flagged"]["new"] == round(float(new.flagged[~truth.taboo].mean()), 4)
    assert sum(c["rows"] for c in got["categories"].values()) == 800


def test_a_seed_gives_the_same_intervals_and_they_narrow_with_rows():
    wide, narrow = (
        [gate.compare(t, answers_with(t, r, 0.1), answers_with(t, r, 0.1))["figures"] for t, r in [made_up(n), made_up(n)]]
        for n in (200, 5000)
    )
    assert wide[0] == wide[1]

    def width(figures):
        low, high = figures["leaf_accuracy"]["interval"]
        return high - low

    assert width(wide[0]) > 3 * width(narrow[0])


def test_a_tenth_of_the_labels_flipped_costs_more_than_noise():
    """A candidate that learned every tenth label wrong, on as many rows as the test split has."""
    truth, random = made_up(2000)
    old, new = answers_with(truth, random, 0.08), answers_with(truth, random, 0.08 + 0.1)
    falls = [name for name, f in gate.compare(truth, old, new)["figures"].items() if f["falls"]]
    assert "category_macro_f1" in falls
    assert "leaf_accuracy" in falls


def test_no_rows_and_no_taboo_rows_leave_figures_out():
    none = truth_of([])
    empty = np.array([], dtype=object)
    assert gate.compare(none, gate.Answers(empty, empty, empty), gate.Answers(empty, empty, empty))["figures"] == {}
    decent = truth_of(["inquiry.hold"] * 5)
    same = gate.Answers(decent.leaf, decent.category, np.zeros(5, dtype=bool))
    assert set(gate.compare(decent, same, same)["figures"]) == {
        "category_macro_f1",
        "decent_flagged",
        "hard_decent_flagged",
        "leaf_accuracy",
    }


def test_a_category_that_falls_apart_is_seen_where_the_rest_hides_it():
    truth, random = made_up(3000)
    old = answers_with(truth, random, 0.05)
    leaf = np.where((old.leaf == "closing.farewell") & (random.random(3000) < 0.4), "neutral.business", old.leaf)
    new = gate.Answers(leaf, np.array([x.split(".")[0] for x in leaf], dtype=object), old.flagged)
    falls = {name for name, f in gate.compare(truth, old, new)["categories"].items() if f["falls"]}
    assert "closing" in falls
    assert not {"blaming", "inquiry"} & falls


def capability(outcomes):
    return Capability("negation", len(outcomes), sum(outcomes), [], outcomes)


def test_a_capability_holds_unless_it_falls_clearly():
    before = [capability([True] * 45 + [False] * 5)]
    assert not gate.capabilities(before, [capability([False] * 2 + [True] * 43 + [False] * 5)], 0)["negation"]["falls"]
    assert gate.capabilities(before, [capability([False] * 15 + [True] * 35)], 0)["negation"]["falls"]
    assert not gate.capabilities(before, [capability([True] * 50)], 0)["negation"]["falls"]


def result(**changes):
    fine = {"old": 0.9, "new": 0.91, "difference": 0.01, "interval": [-0.01, 0.03], "falls": False}
    base = {
        "splits": {"test": {"figures": {"taboo_recall": fine}, "categories": {"blaming": fine}}},
        "missed": [],
        "behaviour": {},
        "int8_agreement": 0.999,
        "slowdown": 1.0,
    }
    return base | changes


def test_every_reason_is_given():
    assert gate.reasons(result()) == []
    falls = {"old": 0.9, "new": 0.7, "difference": -0.2, "interval": [-0.3, -0.1], "falls": True}
    reasons = gate.reasons(
        result(
            splits={"held": {"figures": {"taboo_recall": falls}, "categories": {"closing": falls}}},
            missed=["这个不归我管"],
            behaviour={"wei": {"old": 0.9, "new": 0.5, "rows": 50, "falls": True}},
            int8_agreement=0.98,
            slowdown=1.3,
        )
    )
    assert reasons == [
        "taboo_recall on the team's held-out rows: 0.9 -> 0.7 (difference -0.3 to -0.1): more than noise",
        "F1 of closing on the team's held-out rows: 0.9 -> 0.7: more than noise",
        "missed.jsonl case comes back: 这个不归我管",
        "behaviour wei: 90.0% -> 50.0% of 50",
        "int8 answers as fp32 does on 98.00% of the rows, not 99.5%",
        "scoring takes 1.30 times as long; at most 1.1 is allowed",
    ]


class Says:
    """Stands in for a scorer: what `decisions` gives for it."""

    def __init__(self, flagged):
        self.flagged = flagged


def test_only_closed_cases_that_were_right_can_come_back(tmp_path, monkeypatch):
    from types import SimpleNamespace

    cases = [("a", True, False), ("b", True, True), ("c", False, False), ("d", True, False)]
    lines = [json.dumps({"text": t, "flagged": f} | ({"open": True} if o else {})) for t, f, o in cases]
    (tmp_path / "missed.jsonl").write_text("\n".join(lines), encoding="utf-8")

    def decisions(scorer, texts):
        leaves = {True: "hailing", False: "inquiry.hold"}
        flags = [t in scorer.flagged for t in texts]
        return [SimpleNamespace(flagged=f, leaf=SimpleNamespace(code=leaves[f])) for f in flags]

    monkeypatch.setattr(gate, "decisions", decisions)
    # a was right and is wrong now; b is open; c was right and stays; d was wrong before
    assert gate.missed(tmp_path / "missed.jsonl", Says("ab"), Says(""), load()) == ["a"]
    assert gate.missed(tmp_path / "missed.jsonl", Says("ab"), Says("ac"), load()) == ["c"]
    assert gate.missed(tmp_path / "none.jsonl", Says(""), Says(""), load()) == []
    # to this team hailing is no taboo, or no label at all
    raw = yaml.safe_load((data.DATA / "taxonomy.yaml").read_text(encoding="utf-8"))
    for became in ("neutral.business", ""):
        (tmp_path / "map.yaml").write_text(f"hailing: {became}\n", encoding="utf-8")
        raw["categories"].pop("hailing", None)
        (tmp_path / "ours.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
        scheme = load(tmp_path / "ours.yaml", tmp_path / "map.yaml")
        assert gate.missed(tmp_path / "missed.jsonl", Says("ab"), Says("c"), scheme) == ["c"]


def test_rows_of_leaves_that_one_model_does_not_know_are_left_out(tiny, tiny_data, monkeypatch):
    scheme = load(folder=tiny_data)
    rows = data.load("test", tiny_data)
    got = gate.compare_split(rows, tiny, tiny, scheme, 0)
    assert got["rows"] == len(rows)
    assert got["flips"] == {"better": [], "worse": [], "other": []}
    monkeypatch.setattr(type(tiny), "leaves", property(lambda self: [x for x in self.taxonomy.codes if x != "blaming"]))
    assert gate.compare_split([r for r in rows if r.leaf == "blaming"], tiny, tiny, scheme, 0)["rows"] == 0


def test_a_sentence_with_half_a_character_can_be_reported(monkeypatch):
    from types import SimpleNamespace

    def answers(scorer, texts, scheme):
        leaf = np.array([scorer.says] * len(texts), dtype=object)
        return gate.Answers(leaf, leaf, leaf == "blaming")

    monkeypatch.setattr(gate, "answers", answers)
    old, new = (SimpleNamespace(leaves=["blaming", "arrogant"], says=says) for says in ("blaming", "arrogant"))
    got = gate.compare_split([data.Row("1", "好的\ud83d", "blaming", "", "team")], old, new, load(), 0)
    assert json.dumps(got["flips"]["worse"][0]["text"], ensure_ascii=False).encode().decode() == r'"好的\\ud83d"'


def test_speed_is_measured_interleaved():
    class Takes:
        def __init__(self, seconds):
            self.seconds = seconds

        def predict_proba(self, texts):
            import time

            time.sleep(self.seconds)

    assert 1.5 < gate.slowdown(Takes(0.01), Takes(0.02), []) < 2.5
    assert gate.slowdown(Takes(0.02), Takes(0.01), []) < 1
