"""The average of the weights of two or more networks with one ancestor: often better than each, at the cost of one (Wortsman et al., 2022).

    python -m training.average model=0.3 runs/shipped=0.7 --out runs/averaged     # then calibrate, export and evaluate as any run

The networks must have the same layers, words and leaves. The recipe of the last one stands in the new run's `recipe.json`, those of the
others under `averaged` with their weights.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from training import base
from training.data import DataError
from training.train import stages


def average(parts: list[tuple[Path, float]], out: Path) -> None:
    """Write a run directory from (run or model directory, weight) pairs; weights are scaled to sum to 1. Raises `DataError`."""
    from transformers import AutoTokenizer

    from training import network as net

    if out.exists():
        raise DataError(f"{out} is there already; name a new --out, or delete it")
    total = sum(weight for _, weight in parts)
    if len(parts) < 2 or min(weight for _, weight in parts) <= 0:
        raise DataError("at least two networks, each with a weight above 0, as: model=0.3 runs/shipped=0.7")
    origins = [_origin(path) for path, _ in parts]
    last = parts[-1][0]
    stock = net.BertForSequenceClassification.from_pretrained(_network(last), dtype="float32")
    state: dict[str, Any] = {}
    for path, weight in parts:
        other = net.BertForSequenceClassification.from_pretrained(_network(path), dtype="float32")
        if other.config.id2label != stock.config.id2label:
            raise DataError(f"{path} has other leaves than {last}; only networks of one taxonomy can be averaged")
        for name, tensor in other.state_dict().items():
            if name in state and state[name].shape != tensor.shape:
                raise DataError(
                    f"{path} has other layers or words than {parts[0][0]} ({name}); only networks of one shape can be averaged"
                )
            share = tensor * (weight / total)
            state[name] = state[name] + share if name in state else share
    stock.load_state_dict(state)
    partial = out.with_name(f"{out.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    recipe, log = origins[-1]
    earlier = stages(recipe)[:-1]
    for other, its in origins[:-1]:  # a stage that several go on from is counted once
        if other not in earlier:
            shared = other.get("started_from") in earlier
            log["minutes"] = round(log["minutes"] + (its.get("own_minutes", its["minutes"]) if shared else its["minutes"]), 1)
    averaged = [{"weight": round(w / total, 4), "recipe": o[0]} for (_, w), o in zip(parts[:-1], origins[:-1], strict=True)]
    (partial / "recipe.json").write_text(
        json.dumps({**recipe, "averaged": averaged}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (partial / "log.json").write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")
    stock.save_pretrained(partial / "network")
    AutoTokenizer.from_pretrained(_network(last)).save_pretrained(partial / "network")
    partial.rename(out)


def _network(path: Path) -> Path:
    for found in (path / "network", path):
        if (found / "model.safetensors").exists():
            return found
    raise DataError(f"{path} is neither a finished run nor a model directory (no model.safetensors)")


def _origin(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(recipe, log) of a run or of an exported model."""
    if (path / "recipe.json").exists():
        return tuple(json.loads((path / name).read_text(encoding="utf-8")) for name in ("recipe.json", "log.json"))  # type: ignore[return-value]
    if (path / "manifest.json").exists():
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        return manifest["recipe"], manifest["training"]
    raise DataError(f"{path} holds neither recipe.json nor manifest.json; name a run of training.train or a model directory")


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.average`."""
    parser = argparse.ArgumentParser(prog="python -m training.average", description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="+", metavar="DIR=WEIGHT", help="runs or model directories; the last one names the recipe")
    parser.add_argument("--out", type=Path, required=True, help="the new run directory")
    args = parser.parse_args(argv)
    try:
        parts = []
        for part in args.parts:
            path, _, weight = part.rpartition("=")
            try:
                parts.append((Path(path), float(weight)))
            except ValueError as error:
                raise DataError(f"{part}: expected DIR=WEIGHT, as runs/shipped=0.7") from error
        average(parts, args.out)
    except (DataError, base.BaseModelError) as error:
        print(f"training.average: {error}", file=sys.stderr)
        return 1
    print(f"{args.out}: averaged; next: python -m training.calibrate {args.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
