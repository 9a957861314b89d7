"""Puts a run's candidate in the place of the current model; `training.rollback` takes it back.

    python -m training.promote runs/2026-12            # -> model/; the old one is kept as model.previous

The candidate is copied beside the model, checked, and exchanged with it: by one system call where the kernel has it (Linux), so
that at every moment a whole model lies under the name; elsewhere by two renames. A promotion that a kill cut short is finished by the
next call.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinyu import JinyuError, artifact
from training import data
from training.data import DataError

MODEL = data.DATA.parent / "model"
HEAD = "# Changes of the model\nOne entry a shipped model; figures are in `README.md` and `metrics.json` beside this file.\n"


def promote(run: Path, model: Path = MODEL) -> str:
    """Swap RUN/model in and say what was done. Raises `DataError` if the gate did not let it pass, or judged it against another model."""
    recover(model)
    record, verdict = _read(run / "run.json", run), _read(run / "gate.json", run)
    candidate, current = artifact.Artifact.open(run / "model"), artifact.Artifact.open(model)
    if current.info.sha256 == candidate.info.sha256:
        _mark(run, record, candidate)
        return f"{model} is already the model of {run}"
    if not verdict["pass"]:
        raise DataError(f"{run}: the gate refused this candidate ({'; '.join(verdict['reasons'])}); see {run / 'report.md'}")
    if verdict["candidate"] != candidate.info.sha256:
        raise DataError(f"{run / 'model'} changed after the gate judged it; run the retraining command into a new --out")
    if verdict["current"] != current.info.sha256:
        raise DataError(f"{run} was judged against another model than {model} is now; run the retraining command into a new --out")
    artifact.verify(candidate.path, candidate.manifest)
    staging = _beside(model, "next.part")
    shutil.rmtree(staging, ignore_errors=True)
    shutil.copytree(candidate.path, staging)
    (staging / "CHANGELOG.md").write_text(_changelog(run, model, record, verdict, candidate), encoding="utf-8")
    _sync(staging)
    swap(staging, model)
    _mark(run, record, candidate)
    return f"{model} is now version {candidate.info.version} from {run}; the old one is {_beside(model, 'previous')}"


def _mark(run: Path, record: dict[str, Any], candidate: artifact.Artifact) -> None:
    _write(run / "run.json", record | {"promoted": candidate.info.sha256})


def swap(staging: Path, model: Path, becomes: str = "previous") -> None:
    """Put the complete directory `staging` under the name `model`; what was there becomes `model.previous`, or another `becomes`."""
    following, journal = (_beside(model, s) for s in ("next", "swap.json"))
    _write(journal, {"from": _sha(model), "to": _sha(staging), "becomes": becomes})
    staging.rename(following)
    _exchange(following, model)
    _finish(following, _beside(model, becomes), journal)


def recover(model: Path) -> None:
    """Finish a swap that was cut short; a copy that was never complete goes."""
    following, journal = (_beside(model, s) for s in ("next", "swap.json"))
    if journal.exists():
        told = json.loads(journal.read_text(encoding="utf-8"))
        before, old = told["from"], _beside(model, told.get("becomes", "previous"))
        aside = _beside(model, "aside")
        if not model.exists():  # between the two renames of `_exchange`
            (following if following.exists() else aside).rename(model)
        if aside.exists():
            aside.rename(following)
        if following.exists():  # it was complete before it got this name
            if _sha(model) == before:
                _exchange(following, model)
            _finish(following, old, journal)
        else:
            journal.unlink()
    shutil.rmtree(_beside(model, "next.part"), ignore_errors=True)


def _finish(following: Path, old: Path, journal: Path) -> None:
    """`following` holds the old model by now."""
    shutil.rmtree(old, ignore_errors=True)
    following.rename(old)
    journal.unlink()


def _exchange(one: Path, other: Path) -> None:
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if hasattr(libc, "renameat2"):
            here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
            if libc.renameat2(here, os.fsencode(one.absolute()), here, os.fsencode(other.absolute()), exchange) == 0:
                return
    aside = _beside(other, "aside")  # no such call, or a file system without it
    other.rename(aside)
    one.rename(other)
    aside.rename(one)


def _changelog(run: Path, model: Path, record: dict[str, Any], verdict: dict[str, Any], candidate: artifact.Artifact) -> str:
    path = model / "CHANGELOG.md"
    before = path.read_text(encoding="utf-8") if path.exists() else HEAD
    head, mark, entries = before.partition("\n## ")
    merged = record["phases"]["merge"]
    figures = ", ".join(f"{n} {f['old']} -> {f['new']}" for n, f in verdict["splits"]["test"]["figures"].items())
    entry = (
        f"\n## {candidate.info.version} ({datetime.now(UTC):%Y-%m-%d})\n"
        f"- Retrained ({run.name}) on {merged['team_rows']} rows of a team's own labels beside {merged['shipped_rows']} shipped ones, "
        f"{len(candidate.taxonomy.codes)} leaves. Against the model before, on the test split: {figures or 'nothing in common'}.\n"
    )
    return head.rstrip("\n") + "\n" + entry + (mark + entries if mark else "")


def _beside(model: Path, suffix: str) -> Path:
    return model.with_name(f"{model.name}.{suffix}")


def _sha(model: Path) -> str:
    return hashlib.sha256((model / artifact.MANIFEST).read_bytes()).hexdigest()


def _sync(folder: Path) -> None:
    for path in [*folder.iterdir(), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write(path: Path, value: Any) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def _read(path: Path, run: Path) -> dict[str, Any]:
    if not path.exists():
        raise DataError(
            f"{run} holds no finished retraining (no {path.name}); run: python -m training.retrain --labels FILE --out {run}"
        )
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.promote`."""
    parser = argparse.ArgumentParser(prog="python -m training.promote", description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, help="a run directory of training.retrain")
    parser.add_argument("--model", type=Path, default=MODEL, help="the model to replace (default: model/ of the checkout)")
    args = parser.parse_args(argv)
    try:
        print(promote(args.run, args.model))
    except (DataError, JinyuError, OSError) as error:
        print(f"training.promote: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
