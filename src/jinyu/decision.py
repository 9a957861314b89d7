"""Probabilities and thresholds to an answer, in plain Python: no tensors, no text.

Three things are kept apart: what the network said (probabilities over leaves), what the product answers (category, scenario,
`flagged`), and why the two differ (`Reason`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinyu.taxonomy import Leaf, Taxonomy
from jinyu.types import Kind, Reason


@dataclass(frozen=True)
class Decision:
    """The answer for one utterance."""

    leaf: Leaf
    probability: float
    taboo_probability: float
    flagged: bool
    reason: Reason


def combine(windows: Sequence[Sequence[float]], weights: Sequence[float], taboo: Sequence[int]) -> list[float]:
    """One distribution over leaves from those of the windows of a long utterance.

    Taboo wins (boundary rule 1): its leaves come from the window where their sum is greatest, so that courtesy around a
    clause does not drown it. The decent leaves are the mean over the windows, by length, scaled to what is left.
    """
    if len(windows) == 1:
        return list(windows[0])
    worst = max(windows, key=lambda w: sum(w[i] for i in taboo))
    total = sum(weights)
    mean = [sum(w[i] * v for w, v in zip(windows, weights, strict=True)) / total for i in range(len(worst))]
    bad = set(taboo)
    left = 1.0 - sum(worst[i] for i in taboo)
    decent = sum(p for i, p in enumerate(mean) if i not in bad)
    return [worst[i] if i in bad else p * left / decent if decent else 0.0 for i, p in enumerate(mean)]


def decide(probabilities: Sequence[float], taxonomy: Taxonomy, thresholds: Mapping[str, float]) -> Decision:
    """The answer for one distribution over `taxonomy.leaves`.

    Categories compete by their summed leaves. An utterance is flagged if the taboo leaves together reach the threshold of the
    strongest taboo type, whether or not that type is the most probable category.
    """
    by_category = dict.fromkeys(taxonomy.categories, 0.0)
    for leaf, p in zip(taxonomy.leaves, probabilities, strict=True):
        by_category[leaf.category] += p
    kinds = {leaf.category: leaf.kind for leaf in taxonomy.leaves}
    taboo = {c: p for c, p in by_category.items() if kinds[c] is Kind.TABOO}
    taboo_probability = min(1.0, sum(taboo.values()))
    best = max(by_category, key=by_category.__getitem__)
    worst = max(taboo, key=taboo.__getitem__)
    flagged = taboo_probability >= thresholds[worst]
    reason = Reason.BEST
    if flagged and best not in taboo:
        best, reason = worst, Reason.OVER_THRESHOLD
    elif best in taboo and not flagged:
        reason = Reason.BELOW_THRESHOLD
    leaf = max(
        ((p, leaf) for leaf, p in zip(taxonomy.leaves, probabilities, strict=True) if leaf.category == best),
        key=lambda pair: pair[0],
    )[1]
    return Decision(leaf, min(1.0, by_category[best]), taboo_probability, flagged, reason)
