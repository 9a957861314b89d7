"""A trained run to a model directory: the only writer of `model/`.

    python -m training.export runs/default              # -> runs/default/model
    python -m training.export runs/default --out model  # promote it: the model that the package ships

`model.safetensors` (fp16) is what `AutoModelForSequenceClassification` opens; `model.onnx` (int8 weights) is what scoring runs: logits
and a sentence embedding, the mean over tokens scaled to length 1. What a model directory holds: `src/jinyu/artifact.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
import tempfile
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import jinyu
from jinyu import artifact, text
from jinyu.engine import Engine
from training import base, data
from training.train import BASE, stages

PROVISIONAL = {"temperature": 1.0, "threshold": 0.5, "promise": {"note": "not calibrated; run training.calibrate"}}


def export(
    run: Path,
    out: Path,
    folder: Path = data.DATA,
    *,
    version: str = "0",
    graph: bool = True,
    settings: dict[str, Any] | None = None,
) -> Path:
    """Write the model of `run` to `out`; with `graph=False` only labels, thresholds, phrases and the manifest anew.

    `settings` are temperature, threshold and promise; by default those that `training.calibrate` left in the run.
    """
    network = run / "network"
    if not (network / "config.json").exists():
        raise data.DataError(f"{run} holds no finished training (no {network}); run: python -m training.train --out {run}")
    recipe = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    taxonomy = data.load_taxonomy(folder)
    out.mkdir(parents=True, exist_ok=True)
    if graph:
        write_network(network, out)
        write_graph(network, out / artifact.GRAPH)
    calibrated = run / "calibration.json"
    if settings is None:
        settings = json.loads(calibrated.read_text(encoding="utf-8")) if calibrated.exists() else PROVISIONAL
    taboo = [leaf.category for leaf in taxonomy.leaves if leaf.kind == "taboo"]
    scoring = {
        "max_tokens": recipe["max_tokens"],
        "temperature": settings["temperature"],
        "thresholds": dict.fromkeys(taboo, settings["threshold"]),
        "promise": settings["promise"],
    }
    _write_json(out / artifact.SCORING, scoring)
    import yaml

    _write_json(out / artifact.TAXONOMY, yaml.safe_load((folder / "taxonomy.yaml").read_text(encoding="utf-8")))
    phrases = data.load_phrases(folder)
    _write_json(out / artifact.PHRASES, phrases)
    vectors = np.zeros((0, 1))  # a taxonomy may leave no documented phrase
    if phrases:
        vectors = Engine(out, recipe["max_tokens"], 1.0).run([text.normalise(p["text"]) for p in phrases])[1]
    np.save(out / artifact.EMBEDDINGS, vectors.astype(np.float16))
    log = json.loads((run / "log.json").read_text(encoding="utf-8"))
    write_manifest(out, recipe, version, {k: log[k] for k in ("minutes", "threads", "resumed")})
    return out


def write_manifest(out: Path, recipe: dict[str, Any], version: str, training: dict[str, Any]) -> None:
    """`manifest.json`: formats, origins and the sha256 of every file that `from_pretrained` or scoring reads."""
    names = [*artifact.SCORING_FILES, "model.safetensors", "config.json", "tokenizer_config.json"]
    manifest = {
        "format": artifact.FORMAT,
        "text_version": text.VERSION,
        "name": "jinyu",
        "version": version,
        "made": datetime.now(UTC).strftime("%Y-%m-%d"),
        "jinyu": jinyu.__version__,
        "python": platform.python_version(),
        "recipe": recipe,
        "training": training,
        "data": recipe["data"],
        "licence": licence(recipe),
        "files": {n: hashlib.sha256((out / n).read_bytes()).hexdigest() for n in names},
    }
    _write_json(out / artifact.MANIFEST, manifest)


def licence(recipe: dict[str, Any]) -> str:
    """Of the weights, by what the first of all stages started from."""
    first = stages(recipe)[0]
    if first["base_model"] == str(BASE):
        return "MIT (weights from multilingual-e5-small, MIT; data and code of this project)"
    return f"that of {Path(first['base_model']).name}, which the weights come from; data and code of jinyu: MIT"


def write_network(network: Path, out: Path) -> None:
    """fp16 safetensors, config and tokenizer as `transformers` saves them."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(network, dtype=torch.float16)
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(network).save_pretrained(out)


def write_graph(network: Path, path: Path) -> None:
    """The int8 ONNX graph: `input_ids`, `attention_mask` (batch, tokens) -> `logits` (batch, leaves), `embedding` (batch, hidden)."""
    with tempfile.TemporaryDirectory() as tmp:
        full = Path(tmp) / "full.onnx"
        write_full_graph(network, full)
        quantise(full, path)


def write_full_graph(network: Path, path: Path) -> None:
    """The same graph in fp32, attention fused: what int8 is measured against."""
    import torch
    from onnxruntime.transformers.optimizer import optimize_model

    from training import network as net

    loaded = net.load(network)
    loaded.encoder.set_attn_implementation("eager")  # attention fuses only when it is written out, not as one sdpa call

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = loaded

        def forward(self, input_ids: Any, attention_mask: Any) -> tuple[Any, Any]:
            out = self.network(input_ids, attention_mask)
            return out["logits"], out["embedding"]

    ids = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 2, 1, 1]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    raw = path.with_suffix(".raw.onnx")
    axes = {"input_ids": {0: "batch", 1: "tokens"}, "attention_mask": {0: "batch", 1: "tokens"},
            "logits": {0: "batch"}, "embedding": {0: "batch"}}  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's remarks about itself; a test compares its graph with the network
        torch.onnx.export(
            Graph(), (ids, mask), str(raw), input_names=["input_ids", "attention_mask"], output_names=["logits", "embedding"],
            dynamic_axes=axes, opset_version=17, dynamo=False,
        )  # fmt: skip
    config = loaded.config
    fused = optimize_model(str(raw), "bert", num_heads=config.num_attention_heads, hidden_size=config.hidden_size, opt_level=1)
    fused.save_model_to_file(str(path))


def quantise(full: Path, path: Path) -> None:
    """int8 weights, a scale for each output channel (each row of an embedding); activations stay fp32.

    Activations in int8 take one scale for a whole batch, so that a text's score would hang on its neighbours, and this encoder's outliers
    make that scale coarse. The engine expands the weights once, when it loads.
    """
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(full)
    graph = model.graph
    by_row = {node.input[0] for node in graph.node if node.op_type in ("Gather", "EmbedLayerNormalization")}
    by_row |= {name for node in graph.node if node.op_type == "EmbedLayerNormalization" for name in node.input}
    for weight in [w for w in graph.initializer if len(w.dims) == 2 and np.prod(w.dims) >= 4096]:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32:
            continue
        axis = 0 if weight.name in by_row else 1
        scale = np.maximum(np.abs(values).max(axis=1 - axis), 1e-8).astype(np.float32) / 127
        levels = np.clip(np.round(values / np.expand_dims(scale, 1 - axis)), -127, 127).astype(np.int8)
        graph.initializer.remove(weight)
        graph.initializer.append(numpy_helper.from_array(levels, weight.name + "_int8"))
        graph.initializer.append(numpy_helper.from_array(scale, weight.name + "_scale"))
        inputs = [weight.name + "_int8", weight.name + "_scale"]
        graph.node.insert(0, helper.make_node("DequantizeLinear", inputs, [weight.name], axis=axis))
    onnx.save(model, path)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.export`."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, help="a run directory of training.train")
    parser.add_argument("--out", type=Path, help="where to write (default: RUN/model); 'model' promotes it")
    parser.add_argument("--version", default="0", help="the model's version, for the manifest (default: %(default)s)")
    parser.add_argument("--data", type=Path, default=data.DATA, help="the data folder (default: data/ of the checkout)")
    args = parser.parse_args(argv)
    try:
        out = export(args.run, args.out or args.run / "model", args.data, version=args.version)
    except (data.DataError, base.BaseModelError) as error:
        print(f"training.export: {error}", file=sys.stderr)
        return 1
    size = sum(f.stat().st_size for f in out.iterdir() if f.is_file())
    print(f"{out}: {size / 1e6:.0f} MB, scoring graph {(out / artifact.GRAPH).stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
