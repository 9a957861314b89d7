"""Has what the agents say changed between two batches of results? `cli_drift.py` is the command.

Seven measures, each with a verdict of its own. All ask two things, because a large batch makes every trifle significant and a small one makes
every accident large: is the difference more than chance (99 %; 95 % for shares), and is it big enough to matter (the bands below)? Chance
counts utterances as independent; those of one call are not quite, so a `look` on few calls means little.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jinyu import tables, text
from jinyu.types import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jinyu.scorer import Scorer

    Numbers = NDArray[np.float64]

VERDICTS = ("stable", "look", "drifted")
PSI_BANDS = (0.1, 0.25)  # the usual ones of credit scoring
KS_BANDS = (0.1, 0.2)  # greatest distance of two cumulative distributions
RATIO = 2.0  # a share is drifted when it doubles or halves, or moves by SHARE
SHARE = 0.05
SPREAD_BANDS = (0.1, 0.25)  # distance of the centroids, in spreads of the reference
DRAWS = 1000  # simulated batches without drift
Z = 1.959964  # 95 %, two-sided
KS_99 = 1.628  # of the two-sample Kolmogorov-Smirnov test


@dataclass(frozen=True)
class Batch:
    """The judged utterances of one batch, a column each of n."""

    name: str
    texts: list[str]
    leaves: list[str]
    categories: list[str]
    probability: Numbers
    flagged: NDArray[np.bool_]
    models: frozenset[str]  # sha256


@dataclass(frozen=True)
class Measure:
    """One comparison: `value` against `chance`, what batches without drift stay below (None where the interval says it)."""

    name: str
    verdict: str
    value: float
    chance: float | None
    says: str
    says_zh: str


def read(path: Path) -> Batch:
    """The batch in an output folder of `jinyu score`, or in a table of utterances. Raises `InputError`."""
    path = tables.find(path, "utterances")
    texts, leaves, categories, probability, flagged, models = [], [], [], [], [], set()
    for place, row in tables.records(path):
        missing = [name for name in ("text", "category", "scenario", "probability", "flagged") if name not in row]
        if missing:
            raise InputError(f"{place}: no {', '.join(missing)}; name what jinyu score wrote: a folder, or its utterances table")
        texts.append(str(row["text"] or ""))
        categories.append(str(row["category"]))
        leaves.append(f"{row['category']}.{row['scenario']}" if row["scenario"] else str(row["category"]))
        probability.append(tables.number(row["probability"], "probability", place))
        flagged.append(str(row["flagged"]) == "True")
        model = row["model"]["sha256"] if isinstance(row.get("model"), dict) else row.get("model.sha256")
        models |= {str(model)} if model else set()
    if not texts:
        raise InputError(f"{path}: no utterances in it, nothing to compare")
    return Batch(str(path), texts, leaves, categories, np.array(probability), np.array(flagged), frozenset(models))


def compare(reference: Batch, new: Batch, scorer: Scorer | None = None, sample: int = 1000, seed: int = 0) -> list[Measure]:
    """All measures; those of words and meaning only with a `scorer`, which reads at most `sample` utterances of each batch."""
    rng = np.random.default_rng(seed)
    measures = [
        label_mix("categories", reference.categories, new.categories, rng),
        label_mix("leaves", reference.leaves, new.leaves, rng),
        share("alarms", "utterances flagged", reference.flagged, new.flagged),
        distribution("confidence", "probability of the label", reference.probability, new.probability),
        distribution(
            "length", "characters of an utterance", *(np.array([len(t) for t in b.texts], float) for b in (reference, new))
        ),
    ]
    if scorer and sample:
        picked = [_sample(b.texts, sample, rng) for b in (reference, new)]
        unknown = [scorer.count_tokens(p)[:, 1] > 0 for p in picked]
        measures.append(share("unknown tokens", "utterances with a token the model never learned", *unknown))
        old, later = (scorer.embed(p).astype(float) for p in picked)
        measures.append(meaning(old, later, rng))
    return measures


def overall(measures: Sequence[Measure]) -> str:
    """The worst verdict."""
    return max((m.verdict for m in measures), key=VERDICTS.index)


def label_mix(name: str, old: Sequence[str], new: Sequence[str], rng: np.random.Generator) -> Measure:
    """Population stability index of labels, against batches of these sizes drawn from one population."""
    labels = sorted({*old, *new})
    counts = [np.array([held[label] for label in labels], float) for held in (Counter(old), Counter(new))]
    value = float(psi(*counts))
    pooled = (counts[0] + counts[1]) / (len(old) + len(new))
    draws = psi(*(rng.multinomial(len(side), pooled / pooled.sum(), DRAWS).astype(float) for side in (old, new)))
    chance = float(np.quantile(draws, 0.99))
    before, after = (c / c.sum() for c in counts)
    moved = np.argsort(-np.abs(after - before), kind="stable")[:3]
    shares = ", ".join(f"{labels[i]} {before[i]:.1%} -> {after[i]:.1%}" for i in moved if after[i] != before[i])
    says = f"population stability index {value:.3f} (chance up to {chance:.3f})" + (f"; most moved: {shares}" if shares else "")
    zh = f"群体稳定性指标 {value:.3f}（偶然可达 {chance:.3f}）" + (f"；变动最大：{shares}" if shares else "")
    return Measure(name, _banded(value, chance, PSI_BANDS), value, chance, says, zh)


def psi(old: Numbers, new: Numbers) -> Numbers:
    """Population stability index of counts (..., labels): sum of (q - p) ln(q / p), half an utterance added to each label."""
    p = (old + 0.5) / (old + 0.5).sum(-1, keepdims=True)
    q = (new + 0.5) / (new + 0.5).sum(-1, keepdims=True)
    return np.asarray(((q - p) * np.log(q / p)).sum(-1))


def share(name: str, what: str, old: NDArray[np.bool_], new: NDArray[np.bool_]) -> Measure:
    """Two proportions; the difference with Newcombe's 95 % interval (hybrid of two Wilson intervals, 1998)."""
    p, q = float(old.mean()), float(new.mean())
    low_p, high_p = wilson(int(old.sum()), len(old))
    low_q, high_q = wilson(int(new.sum()), len(new))
    low = q - p - np.hypot(q - low_q, high_p - p)
    high = q - p + np.hypot(high_q - q, p - low_p)
    verdict = "stable"
    if low > 0 or high < 0:
        big = abs(q - p) >= SHARE or max(p, q) >= RATIO * min(p, q)
        verdict = "drifted" if big else "look"
    says = f"{what}: {p:.3%} -> {q:.3%}, a change of {q - p:+.3%} (95 %: {low:+.3%} to {high:+.3%})"
    zh = f"{p:.3%} -> {q:.3%}，变化 {q - p:+.3%}（95 % 区间 {low:+.3%} 至 {high:+.3%}）"
    return Measure(name, verdict, q - p, None, says, zh)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    centre = (hits + Z * Z / 2) / (n + Z * Z)
    half = Z / (n + Z * Z) * float(np.sqrt(hits * (n - hits) / n + Z * Z / 4))
    return max(0.0, centre - half), min(1.0, centre + half)


def distribution(name: str, what: str, old: Numbers, new: Numbers) -> Measure:
    """Two-sample Kolmogorov-Smirnov distance; with ties, as of lengths, the test is on the careful side."""
    places = np.unique(np.concatenate([old, new]))
    below = [np.searchsorted(np.sort(side), places, side="right") / len(side) for side in (old, new)]
    value = float(np.abs(below[0] - below[1]).max())
    chance = KS_99 * float(np.sqrt(1 / len(old) + 1 / len(new)))
    says = f"{what}: median {np.median(old):.4g} -> {np.median(new):.4g}; KS distance {value:.3f} (chance up to {chance:.3f})"
    zh = f"中位数 {np.median(old):.4g} -> {np.median(new):.4g}；KS 距离 {value:.3f}（偶然可达 {chance:.3f}）"
    return Measure(name, _banded(value, chance, KS_BANDS), value, chance, says, zh)


def meaning(old: Numbers, new: Numbers, rng: np.random.Generator) -> Measure:
    """Distance of the centroids of embeddings (n, hidden), in spreads of the reference, against shuffled batches."""
    both = np.concatenate([old, new])
    spread = float(np.sqrt(((old - old.mean(0)) ** 2).sum(1).mean())) or 1.0
    weights = np.concatenate([np.full(len(old), -1 / len(old)), np.full(len(new), 1 / len(new))])
    value = float(np.linalg.norm(weights @ both)) / spread
    shuffled = rng.permuted(np.tile(weights, (DRAWS, 1)), axis=1)
    chance = float(np.quantile(np.linalg.norm(shuffled @ both, axis=1), 0.99)) / spread
    says = f"centroid of the embeddings moved {value:.3f} of the reference's spread (chance up to {chance:.3f})"
    zh = f"语义向量的中心移动了参照批离散度的 {value:.3f}（偶然可达 {chance:.3f}）"
    return Measure("meaning", _banded(value, chance, SPREAD_BANDS), value, chance, says, zh)


def _banded(value: float, chance: float, bands: tuple[float, float]) -> str:
    if value <= chance or value < bands[0]:
        return "stable"
    return "look" if value < bands[1] else "drifted"


def _sample(texts: list[str], most: int, rng: np.random.Generator) -> list[str]:
    """At most `most` texts, drawn evenly; all of them have words unless none has."""
    spoken = [t for t in texts if text.has_words(t)] or texts
    return [spoken[i] for i in rng.permutation(len(spoken))[:most]]
