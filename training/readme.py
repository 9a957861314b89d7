"""Writes the figures of model/metrics.json into the READMEs, the counts of data/ into the data card and the comparison of recipes into
training/README.md; a test checks that it was done.

python -m training.readme           # after training.evaluate
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from training import card, compare, data

ROOT = data.DATA.parent


def fill(text: str, name: str, body: str) -> str:
    """`text` with what stands between the marks `<!-- name: ... -->` and `<!-- /name -->` replaced."""
    pattern = re.compile(rf"(<!-- {name}:[^>]*-->\n).*?(<!-- /{name} -->)", re.S)
    new, count = pattern.subn(lambda m: m.group(1) + body.rstrip("\n") + "\n" + m.group(2), text)
    if count != 1:
        raise data.DataError(f"expected the marks <!-- {name}: --> and <!-- /{name} --> once, found {count}")
    return new


def figures(metrics: dict[str, Any], zh: bool = False) -> str:
    """The comparison table of the README."""
    rows, real = metrics["rows"], metrics["real_sentences"]
    head = f"Test split, {rows} utterances; real typed service speech, {real} sentences."
    if zh:
        head = f"测试集 {rows} 句；真实客服打字语料 {real} 句。"
    return f"{head}\n\n{card.summary_table(metrics['summary'], zh)}"


def recipe_time(manifest: dict[str, Any], zh: bool) -> str:
    """How long the shipped recipe took, from the run's own log."""
    minutes, threads = manifest["training"]["minutes"], manifest["training"]["threads"]
    if zh:
        return f"自带模型的配方（`make train`）在 CPU 上用 {threads} 个线程训练了 {minutes:.0f} 分钟。"
    return f"The shipped recipe, `make train`, took {minutes:.0f} minutes on a CPU with {threads} threads."


def counts(folder: Path = data.DATA) -> str:
    """Rows by split, and hands, as the data card shows them."""
    lines = []
    for split in data.SPLITS:
        rows = data.load(split, folder)
        lines.append(
            (split, len(rows), sum(r.implicit for r in rows), sum(r.hard for r in rows), len({r.hand for r in rows}),
             len({r.industry for r in rows}), f"{data.shared_skeletons(rows):.1%}")
        )  # fmt: skip
    head = ("split", "rows", "implicit taboo", "hard decent", "hands", "industries", "shared skeletons")
    by_leaf = {split: Counter(r.leaf for r in data.load(split, folder)) for split in data.SPLITS}
    leaves = [(c, *(by_leaf[s][c] for s in data.SPLITS)) for c in data.load_taxonomy(folder).codes]
    return card.table(head, lines) + "\n\n" + card.table(("leaf", *data.SPLITS), leaves)


def agreement(folder: Path = data.DATA) -> str:
    """The second reader's agreement, as a sentence."""
    a = data.agreement(folder)
    return (
        f"A second reader (a language model too, given the taxonomy and the bare sentences) labelled {a['rows']} test rows blind: the same leaf "
        f"on {a['leaf']:.1%}, category {a['category']:.1%}, taboo or not {a['taboo']:.1%}; it found {a['unsure']} rows that could carry another leaf."
    )


def hands(folder: Path = data.DATA) -> str:
    """Who wrote what."""
    rows = [json.loads(line) for line in (folder / "hands.jsonl").read_text(encoding="utf-8").splitlines()]
    return card.table(
        ("hand", "split", "rows", "date", "brief"), [(r["hand"], r["split"], r["rows"], r["date"], r["brief"]) for r in rows]
    )


def rendered(root: Path = ROOT) -> dict[Path, str]:
    """Each document as it should read."""
    metrics = json.loads((root / "model" / "metrics.json").read_text(encoding="utf-8"))
    manifest = json.loads((root / "model" / "manifest.json").read_text(encoding="utf-8"))
    out = {}
    for name, zh in (("README.md", False), ("README.zh-CN.md", True)):
        text = fill((root / name).read_text(encoding="utf-8"), "figures", figures(metrics, zh))
        out[root / name] = fill(text, "time", recipe_time(manifest, zh))
    card_path = root / "data" / "README.md"
    text = fill(card_path.read_text(encoding="utf-8"), "counts", counts(root / "data"))
    text = fill(text, "hash", f"sha256 of the test split: `{data.file_digest('test', root / 'data')}`")
    text = fill(text, "agreement", agreement(root / "data"))
    out[card_path] = fill(text, "hands", hands(root / "data"))
    guide = root / "training" / "README.md"
    out[guide] = fill(guide.read_text(encoding="utf-8"), "comparison", compare.rendered(root / compare.RESULTS))
    return out


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.readme`."""
    argparse.ArgumentParser(prog="python -m training.readme", description=__doc__.split("\n")[0]).parse_args(argv)
    for path, text in rendered().items():
        path.write_text(text, encoding="utf-8")
        print(f"written: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
