"""What a model decides on many texts, without the evidence that `Scorer.score_many` looks for: a fraction of the time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jinyu import Scorer
from jinyu.decision import Decision, decide


def decisions(scorer: Scorer, texts: Sequence[str]) -> list[Decision]:
    """One decision a text, as `score_many` would make it."""
    return of(scorer, scorer.predict_proba(texts))


def of(scorer: Scorer, probabilities: NDArray[np.float32]) -> list[Decision]:
    """One decision a row of what `predict_proba` gave."""
    return [decide(row, scorer.taxonomy, scorer.thresholds) for row in probabilities.tolist()]
