"""Measures a model on a split and on real speech, beside three baselines, and writes the figures into its card.

    python -m training.evaluate                     # the shipped model on the test split; model/ card, pictures, metrics.json
    python -m training.evaluate runs/default --split validation --no-write --errors 40

Real agent speech (typed service chat, not ours to ship) is read from ../shared/real when it is there; it only measures false alarms. What
a reader made of its alarms is in data/real_readings.jsonl, by the hash of the sentence; an alarm that nobody has read counts as false.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jinyu import JinyuError, Judgement, Kind, Scorer, artifact
from training import baselines, behaviour, card, data
from training.baselines import Judged
from training.calibrate import threshold_for

ONCE = "jinyu, read once"  # suspects are not read again: what the second reading gives
REAL = data.DATA.parent.parent / "shared" / "real" / "jddc_asap_agent_segments.jsonl"


def load_real(path: Path) -> list[str]:
    """Real agent speech, each sentence once; empty when the file is not there."""
    if not path.exists():
        return []
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return list(dict.fromkeys(r["text"] for r in records))


def sentence_hash(text: str) -> str:
    """How a reading names a sentence that is not ours to ship."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_as_taboo(texts: list[str], folder: Path = data.DATA) -> tuple[np.ndarray, np.ndarray]:
    """(read as taboo, read at all), each (n,), by `real_readings.jsonl`: a line a sentence, its hash and whether it is taboo."""
    path = folder / "real_readings.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    readings = {r["sentence"]: bool(r["taboo"]) for r in map(json.loads, lines)}
    hashes = [sentence_hash(t) for t in texts]
    return np.array([readings.get(h, False) for h in hashes], dtype=bool), np.array([h in readings for h in hashes], dtype=bool)


def judged(judgements: list[Judgement]) -> Judged:
    """What the product said, in the form that judges are compared by."""
    return Judged(
        [j.category for j in judgements],
        np.array([j.taboo_probability for j in judgements]),
        np.array([j.flagged for j in judgements]),
    )


def figures(rows: list[data.Row], judged: Judged, real: Judged | None, true_alarms: Any = False) -> dict[str, float]:
    """The figures every judge is compared by; rates in [0, 1], alarms per 1,000. `true_alarms` (n,)
    marks real speech that was read as taboo."""
    from sklearn.metrics import f1_score

    truth = [r.leaf.split(".")[0] for r in rows]
    taboo_types = _taboo_types()
    is_taboo = np.array([t in taboo_types for t in truth])
    implicit = np.array([r.implicit for r in rows])
    hard = np.array([r.hard for r in rows])
    bad = np.flatnonzero(is_taboo)
    out = {
        "category_macro_f1": f1_score(truth, judged.categories, average="macro", zero_division=0),
        "taboo_type_macro_f1": f1_score(
            [truth[i] for i in bad],
            [judged.categories[i] for i in bad],
            labels=sorted(taboo_types),
            average="macro",
            zero_division=0,
        ),
        "taboo_recall": judged.flagged[is_taboo].mean(),
        "taboo_recall_explicit": judged.flagged[is_taboo & ~implicit].mean(),
        "taboo_recall_implicit": judged.flagged[implicit].mean(),
        "decent_flagged": judged.flagged[~is_taboo].mean(),
        "hard_decent_flagged": judged.flagged[hard].mean(),
    }
    if real is not None:
        out["real_alarms_per_1000"] = 1000 * real.flagged.mean()
        real_decent = ~np.broadcast_to(true_alarms, real.taboo.shape)
        out["real_false_alarms_per_1000"] = 1000 * (real.flagged & real_decent).mean()
        out["recall_at_2_real_false_alarms_per_1000"] = recall_at_real_rate(rows, judged, real.taboo[real_decent], 2.0)
    return {k: round(float(v), 4) for k, v in out.items()}


def recall_at_real_rate(rows: list[data.Row], judged: Judged, decent: np.ndarray, per_1000: float) -> float:
    """Taboo recall at the lowest threshold that raises at most `per_1000` alarms on decent real speech (its taboo scores (n,)):
    judges of any scale compared."""
    threshold, _ = threshold_for(decent, per_1000)
    taboo_types = _taboo_types()
    bad = [i for i, r in enumerate(rows) if r.leaf in taboo_types]
    return float((judged.taboo[bad] >= threshold).mean())


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> tuple[float, list[dict[str, float]]]:
    """(expected calibration error, bins with confidence, accuracy, share) of the most probable category."""
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    table, error = [], 0.0
    for low, high in itertools.pairwise(edges):
        inside = (sure > low) & (sure <= high)
        if inside.any():
            confidence, accuracy, share = sure[inside].mean(), right[inside].mean(), inside.mean()
            error += share * abs(confidence - accuracy)
            table.append({"confidence": float(confidence), "accuracy": float(accuracy), "share": float(share)})
    return float(error), table


def detail(rows: list[data.Row], scorer: Scorer) -> dict[str, Any]:
    """Per category, kind, industry; leaf accuracy; calibration; confusion counts (truth by answer)."""
    from sklearn.metrics import confusion_matrix, f1_score

    p = scorer.predict_proba([r.text for r in rows])
    taxonomy = scorer.taxonomy
    categories = taxonomy.categories
    member = np.array([[leaf.category == c for c in categories] for leaf in taxonomy.leaves], dtype=np.float32)
    by_category = p @ member
    truth = np.array([categories.index(r.leaf.split(".")[0]) for r in rows])
    answer = by_category.argmax(1)
    kinds = [str(taxonomy.kind_of(c)) for c in categories]
    by_industry: dict[str, list[bool]] = defaultdict(list)
    for row, t, a in zip(rows, truth, answer, strict=True):
        by_industry[row.industry].append(bool(t == a))
    ece, bins = calibration_error(by_category, truth)
    leaf_truth = np.array([taxonomy.codes.index(r.leaf) for r in rows])
    return {
        "leaf_accuracy": float((p.argmax(1) == leaf_truth).mean()),
        "kind_macro_f1": float(f1_score([kinds[t] for t in truth], [kinds[a] for a in answer], average="macro", zero_division=0)),
        "kinds": _by_class([kinds[t] for t in truth], [kinds[a] for a in answer], [str(k) for k in Kind]),
        "ece": ece,
        "categories": _by_class([categories[t] for t in truth], [categories[a] for a in answer], categories),
        "industries": {k: {"accuracy": float(np.mean(v)), "rows": len(v)} for k, v in sorted(by_industry.items())},
        "reliability": bins,
        "confusion": confusion_matrix(truth, answer, labels=range(len(categories))).tolist(),
    }


def _by_class(truth: list[str], answer: list[str], names: list[str]) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and rows of each of `names`."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(truth, answer, labels=names, zero_division=0)
    return {
        name: {"precision": float(p), "recall": float(r), "f1": float(f), "rows": int(n)}
        for name, p, r, f, n in zip(names, *columns, strict=True)
    }


@dataclass(frozen=True)
class Measured:
    """One model on one split: `result` is what the card shows, the rest is for reading single sentences."""

    result: dict[str, Any]
    rows: list[data.Row]
    judgements: list[Judgement]
    real: list[Judgement]
    verdicts: list[str]  # of a reader, on each real sentence: true (it is taboo), false, unread

    def alarms(self) -> list[str]:
        """A line for every alarm on the real speech, surest first, with what a reader made of it."""
        found = [(j, said) for j, said in zip(self.real, self.verdicts, strict=True) if j.flagged]
        found.sort(key=lambda pair: -pair[0].taboo_probability)
        return [f"alarm {said:6} {j.taboo_probability:.3f} {j.category}: {j.text}" for j, said in found]

    def errors(self) -> list[str]:
        """A line for every wrong category, and for taboo missed or decent flagged; for reading validation errors."""
        out = []
        types = _taboo_types()
        for row, j in zip(self.rows, self.judgements, strict=True):
            truth = row.leaf.split(".")[0]
            mark = "MISS" if truth in types and not j.flagged else "FALSE" if j.flagged and truth not in types else ""
            if mark or j.category != truth:
                out.append(f"{mark:5} {row.id} {row.leaf} -> {j.leaf} {j.probability:.2f} t={j.taboo_probability:.2f} {row.text}")
        return out


def evaluate(model: Path, split: str, folder: Path = data.DATA, real_path: Path = REAL, quick: bool = False) -> Measured:
    """Every figure of one model directory: the product's (and without its second reading), the baselines', the behaviour suite, the details.

    `quick` leaves out the baselines and the behaviour suite.
    """
    scorer = Scorer.load(model)
    rows = data.load(split, folder)
    texts, real_texts = [r.text for r in rows], load_real(real_path)
    judgements, real = scorer.score_many(texts), scorer.score_many(real_texts)
    judges = {"jinyu": (judged(judgements), judged(real))}
    if not quick:
        once = Scorer.load(model)
        once.suspect = np.inf
        judges[ONCE] = (judged(once.score_many(texts)), judged(once.score_many(real_texts)))
        judges |= baselines.measure(scorer, texts, real_texts, folder)
    taboo, read = read_as_taboo(real_texts, folder)
    summary = {name: figures(rows, own, on_real if real else None, taboo) for name, (own, on_real) in judges.items()}
    result = {
        "split": split,
        "rows": len(rows),
        "real_sentences": len(real_texts),
        "summary": summary,
        "detail": detail(rows, scorer),
        "behaviour": {} if quick else {c.name: {"rows": c.rows, "rate": c.rate} for c in behaviour.run(scorer, split, folder)},
    }
    verdicts = np.where(taboo, "true", np.where(read, "false", "unread")).tolist()
    return Measured(result, rows, judgements, real, verdicts)


def _taboo_types() -> set[str]:
    return {leaf.category for leaf in data.load_taxonomy().leaves if leaf.kind is Kind.TABOO}


def print_summary(result: dict[str, Any]) -> None:
    """The table on stdout."""
    names = list(result["summary"])
    print(f"{result['split']}: {result['rows']} rows; real speech: {result['real_sentences']} sentences")
    print(f"{'':40}" + "".join(f"{n:>20}" for n in names))
    for key in result["summary"][names[0]]:
        print(f"{key:40}" + "".join(f"{result['summary'][n].get(key, float('nan')):20.4f}" for n in names))
    d = result["detail"]
    print(
        f"{'leaf_accuracy':40}{d['leaf_accuracy']:20.4f}\n{'kind_macro_f1':40}{d['kind_macro_f1']:20.4f}\n{'ece':40}{d['ece']:20.4f}"
    )
    for category, f in (d["kinds"] | d["categories"]).items():
        print(f"  {category:14} precision {f['precision']:.3f} recall {f['recall']:.3f} f1 {f['f1']:.3f} rows {f['rows']}")
    for name, b in result["behaviour"].items():
        print(f"  {name:28} {b['rate']:7.1%} of {b['rows']}")


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.evaluate`."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, nargs="?", default=Path("model"), help="model or run directory (default: model)")
    parser.add_argument("--split", choices=data.SPLITS, default="test", help="(default: %(default)s)")
    parser.add_argument("--data", type=Path, default=data.DATA, help="the data folder (default: data/ of the checkout)")
    parser.add_argument("--real", type=Path, default=REAL, help="JSONL of real agent speech, field text (default: %(default)s)")
    parser.add_argument("--no-write", action="store_true", help="print only; leave the model's card alone")
    parser.add_argument("--quick", action="store_true", help="the model alone: no baselines, no behaviour suite, nothing written")
    parser.add_argument("--alarms", action="store_true", help="also print every alarm on the real speech")
    parser.add_argument("--errors", type=int, default=0, metavar="N", help="also print up to N errors on the split")
    args = parser.parse_args(argv)
    try:
        path = artifact.find(args.model)
        measured = evaluate(path, args.split, args.data, args.real, args.quick)
        print_summary(measured.result)
        if args.alarms:
            print("\n".join(measured.alarms()))
        if args.errors:
            print("\n".join(measured.errors()[: args.errors]))
        if not (args.no_write or args.quick):
            card.write(path, measured.result)
            print(f"written: {path}/metrics.json, README.md, confusion.png, reliability.png")
    except (data.DataError, JinyuError) as error:
        print(f"training.evaluate: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
