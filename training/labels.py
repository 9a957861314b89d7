"""A team's label files, checked: every problem with its file, row and remedy, all at once.

    python -m training.labels reviews.jsonl more.csv [--taxonomy ours.yaml] [--map mapping.yaml]    # read and check, nothing else

A row that says nothing usable (unknown leaf, empty text, broken) stops the job. Rows that must not be learned from are left out, and named:
readings of one utterance that disagree, repeats, and copies or near copies of what measures the model (validation and test).
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from jinyu import tables
from jinyu import text as textmod
from training import data, label_files
from training.data import DataError, Row, near_pairs
from training.scheme import Scheme, load

STOPS = ("unreadable", "unknown leaf", "empty text")
LEFT_OUT = ("conflict", "duplicate", "near copy", "dropped leaf")


@dataclass(frozen=True)
class Problem:
    """One row and what is wrong with it. `kind` is one of `STOPS` or `LEFT_OUT`."""

    where: str
    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Label:
    """One utterance a team has labelled. `rejected`: known only not to be this taboo leaf; `leaf` is then empty."""

    where: str
    text: str
    model_text: str
    leaf: str
    reviewer: str = ""
    rejected: str = ""


@dataclass
class Checked:
    """What may be learned from, and every problem."""

    labels: list[Label] = field(default_factory=list)
    rejected: list[Label] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    read: int = 0

    @property
    def stops(self) -> list[Problem]:
        """Those that stop the job."""
        return [p for p in self.problems if p.kind in STOPS]

    def counts(self) -> dict[str, int]:
        """Problems by kind."""
        out: dict[str, int] = defaultdict(int)
        for p in self.problems:
            out[p.kind] += 1
        return dict(out)


def check(sources: Iterable[str], scheme: Scheme, measured: dict[str, list[Row]]) -> Checked:
    """Read all sources. `measured` holds the splits that no row may be a copy of, by name."""
    out = Checked()
    by_text: dict[str, list[Label]] = defaultdict(list)
    for source in sources:
        for found in label_files.read(source):
            out.read += 1
            label = _label(found, scheme, out.problems)
            if label:
                by_text[label.model_text].append(label)
    kept = [label for labels in by_text.values() if (label := _one(labels, out.problems))]
    if kept and measured:
        kept = _without_copies(kept, measured, out.problems)
    out.labels = [label for label in kept if label.leaf]
    out.rejected = [label for label in kept if not label.leaf]
    return out


def _label(found: label_files.Found, scheme: Scheme, problems: list[Problem]) -> Label | None:
    if found.fault:
        problems.append(Problem(found.where, "unreadable", found.fault))
        return None
    model_text = textmod.normalise(found.text)
    if not model_text:
        problems.append(Problem(found.where, "empty text", f"the text {found.text!r} has no words; drop the row"))
        return None
    leaf, fault = scheme.named(found.rejected or found.label)
    if not found.rejected and not found.label:
        fault = "no label; label the row, or drop it"
    if fault:
        problems.append(Problem(found.where, "unknown leaf", fault))
        return None
    if leaf is None:
        problems.append(Problem(found.where, "dropped leaf", f"left out: the mapping drops {found.rejected or found.label!r}"))
        return None
    if found.rejected:
        return Label(found.where, found.text, model_text, "", found.reviewer, leaf)
    return Label(found.where, found.text, model_text, leaf, found.reviewer)


def _one(labels: list[Label], problems: list[Problem]) -> Label | None:
    """One label of all readings of one model text. A reading that says what it is outweighs one that says what it is not."""
    positive = [label for label in labels if label.leaf]
    leaves = {label.leaf for label in positive}
    contradicted = leaves & {label.rejected for label in labels if label.rejected}
    if len(leaves) > 1 or contradicted:
        said = "; ".join(f"{x.where}{f' ({x.reviewer})' if x.reviewer else ''} {x.leaf or f'not {x.rejected}'}" for x in labels)
        for label in labels:
            problems.append(
                Problem(label.where, "conflict", f"left out: readings disagree about {label.text!r}: {said}; settle it")
            )
        return None
    first = (positive or labels)[0]
    for label in labels:
        if label is not first:
            problems.append(Problem(label.where, "duplicate", f"left out: {label.text!r} is already at {first.where}"))
    return first


def _without_copies(labels: list[Label], measured: dict[str, list[Row]], problems: list[Problem]) -> list[Label]:
    of = [(split, row) for split, rows in measured.items() for row in rows]
    worst: dict[int, tuple[float, int]] = {}
    for i, j, jaccard in near_pairs([label.model_text for label in labels], [row.model_text for _, row in of]):
        worst[i] = max(worst.get(i, (0.0, -1)), (jaccard, j))
    for i, (jaccard, j) in worst.items():
        split, row = of[j]
        same = "" if labels[i].leaf in ("", row.leaf) else f" and is {row.leaf} there"
        what = f"left out: it is {'a' if jaccard == 1 else 'nearly a'} copy of {split} row {row.id}{same} ({jaccard:.2f}), which measures the model"
        problems.append(Problem(labels[i].where, "near copy", what))
    return [label for i, label in enumerate(labels) if i not in worst]


def write_problems(problems: list[Problem], path: Path) -> None:
    """JSON lines: where, kind, what."""
    path.write_text("".join(tables.json_line(vars(p)) for p in problems), encoding="utf-8")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that name a team's labels."""
    parser.add_argument(
        "--taxonomy", type=Path, metavar="FILE", help="their labels, in the form of data/taxonomy.yaml (default: that file)"
    )
    parser.add_argument(
        "--map", type=Path, metavar="FILE", help="YAML, old: new a line: renamed, merged and dropped leaves, other names"
    )
    parser.add_argument("--data", type=Path, default=data.DATA, help="the data folder (default: data/ of the checkout)")


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.labels`."""
    parser = argparse.ArgumentParser(prog="python -m training.labels", description=__doc__.split("\n")[0])
    parser.add_argument("labels", nargs="+", help="label files, datasets directories or hub names")
    arguments(parser)
    args = parser.parse_args(argv)
    try:
        found = check(
            args.labels, load(args.taxonomy, args.map, args.data), {s: data.load(s, args.data) for s in ("validation", "test")}
        )
    except DataError as error:
        print(f"training.labels: {error}", file=sys.stderr)
        return 1
    for problem in found.problems:
        print(problem, file=sys.stderr)
    print(f"{found.read} rows read, {len(found.labels)} labels, {len(found.rejected)} rejections, {len(found.problems)} problems")
    return 1 if found.stops else 0


if __name__ == "__main__":
    raise SystemExit(main())
