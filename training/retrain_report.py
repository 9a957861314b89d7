"""What a retraining run changed, for people: `report.md` and `report.json` in the run, and the candidate's card and pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinyu import Scorer, artifact
from training import card, data, evaluate

FLIPS = 40  # sentences shown each way; report.json has them all
NAMES = {"test": "Frozen test split", "held": "The team's held-out rows"}


def write(run: Path, current: Path, folder: Path, record: dict[str, Any]) -> None:
    """Everything about the candidate of `run`; `record` is the run's `run.json`."""
    verdict = json.loads((run / "gate.json").read_text(encoding="utf-8"))
    old, new = artifact.Artifact.open(current), artifact.Artifact.open(run / "model")
    result = {
        "verdict": "pass" if verdict["pass"] else "refused",
        "run": record,
        "gate": verdict,
        "thresholds": thresholds(old, new),
        "labels": record["phases"]["validate"],
        "merged": record["phases"]["merge"],
    }
    text = render(result)
    _text(run / "report.json", json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    _text(run / "report.md", text)
    draw_learning(json.loads((run / "log.json").read_text(encoding="utf-8"))["history"], run / "learning.png")
    model = run / "model"
    # a model is published, the team's sentences are not: they stay in the run
    _text(model / "README.md", _card_head(new, record) + render(result, sentences=False))
    rows = data.load("test", folder)
    detail = evaluate.detail(rows, Scorer.load(model)) if rows else {}
    _text(
        model / "metrics.json",
        json.dumps({"model": new.info.sha256, "detail": detail, "gate": without_sentences(verdict)}, ensure_ascii=False, indent=1)
        + "\n",
    )
    if detail:
        card.draw_confusion(detail, model / "confusion.png")
        card.draw_reliability(detail, model / "reliability.png")


def without_sentences(verdict: dict[str, Any]) -> dict[str, Any]:
    """The gate's verdict with the counts of the answers that changed in the place of the sentences."""
    splits = {
        name: split | {"flips": {side: len(found) for side, found in split["flips"].items()}}
        for name, split in verdict["splits"].items()
    }
    return verdict | {"splits": splits}


def thresholds(old: artifact.Artifact, new: artifact.Artifact) -> dict[str, list[float | None]]:
    """[old, new] of the temperature and of each taboo category's threshold."""
    names = list(dict.fromkeys([*old.scoring.thresholds, *new.scoring.thresholds]))
    moved: dict[str, list[float | None]] = {"temperature": [old.scoring.temperature, new.scoring.temperature]}
    return moved | {name: [old.scoring.thresholds.get(name), new.scoring.thresholds.get(name)] for name in names}


def render(result: dict[str, Any], sentences: bool = True) -> str:
    """The Markdown, with the sentences whose answer changed or without."""
    gate, read, merged, run = result["gate"], result["labels"], result["merged"], result["run"]
    parts = ["# Retraining: old model against new\n"]
    if gate["pass"]:
        parts.append("**Passed**: the candidate may replace the current model.\n")
    else:
        parts.append("**Refused**; the current model stays, because:\n\n" + "\n".join(f"- {r}" for r in gate["reasons"]) + "\n")
    problems = ", ".join(f"{n} {kind}" for kind, n in read["problems"].items()) or "none"
    parts.append(
        f"## Labels\n{read['read']} rows read, {read['labels']} labels and {read['rejected']} rejected alarms used; problems: {problems} "
        f"(`problems.jsonl`). Learned from: {merged['team_rows']} rows of the team and {merged['shipped_rows']} shipped ones "
        f"({merged['shipped_renamed']} renamed, {merged['shipped_dropped']} dropped, {merged['overruled']} overruled by the team's own). "
        f"Held out: {merged['held_rows']} rows of the team.\n"
    )
    for name, split in gate["splits"].items():
        parts.append(f"## {NAMES[name]}: {split['rows']} rows\n{_split(split)}")
    if gate["new_leaves"]:
        rows = [
            (leaf, n["learned_from"], n["held_rows"], _interval(n["recall"]), _interval(n["precision"]))
            for leaf, n in gate["new_leaves"].items()
        ]
        parts.append(
            "## New leaves\n"
            + card.table(("leaf", "learned from", "held-out rows", "recall (95 %)", "precision (95 %)"), rows)
            + "\n"
        )
    capabilities = [
        (n.replace("_", " "), c["rows"], f"{c['old']:.1%}", f"{c['new']:.1%}", "falls" if c["falls"] else "")
        for n, c in gate["behaviour"].items()
    ]
    parts.append("## Behaviour\n" + card.table(("capability", "rows", "old", "new", ""), capabilities) + "\n")
    moved = [(n, *("" if v is None else f"{v:.4g}" for v in pair)) for n, pair in result["thresholds"].items()]
    parts.append("## Temperature and thresholds\n" + card.table(("", "old", "new"), moved) + "\n")
    parts.append(
        f"## Machine\nint8 answers as fp32 on {gate['int8_agreement']:.2%}; scoring takes {gate['slowdown']:.2f} times as long as before. "
        f"The job took {run['seconds'] / 60:.1f} minutes and {run['peak_mb']} MB at most.\n"
    )
    for name, split in gate["splits"].items() if sentences else ():
        parts.append(_flips(NAMES[name], split["flips"]))
    return "\n".join(p for p in parts if p)


def _split(split: dict[str, Any]) -> str:
    left_out = (
        f"{split['left_out']} rows of leaves that only one of the models knows are left out.\n\n" if split["left_out"] else ""
    )
    if not split["rows"]:
        return left_out + "Nothing to compare.\n"
    head = ("figure", "old", "new", "difference", "95 % interval", "")
    figures = [(n.replace("_", " "), *_cells(f)) for n, f in split["figures"].items()]
    categories = [(f"{n} ({f['rows']} rows)", *_cells(f)) for n, f in split["categories"].items()]
    shared = (*head[:4], "interval, its level shared by all", "")
    return f"{left_out}{card.table(head, figures)}\n\nF1 by category:\n\n{card.table(shared, categories)}\n"


def _cells(f: dict[str, Any]) -> tuple[str, ...]:
    numbers = ["" if v is None else f"{v:.4f}" for v in (f["old"], f["new"], f["difference"])]
    low, high = f["interval"]
    return (*numbers, "" if low is None else f"{low:+.4f} to {high:+.4f}", "falls" if f["falls"] else "")


def _interval(value: list[float] | None) -> str:
    return f"{value[0]:.2f} ({value[1]:.2f} to {value[2]:.2f})" if value else "no rows"


def _flips(title: str, flips: dict[str, list[dict[str, Any]]]) -> str:
    titles = {"worse": "right before, wrong now", "better": "wrong before, right now", "other": "wrong both times, differently"}
    parts = []
    for side, what in titles.items():
        shown = flips[side][:FLIPS]
        if shown:
            rows = [(f["text"].replace("|", "｜").replace("\n", " "), f["truth"], f["old"], f["new"]) for f in shown]
            more = f"\n\n... and {len(flips[side]) - FLIPS} more in `report.json`" if len(flips[side]) > FLIPS else ""
            parts.append(f"### {what} ({len(flips[side])})\n{card.table(('sentence', 'is', 'old', 'new'), rows)}{more}\n")
    return f"## {title}: answers that changed\n" + "\n".join(parts) if parts else ""


def _card_head(model: artifact.Artifact, record: dict[str, Any]) -> str:
    return (
        "---\nlanguage: zh\nlibrary_name: jinyu\npipeline_tag: text-classification\n---\n"
        f"# jinyu model {model.info.version}\n\nRetrained on a team's own labels; {len(model.taxonomy.codes)} leaves in "
        f"{len(model.taxonomy.categories)} categories. Code {record['git'] or 'unknown'}, data {record['phases']['merge']['data'][:12]}. "
        "What follows is the run's report.\n\n"
    )


def draw_learning(history: list[dict[str, Any]], path: Path) -> None:
    """Training loss by epoch, and validation macro-F1 beside it."""
    plt = card.pyplot()
    figure, axes = plt.subplots(figsize=(6, 4))
    loss = [(h["epoch"], h["loss"]) for h in history if "loss" in h]
    f1 = [(h["epoch"], h["eval_category_f1"]) for h in history if "eval_category_f1" in h]
    axes.plot(*zip(*loss, strict=True) if loss else ([], []), color="0.5")
    axes.set_xlabel("epoch")
    axes.set_ylabel("training loss")
    right = axes.twinx()
    right.plot(*zip(*f1, strict=True) if f1 else ([], []), marker="o")
    right.set_ylabel("category macro-F1, validation")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _text(path: Path, value: str) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(value, encoding="utf-8")
    partial.replace(path)
