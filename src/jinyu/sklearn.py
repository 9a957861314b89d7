"""A scikit-learn classifier of utterances: logistic regression over the embeddings of a jinyu model. Needs `pip install 'jinyu[sklearn]'`.

>>> from jinyu.sklearn import UtteranceClassifier
>>> texts = ["能再便宜点吗", "给我打个折", "什么时候发货", "今天能寄出吗"]
>>> UtteranceClassifier().fit(texts, ["price", "price", "delivery", "delivery"]).predict(["几号能发货"])
array(['delivery'], dtype='<U8')

Only the head learns; the encoder stays as it was shipped, so any labels will do and a few hundred rows take seconds.
`training/train.py` fine-tunes the whole network.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jinyu import text as textmod
from jinyu.scorer import Scorer

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.linear_model import LogisticRegression
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise ImportError("jinyu.sklearn needs scikit-learn 1.6 or newer: pip install 'jinyu[sklearn]'") from error

if TYPE_CHECKING:
    from numpy.typing import NDArray

REMEMBERED = 20_000  # embeddings kept of one model, so that folds and grids read a text once; 30 MB at 384 dimensions


class UtteranceClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Classifies utterances by labels of one's own.

    `model`: as in `Scorer.load` (None: the shipped one). `C`, `class_weight`, `max_iter`: of `LogisticRegression`. `threads`: CPU
    threads of the encoder, by default all cores.

    Fitted, it has `classes_` (k labels, sorted) and `head_`, the regression over (n, hidden) embeddings. It pickles without the encoder,
    which is loaded again where it is used. `X` is a list, array or Series of n strings; `TypeError` or `ValueError` tells the place of what is not.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        C: float = 10.0,
        class_weight: str | dict[Any, float] | None = None,
        max_iter: int = 1000,
        threads: int | None = None,
    ) -> None:
        self.model = model
        self.C = C
        self.class_weight = class_weight
        self.max_iter = max_iter
        self.threads = threads

    def fit(self, X: Iterable[str], y: Iterable[Any]) -> UtteranceClassifier:
        """Learn the head from n utterances and their n labels, of at least two classes. Raises `ValueError`, `ModelError`."""
        texts = _texts(X)
        if y is None:
            raise ValueError("UtteranceClassifier requires y to be passed, but the target y is None")
        labels = np.asarray(y)
        if labels.ndim != 1 or len(labels) != len(texts):
            raise ValueError(f"y has shape {labels.shape}, expected one label for each of the {len(texts)} utterances")
        check_classification_targets(labels)
        if len(np.unique(labels)) < 2:
            raise ValueError("y holds one class only; give utterances of at least two classes")
        head = LogisticRegression(C=self.C, class_weight=self.class_weight, max_iter=self.max_iter)
        self.head_ = head.fit(self._embed(texts), labels)
        self.classes_ = self.head_.classes_
        return self

    def predict(self, X: Iterable[str]) -> NDArray[Any]:
        """The label of each of n utterances."""
        check_is_fitted(self)
        return np.asarray(self.head_.predict(self._embed(_texts(X))))

    def predict_proba(self, X: Iterable[str]) -> NDArray[np.float64]:
        """Probabilities (n, k), columns as `classes_`."""
        check_is_fitted(self)
        return np.asarray(self.head_.predict_proba(self._embed(_texts(X))), dtype=np.float64)

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        return _encoder(str(self.model) if isinstance(self.model, Path) else self.model, self.threads).embed(texts)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags


class _Encoder:
    """A loaded model and the embeddings it gave last, by model text."""

    def __init__(self, model: str | None, threads: int | None) -> None:
        self.scorer = Scorer.load(model, threads=threads)
        self.known: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """(n, hidden)."""
        keys = [textmod.normalise(t) if len(t) <= textmod.WHOLE_CHARS else t for t in texts]
        new = {key: t for key, t in zip(keys, texts, strict=True) if key not in self.known}
        vectors = dict(zip(new, self.scorer.embed(new.values()), strict=True)) if new else {}
        out = np.stack([vectors[k] if k in vectors else self.known[k] for k in keys])
        self.known.update(vectors)
        while len(self.known) > REMEMBERED:
            self.known.popitem(last=False)
        return out


@lru_cache(maxsize=2)
def _encoder(model: str | None, threads: int | None) -> _Encoder:
    return _Encoder(model, threads)


def _texts(X: Iterable[str]) -> list[str]:
    if isinstance(X, str):
        raise ValueError("X is a single string; expected a list of utterances: [text]")
    if hasattr(X, "tocsr"):
        raise TypeError("X is sparse; expected the utterances themselves, not their vectors")
    if getattr(X, "ndim", 1) != 1:
        raise ValueError(
            f"X has shape {getattr(X, 'shape', '?')}, expected n strings; of a table, choose the column of texts: X['text']"
        )
    texts = list(X)
    for place, one in enumerate(texts):
        if not isinstance(one, str):
            raise TypeError(f"utterance {place} is {type(one).__name__}, expected str (empty cells of a table: drop them)")
    if not texts:
        raise ValueError("X holds no utterances")
    return [str(one) for one in texts]  # numpy's strings as plain ones
