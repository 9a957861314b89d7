"""A simulated half-year of retraining: what selecting what people read gives over reading at random, at equal labels.

    python -m benchmarks.retraining                 # six months, 300 readings each, 3 % of them wrong
    python -m benchmarks.retraining --noise 0.1 --months 3

Month 0 is a network of six layers trained on the first harvest alone (hands H01 to H13; it is made once, in build/cache, in some minutes). Each
month brings new talk: later hands that it has not seen, taboo rows thinned to 5 %. `training.select` or chance picks what is read; the hands' own labels
play the reviewers, with noise. Then the head is trained again, over the encoder of month 0, on the harvest and all readings so far (what
`jinyu.sklearn.UtteranceClassifier` does: seconds, so that the comparison can be made over several seeds). The threshold is set anew on the
validation split (0.5 % of its decent rows flagged). A candidate that falls by more than its noise on the test split (`training.gate.compare`) is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from jinyu import Scorer
from training import calibrate, data, gate, select, train
from training.data import Row

HARVEST = tuple(f"H{i:02}" for i in range(1, 14))
TABOO_SHARE = 0.05
FLAGGED = 0.005  # of decent validation rows
READ = "selection", "chance"


def harvest_folder(cache: Path) -> Path:
    """The project's data with the rows of the first harvest alone for training."""
    folder = cache / "harvest-data"
    (folder / "utterances").mkdir(parents=True, exist_ok=True)
    (folder / "behaviour").mkdir(exist_ok=True)
    names = ["taxonomy.yaml", "phrases.jsonl", "hands.jsonl", "second_reading.jsonl", "missed.jsonl"]
    for name in names + [f"behaviour/{p.name}" for p in (data.DATA / "behaviour").glob("*.jsonl")]:
        (folder / name).write_bytes((data.DATA / name).read_bytes())
    for split in data.SPLITS:
        lines = (data.DATA / "utterances" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [x for x in lines if split != "train" or json.loads(x)["hand"] in HARVEST]
        (folder / "utterances" / f"{split}.jsonl").write_text("".join(kept), encoding="utf-8")
    return folder


def first_model(cache: Path) -> Scorer:
    """The network of month 0, trained if it is not there yet."""
    folder = harvest_folder(cache)
    recipe = train.Recipe(layers=6)
    made_of = hashlib.sha256(repr((recipe, data.digest(folder, ("train", "validation")))).encode()).hexdigest()
    run = cache / f"harvest-{made_of[:12]}"
    if not (run / "model" / "manifest.json").exists():
        train.fit(recipe, run, folder)
        calibrate.calibrate(run, folder)
    return Scorer.load(run)


@dataclass
class Model:
    """A head over the encoder of month 0, with the parts of a `Scorer` that `training.select` reads."""

    encoder: Encoder
    head: LogisticRegression
    taxonomy: Any
    threshold: float = 0.5

    @property
    def leaves(self) -> list[str]:
        """Columns of the probabilities."""
        return list(self.taxonomy.codes)

    @property
    def model(self) -> Any:
        """Where a scorer keeps its thresholds."""
        names = [c for c in self.taxonomy.categories if self.taxonomy.kind_of(c) == "taboo"]
        return SimpleNamespace(scoring=SimpleNamespace(thresholds=dict.fromkeys(names, self.threshold)))

    def features(self, texts: Any) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (n, leaves) and embeddings (n, hidden)."""
        vectors = self.encoder(list(texts))
        p = np.zeros((len(vectors), len(self.leaves)))
        p[:, self.head.classes_] = self.head.predict_proba(vectors)
        return p, vectors

    def taboo(self, p: np.ndarray) -> np.ndarray:
        """(n,) of (n, leaves)."""
        return np.asarray(p[:, [leaf.kind == "taboo" for leaf in self.taxonomy.leaves]].sum(1))

    def answers(self, texts: list[str]) -> gate.Answers:
        """As `training.gate` compares them: taboo by threshold, else the best other category."""
        p = self.features(texts)[0]
        flagged = self.taboo(p) >= self.threshold
        kinds = np.array([leaf.kind == "taboo" for leaf in self.taxonomy.leaves])
        best = np.where(kinds[None, :] == flagged[:, None], p, -1).argmax(1)
        leaf = np.array(self.leaves, dtype=object)[best]
        return gate.Answers(leaf, np.array([x.split(".")[0] for x in leaf], dtype=object), flagged)


class Encoder:
    """Embeddings of month 0, each text read once."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer, self.known = scorer, dict[str, np.ndarray]()

    def __call__(self, texts: list[str]) -> np.ndarray:
        """(n, hidden) of n texts."""
        new = list(dict.fromkeys(t for t in texts if t not in self.known))
        if new:
            self.known.update(zip(new, self.scorer.embed(new), strict=True))
        return np.stack([self.known[t] for t in texts])


def fit(encoder: Encoder, taxonomy: Any, rows: list[Row], validation: list[Row]) -> Model:
    """A head over all rows, its threshold by the validation split."""
    labels = [taxonomy.codes.index(r.leaf) for r in rows]
    model = Model(encoder, LogisticRegression(C=10.0, max_iter=1000).fit(encoder([r.text for r in rows]), labels), taxonomy)
    decent = [r.text for r in validation if "." in r.leaf]
    model.threshold = float(np.quantile(model.taboo(model.features(decent)[0]), 1 - FLAGGED))
    return model


def pools(rows: list[Row], months: int, rng: np.random.Generator) -> list[list[Row]]:
    """The later hands dealt over the months; of the taboo rows so many that they are `TABOO_SHARE`."""
    hands = sorted({r.hand for r in rows})
    dealt = {hand: place % months for place, hand in enumerate(rng.permutation(hands).tolist())}
    out = []
    for month in range(months):
        mine = [r for r in rows if dealt[r.hand] == month]
        decent, taboo = [r for r in mine if "." in r.leaf], [r for r in mine if "." not in r.leaf]
        few = min(len(taboo), round(len(decent) * TABOO_SHARE / (1 - TABOO_SHARE)))
        out.append(decent + [taboo[i] for i in rng.choice(len(taboo), few, replace=False)])
    return out


def read(model: Model, pool: list[Row], how: str, n: int, noise: float, rng: np.random.Generator) -> list[Row]:
    """What people read of a month, and what they say it is."""
    if how == "chance":
        chosen = rng.choice(len(pool), n, replace=False).tolist()
    else:
        p = model.features([r.text for r in pool])[0]
        leaves = [model.leaves[i] for i in p.argmax(1)]
        ids = [("", r.id) for r in pool]
        places, texts = list(range(len(pool))), [r.text for r in pool]
        results = select.Results(Path("pool"), places, ids, texts, leaves, p.max(1), model.taboo(p), 0)
        chosen = [row["row"] for row in select.choose(results, model, n, seed=int(rng.integers(1 << 31)))]  # type: ignore[arg-type]
    rows = []
    for place in chosen:
        row = pool[place]
        if rng.random() < noise:
            row = replace(row, leaf=str(rng.choice([c for c in model.leaves if c != row.leaf])))
        rows.append(row)
    return rows


def figures(model: Model, test: list[Row]) -> tuple[float, float]:
    """(category macro-F1, recall of implicit taboo) on the test split."""
    said = model.answers([r.text for r in test])
    truth = [r.leaf.split(".")[0] for r in test]
    implicit = [bool(flag) for flag, r in zip(said.flagged, test, strict=True) if r.implicit]
    return float(f1_score(truth, said.category.tolist(), average="macro")), float(np.mean(implicit))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--months", type=int, default=6, help="(default: %(default)s)")
    parser.add_argument("-n", type=int, default=300, help="readings a month (default: %(default)s)")
    parser.add_argument("--noise", type=float, default=0.03, help="share of readings that are wrong (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="orders of the hands (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("build/cache"), help="(default: %(default)s)")
    args = parser.parse_args()

    taxonomy, encoder = data.load_taxonomy(), Encoder(first_model(args.cache))
    rows, validation, test = (data.load(s) for s in data.SPLITS)
    harvest, later = [r for r in rows if r.hand in HARVEST], [r for r in rows if r.hand not in HARVEST]
    truth = gate.Truth.of(test, taxonomy)
    texts = [r.text for r in test]
    start = fit(encoder, taxonomy, harvest, validation)
    begun = figures(start, test)
    table: dict[tuple[str, int], list[tuple[float, float, int]]] = {}
    refused: dict[str, Counter[str]] = {how: Counter() for how in READ}
    for seed in range(args.seeds):
        for how in READ:
            rng = np.random.default_rng(seed)
            current, readings = start, list[Row]()
            for month, pool in enumerate(pools(later, args.months, rng), 1):
                readings += read(current, pool, how, args.n, args.noise, rng)
                candidate = fit(encoder, taxonomy, harvest + readings, validation)
                verdict = gate.compare(truth, current.answers(texts), candidate.answers(texts), draws=500)
                fell = [name for name, f in verdict["figures"].items() if f["falls"]]
                refused[how].update({"months": 1} | dict.fromkeys(fell, 1) if fell else {})
                current = current if fell else candidate
                found = sum("." not in r.leaf for r in readings)
                table.setdefault((how, month), []).append((*figures(current, test), found))
                print(f"seed {seed}, {how}, month {month} of {args.months}", file=sys.stderr)
    print(
        f"{args.n} readings a month, {args.noise:.0%} wrong, means of {args.seeds} orders; macro-F1 and implicit-taboo recall on the test split"
    )
    print("month  " + "".join(f"{how:>12}: F1  recall  taboo read" for how in READ))
    print("    0  " + "".join(f"{begun[0]:>16.4f}  {begun[1]:.4f}  {0:>10}" for _ in READ))
    for month in range(1, args.months + 1):
        cells = [np.mean(table[how, month], axis=0) for how in READ]
        print(f"{month:>5}  " + "".join(f"{f1:>16.4f}  {recall:.4f}  {found:>10.0f}" for f1, recall, found in cells))
    for how, why in refused.items():
        fell = ", ".join(f"{name} {n}" for name, n in why.most_common() if name != "months")
        print(f"promotions refused, {how}: {why['months']} of {args.months * args.seeds}" + (f" ({fell})" if fell else ""))


if __name__ == "__main__":
    main()
