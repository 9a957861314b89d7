"""Takes the last promotion back: the model that was there before lies under its name again, byte for byte.

python -m training.rollback            # model.previous -> model/; what was promoted is kept as model.undone
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from jinyu import JinyuError, artifact
from training import promote
from training.data import DataError


def rollback(model: Path = promote.MODEL) -> str:
    """Swap the model of before in and say what was done. Raises `DataError` if there is none."""
    promote.recover(model)
    previous = model.with_name(f"{model.name}.previous")
    if not previous.exists():
        raise DataError(f"there is no {previous}, so nothing to take back; a promotion leaves it there")
    before = artifact.Artifact.open(previous)
    promote.swap(previous, model, becomes="undone")
    return f"{model} is version {before.info.version} again; what was promoted is {model.name}.undone beside it"


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.rollback`."""
    parser = argparse.ArgumentParser(prog="python -m training.rollback", description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, default=promote.MODEL, help="the model (default: model/ of the checkout)")
    args = parser.parse_args(argv)
    try:
        print(rollback(args.model))
    except (DataError, JinyuError, OSError) as error:
        print(f"training.rollback: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
