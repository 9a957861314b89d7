"""What a model decides on many texts, without the evidence that `Scorer.score_many` looks for: a fraction of the time."""

from __future__ import annotations

from collections.abc import Sequence

from jinyu import Scorer
from jinyu.decision import Decision, decide


def decisions(scorer: Scorer, texts: Sequence[str]) -> list[Decision]:
    """One decision a text, as `score_many` would make it."""
    thresholds = scorer.model.scoring.thresholds
    return [decide(p, scorer.taxonomy, thresholds) for p in scorer.predict_proba(texts).tolist()]
