"""The command `jinyu report`, and what `jinyu score --report` does at its end."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinyu import cli_drift
from jinyu.types import InputError, ModelError

if TYPE_CHECKING:
    from jinyu.scorecard import Scorecard
    from jinyu.taxonomy import Taxonomy
    from jinyu.types import Recording


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    report = commands.add_parser(
        "report",
        help="an HTML report of scored calls, in which alarms are reviewed",
        description="Writes OUT/report.html from the JSONL tables that jinyu score wrote into OUT: one file, to be opened in a browser.",
    )
    report.add_argument("out", type=Path, metavar="OUT", help="the output folder of jinyu score")
    report.add_argument(
        "--calls", nargs="+", type=Path, metavar="CALLS",
        help="the transcripts, for what the customers say (not needed after jinyu score --report, which keeps it)",
    )  # fmt: skip
    add_language(report)
    report.add_argument(
        "--redact", action="store_true", help="mask personal data in what --calls adds (always, if the tables are masked)"
    )
    report.add_argument(
        "--scorecard", type=Path, metavar="FILE", help="the scorecard the calls were scored with (default: the shipped one)"
    )
    report.add_argument("--model", help="the model whose labels a reviewer may choose from (default: the shipped model)")
    report.add_argument(
        "--against",
        type=Path,
        metavar="REFERENCE",
        help="an earlier output folder: adds a page on what has changed since (jinyu drift)",
    )
    report.set_defaults(run=_report)


def add_language(parser: argparse.ArgumentParser) -> None:
    """The option `--lang`."""
    parser.add_argument("--lang", choices=["zh", "en"], default="zh", help="of the report (default: %(default)s)")


def make(
    out: Path,
    lang: str,
    scorecard: Scorecard | None,
    taxonomy: Taxonomy | None,
    recordings: dict[str, list[Recording]] | None = None,
    redact: bool = False,
    drift: dict[str, Any] | None = None,
) -> None:
    """Write the report. `drift`: what `jinyu drift` found, for a page of its own."""
    from jinyu.report import page
    from jinyu.scorecard import Scorecard

    card = scorecard or Scorecard.load()
    page.write(out, lang, scorecard=card, taxonomy=taxonomy, recordings=recordings, redact=redact, drift=drift)


def tell(out: Path) -> None:
    """Say where the report is."""
    from jinyu.report import page

    path = out / page.NAME
    print(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)")


def _report(args: argparse.Namespace) -> int:
    from jinyu.scorecard import Scorecard

    card = Scorecard.load(args.scorecard) if args.scorecard else None
    drift = cli_drift.facts(args.against, args.out, args.model) if args.against else None
    make(args.out, args.lang, card, _taxonomy(args.model), _recordings(args.calls or []), args.redact, drift)
    tell(args.out)
    return 0


def _taxonomy(model: str | None) -> Taxonomy | None:
    from jinyu import artifact

    try:
        return artifact.Artifact.open(artifact.find(model)).taxonomy
    except ModelError as error:
        if model:
            raise
        print(f"jinyu: labels to choose from are those in the tables: {error}", file=sys.stderr)
        return None


def _recordings(paths: list[Path]) -> dict[str, list[Recording]]:
    from jinyu import recordings

    found: dict[str, list[Recording]] = defaultdict(list)
    for path in recordings.find_files(paths):
        try:
            for recording in recordings.read(path):
                found[recording.call_id].append(recording)
        except InputError as error:  # as when scoring: one bad file never stops the others
            print(f"jinyu: not read: {error}", file=sys.stderr)
    return found
