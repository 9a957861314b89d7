"""The command `jinyu drift`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinyu.types import ModelError

PLAIN = {
    "stable": "no change worth a look",
    "look": "something moved: read some of the new calls before trusting the figures",
    "drifted": "the new batch is not like the old one: read a sample (python -m training.select), recalibrate or retrain",
}


def register(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], model_options: Callable[[argparse.ArgumentParser], None]
) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "drift",
        help="compare two batches of results: labels, alarms, confidence, length, words, meaning",
        description="Compares the utterances of two output folders of jinyu score and says of each measure, and of the whole: stable, look, "
        "or drifted. The exit code is 0 whatever the verdict. jinyu report NEW --against REFERENCE shows the same as a page of the report.",
    )
    command.add_argument("reference", type=Path, metavar="REFERENCE", help="an output folder, or its utterances table")
    command.add_argument("new", type=Path, metavar="NEW", help="the batch to compare with it")
    command.add_argument("--json", action="store_true", help="as JSON")
    command.add_argument(
        "--sample",
        type=int,
        default=1000,
        metavar="N",
        help="utterances of each batch that the model reads again, for words and meaning; 0: none (default: %(default)s)",
    )
    command.add_argument("--seed", type=int, default=0, help="of samples and simulated batches (default: %(default)s)")
    model_options(command)
    command.set_defaults(run=_run)


def facts(
    reference: Path, new: Path, model: str | None, sample: int = 1000, seed: int = 0, threads: int | None = None
) -> dict[str, Any]:
    """The verdict on `new` beside `reference`, each measure, and notes. Raises `InputError`; `ModelError` if `model` is named."""
    from jinyu import drift  # numpy, which the other commands may not need

    before, after = drift.read(reference), drift.read(new)
    notes = []
    scorer = None
    if sample > 0:
        from jinyu.scorer import Scorer

        try:
            scorer = Scorer.load(model, threads=threads)
        except ModelError as error:
            if model:
                raise
            notes.append(f"words and meaning were not compared: {error}")
    if before.models != after.models:
        notes.append("the batches were judged by different models; score both with one before blaming the calls")
    if min(len(before.texts), len(after.texts)) < 200:
        notes.append("fewer than 200 utterances in a batch: only gross changes can show")
    measures = drift.compare(before, after, scorer, sample, seed)
    return {
        "verdict": drift.overall(measures),
        "reference": {"file": before.name, "utterances": len(before.texts)},
        "new": {"file": after.name, "utterances": len(after.texts)},
        "measures": [asdict(m) for m in measures],
        "notes": notes,
    }


def _run(args: argparse.Namespace) -> int:
    found = facts(args.reference, args.new, args.model, args.sample, args.seed, args.threads)
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return 0
    reference, new = found["reference"], found["new"]
    print(f"{found['verdict']}: {PLAIN[found['verdict']]}")
    print(f"  reference {reference['file']}, {reference['utterances']} utterances; new {new['file']}, {new['utterances']}")
    for m in found["measures"]:
        print(f"  {m['verdict']:8} {m['name']:15} {m['says']}")
    for note in found["notes"]:
        print(f"note: {note}")
    return 0
