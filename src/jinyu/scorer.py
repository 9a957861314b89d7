"""The scorer: `Scorer.load()`, then `score`, `score_many` or `predict_proba`.

>>> from jinyu import Scorer
>>> scorer = Scorer.load()
>>> judgement = scorer.score("这个不归我管，您找别人吧")
>>> judgement.category, judgement.flagged
('deflecting', True)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jinyu import artifact, decision, promise, text
from jinyu.engine import Engine, softmax
from jinyu.evidence import PhraseIndex, find_clause
from jinyu.types import Evidence, InputError, Judgement, Kind, Reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 4096  # windows held in memory at once
SUSPECT = 0.5  # taboo probability from which a text is read again in other forms: an alarm must not hang on a comma


class Scorer:
    """Judges agent utterances with one model. Thread-safe."""

    def __init__(self, model: artifact.Artifact, threads: int | None = None, thresholds: Mapping[str, float] | None = None) -> None:
        self.model = model
        self.thresholds = dict(thresholds or model.scoring.thresholds)
        self.suspect = SUSPECT  # above 1 every text is read once
        self.taxonomy = model.taxonomy
        self._engine = Engine(model.path, model.scoring.max_tokens, model.scoring.temperature, threads)
        self._index = PhraseIndex(model.phrases, model.path)
        self._taboo = self.taxonomy.indices(kind=Kind.TABOO)

    @classmethod
    def load(
        cls,
        model: str | Path | None = None,
        *,
        threads: int | None = None,
        false_alarms_per_1000: float | None = None,
        precision: float | None = None,
        prevalence: float = promise.PREVALENCE,
        confidence: float = promise.CONFIDENCE,
    ) -> Scorer:
        """The shipped model (None), a model or run directory, or a hub name `owner/model`.

        `threads`: CPU threads of one call, by default all cores. The thresholds are the model's own, or those that promise
        `false_alarms_per_1000` decent utterances, or `precision` of the alarms where a share `prevalence` of the speech is taboo, with
        `confidence`; see `promise.py`. Raises `ModelError`, and `PromiseError` where the model's labels are too few for the promise.
        """
        opened = artifact.Artifact.open(artifact.find(model))
        if false_alarms_per_1000 is None and precision is None:
            return cls(opened, threads)
        seen = promise.Evidence.read(opened.scoring.promise)
        if precision is not None and false_alarms_per_1000 is not None:
            raise promise.PromiseError("promise false alarms per 1,000 or a precision, not both")
        if precision is not None:
            made = promise.for_precision(seen, precision, confidence, prevalence)
        else:
            made = promise.for_false_alarms(seen, false_alarms_per_1000 or 0.0, confidence)
        return cls(opened, threads, dict.fromkeys(opened.scoring.thresholds, made.threshold))

    @property
    def leaves(self) -> list[str]:
        """Leaf codes, the columns of `predict_proba`."""
        return self.taxonomy.codes

    def score(self, utterance: str) -> Judgement:
        """Judge one utterance. Raises `InputError` if it is not a string."""
        return self.score_many([utterance])[0]

    def score_many(self, utterances: Iterable[str]) -> list[Judgement]:
        """Judge many utterances, in the order given."""
        texts = _checked(utterances)
        judged = []
        for start in range(0, len(texts), CHUNK):
            part = texts[start : start + CHUNK]
            judged += [self.judge(t, p, v) for t, p, v in zip(part, *self._run(part), strict=True)]
        return judged

    def predict_proba(self, utterances: Iterable[str]) -> NDArray[np.float32]:
        """Probabilities of shape (n, leaves), columns as `leaves`; a row without words is all zeros."""
        return self.features(utterances)[0]

    def features(self, utterances: Iterable[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What the network makes of utterances: (n, leaves) as `predict_proba`, and embeddings (n, hidden).

        An embedding is a unit vector, that of the window that looks most like taboo where a text is long; a row without words is all zeros.
        """
        return self._read(_checked(utterances))

    def embed(self, utterances: Iterable[str]) -> NDArray[np.float32]:
        """The embeddings of `features` alone; each text is read once."""
        return self._read(_checked(utterances), again=False)[1]

    def count_tokens(self, utterances: Iterable[str]) -> NDArray[np.int64]:
        """(n, 2): the tokens of each utterance, and how many of them the model never learned."""
        return self._engine.count_tokens([text.normalise(t) for t in _checked(utterances)])

    def _read(self, texts: list[str], again: bool = True) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `_run`, a chunk at a time."""
        parts = [self._run(texts[start : start + CHUNK], again) for start in range(0, max(1, len(texts)), CHUNK)]
        return np.concatenate([p for p, _ in parts]), np.concatenate([v for _, v in parts])

    def _run(self, texts: list[str], again: bool = True) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(n, leaves) probabilities over the windows of each text, and (n, hidden) embeddings of its worst window; `again`: suspects are read again."""
        pieces: list[tuple[int, str]] = []  # (row, model text)
        for row, utterance in enumerate(texts):
            for a, b in text.windows(utterance):
                if piece := text.normalise(utterance[a:b]):
                    pieces.append((row, piece))
        probabilities = np.zeros((len(texts), len(self.leaves)), dtype=np.float32)
        if not pieces:
            return probabilities, np.zeros((len(texts), self._engine.hidden), dtype=np.float32)
        model_texts = [piece for _, piece in pieces]
        out, vectors = self._engine.run(model_texts)
        looks = out[:, self._taboo].sum(axis=1)
        if again:
            self._read_again(model_texts, out)
        embeddings = np.zeros((len(texts), vectors.shape[1]), dtype=np.float32)
        start = 0
        while start < len(pieces):
            row = pieces[start][0]
            end = start
            while end < len(pieces) and pieces[end][0] == row:
                end += 1
            weights = [float(len(piece)) for _, piece in pieces[start:end]]
            probabilities[row] = decision.combine(out[start:end].tolist(), weights, self._taboo)
            embeddings[row] = vectors[start + int(np.argmax(looks[start:end]))]
            start = end
        return probabilities, embeddings

    def _read_again(self, model_texts: list[str], probabilities: NDArray[np.float32]) -> None:
        """Where taboo is likely, the mean, in logarithms, over the text and its retellings replaces its row of (n, leaves)."""
        suspects = np.flatnonzero(probabilities[:, self._taboo].sum(axis=1) >= self.suspect)
        if not len(suspects):
            return
        retold = [text.retellings(model_texts[i]) for i in suspects]
        again = self._engine.run([form for forms in retold for form in forms])[0]
        readings = np.concatenate([probabilities[suspects, None], again.reshape(len(suspects), -1, again.shape[1])], axis=1)
        probabilities[suspects] = softmax(np.log(readings + 1e-12).mean(axis=1))

    def judge(self, utterance: str, probabilities: NDArray[np.float32], vector: NDArray[np.float32]) -> Judgement:
        """The judgement of an utterance whose `features` are known: its row of either table."""
        truncated = len(utterance) > text.MAX_CHARS
        if not probabilities.any():
            leaf = next(leaf for leaf in reversed(self.taxonomy.leaves) if leaf.kind is Kind.NEUTRAL)
            answer = decision.Decision(leaf, 0.0, 0.0, False, Reason.NO_WORDS)
        else:
            answer = decision.decide(probabilities.tolist(), self.taxonomy, self.thresholds)
        leaf = answer.leaf
        evidence: Evidence | None = None
        found = None
        if leaf.kind is Kind.TABOO:
            evidence, vector = find_clause(utterance, self.leaves.index(leaf.code), self._engine)
        if leaf.kind is not Kind.NEUTRAL:
            found = self._index.nearest(vector, leaf.code)
        return Judgement(
            text=utterance,
            kind=leaf.kind,
            category=leaf.category,
            scenario=leaf.scenario,
            label_zh=leaf.zh,
            probability=answer.probability,
            taboo_probability=answer.taboo_probability,
            flagged=answer.flagged,
            reason=answer.reason,
            evidence=evidence,
            rule=found[0] if found else None,
            suggestion=found[1] if found and leaf.kind is Kind.TABOO else None,
            truncated=truncated,
            model=self.model.info,
        )


def _checked(utterances: Iterable[str]) -> list[str]:
    if isinstance(utterances, str):
        raise InputError("score_many and predict_proba take a list of utterances; for a single one call score(text)")
    texts = list(utterances)
    for place, utterance in enumerate(texts):
        if not isinstance(utterance, str):
            raise InputError(f"utterance {place} is {type(utterance).__name__}, expected str (empty cells of a table: drop them)")
    return texts
