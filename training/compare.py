"""Recipes side by side on the validation split: what pays, and whether more data or a better model is the lever.

    python -m training.compare                          # the rows of VARIANTS at a quarter of the data; hours on a CPU, resumable
    python -m training.compare --only "6 layers" --seeds 17,18,19
    python -m training.compare --curve                  # the recipe at 25, 50 and 100 % of the data

Each run is trained as `training.train` does and leaves its figures in `training/comparison.json`; what stands there is not run again.
`python -m training.readme` puts the tables into training/README.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from training import base, card, data, train

RESULTS = Path("training/comparison.json")
SHARE = 0.25
VARIANTS: dict[str, dict[str, Any]] = {
    "the recipe": {},
    "6 layers": {"layers": 6},
    "4 layers": {"layers": 4},
    "no label smoothing": {"smoothing": 0.0},
    "one learning rate for all layers": {"layer_decay": 1.0},
    "leaf loss alone": {"category_loss": 0.0},
    "word embeddings trained": {"freeze_words": False},
    "no pieces": {"pieces": 0.0},
    "R-Drop": {"rdrop": 1.0},
    "FGM": {"fgm": 0.5},
}
CURVE = {"25 % of the rows": 0.25, "50 %": 0.5, "100 %": 1.0}
FIGURES = {"category_f1": "category macro-F1", "leaf_accuracy": "leaf accuracy", "taboo_ap": "taboo average precision"}


def run(name: str, recipe: train.Recipe, folder: Path = data.DATA, results: Path = RESULTS) -> dict[str, Any]:
    """Train `recipe` unless `results` already holds it for this data; its figures on validation."""
    known: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8")) if results.exists() else []
    key = {"name": name, "share": recipe.share, "seed": recipe.seed, "data": data.digest(folder, ("train", "validation"))}
    for entry in known:
        if all(entry[k] == v for k, v in key.items()):
            return entry
    out = Path("runs/compare") / f"{name.replace(' ', '-')}-{recipe.share:g}-{recipe.seed}"
    train.fit(recipe, out, folder)
    log = json.loads((out / "log.json").read_text(encoding="utf-8"))
    last = [h for h in log["history"] if "eval_category_f1" in h][-1]
    entry = {**key, "minutes": log["minutes"], **{f: round(last[f"eval_{f}"], 4) for f in FIGURES}}
    known = json.loads(results.read_text(encoding="utf-8")) if results.exists() else []
    results.write_text(json.dumps([*known, entry], indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.rmtree(out)
    return entry


def table(entries: list[dict[str, Any]], names: list[str], share: float | None) -> str:
    """Markdown: a row a variant, the mean over its seeds and their spread; data of different digests is not mixed."""
    rows = []
    for name in names:
        found = [e for e in entries if e["name"] == name and (share is None or e["share"] == share)]
        if not found:
            continue
        found = [e for e in found if e["data"] == found[-1]["data"]]
        cells = []
        for figure in FIGURES:
            values = [e[figure] for e in found]
            spread = f" ± {pstdev(values):.4f}" if len(values) > 1 else ""
            cells.append(f"{fmean(values):.4f}{spread}")
        rows.append((name, len(found), *cells, f"{fmean(e['minutes'] for e in found):.0f}", found[-1]["data"][:8]))
    return card.table(("variant", "seeds", *FIGURES.values(), "minutes", "data"), rows)


def rendered(results: Path = RESULTS) -> str:
    """Both tables."""
    if not results.exists():
        return "Not measured yet: `python -m training.compare`, `python -m training.compare --curve`."
    entries = json.loads(results.read_text(encoding="utf-8"))
    shown = f"A quarter of the training rows, validation split; `data` is the hash of the data trained on:\n\n{table(entries, list(VARIANTS), SHARE)}"
    return f"{shown}\n\nLearning curve, the first stage of the recipe:\n\n{table(entries, list(CURVE), None)}"


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.compare`."""
    parser = argparse.ArgumentParser(prog="python -m training.compare", description=__doc__.split("\n")[0])
    parser.add_argument("--only", help="one variant (default: all)", choices=list(VARIANTS))
    parser.add_argument("--seeds", default="17", help="comma-separated (default: %(default)s)")
    parser.add_argument("--curve", action="store_true", help="the learning curve instead of the variants")
    args = parser.parse_args(argv)
    try:
        for seed in map(int, args.seeds.split(",")):
            recipe = replace(train.Recipe(), seed=seed)
            if args.curve:
                for name, share in CURVE.items():
                    print(run(name, replace(recipe, share=share)), file=sys.stderr)
            else:
                for name in [args.only] if args.only else VARIANTS:
                    print(run(name, replace(recipe, share=SHARE, **VARIANTS[name])), file=sys.stderr)
    except (data.DataError, base.BaseModelError) as error:
        print(f"training.compare: {error}", file=sys.stderr)
        return 1
    print(rendered())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
