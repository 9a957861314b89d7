"""May a candidate replace the current model? Only if nothing that is measured falls by more than its bootstrap noise.

Both models judge the same rows (the frozen test split, and the team's held-out rows). A paired bootstrap draws the rows again and
again and gives the difference of each figure with a 95 % interval; a fall whose whole interval lies on the bad side is more than noise.
Beside it: no closed case of `missed.jsonl` comes back, each category's F1 and each capability of the behaviour suite holds (the level divided by
their number, since twenty looks find one chance fall), the int8 graph answers as fp32 does, and scoring takes at most a tenth longer.

The current model's answers are read under the team's names (`mapping`); rows of leaves that one of the two does not know are left out.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jinyu import Kind, Scorer, text
from jinyu.engine import Engine
from jinyu.taxonomy import Taxonomy
from training import behaviour, data, export
from training.decisions import decisions, of
from training.scheme import Scheme

DRAWS = 2000
LEVEL = 0.95
SAME = 0.995  # share of texts on which int8 and fp32 agree
SLOWER = 1.10
FIGURES = {  # 1: more is better
    "category_macro_f1": 1, "taboo_recall": 1, "implicit_taboo_recall": 1, "decent_flagged": -1, "hard_decent_flagged": -1, "leaf_accuracy": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Answers:
    """One model's answers: most probable leaf, the answered category, the alarm."""

    leaf: np.ndarray
    category: np.ndarray
    flagged: np.ndarray


@dataclass(frozen=True)
class Truth:
    """What the rows are: leaf, category, taboo or not; and which are marked implicit taboo and hard decent ones."""

    leaf: np.ndarray
    category: np.ndarray
    taboo: np.ndarray
    implicit: np.ndarray
    hard: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[data.Row], taxonomy: Taxonomy) -> Truth:
        """From rows."""
        categories = [r.leaf.split(".")[0] for r in rows]
        return cls(
            leaf=np.array([r.leaf for r in rows], dtype=object),
            category=np.array(categories, dtype=object),
            taboo=np.array([taxonomy.kind_of(c) is Kind.TABOO for c in categories], dtype=bool),
            implicit=np.array([r.implicit for r in rows], dtype=bool),
            hard=np.array([r.hard for r in rows], dtype=bool),
        )


def answers(scorer: Scorer, texts: Sequence[str], scheme: Scheme) -> Answers:
    """What a model answers, under the names of `scheme`; a leaf that is gone keeps its old name and so is right nowhere."""

    def name(code: str) -> str:
        return scheme.leaf(code) or code

    names = np.array([name(code) for code in scorer.leaves], dtype=object)
    p = scorer.predict_proba(texts)
    decided = of(scorer, p)
    category = np.array([name(d.leaf.code).split(".")[0] for d in decided], dtype=object)
    return Answers(names[p.argmax(1)], category, np.array([d.flagged for d in decided], dtype=bool))


def compare(truth: Truth, old: Answers, new: Answers, seed: int = 17, draws: int = DRAWS) -> dict[str, Any]:
    """Every figure: old, new, difference with its interval, and whether it falls by more than noise; `categories` holds F1 by category.

    A figure without rows (no taboo rows, say) is left out.
    """
    n = len(truth.leaf)
    if not n:
        return {"rows": 0, "figures": {}, "categories": {}}
    draws = min(draws, max(200, 40_000_000 // n))  # of many rows fewer draws: memory
    random = np.random.default_rng(seed)
    # (1 + draws, rows): how often each draw takes each row; the first takes each once
    weights = np.vstack([np.ones(n), random.multinomial(n, np.full(n, 1 / n), size=draws)])
    categories = sorted(set(truth.category))
    f1 = [_f1(weights, truth.category, model.category, categories) for model in (old, new)]
    samples = {
        "category_macro_f1": [np.nanmean(f, axis=1) for f in f1],
        "taboo_recall": [_share(weights, m.flagged, truth.taboo) for m in (old, new)],
        "implicit_taboo_recall": [_share(weights, m.flagged, truth.implicit) for m in (old, new)],
        "decent_flagged": [_share(weights, m.flagged, ~truth.taboo) for m in (old, new)],
        "hard_decent_flagged": [_share(weights, m.flagged, truth.hard) for m in (old, new)],
        "leaf_accuracy": [_share(weights, m.leaf == truth.leaf, np.ones(n, dtype=bool)) for m in (old, new)],
    }
    figures = {k: _figure(*pair, FIGURES[k]) for k, pair in samples.items() if not np.isnan(pair[0][0])}
    level = 1 - (1 - LEVEL) / len(categories)
    by_category = {
        c: _figure(f1[0][:, i], f1[1][:, i], 1, level) | {"rows": int((truth.category == c).sum())}
        for i, c in enumerate(categories)
    }
    return {"rows": n, "figures": figures, "categories": by_category}


def _f1(weights: np.ndarray, truth: np.ndarray, answer: np.ndarray, categories: list[str]) -> np.ndarray:
    """(draws, categories); nan where a draw has no row and no answer of the category."""
    is_true = np.stack([truth == c for c in categories], axis=1).astype(float)  # (rows, categories)
    is_said = np.stack([answer == c for c in categories], axis=1).astype(float)
    both = weights @ (is_true * is_said)
    size = weights @ is_true + weights @ is_said
    return np.divide(2 * both, size, out=np.full_like(both, np.nan), where=size > 0)


def _share(weights: np.ndarray, hit: np.ndarray, among: np.ndarray) -> np.ndarray:
    size = weights @ among.astype(float)
    return np.divide(weights @ (hit & among).astype(float), size, out=np.full_like(size, np.nan), where=size > 0)


def _figure(old: np.ndarray, new: np.ndarray, sign: int, level: float = LEVEL) -> dict[str, Any]:
    """The first entry is the figure itself, the rest are draws."""
    difference = new - old
    draws = difference[1:][~np.isnan(difference[1:])]
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]) if len(draws) else (np.nan, np.nan)
    return {
        "old": _round(old[0]), "new": _round(new[0]), "difference": _round(difference[0]),
        "interval": [_round(low), _round(high)],
        "falls": bool(high < 0 if sign > 0 else low > 0),
    }  # fmt: skip


def _round(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def compare_split(rows: list[data.Row], old: Scorer, new: Scorer, scheme: Scheme, seed: int) -> dict[str, Any]:
    """`compare` on the rows whose leaf both models know, and the sentences on which their category differs."""
    known = {scheme.leaf(code) or code for code in old.leaves} & set(new.leaves)
    shared = [r for r in rows if r.leaf in known]
    result: dict[str, Any] = {"left_out": len(rows) - len(shared), "flips": {"better": [], "worse": [], "other": []}}
    if not shared:
        return result | {"rows": 0, "figures": {}, "categories": {}}
    texts = [r.text for r in shared]
    truth = Truth.of(shared, scheme.taxonomy)
    before, after = answers(old, texts, scheme), answers(new, texts, scheme)
    for i in np.flatnonzero(before.category != after.category).tolist():
        side = (
            "better" if after.category[i] == truth.category[i] else "worse" if before.category[i] == truth.category[i] else "other"
        )
        result["flips"][side].append(
            {
                "id": shared[i].id,
                "text": texts[i].encode(errors="backslashreplace").decode(),  # lone surrogates, which no report can hold
                "truth": shared[i].leaf,
                "old": str(before.category[i]),
                "new": str(after.category[i]),
            }
        )
    return result | compare(truth, before, after, seed)


def missed(path: Path, old: Scorer, new: Scorer, scheme: Scheme) -> list[str]:
    """Closed cases that the current model judges right and the candidate does not.

    The cases are ours: where a team's taxonomy no longer holds for taboo what the current model answers, or now does, a case asks nothing.
    """

    def taboo(code: str) -> bool:
        leaf = scheme.leaf(code)
        return leaf is not None and scheme.taxonomy.kind_of(leaf.split(".")[0]) is Kind.TABOO

    if not path.exists():
        return []
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    cases = [c for c in cases if not c.get("open")]
    texts = [c["text"] for c in cases]
    both = zip(cases, decisions(old, texts), decisions(new, texts), strict=True) if cases else []
    return [
        c["text"]
        for c, before, after in both
        if before.flagged == c["flagged"] != after.flagged and taboo(before.leaf.code) == c["flagged"]
    ]


def capabilities(old: list[behaviour.Capability], new: list[behaviour.Capability], seed: int, draws: int = DRAWS) -> dict[str, Any]:
    """Each capability: old and new pass rate, and whether it falls by more than noise at the level shared by all of them."""
    before = {c.name: c for c in old}
    # at least a few draws must lie beyond so extreme a quantile
    level = 1 - (1 - LEVEL) / max(1, len(new))
    random = np.random.default_rng(seed)
    out = {}
    for c in new:
        if not c.rows:
            continue
        difference = np.array(c.outcomes, dtype=float) - np.array(before[c.name].outcomes, dtype=float)
        weights = random.multinomial(c.rows, np.full(c.rows, 1 / c.rows), size=draws)
        high = float(np.quantile(weights @ difference / c.rows, (1 + level) / 2))
        out[c.name] = {"rows": c.rows, "old": round(before[c.name].rate, 4), "new": round(c.rate, 4), "falls": high < 0}
    return out


def int8_agreement(run: Path, model: Path, texts: Sequence[str], scorer: Scorer) -> float:
    """Share of texts whose category is the same from `model`'s int8 graph and from the fp32 graph of the run's network."""
    settings = scorer.model.scoring
    model_texts = [text.normalise(t) for t in texts]
    with tempfile.TemporaryDirectory() as tmp:
        full = Path(tmp)
        export.write_full_graph(run / "network", full / export.artifact.GRAPH)
        (full / export.artifact.TOKENIZER).write_bytes((model / export.artifact.TOKENIZER).read_bytes())
        fp32, _ = Engine(full, settings.max_tokens, settings.temperature).run(model_texts)
    int8, _ = Engine(model, settings.max_tokens, settings.temperature).run(model_texts)
    member = np.array([[leaf.category == c for c in scorer.taxonomy.categories] for leaf in scorer.taxonomy.leaves], dtype=float)
    return float(((fp32 @ member).argmax(1) == (int8 @ member).argmax(1)).mean())


def slowdown(old: Scorer, new: Scorer, texts: Sequence[str], rounds: int = 5) -> float:
    """Time of the candidate over that of the current model: interleaved, the best of several; measured longer while it looks too slow."""
    best = [np.inf, np.inf]
    for attempt in range(3 * rounds):
        for k in (0, 1) if attempt % 2 else (1, 0):
            started = time.perf_counter()
            (old, new)[k].predict_proba(texts)
            best[k] = min(best[k], time.perf_counter() - started)
        if attempt + 1 >= rounds and best[1] <= SLOWER * best[0]:
            break
    return best[1] / best[0]


def judge(run: Path, current: Path, folder: Path, scheme: Scheme, seed: int = 17, threads: int | None = None) -> dict[str, Any]:
    """Everything that is measured, `pass`, and the reasons against. `folder` is the run's merged data."""
    old, new = Scorer.load(current, threads=threads), Scorer.load(run / "model", threads=threads)
    splits = {"test": data.load("test", folder), "held": data.load("held", folder)}
    result: dict[str, Any] = {
        "current": old.model.info.sha256,
        "candidate": new.model.info.sha256,
        "splits": {name: compare_split(rows, old, new, scheme, seed) for name, rows in splits.items()},
        "missed": missed(folder / "missed.jsonl", old, new, scheme),
    }
    result["new_leaves"] = new_leaves(splits, old, new, scheme, data.load("train", folder))
    suites = (
        [behaviour.pairs(s, folder) + behaviour.invariance(s, splits["test"]) for s in (old, new)] if splits["test"] else [[], []]
    )
    result["behaviour"] = capabilities(*suites, seed)
    texts = [r.text for rows in splits.values() for r in rows]
    result["int8_agreement"] = round(int8_agreement(run, new.model.path, texts, new), 5)
    result["slowdown"] = round(slowdown(old, new, texts[:256]), 3)
    result["reasons"] = reasons(result)
    result["pass"] = not result["reasons"]
    return result


def new_leaves(
    splits: dict[str, list[data.Row]], old: Scorer, new: Scorer, scheme: Scheme, train: list[data.Row]
) -> dict[str, Any]:
    """For each leaf that the current model does not know: texts learned from, held-out rows, recall and precision with 95 % intervals."""
    known = {scheme.leaf(code) or code for code in old.leaves}
    fresh = [code for code in new.leaves if code not in known]
    rows = [r for split in splits.values() for r in split]
    if not fresh or not rows:
        return {}
    truth = np.array([r.leaf for r in rows], dtype=object)
    said = answers(new, [r.text for r in rows], scheme).leaf
    learned = {code: len({r.text for r in train if r.leaf == code}) for code in fresh}
    out = {}
    for code in fresh:
        hits = int(((truth == code) & (said == code)).sum())
        of, answered = int((truth == code).sum()), int((said == code).sum())
        out[code] = {
            "learned_from": learned[code],
            "held_rows": of,
            "recall": _wilson(hits, of),
            "precision": _wilson(hits, answered),
        }
    return out


def _wilson(hits: int, n: int) -> list[float] | None:
    """[share, low, high]; None without rows."""
    if not n:
        return None
    z, p = 1.96, hits / n
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return [round(float(v), 4) for v in (p, (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n))]


def reasons(result: dict[str, Any]) -> list[str]:
    """A sentence for each thing that speaks against the candidate."""
    out = []
    of = {"test": "the test split", "held": "the team's held-out rows"}
    for name, split in result["splits"].items():
        for figure, f in split["figures"].items():
            if f["falls"]:
                low, high = f["interval"]
                out.append(f"{figure} on {of[name]}: {f['old']} -> {f['new']} (difference {low} to {high}): more than noise")
        out += [
            f"F1 of {category} on {of[name]}: {f['old']} -> {f['new']}: more than noise"
            for category, f in split["categories"].items()
            if f["falls"]
        ]
    out += [f"missed.jsonl case comes back: {case}" for case in result["missed"]]
    out += [
        f"behaviour {name}: {c['old']:.1%} -> {c['new']:.1%} of {c['rows']}"
        for name, c in result["behaviour"].items()
        if c["falls"]
    ]
    if result["int8_agreement"] < SAME:
        out.append(f"int8 answers as fp32 does on {result['int8_agreement']:.2%} of the rows, not {SAME:.1%}")
    if result["slowdown"] > SLOWER:
        out.append(f"scoring takes {result['slowdown']:.2f} times as long; at most {SLOWER} is allowed")
    return out
