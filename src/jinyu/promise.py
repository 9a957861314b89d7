"""Thresholds by promise, with what few labels can and cannot promise.

A model carries the taboo scores that calibration saw (`Evidence`). From them a threshold is chosen so that a promise holds with a stated
confidence, by the exact one-sided binomial bound of Clopper and Pearson (1934): with no false alarm among n decent utterances, up to
1 - (1 - confidence)^(1/n) of all decent utterances may still be flagged. Where the labels are too few for a promise, it is refused, with the
number that would do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, exp, lgamma, log, log1p
from typing import Any

from jinyu.types import JinyuError

CONFIDENCE = 0.8
KEPT = 200  # highest decent scores that a model carries
DIGITS = 7  # of a kept score; a threshold lies a whole step above one, so that what was rounded down stays below it
PREVALENCE = 0.0005  # of taboo among agents' utterances, where nothing better is known: 1 in 2,000


class PromiseError(JinyuError):
    """The labels are too few for the promise; the message says how many are needed."""


@dataclass(frozen=True)
class Evidence:
    """Taboo scores of labelled utterances: the highest of `decents` decent ones, descending, and all taboo ones."""

    decent: Sequence[float]
    decents: int
    taboo: Sequence[float]

    @classmethod
    def of(cls, decent: Sequence[float], taboo: Sequence[float]) -> Evidence:
        """From all scores, in any order."""
        ranked = sorted((round(float(s), DIGITS) for s in decent), reverse=True)
        return cls(ranked[:KEPT], len(ranked), sorted((round(float(s), DIGITS) for s in taboo), reverse=True))

    @classmethod
    def read(cls, promise: Mapping[str, Any]) -> Evidence:
        """From a model's `scoring.json`. Raises `PromiseError` if the model carries none."""
        try:
            return cls(list(promise["decent_scores"]), int(promise["decent_utterances"]), list(promise["taboo_scores"]))
        except (KeyError, TypeError, ValueError) as error:
            raise PromiseError(
                "this model carries no calibration scores; calibrate it with: python -m training.calibrate RUN"
            ) from error

    def above(self, alarms: int) -> float:
        """The lowest threshold that flags at most `alarms` of the decent utterances."""
        return self.decent[alarms] + 10**-DIGITS if alarms < len(self.decent) else 0.0

    def alarms(self, threshold: float) -> int:
        """Decent utterances flagged."""
        return sum(s >= threshold for s in self.decent)

    def caught(self, threshold: float) -> int:
        """Taboo utterances flagged."""
        return sum(s >= threshold for s in self.taboo)


@dataclass(frozen=True)
class Promise:
    """A threshold, what was promised, and what was seen: `bound` is the promised quantity's limit at `confidence`."""

    threshold: float
    asked: str
    confidence: float
    bound: float
    alarms: int
    recall: float


def for_false_alarms(evidence: Evidence, per_1000: float, confidence: float = CONFIDENCE) -> Promise:
    """The lowest threshold at which, with `confidence`, at most `per_1000` of 1,000 decent utterances are flagged. Raises `PromiseError`."""
    rate = _share(per_1000 / 1000, "false alarms per 1,000", 1000)
    _share(confidence, "confidence")
    alarms = -1
    while alarms + 1 < len(evidence.decent) and upper_bound(alarms + 1, evidence.decents, confidence) <= rate:
        alarms += 1
    if alarms < 0:
        need = ceil(log(1 - confidence) / log1p(-rate))
        least = 1000 * upper_bound(0, evidence.decents, confidence)
        raise PromiseError(
            f"{per_1000:g} false alarms per 1,000 cannot be promised with {confidence:.0%} confidence from {evidence.decents} labelled decent "
            f"utterances: {need} are needed. Ask for {ceil(least * 100) / 100:g} or more, for less --confidence, or calibrate on more labels"
        )
    threshold = evidence.above(alarms)
    alarms = evidence.alarms(threshold)  # equal scores
    bound = 1000 * upper_bound(alarms, evidence.decents, confidence)
    return Promise(threshold, f"{per_1000:g} false alarms per 1,000", confidence, bound, alarms, _recall(evidence, threshold))


def for_precision(evidence: Evidence, precision: float, confidence: float = CONFIDENCE, prevalence: float = PREVALENCE) -> Promise:
    """The lowest threshold at which, with `confidence`, at least `precision` of the alarms are true. Raises `PromiseError`.

    Labels are rarely as rare as taboo speech is, so the share of it, `prevalence`, is given. Both the recall and the rate of false alarms
    are bounded, each at half of what the confidence leaves.
    """
    for value, name in ((precision, "precision"), (confidence, "confidence"), (prevalence, "prevalence")):
        _share(value, name)
    each = 1 - (1 - confidence) / 2
    odds = prevalence / (1 - prevalence)
    found = None
    for alarms in range(len(evidence.decent)):
        threshold = evidence.above(alarms)
        false = upper_bound(evidence.alarms(threshold), evidence.decents, each)
        true = odds * lower_bound(evidence.caught(threshold), len(evidence.taboo), each)
        if true and true / (true + false) >= precision:
            found = Promise(
                threshold,
                f"precision {precision:g}",
                confidence,
                true / (true + false),
                evidence.alarms(threshold),
                _recall(evidence, threshold),
            )
        elif found or alarms > 20:
            break
    if found:
        return found
    true = odds * lower_bound(evidence.caught(evidence.above(0)), len(evidence.taboo), each)
    allowed = true * (1 - precision) / precision
    need = (
        f"about {ceil(log(1 - each) / log1p(-allowed)):,} are needed" if allowed else "and no taboo utterance scores above them all"
    )
    raise PromiseError(
        f"precision {precision:g} cannot be promised with {confidence:.0%} confidence where {prevalence:.2%} of the speech is taboo, from "
        f"{evidence.decents} labelled decent utterances: {need}. Ask for less, or name the share of taboo in your calls with --prevalence"
    )


def upper_bound(hits: int, n: int, confidence: float) -> float:
    """The greatest rate at which `hits` or fewer of `n` still has probability 1 - confidence."""
    return 1.0 if hits >= n else _solve(lambda p: _at_most(hits, n, p) - (1 - confidence))


def lower_bound(hits: int, n: int, confidence: float) -> float:
    """The least rate at which `hits` or more of `n` still has probability 1 - confidence."""
    return 1 - upper_bound(n - hits, n, confidence) if hits else 0.0


def _at_most(hits: int, n: int, p: float) -> float:
    """P(X <= hits), X binomial."""
    whole = lgamma(n + 1)
    terms = (whole - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p) for k in range(hits + 1))
    return sum(map(exp, terms))


def _solve(falling: Any) -> float:
    low, high = 1e-12, 1 - 1e-12
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return high


def _recall(evidence: Evidence, threshold: float) -> float:
    return evidence.caught(threshold) / len(evidence.taboo) if evidence.taboo else 0.0


def _share(value: float, name: str, scale: float = 1) -> float:
    if not 0 < value < 1:
        raise PromiseError(f"{name} must lie between 0 and {scale:g}, not {value * scale:g}")
    return value
