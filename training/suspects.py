"""Rows whose label is probably wrong, for a second reader: cleanlab (confident learning) on predictions that never saw the row.

    python -m training.data suspects                                   # our own training rows
    python -m training.data suspects --labels reviews.jsonl more.csv -n 100 --out suspects.jsonl

The predictions are those of a logistic regression over the scorer's embeddings, out of fold. The encoder itself was trained on our own training
rows as they are labelled, errors included, so on those it is kinder than on a team's rows: a row found there is all the more suspect, and
what is not found is not proved right. `--model` takes one that has not seen the rows.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jinyu import Scorer
from jinyu.text import normalise
from training import label_files
from training.data import DATA, DataError, load


@dataclass(frozen=True)
class Labelled:
    """A row to check."""

    id: str
    text: str
    leaf: str


@dataclass(frozen=True)
class Suspect:
    """A row with the leaf that the other rows suggest. `score` is the probability of the given leaf: the lower, the more suspect."""

    id: str
    given: str
    suggested: str
    score: float
    text: str


def read(sources: Sequence[str]) -> list[Labelled]:
    """A team's rows in any form that retraining takes (`label_files.py`), any labels; `id` is the place in the file.

    Rows without a label are left out, as are alarms of which a reviewer said only what they are not. Raises `DataError` with file, row
    and remedy.
    """
    rows = []
    for source in sources:
        for found in label_files.read(source):
            if found.fault:
                raise DataError(f"{found.where}: {found.fault}")
            if found.label and not normalise(found.text):
                raise DataError(f"{found.where}: the text {found.text!r} has no words; drop the row")
            if found.label:
                rows.append(Labelled(found.where, found.text, found.label))
    return rows


def out_of_fold(vectors: np.ndarray, labels: np.ndarray, folds: int, seed: int = 0) -> np.ndarray:
    """Probabilities (n, classes) of rows (n, hidden) with labels 0 .. classes-1, each from a regression that did not see the row.

    Every class is dealt evenly over the folds, so each has rows outside every fold if it has two.
    """
    from sklearn.linear_model import LogisticRegression

    classes = int(labels.max()) + 1
    order = np.random.default_rng(seed).permutation(len(labels))
    fold = np.empty(len(labels), dtype=int)
    dealt = 0
    for c in range(classes):
        own = order[labels[order] == c]
        fold[own] = (np.arange(len(own)) + dealt) % folds
        dealt += len(own)
    out = np.zeros((len(labels), classes))
    for f in range(folds):
        held = fold == f
        if not held.any():
            continue
        head = LogisticRegression(C=10.0, max_iter=1000).fit(vectors[~held], labels[~held])
        out[np.ix_(held, head.classes_)] = head.predict_proba(vectors[held])
    return out


def find(rows: Sequence[Labelled], scorer: Scorer, folds: int = 5, seed: int = 0, beside: Sequence[Labelled] = ()) -> list[Suspect]:
    """The rows that cleanlab holds for wrongly labelled, the worst first. Of `beside` it learns too, and does not report.

    Raises `DataError` if there is too little to learn from.
    """
    try:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores
    except ImportError as error:
        raise DataError("suspects need cleanlab: pip install -e '.[train]'") from error
    mine, rows = len(rows), [*rows, *beside]
    counts = Counter(row.leaf for row in rows)
    alone = sorted(leaf for leaf, n in counts.items() if n < 2)
    if alone:
        print(f"not checked, only one row each: {', '.join(alone)}", file=sys.stderr)
    mine = sum(counts[row.leaf] > 1 for row in rows[:mine])
    rows = [row for row in rows if counts[row.leaf] > 1]
    leaves = sorted({row.leaf for row in rows})
    if len(leaves) < 2 or folds < 2:
        raise DataError(f"{len(leaves)} leaves with two or more rows and {folds} folds; it takes at least two of both")
    labels = np.array([leaves.index(row.leaf) for row in rows])
    p = out_of_fold(scorer.embed(row.text for row in rows), labels, folds, seed)
    # one process: workers would each load cleanlab anew, and what they do takes seconds
    ranked = find_label_issues(labels, p, return_indices_ranked_by="self_confidence", n_jobs=1)
    scores = get_label_quality_scores(labels, p, method="self_confidence")
    best = p.argmax(1)
    return [
        Suspect(rows[i].id, rows[i].leaf, leaves[best[i]], round(float(scores[i]), 4), rows[i].text)
        for i in map(int, ranked)
        if i < mine
    ]


def run(
    labels: Sequence[str], folder: Path = DATA, folds: int = 5, n: int = 50, out: Path | None = None, model: str | None = None
) -> None:
    """Print the `n` worst of the label files, or of our own rows if there are none, and write them to `out`. Raises `DataError`, `JinyuError`."""
    rows = read(labels) if labels else [Labelled(r.id, r.text, r.leaf) for r in load("train", folder)]
    found = find(rows, Scorer.load(model), folds)
    for s in found[:n]:
        print(f"{s.score:.4f}  {s.id}  {s.given} -> {s.suggested}  {s.text}")
    print(f"{len(found)} of {len(rows)} rows are suspect, {min(n, len(found))} shown")
    if out:
        out.write_text("".join(json.dumps(vars(s), ensure_ascii=False) + "\n" for s in found[:n]), encoding="utf-8")
        print(f"written: {out}")
