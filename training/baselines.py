"""What jinyu is measured against: the keyword list of rule engines, and on the same data TF-IDF with logistic regression, and
logistic regression over the base encoder, frozen.

All speak as the scorer does: a category for every text, and a taboo score for flagging.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol

import numpy as np

from jinyu import Scorer, promise, text
from jinyu.taxonomy import Taxonomy
from jinyu.types import Kind
from training import base, data
from training.train import hardware_bf16

CACHE = Path("build/cache")
ROWS = 6000  # that the frozen encoder's regression reads: with more it takes longer than all the rest


@dataclass(frozen=True)
class Judged:
    """What a judge said of n texts: category each, taboo score each (n,), flagged each (n,)."""

    categories: list[str]
    taboo: np.ndarray
    flagged: np.ndarray


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


class Regression:
    """Logistic regression over the leaves; what it reads of a text is up to the subclass."""

    name = ""

    def __init__(self, taxonomy: Taxonomy, rows: list[data.Row]) -> None:
        self.taxonomy = taxonomy
        self.fit([r.model_text for r in rows], [r.leaf for r in rows])

    def fit(self, texts: list[str], leaves: list[str]) -> None:
        """Learn from normalised texts."""
        raise NotImplementedError

    def probabilities(self, texts: list[str]) -> tuple[np.ndarray, list[str]]:
        """((n, leaves), the leaves in the order of the columns)."""
        raise NotImplementedError

    def judge(self, texts: list[str]) -> tuple[list[str], np.ndarray]:
        """Leaf probabilities summed to categories; the taboo score is the taboo leaves' sum."""
        p, leaves = self.probabilities([text.normalise(t) for t in texts])
        categories = self.taxonomy.categories
        member = np.array([[leaf.split(".")[0] == c for c in categories] for leaf in leaves], dtype=float)
        by_category = p @ member
        taboo = [i for i, c in enumerate(categories) if self.taxonomy.kind_of(c) is Kind.TABOO]
        return [categories[i] for i in by_category.argmax(1)], by_category[:, taboo].sum(1)


class TfIdf(Regression):
    """Character 1- to 4-grams, TF-IDF, logistic regression; scikit-learn."""

    name = "TF-IDF + LR"

    def fit(self, texts: list[str], leaves: list[str]) -> None:
        """Learn from normalised texts."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True, min_df=2)
        self.pipeline = make_pipeline(vectorizer, LogisticRegression(C=20, tol=1e-3, max_iter=300, random_state=0))
        self.pipeline.fit(texts, leaves)

    def probabilities(self, texts: list[str]) -> tuple[np.ndarray, list[str]]:
        """((n, leaves), the leaves in the order of the columns)."""
        return self.pipeline.predict_proba(texts), list(self.pipeline.classes_)


class FrozenEncoder(Regression):
    """The base model as it comes, the mean over its tokens, logistic regression on a sample of the rows: SetFit without its first step."""

    name = "frozen encoder + LR"

    def fit(self, texts: list[str], leaves: list[str]) -> None:
        """Learn from normalised texts."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from transformers import AutoModel, AutoTokenizer

        folder = Path("build/base")
        if not (folder / "config.json").exists():
            base.build(folder, CACHE)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        sample = Random(0).sample(range(len(texts)), min(ROWS, len(texts)))
        texts, leaves = [texts[i] for i in sample], [leaves[i] for i in sample]
        self.encoder: Any = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
        self.pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.03, tol=1e-3, max_iter=300, random_state=0))
        self.pipeline.fit(self.embed(texts), leaves)

    def embed(self, texts: list[str]) -> np.ndarray:
        """(n, hidden) float32: the mean over the tokens, batches of like length."""
        import torch

        out = np.zeros((len(texts), self.encoder.config.hidden_size), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), 64):
            part = order[start : start + 64]
            tokens = self.tokenizer([texts[i] for i in part], padding=True, truncation=True, max_length=96, return_tensors="pt")
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=hardware_bf16()):
                states = self.encoder(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1)
            out[part] = ((states * mask).sum(1) / mask.sum(1)).float().numpy()
        return out

    def probabilities(self, texts: list[str]) -> tuple[np.ndarray, list[str]]:
        """((n, leaves), the leaves in the order of the columns)."""
        return self.pipeline.predict_proba(self.embed(texts)), list(self.pipeline.classes_)


def measure(scorer: Scorer, texts: list[str], real: list[str], folder: Path) -> dict[str, tuple[Judged, Judged]]:
    """Every baseline on the split and on the real speech: name -> (Judged, Judged).

    A learned baseline gets the threshold that flags as many of the same decent validation rows as the model's own does. What it said is
    kept under build/cache by a hash of all it read, so that the next model is measured in seconds.
    """
    taxonomy = scorer.taxonomy
    training = data.load("train", folder) + data.phrase_rows(folder)
    decent = [r.text for r in data.load("validation", folder) if taxonomy.kind_of(r.leaf.split(".")[0]) is not Kind.TABOO]
    alarms = int(scorer.model.scoring.promise["false_alarms"])
    code = Path(__file__).read_text(encoding="utf-8")
    asked = hashlib.sha256(repr((code, data.digest(folder, ("train", "validation")), texts, real)).encode()).hexdigest()[:16]
    makers = {Keywords.name: lambda: Keywords(taxonomy)} | {
        c.name: lambda c=c: c(taxonomy, training) for c in (TfIdf, FrozenEncoder)
    }
    out = {}
    for name, make in makers.items():
        path = CACHE / f"baseline-{re.sub(r'[^a-z]+', '-', name.lower())}-{asked}.npz"
        if not path.exists():
            baseline = make()
            answers = {"own": texts, "real": real, "decent": decent}
            saved = {}
            for key, asked_texts in answers.items():
                saved[f"{key}_categories"], saved[f"{key}_taboo"] = baseline.judge(asked_texts) if asked_texts else ([], [])
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, **{k: np.array(v) for k, v in saved.items()})
        said = np.load(path)
        threshold = 0.5 if name == Keywords.name else promise.Evidence.of(said["decent_taboo"], []).above(alarms)
        own, on_real = (
            Judged(said[f"{k}_categories"].tolist(), said[f"{k}_taboo"], said[f"{k}_taboo"] >= threshold) for k in ("own", "real")
        )
        out[name] = (own, on_real)
    return out
