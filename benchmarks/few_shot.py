"""Sixteen examples of each of two labels that the model never had: what a retraining job makes of them.

    python -m benchmarks.few_shot                # 16 a leaf, and 4 for comparison
    python -m benchmarks.few_shot --examples 8

The leaves are a bank's notice of recording and its disclosure of risk (`few_shot.jsonl`: 16 rows to learn from and 40 to measure on a leaf, from
different hands). The job is `training.retrain` with `--taxonomy` and a fifth of the shipped rows. Printed: how many of the 40 are found, and how many
rows of the shipped test split, which has no such label, are taken for them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.retrain_cost import job
from jinyu import Scorer
from training import data

ROWS = Path(__file__).with_suffix(".jsonl")
CATEGORY: dict[str, Any] = {
    "kind": "compliant",
    "zh": "合规告知",
    "en": "compliance notice",
    "scenarios": {
        "recording_notice": {"zh": "录音与信息告知", "en": "recording and data notice", "definition": "tells that the call is recorded, or how data are used"},
        "risk_notice": {"zh": "风险揭示", "en": "risk disclosure", "definition": "discloses the risk of a product or an operation"},
    },
}  # fmt: skip


def run(home: Path, rows: list[dict[str, Any]], examples: int, replay: float) -> None:
    """Retrain on `examples` rows a leaf and print what was learned."""
    home.mkdir()
    taxonomy = yaml.safe_load((data.DATA / "taxonomy.yaml").read_text(encoding="utf-8"))
    taxonomy["categories"]["compliance"] = CATEGORY
    (home / "ours.yaml").write_text(yaml.safe_dump(taxonomy, allow_unicode=True, sort_keys=False), encoding="utf-8")
    leaves = [f"compliance.{name}" for name in CATEGORY["scenarios"]]
    few = [r for leaf in leaves for r in [r for r in rows if r["leaf"] == leaf and r["use"] == "train"][:examples]]
    lines = [json.dumps({"text": r["text"], "label": r["leaf"]}, ensure_ascii=False) + "\n" for r in few]
    (home / "labels.jsonl").write_text("".join(lines), encoding="utf-8")
    options = ["--taxonomy", str(home / "ours.yaml"), "--replay", str(replay), "--held", "0"]
    done = job(home / "run", home / "labels.jsonl", data.DATA.parent / "model", data.DATA, *options)
    scorer = Scorer.load(home / "run")
    answers = {leaf: scorer.score_many([r["text"] for r in rows if r["leaf"] == leaf and r["use"] == "test"]) for leaf in leaves}
    elsewhere = [j.leaf for j in scorer.score_many([r.text for r in data.load("test")])]
    print(f"{examples} examples a leaf, {done['seconds'] / 60:.1f} minutes")
    for leaf, judgements in answers.items():
        found = sum(j.leaf == leaf for j in judgements)
        print(f"  {leaf}: {found} of {len(judgements)} found; {elsewhere.count(leaf)} of {len(elsewhere)} other rows taken for it")
    f1 = done["splits"]["test"]["figures"]["category_macro_f1"]
    print(f"  the shipped labels' category macro-F1 on the test split: {f1['old']} -> {f1['new']}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--examples", type=int, nargs="+", default=[16, 4], help="rows a leaf (default: 16 and 4)")
    parser.add_argument("--replay", type=float, default=0.2, help="share of the shipped rows read again (default: %(default)s)")
    args = parser.parse_args()
    rows = [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as tmp:
        for examples in args.examples:
            run(Path(tmp) / str(examples), rows, examples, args.replay)


if __name__ == "__main__":
    main()
