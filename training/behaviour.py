"""Behaviour suite in the spirit of CheckList (Ribeiro et al., 2020): authored minimal pairs, and changes that must not change the answer.

    python -m training.behaviour             # pass rate of every capability of the shipped model; --failures prints what failed

`data/behaviour/<capability>.jsonl` holds pairs of sentences, one taboo and one decent, from one moment: a sentence passes if it is judged
taboo or decent as labelled. Invariance takes rows of a split and changes what recognisers and typists change; a changed row passes if it is
judged taboo or decent as the row itself is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from jinyu import JinyuError, Kind, Scorer, artifact
from training import data
from training.augment import FILLERS, MARKS, homophones
from training.decisions import decisions

Change = Callable[[str, Random], str]
ROWS = 1000  # of a split that invariance changes
RATE = 0.15  # share of the characters that a homophone error or a stutter meets


@dataclass(frozen=True)
class Capability:
    """One line of the suite."""

    name: str
    rows: int
    passed: int
    failures: list[str]
    outcomes: list[bool]  # by row, so that two models can be compared row by row

    @property
    def rate(self) -> float:
        """Pass rate."""
        return self.passed / self.rows if self.rows else 1.0


def pairs(scorer: Scorer, folder: Path = data.DATA) -> list[Capability]:
    """The authored capabilities."""
    out = []
    taxonomy = data.load_taxonomy(folder)
    for path in sorted((folder / "behaviour").glob("*.jsonl")):
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        judged = decisions(scorer, [r["text"] for r in records])
        failures, outcomes = [], []
        for record, j in zip(records, judged, strict=True):
            taboo = taxonomy.kind_of(record["leaf"].split(".")[0]) is Kind.TABOO
            outcomes.append((j.leaf.kind is Kind.TABOO) == taboo)
            if not outcomes[-1]:
                failures.append(f"{record['leaf']} -> {j.leaf.code} {j.taboo_probability:.2f}: {record['text']}")
        out.append(Capability(path.stem, len(records), sum(outcomes), failures, outcomes))
    return out


def changes(texts: list[str]) -> dict[str, Change]:
    """Name -> a change that leaves the label as it is."""
    import opencc

    traditional = opencc.OpenCC("s2t")
    heard = homophones(texts)

    def full_width(text: str, _: Random) -> str:
        return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)

    def filler(text: str, random: Random) -> str:
        at = random.choice([0, len(text) // 2])
        return text[:at] + random.choice(FILLERS) + text[at:]

    def repeat(text: str, random: Random) -> str:
        return "".join(c * 2 if random.random() < RATE and c.isalpha() else c for c in text)

    def mishear(text: str, random: Random) -> str:
        return "".join(random.choice(heard[c]) if c in heard and random.random() < RATE else c for c in text)

    def mark(text: str, random: Random) -> str:
        return text if MARKS.search(text) else text.replace(" ", "，") + random.choice("。！…")

    return {
        "no_punctuation": lambda text, _: MARKS.sub("", text),
        "punctuation_added": mark,
        "traditional_script": lambda text, _: traditional.convert(text),
        "full_width": full_width,
        "filler": filler,
        f"repeated_characters_{RATE:.0%}": repeat,
        f"homophone_errors_{RATE:.0%}": mishear,
    }


def invariance(scorer: Scorer, rows: list[data.Row], seed: int = 0) -> list[Capability]:
    """Each change on each row that it alters; of a large split, on a sample."""
    rows = Random(seed).sample(rows, min(ROWS, len(rows)))
    texts = [r.text for r in rows]
    before = [j.leaf.kind is Kind.TABOO for j in decisions(scorer, texts)]
    out = []
    for name, change in changes([r.model_text for r in rows]).items():
        random = Random(seed)
        altered = [(i, new) for i, text in enumerate(texts) if (new := change(text, random)) != text]
        judged = decisions(scorer, [new for _, new in altered])
        outcomes = [(j.leaf.kind is Kind.TABOO) == before[i] for (i, _), j in zip(altered, judged, strict=True)]
        failures = [f"{texts[i]} -> {new}" for (i, new), held in zip(altered, outcomes, strict=True) if not held]
        out.append(Capability(name, len(altered), sum(outcomes), failures, outcomes))
    return out


def run(scorer: Scorer, split: str = "test", folder: Path = data.DATA) -> list[Capability]:
    """The whole suite."""
    return pairs(scorer, folder) + invariance(scorer, data.load(split, folder))


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.behaviour`."""
    parser = argparse.ArgumentParser(prog="python -m training.behaviour", description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, nargs="?", default=Path("model"), help="model or run directory (default: model)")
    parser.add_argument("--split", choices=data.SPLITS, default="test", help="whose rows invariance changes (default: %(default)s)")
    parser.add_argument("--failures", type=int, default=0, metavar="N", help="also print up to N failures of each capability")
    args = parser.parse_args(argv)
    try:
        for c in run(Scorer.load(artifact.find(args.model)), args.split):
            print(f"{c.name:28} {c.passed:5} of {c.rows:5}  {c.rate:7.1%}")
            for failure in c.failures[: args.failures]:
                print(f"    {failure}")
    except (data.DataError, JinyuError) as error:
        print(f"training.behaviour: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
