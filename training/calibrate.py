"""The last step from a network to a judge: one temperature, and thresholds that keep a promise.

    python -m training.calibrate runs/default                              # also exports to runs/default/model
    python -m training.calibrate runs/default --false-alarms-per-1000 1

Both are chosen on the validation split with the exported int8 graph, read as the scorer reads it (windows included). The temperature makes
the probabilities as sure as they are right (lowest log loss). The threshold is the lowest that keeps a promise with a stated confidence
(`jinyu/promise.py`), which is refused where the labels are too few; without a promise asked for, the lowest from 0.9795 on at which at most
two of 1,000 decent validation utterances are flagged. The scores go into the model, so that `jinyu score --false-alarms-per-1000 1` can choose anew.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jinyu import JinyuError, Kind, Scorer, promise
from training import base, data, export

PROMISE = 2.0  # false alarms per 1,000 labelled decent utterances, where nothing else is asked for
# but never a threshold below this: real decent speech is odder than labelled (see "Why it is so" in training/README.md)
FLOOR = 0.9795


def best_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature of least log loss for probabilities (n, leaves) made at temperature 1 and n labels."""
    logits = np.log(np.clip(probabilities, 1e-9, 1.0))
    grid = np.exp(np.linspace(np.log(0.3), np.log(3.0), 93))

    def loss(temperature: float) -> float:
        z = logits / temperature
        z -= z.max(1, keepdims=True)
        return float(np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(len(labels)), labels]))

    return float(round(min(grid, key=loss), 3))


def threshold_for(decent: np.ndarray, per_1000: float) -> tuple[float, int]:
    """(threshold, alarms): the lowest threshold at which at most `per_1000` of 1,000 of the decent scores reach it."""
    allowed = int(np.floor(len(decent) * per_1000 / 1000))
    ranked = np.sort(decent)[::-1]
    # just above the first score that may not be flagged
    limit = float(np.nextafter(ranked[allowed], 1.0)) if allowed < len(ranked) else 0.0
    return limit, int((decent >= limit).sum())


Asked = Callable[[promise.Evidence], promise.Promise]


def calibrate(run: Path, folder: Path = data.DATA, asked: Asked | None = None, version: str = "0") -> dict[str, Any]:
    """Choose temperature and threshold for `run`, write `calibration.json` and the model directory. Raises `PromiseError`."""
    out = run / "model"
    with tempfile.TemporaryDirectory(dir=run, prefix="model.") as tmp:  # until a promise is made, what was there stays
        trial = export.export(run, Path(tmp), folder, version=version, settings=export.PROVISIONAL)
        rows = data.load("validation", folder)
        texts = [r.text for r in rows]
        scorer = Scorer.load(trial)
        labels = np.array([scorer.leaves.index(r.leaf) for r in rows])
        temperature = best_temperature(scorer.predict_proba(texts), labels)
        settings: dict[str, Any] = export.PROVISIONAL | {"temperature": temperature}
        scorer = Scorer.load(export.export(run, trial, folder, version=version, graph=False, settings=settings))
        taboo = scorer.predict_proba(texts)[:, scorer.taxonomy.indices(kind=Kind.TABOO)].sum(1)
        is_taboo = np.array([scorer.taxonomy.kind_of(r.leaf.split(".")[0]) is Kind.TABOO for r in rows])
        seen = promise.Evidence.of(taboo[~is_taboo].tolist(), taboo[is_taboo].tolist())
        made = asked(seen) if asked else without_promise(seen)
        settings |= {
            "threshold": made.threshold,
            "promise": {
                "asked": made.asked,
                "confidence": made.confidence,
                "bound": round(made.bound, 4),
                "decent_utterances": seen.decents,
                "false_alarms": made.alarms,
                "recall": round(made.recall, 4),
                "decent_scores": seen.decent,
                "taboo_scores": seen.taboo,
            },
        }
        export.export(run, trial, folder, version=version, graph=False, settings=settings)
        (run / "calibration.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        out.mkdir(exist_ok=True)
        for file in trial.iterdir():
            file.replace(out / file.name)
    return settings


def without_promise(seen: promise.Evidence) -> promise.Promise:
    """The lowest threshold from `FLOOR` on that flags at most two of 1,000 labelled decent utterances; what it promises is in `bound`."""
    threshold = max(FLOOR, seen.above(int(PROMISE * seen.decents / 1000)))
    alarms = seen.alarms(threshold)
    bound = 1000 * promise.upper_bound(alarms, seen.decents, promise.CONFIDENCE)
    recall = seen.caught(threshold) / max(len(seen.taboo), 1)
    return promise.Promise(
        threshold,
        f"at most {PROMISE:g} false alarms per 1,000 labelled, from {FLOOR} on",
        promise.CONFIDENCE,
        bound,
        alarms,
        recall,
    )


def _asked(args: argparse.Namespace) -> Asked | None:
    if args.precision is not None:
        return lambda seen: promise.for_precision(seen, args.precision, args.confidence, args.prevalence)
    if args.false_alarms_per_1000 is not None:
        return lambda seen: promise.for_false_alarms(seen, args.false_alarms_per_1000, args.confidence)
    return None


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.calibrate`."""
    parser = argparse.ArgumentParser(prog="python -m training.calibrate", description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, help="a run directory of training.train")
    parser.add_argument("--data", type=Path, default=data.DATA, help="the data folder (default: data/ of the checkout)")
    parser.add_argument("--version", default="0", help="the model's version, for the manifest (default: %(default)s)")
    parser.add_argument("--false-alarms-per-1000", type=float, metavar="X", help="promise for decent utterances")
    parser.add_argument("--precision", type=float, metavar="P", help="promise for the alarms: the share that is true")
    parser.add_argument(
        "--prevalence", type=float, default=promise.PREVALENCE, help="of taboo, for --precision (default: %(default)s)"
    )
    parser.add_argument("--confidence", type=float, default=promise.CONFIDENCE, help="of the promise (default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        settings = calibrate(args.run, args.data, _asked(args), args.version)
    except (data.DataError, base.BaseModelError, JinyuError) as error:
        print(f"training.calibrate: {error}", file=sys.stderr)
        return 1
    made = settings["promise"]
    print(
        f"{args.run / 'model'}: temperature {settings['temperature']}, threshold {settings['threshold']:.4f} for {made['asked']} "
        f"(bound at {made['confidence']:.0%} confidence: {made['bound']:g}; {made['false_alarms']} of {made['decent_utterances']} decent "
        f"validation utterances flagged, taboo recall {made['recall']:.3f})"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
