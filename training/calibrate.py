"""The last step from a network to a judge: one temperature, and thresholds that keep a promise.

    python -m training.calibrate runs/default                              # also exports to runs/default/model
    python -m training.calibrate runs/default --false-alarms-per-1000 1

Both are chosen on the validation split with the exported int8 graph, read as the scorer reads it (windows included). The temperature makes
the probabilities as sure as they are right (lowest log loss). The threshold is the lowest at which at most the promised number of 1,000
decent utterances is flagged.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from jinyu import JinyuError, Kind, Scorer
from training import base, data, export

PROMISE = 2.0


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
    limit = min(max(limit, 0.05), 0.999)
    return limit, int((decent >= limit).sum())


def calibrate(run: Path, folder: Path = data.DATA, per_1000: float = PROMISE, version: str = "0") -> dict[str, Any]:
    """Choose temperature and threshold for `run`, write `calibration.json` and the model directory."""
    (run / "calibration.json").unlink(missing_ok=True)
    out = export.export(run, run / "model", folder, version=version)
    rows = data.load("validation", folder)
    texts = [r.text for r in rows]
    scorer = Scorer.load(out)
    labels = np.array([scorer.leaves.index(r.leaf) for r in rows])
    temperature = best_temperature(scorer.predict_proba(texts), labels)
    settings: dict[str, Any] = {"temperature": temperature, "threshold": 0.5, "promise": {}}
    _save(run, settings)
    export.export(run, out, folder, version=version, graph=False)
    scorer = Scorer.load(out)
    taboo = scorer.predict_proba(texts)[:, scorer.taxonomy.indices(kind=Kind.TABOO)].sum(1)
    is_taboo = np.array([scorer.taxonomy.kind_of(r.leaf.split(".")[0]) is Kind.TABOO for r in rows])
    threshold, alarms = threshold_for(taboo[~is_taboo], per_1000)
    settings["threshold"] = round(threshold, 4)
    settings["promise"] = {
        "false_alarms_per_1000": per_1000,
        "decent_utterances": int((~is_taboo).sum()),
        "false_alarms": alarms,
        "recall": round(float((taboo[is_taboo] >= threshold).mean()), 4),
    }
    _save(run, settings)
    export.export(run, out, folder, version=version, graph=False)
    return settings


def _save(run: Path, settings: dict[str, Any]) -> None:
    (run / "calibration.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.calibrate`."""
    parser = argparse.ArgumentParser(prog="python -m training.calibrate", description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, help="a run directory of training.train")
    parser.add_argument("--data", type=Path, default=data.DATA, help="the data folder (default: data/ of the checkout)")
    parser.add_argument("--version", default="0", help="the model's version, for the manifest (default: %(default)s)")
    parser.add_argument(
        "--false-alarms-per-1000", type=float, default=PROMISE, help="promise for decent utterances (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    try:
        settings = calibrate(args.run, args.data, args.false_alarms_per_1000, args.version)
    except (data.DataError, base.BaseModelError, JinyuError) as error:
        print(f"training.calibrate: {error}", file=sys.stderr)
        return 1
    promise = settings["promise"]
    print(
        f"{args.run / 'model'}: temperature {settings['temperature']}, threshold {settings['threshold']} "
        f"({promise['false_alarms']} of {promise['decent_utterances']} decent utterances flagged, taboo recall {promise['recall']:.3f})"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
