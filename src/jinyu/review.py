"""The command `jinyu review import`: what reviewers decided in the report, as training rows and regression cases.

A review that says what the utterance is (confirmed, or another label) becomes a training row; a rejected alarm without a label becomes a
regression case of `missed.jsonl`'s form. No text becomes both: what a model was trained on cannot test it. Two reviewers who
contradict each other are named and neither is believed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinyu.tables import json_line
from jinyu.types import InputError, Kind

if TYPE_CHECKING:
    from jinyu.taxonomy import Taxonomy

ROWS, CASES = "utterances.jsonl", "missed.jsonl"
FIELDS = ("text", "decision", "label")
DECISIONS = ("confirm", "reject", "relabel")
NO_INDUSTRY = "未注明"
SHOWN = 20  # problems that an error lists
Line = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What one line says of a text: its leaf if that is known, whether it must be flagged, and where the line stands."""

    text: str
    leaf: str | None
    flagged: bool
    where: str

    def says(self) -> str:
        """In words, for messages."""
        return self.leaf or ("an alarm" if self.flagged else "no alarm")

    def contradicts(self, other: Verdict) -> bool:
        """Whether both cannot be right."""
        return self.flagged != other.flagged or bool(self.leaf and other.leaf and self.leaf != other.leaf)


@dataclass
class Imported:
    """What an import came to."""

    rows: int = 0
    cases: int = 0
    known: int = 0  # texts that the files held before
    problems: list[str] = field(default_factory=list)  # lines left out, each with file and row


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    group = commands.add_parser("review", help="reviews from the report as training rows and regression cases").add_subparsers(
        required=True, metavar="COMMAND"
    )
    parser = group.add_parser(
        "import",
        help="take in reviews.jsonl files that the report's button saved",
        description=f"Appends to OUT/{ROWS} (training rows: confirmed and relabelled alarms) and OUT/{CASES} (regression cases: rejected "
        "alarms). What is there stays; a text is never added twice. If a line cannot be used or two contradict each other, nothing is "
        "written, unless --skip-problems.",
    )
    parser.add_argument("reviews", nargs="+", type=Path, metavar="REVIEWS", help="reviews.jsonl, of one or more reviewers")
    parser.add_argument("--out", "-o", type=Path, default=Path("reviewed"), metavar="OUT", help="folder (default: %(default)s)")
    parser.add_argument("--hand", default="R1", help="who labelled, as in data/hands.jsonl; begins the ids (default: %(default)s)")
    parser.add_argument("--industry", default=NO_INDUSTRY, help="of the calls (default: %(default)s)")
    parser.add_argument("--skip-problems", action="store_true", help="leave out lines that cannot be used, take the others, exit 5")
    parser.add_argument("--model", help="the model whose labels are valid (default: the shipped model)")
    parser.set_defaults(run=_import)


def _import(args: argparse.Namespace) -> int:
    from jinyu import artifact

    taxonomy = artifact.Artifact.open(artifact.find(args.model)).taxonomy
    done = import_reviews(
        args.reviews, args.out, taxonomy, hand=args.hand, industry=args.industry, skip_problems=args.skip_problems
    )
    print(f"{done.rows} training rows added to {args.out / ROWS}")
    print(f"{done.cases} regression cases added to {args.out / CASES}")
    if done.known:
        print(f"{done.known} texts were there before")
    if done.rows:
        print(f"to train on them: append the rows to data/utterances/train.jsonl, name {args.hand!r} in data/hands.jsonl, then check "
              "with: python -m training.data check")  # fmt: skip
    for problem in done.problems:
        print(f"jinyu: left out: {problem}", file=sys.stderr)
    return 5 if done.problems else 0


def import_reviews(
    paths: list[Path],
    out: Path,
    taxonomy: Taxonomy,
    *,
    hand: str = "R1",
    industry: str = NO_INDUSTRY,
    skip_problems: bool = False,
) -> Imported:
    """Append what the reviews say to the two files in `out`.

    Raises `InputError` with every file and row that cannot be used, before anything is written; with `skip_problems` those lines
    are left out and stand in the result.
    """
    from jinyu.text import normalise

    done = Imported()
    taboo = {leaf.code: leaf.kind is Kind.TABOO for leaf in taxonomy.leaves}
    kept = [(where, line) for name in (ROWS, CASES) if (out / name).exists() for where, line in _lines(out / name)]
    before = {normalise(v.text): v for v in (_kept(where, line, taboo) for where, line in kept)}
    found: dict[str, list[Verdict]] = {}
    for path in paths:
        for verdict in _reviews(path, taboo, done.problems):
            found.setdefault(normalise(verdict.text), []).append(verdict)
    fresh: list[Verdict] = []
    for key, verdicts in found.items():
        known = [before[key]] if key in before else []
        best = next((v for v in verdicts if v.leaf), verdicts[0])
        against = next((v for v in (*known, *verdicts) if v.contradicts(best)), None)
        if not key:
            done.problems.append(f"{best.where}: the text {best.text!r} has no words")
        elif against:
            done.problems.append(f"{best.where} says {best.says()} and {against.where} says {against.says()}: {best.text[:60]!r}")
        elif known:
            done.known += 1
        else:
            fresh.append(best)
    if done.problems and not skip_problems:
        more = [f"and {len(done.problems) - SHOWN} more"] if len(done.problems) > SHOWN else []
        listed = "\n  ".join([*done.problems[:SHOWN], *more])
        raise InputError(f"nothing was written; settle these lines, or leave them out with --skip-problems:\n  {listed}")
    ids = (str(line.get("id", "")).rpartition("-") for _, line in kept)
    last = max((int(number) for name, _, number in ids if name == hand and number.isdecimal()), default=0)
    rows = [
        {"id": f"{hand}-{last + n:04}", "text": v.text, "leaf": v.leaf, "industry": industry, "hand": hand}
        for n, v in enumerate((v for v in fresh if v.leaf), 1)
    ]
    cases = [{"text": v.text, "flagged": v.flagged} for v in fresh if not v.leaf]
    _append(out / ROWS, rows)
    _append(out / CASES, cases)
    done.rows, done.cases = len(rows), len(cases)
    return done


def _reviews(path: Path, taboo: dict[str, bool], problems: list[str]) -> Iterator[Verdict]:
    """The lines of a reviews file that can be used; the others go to `problems`."""
    for where, line in _lines(path, problems):
        missing = [name for name in FIELDS if name not in line]
        decision, label = line.get("decision"), line.get("label")
        if missing:
            problems.append(f"{where}: no {', '.join(missing)}; a review is a line of the file that the report's button saves")
        elif not isinstance(line["text"], str):
            problems.append(f"{where}: the text is {line['text']!r}, expected a string")
        elif decision not in DECISIONS:
            problems.append(f"{where}: decision {decision!r}, expected {', '.join(DECISIONS)}")
        elif decision == "reject":
            yield Verdict(line["text"], None, False, where)
        elif not isinstance(label, str) or label not in taboo:
            problems.append(f"{where}: unknown leaf {label!r}; known are {', '.join(taboo)}")
        elif decision == "confirm" and not taboo[label]:
            problems.append(f"{where}: confirms an alarm as {label}, which is not taboo; relabel it or reject it")
        else:
            yield Verdict(line["text"], label, taboo[label], where)


def _kept(where: str, line: Line, taboo: dict[str, bool]) -> Verdict:
    """A line that an earlier import, or a person, wrote into OUT."""
    if isinstance(line.get("text"), str):
        if isinstance(line.get("leaf"), str) and line["leaf"] in taboo:
            return Verdict(line["text"], line["leaf"], taboo[line["leaf"]], where)
        if "leaf" not in line and isinstance(line.get("flagged"), bool):
            return Verdict(line["text"], None, line["flagged"], where)
    raise InputError(
        f"{where}: neither a training row with a known leaf nor a case with text and flagged; mend it, or name another --out"
    )


def _lines(path: Path, problems: list[str] | None = None) -> Iterator[tuple[str, Line]]:
    """(where, object) of a JSONL file; a line that is none goes to `problems`, or is an error if there is no such list."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); download the reviews again") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    for number, text in enumerate(lines, 1):
        where = f"{path}:{number}"
        try:
            line = json.loads(text) if text.strip() else None
        except (ValueError, RecursionError):
            line = text
        if isinstance(line, dict):
            yield where, line
        elif line is not None:
            problem = f"{where}: expected an object of JSON, got {text[:60]!r}"
            if problems is None:
                raise InputError(problem)
            problems.append(problem)


def _append(path: Path, lines: Collection[Line]) -> None:
    """Add lines; the file is replaced at once, so that a kill leaves the old one or the new one."""
    if not lines:
        return
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        old = path.read_bytes() if path.exists() else b""
        new = "".join(map(json_line, lines)).encode()
        partial.write_bytes(old + (b"\n" if old and not old.endswith(b"\n") else b"") + new)
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); name another folder with --out") from error
