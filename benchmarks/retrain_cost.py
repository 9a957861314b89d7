"""What a retraining job takes, and what training only the head and the top layers costs against `--full`.

    python -m benchmarks.retrain_cost                   # 1,000 labels new to a model of the first harvest: the shortcut beside --full
    python -m benchmarks.retrain_cost --shipped         # 1,000 labels for the shipped model, as `--replay` has it by default: the time alone

Each job is `training.retrain` as a team would run it, in a process of its own; labels are rows of later hands. The shipped model knows
those rows, so that its figures after the job say nothing, and only the minutes are printed.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.retraining import HARVEST, first_model, harvest_folder
from training import data

LATER = 58  # labels are of the hands W44 to this


def job(out: Path, labels: Path, model: Path, folder: Path, *more: str) -> dict[str, Any]:
    """Run it; run.json and the figures of the gate."""
    command = [sys.executable, "-m", "training.retrain", "--labels", str(labels), "--out", str(out)]
    command += ["--model", str(model), "--data", str(folder), *more]
    done = subprocess.run(command, check=False)
    if done.returncode not in (0, 10):
        raise SystemExit(done.returncode)
    return json.loads((out / "run.json").read_text(encoding="utf-8")) | json.loads((out / "gate.json").read_text(encoding="utf-8"))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--labels", type=int, default=1000, help="(default: %(default)s)")
    parser.add_argument("--shipped", action="store_true", help="the shipped model; the shortcut alone")
    parser.add_argument("--cache", type=Path, default=Path("build/cache"), help="(default: %(default)s)")
    args = parser.parse_args()

    rows = [r for r in data.load("train") if r.hand not in HARVEST and r.hand[0] == "W" and 44 <= int(r.hand[1:]) <= LATER]
    drawn = random.Random(17).sample(rows, args.labels)
    ways = {"head and top layers": ()} if args.shipped else {"head and top layers": (), "--full": ("--full",)}
    model = data.DATA.parent / "model" if args.shipped else first_model(args.cache).model.path
    folder = data.DATA if args.shipped else harvest_folder(args.cache)
    with tempfile.TemporaryDirectory() as tmp:
        labels = Path(tmp) / "labels.jsonl"
        lines = [json.dumps({"text": r.text, "label": r.leaf}, ensure_ascii=False) + "\n" for r in drawn]
        labels.write_text("".join(lines), encoding="utf-8")
        found = {way: job(Path(tmp) / f"run{n}", labels, model, folder, *more) for n, (way, more) in enumerate(ways.items())}
    print(f"{args.labels} labels, {len(data.load('train', folder))} shipped rows")
    for way, result in found.items():
        merged = result["phases"]["merge"]
        print(
            f"{way}: {merged['train_rows']} rows to read, from {merged['team_rows']} labels and {merged['shipped_rows']} shipped rows"
        )
        phases = ", ".join(f"{name} {phase['seconds'] / 60:.1f}" for name, phase in result["phases"].items())
        print(f"{way}: {result['seconds'] / 60:.1f} minutes ({phases}), {result['peak_mb']} MB at most")
        if not args.shipped:
            for split in ("test", "held"):
                f = result["splits"][split]["figures"]
                told = ", ".join(f"{k.replace('_', ' ')} {v['old']} -> {v['new']}" for k, v in f.items())
                print(f"  {split} ({result['splits'][split]['rows']} rows): {told}")


if __name__ == "__main__":
    main()
