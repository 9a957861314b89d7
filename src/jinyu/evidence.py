"""Which clause decided, which documented phrase it comes nearest to, and what to say instead."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jinyu import text
from jinyu.artifact import EMBEDDINGS
from jinyu.engine import Engine
from jinyu.types import Evidence, ModelError, Rule

if TYPE_CHECKING:
    from numpy.typing import NDArray


class PhraseIndex:
    """The documents' phrases with their embeddings: unit vectors of shape (phrases, hidden)."""

    def __init__(self, phrases: Sequence[Mapping[str, Any]], path: Path) -> None:
        try:
            self._vectors = np.load(path / EMBEDDINGS).astype(np.float32)
        except (OSError, ValueError) as error:
            raise ModelError(f"{path / EMBEDDINGS} cannot be read ({error}); fetch the model again") from error
        if len(self._vectors) != len(phrases):
            raise ModelError(f"{path / EMBEDDINGS} has {len(self._vectors)} rows for {len(phrases)} phrases; export again")
        self._phrases = phrases

    def nearest(self, vector: NDArray[np.float32], leaf: str) -> tuple[Rule, str | None] | None:
        """The nearest phrase of the leaf and its `instead`; None where the documents have no such phrase."""
        places = [i for i, p in enumerate(self._phrases) if p["leaf"] == leaf]
        if not places:
            return None
        best = self._phrases[places[int(np.argmax(self._vectors[places] @ vector))]]
        return Rule(best["id"], best["text"], best["source"], best["section"]), best.get("instead")


def find_clause(utterance: str, leaf: int, engine: Engine) -> tuple[Evidence, NDArray[np.float32]]:
    """The shortest run of clauses that carries the label, and its embedding.

    Of all single clauses and pairs of neighbours the one most probably of leaf number `leaf`; a pair must beat its best clause clearly, and
    the whole utterance is the answer when no part says it alone. A long clause without punctuation counts as overlapping pieces.
    """
    read = utterance[: text.MAX_CHARS]
    spans = text.split(text.clauses(read)) or [(0, len(read))]  # words that only normalising makes, such as masks
    pairs = [(a, d) for (a, _), (_, d) in itertools.pairwise(spans)]
    # longer spans pay a little, so that the shortest that says it wins
    costs = dict.fromkeys(pairs, 0.08) | {(spans[0][0], spans[-1][1]): 0.3} | dict.fromkeys(spans, 0.0)
    candidates = list(costs)
    probabilities, vectors = engine.run([text.normalise(utterance[a:b]) for a, b in candidates])
    best = int(np.argmax(probabilities[:, leaf] - np.array(list(costs.values()))))
    a, b = candidates[best]
    return Evidence(a, b, utterance[a:b]), vectors[best]
