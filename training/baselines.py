"""What jinyu is measured against: the keyword list of rule engines, and TF-IDF with logistic regression on the same data.

Both speak as the scorer does: a category for every text, and a taboo score for flagging.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from jinyu import text
from jinyu.taxonomy import Taxonomy
from jinyu.types import Kind
from training import data


class Baseline(Protocol):
    """A named judge: categories and taboo scores (n,) of n texts."""

    name: str

    def judge(self, texts: list[str]) -> tuple[list[str], np.ndarray]:
        """(category of each text, taboo score of each text)."""


@dataclass
class Keywords:
    """A text is of the category whose documented phrase it contains, or the longest piece of one: what rule engines do.

    The words are the taboo phrases cut at their marks, pieces of at least three characters (two if the phrase has no longer
    one). Compliant phrases are matched the same way; a text with no match is plain business talk.
    """

    taxonomy: Taxonomy
    name: str = "keyword list"

    def __post_init__(self) -> None:
        self.words: dict[str, str] = {}
        for phrase in data.load_phrases():
            category = phrase["leaf"].split(".")[0]
            pieces = [p for p in re.split(r"[\W_某]+", text.normalise(phrase["text"])) if len(p) >= 2]
            for piece in [p for p in pieces if len(p) >= 3] or pieces:
                self.words.setdefault(piece, category)

    def judge(self, texts: list[str]) -> tuple[list[str], np.ndarray]:
        """The longest matching word decides, taboo before compliant."""
        categories, scores = [], []
        for one in texts:
            model_text = text.normalise(one)
            hits = [(self.taxonomy.kind_of(c) is Kind.TABOO, len(w), c) for w, c in self.words.items() if w in model_text]
            best = max(hits, default=(False, 0, "neutral"))
            categories.append(best[2])
            scores.append(float(best[0]))
        return categories, np.array(scores)


class TfIdf:
    """Character 1- to 4-grams, TF-IDF, logistic regression over the leaves; scikit-learn, trained on the same rows."""

    name = "TF-IDF + LR"

    def __init__(self, taxonomy: Taxonomy, rows: list[data.Row], seed: int = 0) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        self.taxonomy = taxonomy
        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True, min_df=2)
        self.pipeline = make_pipeline(vectorizer, LogisticRegression(C=20, max_iter=300, random_state=seed))
        self.pipeline.fit([r.model_text for r in rows], [r.leaf for r in rows])

    def judge(self, texts: list[str]) -> tuple[list[str], np.ndarray]:
        """Leaf probabilities summed to categories; the taboo score is the taboo leaves' sum."""
        p = self.pipeline.predict_proba([text.normalise(t) for t in texts])
        leaves = list(self.pipeline.classes_)
        categories = self.taxonomy.categories
        member = np.array([[leaf.split(".")[0] == c for c in categories] for leaf in leaves], dtype=float)
        by_category = p @ member
        taboo = [i for i, c in enumerate(categories) if self.taxonomy.kind_of(c) is Kind.TABOO]
        return [categories[i] for i in by_category.argmax(1)], by_category[:, taboo].sum(1)
