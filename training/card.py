"""Writes the model card: `metrics.json`, `README.md` and two pictures into a model directory. No figure in it is typed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinyu import artifact
from training import train

TITLES = {  # of the figures, in English and in Chinese
    "category_macro_f1": ("category macro-F1 (14)", "14 类宏平均 F1"),
    "taboo_type_macro_f1": ("macro-F1 over the five taboo types, taboo utterances", "五种禁忌类型的宏平均 F1（禁忌句）"),
    "taboo_recall": ("taboo recall at the shipped threshold", "自带阈值下的禁忌召回率"),
    "taboo_recall_explicit": ("… explicit", "…… 显性"),
    "taboo_recall_implicit": ("… implicit", "…… 隐性"),
    "decent_flagged": ("decent utterances flagged", "规范句被报警的比例"),
    "hard_decent_flagged": ("hard decent utterances flagged", "易误报的规范句被报警的比例"),
    "real_alarms_per_1000": ("alarms per 1,000 on real typed service speech", "真实客服打字语料每千句报警数"),
    "real_false_alarms_per_1000": ("… false ones, by our reading", "…… 其中读后判为误报的"),
    "recall_at_2_real_false_alarms_per_1000": (
        "taboo recall at 2 such false alarms per 1,000",
        "真实语料每千句误报 2 条时的禁忌召回率",
    ),
}

CARD = """---
language: zh
license: mit
library_name: jinyu
pipeline_tag: text-classification
base_model: intfloat/multilingual-e5-small
---
# jinyu model {version}

Reads one utterance of a call-centre agent, in Chinese, and gives a probability for each of {leaves} leaves in 14 categories: prescribed
service phrases (compliant), taboo phrases (taboo) and plain talk (neutral). Made {made}, licence: {licence}.

Every figure here is printed by `python -m training.evaluate`; this file is written by it.

## How good it is
The {split} split has {rows} utterances that no training hand wrote or read, from other industries. Half of the taboo ones are implicit.
Real speech: {real} typed service sentences, decent but for what a reader of the alarms found (`data/real_readings.jsonl`; an unread alarm counts as false). That set is no longer unseen: its alarms guided some authoring briefs (see the data card), so expect more alarms on speech
of your own. The test split's first six hands were in view when version 1 was chosen; its last two are newer (see the data card).

{summary}

Leaf accuracy ({leaves}): {leaf_accuracy:.4f}. Kind macro-F1 (3): {kind_macro_f1:.4f}. Expected calibration error: {ece:.4f}.
The keyword list is made of the documents' taboo phrases, as rule engines do; TF-IDF with logistic regression, and logistic regression over the
frozen base encoder (SetFit without its first step, a sample of 6,000 rows), are trained on the same rows; their threshold flags as many decent validation rows as the model's.

## By kind and by category
Of the most probable category; what is flagged hangs on the threshold as well.

{kinds}

{categories}

![Confusion between categories](confusion.png)
![Reliability of the probability](reliability.png)

## By industry (accuracy of the category)
{industries}

## Behaviour
Pairs written for one trait each (a sentence passes if it is judged taboo or decent as labelled), and changes of the {split} split that must not change that judgement.

{behaviour}

## How it decides
Temperature {temperature}; flagged from a taboo probability of {thresholds}. The threshold was chosen on validation: {promise}.
An utterance longer than a window is read in overlapping windows; the worst one decides. One that looks like taboo is read again in five other
forms (without marks, as a question, after a filler, after courtesy, its first character lost), and the mean in logarithms decides: the column
"read once" is without that.

## What it is made of
Layers of `{base_model}` used: {layers}, the mean over tokens, fine-tuned for {epochs} epochs with `python -m training.train`{averaged}; settings in
`manifest.json`. `model.safetensors` (fp16) opens with `AutoModelForSequenceClassification`; `model.onnx` has int8 weights.

## Where it fails
It reads words, not voices: tone, shouting and interruption are not in a transcript. It judges one utterance without the customer's turn before it.
Mild irony and dialect are its weakest side (see the implicit figure). It was trained on written-for-training speech; measure it on your own calls
before acting on single alarms, and have a person confirm each alarm that touches somebody's pay.
"""


def write(path: Path, result: dict[str, Any]) -> None:
    """Write card, metrics and pictures of `result` (from `training.evaluate`) into the model directory `path`."""
    result = {**result, "model": artifact.Artifact.open(path).info.sha256}
    (path / "metrics.json").write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    draw_confusion(result["detail"], path / "confusion.png")
    draw_reliability(result["detail"], path / "reliability.png")
    (path / "README.md").write_text(render(path, result), encoding="utf-8")


def render(path: Path, result: dict[str, Any]) -> str:
    """The card's text; a test renders it again and compares."""
    model = artifact.Artifact.open(path)
    recipe, detail = model.manifest["recipe"], result["detail"]
    stages = train.stages(recipe)
    first = stages[0]
    thresholds = sorted(set(model.scoring.thresholds.values()))
    kinds, rows = (
        [(c, f"{f['precision']:.3f}", f"{f['recall']:.3f}", f"{f['f1']:.3f}", f["rows"]) for c, f in detail[part].items()]
        for part in ("kinds", "categories")
    )
    industries = [(k, f"{v['accuracy']:.3f}", v["rows"]) for k, v in detail["industries"].items()]
    return CARD.format(
        version=model.info.version,
        made=model.manifest["made"],
        licence=model.manifest["licence"],
        leaves=len(model.taxonomy.codes),
        split=result["split"],
        rows=result["rows"],
        real=result["real_sentences"],
        summary=summary_table(result["summary"]),
        leaf_accuracy=detail["leaf_accuracy"],
        kind_macro_f1=detail["kind_macro_f1"],
        ece=detail["ece"],
        kinds=table(("kind", "precision", "recall", "F1", "rows"), kinds),
        categories=table(("category", "precision", "recall", "F1", "rows"), rows),
        industries=table(("industry", "accuracy", "rows"), industries),
        behaviour=table(
            ("capability", "pass rate", "rows"),
            [(name.replace("_", " "), f"{b['rate']:.1%}", b["rows"]) for name, b in result["behaviour"].items()],
        ),
        temperature=model.scoring.temperature,
        thresholds=" / ".join(f"{t:.3f}" for t in thresholds),
        promise=", ".join(f"{k.replace('_', ' ')} {v}" for k, v in model.scoring.promise.items() if not k.endswith("_scores")),
        layers=first["layers"] or "all",
        base_model=first["base_model"],
        epochs=" and then ".join(f"{stage['epochs']:g}" for stage in stages),
        averaged=_averaged(recipe),
    )


def _averaged(recipe: dict[str, Any]) -> str:
    others = [f"{part['weight']:.0%} of the weights" for part in recipe.get("averaged", [])]
    return f" and averaged with a network of the same ancestor ({', '.join(others)} are that one's)" if others else ""


def summary_table(summary: dict[str, dict[str, float]], zh: bool = False) -> str:
    """The product beside the baselines, as Markdown."""
    names = list(summary)
    present = [k for k in TITLES if k in summary[names[0]]]
    return table(("指标" if zh else "figure", *names), [(TITLES[k][zh], *(f"{summary[n][k]:.4g}" for n in names)) for k in present])


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(map(str, r)) + " |" for r in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines)


def draw_confusion(detail: dict[str, Any], path: Path) -> None:
    """Truth by answer, each row summing to 1."""
    plt = pyplot()
    import numpy as np

    names = list(detail["categories"])
    counts = np.array(detail["confusion"], dtype=float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, axes = plt.subplots(figsize=(8.5, 7.5))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("answer")
    axes.set_ylabel("truth")
    for i, j in zip(*np.nonzero(counts), strict=True):
        axes.text(j, i, int(counts[i, j]), ha="center", va="center", fontsize=7, color="white" if shares[i, j] > 0.5 else "black")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_reliability(detail: dict[str, Any], path: Path) -> None:
    """Accuracy against confidence; a dot's area is its share of the utterances."""
    plt = pyplot()
    bins = detail["reliability"]
    figure, axes = plt.subplots(figsize=(5, 5))
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.scatter([b["confidence"] for b in bins], [b["accuracy"] for b in bins], s=[20 + 900 * b["share"] for b in bins], alpha=0.7)
    axes.set_xlabel("probability of the answer")
    axes.set_ylabel("share that is right")
    axes.set_title(f"expected calibration error {detail['ece']:.3f}")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def pyplot() -> Any:
    """matplotlib, drawing to files only."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot
