"""From a team's labels to a model that may replace the current one: validate, merge, train, calibrate, gate, report.

    python -m training.retrain --labels reviews.jsonl more.csv --out runs/2026-12
    python -m training.retrain --labels ours.xlsx --taxonomy ours.yaml --map mapping.yaml --out runs/ours --promote
    torchrun --nproc-per-node 2 -m training.retrain --labels ...     # several GPUs or processes share the training

Exit code 0: the candidate in RUN/model may replace the current model (and did, with --promote); 10: it was trained and the gate refused
it; 1: the labels or the settings are wrong; 2: the command line is (under torchrun, which hides exit codes, look into RUN/gate.json). The same
command after a kill goes on in the phase that it was in; --noise and --false-alarms-per-1000 may then differ, and --base-model until the
training is done. The current model is read and never written; only `training.promote` does that. What each phase does: `labels.py`,
`merge.py`, `suspects.py`, `train.py`, `calibrate.py`, `gate.py`, `retrain_report.py`. A run directory holds `run.json` (settings, origins,
phases with time and memory), `problems.jsonl`, `labels.jsonl`, `data/`, `suspects.jsonl`, `network/`, `model/`, `gate.json`, `report.md` and
`report.json`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from jinyu import JinyuError, Kind, Scorer, artifact, promise, tables
from training import base, calibrate, data, gate, labels, merge, promote, retrain_report, suspects, train
from training.data import DataError
from training.scheme import Scheme, load

REFUSED = 10
MODEL = data.DATA.parent / "model"
BESIDE = 4000  # shipped rows that the team's labels are checked beside
SHOWN = 50  # problems printed; all of them are in problems.jsonl
TRACKERS = {"mlflow": "mlflow", "wandb": "wandb"}  # TensorBoard's files are always written


@dataclass
class Job:
    """One run directory and its settings."""

    args: argparse.Namespace
    out: Path
    scheme: Scheme
    record: dict[str, Any]

    @property
    def folder(self) -> Path:
        """The merged data."""
        return self.out / "data"

    @property
    def mix(self) -> merge.Mix:
        """How much of each source is read."""
        return merge.Mix(self.args.replay, self.args.cap, self.args.held, self.args.seed)

    def labels(self) -> list[labels.Label]:
        """What `validate` let through."""
        lines = (self.out / "labels.jsonl").read_text(encoding="utf-8").split("\n")  # not splitlines: U+2028 may stand in a text
        return [labels.Label(**json.loads(line)) for line in lines[:-1]]

    def save(self) -> None:
        """Write `run.json` at once: it is the marker of every phase."""
        partial = self.out / "run.json.part"
        partial.write_text(json.dumps(self.record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        partial.replace(self.out / "run.json")


def validate(job: Job) -> dict[str, Any]:
    """Read and check the label files; what may be used goes to `labels.jsonl`."""
    measured = {split: data.load(split, job.args.data) for split in ("validation", "test")}
    found = labels.check(job.args.labels, job.scheme, measured)
    labels.write_problems(found.problems, job.out / "problems.jsonl")
    for problem in found.problems[:SHOWN]:
        print(problem, file=sys.stderr)
    if len(found.problems) > SHOWN:
        print(f"... and {len(found.problems) - SHOWN} more in {job.out / 'problems.jsonl'}", file=sys.stderr)
    if found.stops and not job.args.skip_errors:
        raise DataError(f"{len(found.stops)} rows cannot be used; correct them, or leave them out with --skip-errors")
    if not found.labels and not found.rejected:
        raise DataError(f"no usable label in {', '.join(job.args.labels)}")
    lines = [tables.json_line(asdict(x)) for x in found.labels + found.rejected]
    (job.out / "labels.jsonl").write_text("".join(lines), encoding="utf-8")
    return {"read": found.read, "labels": len(found.labels), "rejected": len(found.rejected), "problems": found.counts()}


def merge_data(job: Job) -> dict[str, Any]:
    """The team's rows and the shipped ones, in the team's taxonomy."""
    current = Scorer.load(job.args.model, threads=job.args.threads)
    read = job.labels()
    own, rejected = [x for x in read if x.leaf], [x for x in read if not x.leaf]
    counts = merge.merge(own, rejected, job.scheme, job.mix, job.args.data, job.folder, current)
    kinds = {job.scheme.taxonomy.kind_of(r.leaf.split(".")[0]) is Kind.TABOO for r in data.load("validation", job.folder)}
    if kinds != {True, False}:
        raise DataError(
            "no taboo or no decent row is left for validation under this taxonomy; say in --map what the shipped leaves are called"
        )
    return counts


def doubt(job: Job) -> dict[str, Any]:
    """How many of the team's labels contradict the others (`suspects.py`); these go to `suspects.jsonl`, for a second reader."""
    own = [suspects.Labelled(x.where, x.text, x.leaf) for x in job.labels() if x.leaf]
    shipped = [r for r in data.load("train", job.folder) if r.hand != merge.HAND]
    beside = Random(job.args.seed).sample(shipped, min(BESIDE, len(shipped)))
    scorer = Scorer.load(job.args.model, threads=job.args.threads)
    found = suspects.find(own, scorer, 3, job.args.seed, [suspects.Labelled(r.id, r.text, r.leaf) for r in beside]) if own else []
    lines = [tables.json_line(vars(s)) for s in found]
    (job.out / "suspects.jsonl").write_text("".join(lines), encoding="utf-8")
    return {
        "labels": len(own),
        "suspects": len(found),
        "at_least": round(promise.lower_bound(len(found), len(own), 0.95), 4) if own else 0.0,
    }


def recipe(args: argparse.Namespace) -> train.Recipe:
    """Going on from a model of ours only head and top layers learn; a plain BERT is trained as a whole, as the shipped model was."""
    source = str(args.base_model or _short(args.model))
    plain = train.Recipe(base_model=source, seed=args.seed, batch=args.batch)
    if not _is_ours(source):
        chosen = asdict(plain)
    else:
        epochs = 3 if args.full else 2
        chosen = asdict(plain) | {
            "epochs": epochs,
            "encoder_lr": 7e-5,
            "head_lr": 5e-4,
            "smoothing": 0.0,
            "top": 0 if args.full else args.top,
        }
    for name in ("epochs", "encoder_lr", "head_lr"):
        if (value := getattr(args, name)) is not None:
            chosen[name] = value
    return train.Recipe(**chosen)


def _is_ours(source: str) -> bool:
    """Whether a directory or hub name is a finished model of ours, by its config, as `network.from_base` tells. Raises `BaseModelError`."""
    if source == str(train.BASE) and not (train.BASE / "config.json").exists():
        return False  # training makes it
    from transformers import AutoConfig

    try:
        return bool(getattr(AutoConfig.from_pretrained(source), "mean_pooling_layer", False))
    except (OSError, ValueError) as error:
        raise base.BaseModelError(f"{source} is neither a model directory nor a hub name within reach: {error}") from error


def _short(path: Path) -> Path:
    """Relative to where we stand if it lies below: recipes travel with models, and say nothing of the machine."""
    path, here = path.resolve(), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def fit(job: Job) -> dict[str, Any]:
    """Train; goes on from the last checkpoint."""
    train.fit(recipe(job.args), job.out, job.folder, job.args.threads, job.args.report_to or "none")
    log = json.loads((job.out / "log.json").read_text(encoding="utf-8"))
    return {"resumed": log["resumed"], "threads": log["threads"]}


def calibrate_and_export(job: Job) -> dict[str, Any]:
    """Temperature, thresholds, and the candidate in RUN/model."""
    version = artifact.Artifact.open(job.args.model).info.version
    following = str(int(version) + 1) if version.isdigit() else f"{version}.1"
    per_1000 = job.args.false_alarms_per_1000
    asked = None if per_1000 is None else lambda seen: promise.for_false_alarms(seen, per_1000)
    settings = calibrate.calibrate(job.out, job.folder, asked, following)
    settings["promise"] = {k: v for k, v in settings["promise"].items() if not k.endswith("_scores")}
    return settings


def judge(job: Job) -> dict[str, Any]:
    """Measure the candidate against the current model."""
    result = gate.judge(job.out, job.args.model, job.folder, job.scheme, job.args.seed, job.args.threads)
    doubted = job.record["phases"]["suspects"]
    if doubted["at_least"] > job.args.noise:
        result["reasons"].append(
            f"{doubted['suspects']} of the team's {doubted['labels']} labels contradict the others (surely more than {job.args.noise:.0%}); "
            f"read {job.out / 'suspects.jsonl'}, correct the labels, or accept them with --noise 1"
        )
        result["pass"] = False
    (job.out / "gate.json").write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return {"pass": result["pass"], "reasons": result["reasons"], "candidate": result.get("candidate")}


def report(job: Job) -> dict[str, Any]:
    """report.md, report.json, and the candidate's card."""
    retrain_report.write(job.out, job.args.model, job.folder, job.record)
    return {}


PHASES: dict[str, Callable[[Job], dict[str, Any]]] = {
    "validate": validate, "merge": merge_data, "suspects": doubt, "train": fit, "calibrate": calibrate_and_export, "gate": judge, "report": report,
}  # fmt: skip
# settings that another run of the same command may change, and what is done again for it
AGAIN = {"noise": ("gate", "report"), "false_alarms_per_1000": ("calibrate", "gate", "report")}


def run(args: argparse.Namespace, command: list[str]) -> int:
    """All phases that are not done yet; the exit code."""
    job = begin(args, command)
    for name, phase in PHASES.items():
        if name in job.record["phases"]:
            continue
        print(f"{name} ...", file=sys.stderr)
        started = time.time()
        result = phase(job)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
        job.record["phases"][name] = {"seconds": round(time.time() - started, 1), "peak_mb": round(peak), **result}
        phases = job.record["phases"].values()
        job.record["seconds"] = round(sum(p["seconds"] for p in phases), 1)
        job.record["peak_mb"] = max(p["peak_mb"] for p in phases)
        job.save()
    verdict = job.record["phases"]["gate"]
    print(f"{job.out}: report.md; {job.record['seconds'] / 60:.1f} minutes")
    if not verdict["pass"]:
        print("refused; the current model stays:")
        for reason in verdict["reasons"]:
            print(f"  - {reason}")
        return REFUSED
    promoted = job.record.get("promoted")
    if args.promote and promoted not in (None, artifact.Artifact.open(args.model).info.sha256):
        print(
            f"{job.out} was promoted before and taken back, so {args.model} stays; python -m training.promote {job.out} does it all the same"
        )
    elif args.promote:
        print(promote.promote(job.out, args.model))
    else:
        print(f"the candidate may replace {args.model}: python -m training.promote {job.out} --model {args.model}")
    return 0


def follow(args: argparse.Namespace) -> int:
    """What a process that `torchrun` started beside the first one does: it helps to train, once the first has merged the data."""
    path, phases = args.out / "run.json", {}
    while "merge" not in phases:
        time.sleep(1)  # if the first process gives up, torchrun ends this one
        if path.exists():
            phases = json.loads(path.read_text(encoding="utf-8"))["phases"]
    if "train" not in phases:
        train.fit(recipe(args), args.out, args.out / "data", args.threads)
    return 0


def begin(args: argparse.Namespace, command: list[str]) -> Job:
    """The job in `args.out`: a new one, or the one that was begun there with the same settings."""
    if args.report_to and importlib.util.find_spec(TRACKERS[args.report_to]) is None:
        raise DataError(f"--report-to {args.report_to} needs it installed: pip install {TRACKERS[args.report_to]}")
    promote.recover(args.model)  # a promotion that a kill cut short
    args.model = artifact.find(args.model)
    current = artifact.Artifact.open(args.model)
    scheme = load(args.taxonomy, args.map, args.data)
    if not args.taxonomy and set(current.taxonomy.codes) != set(scheme.taxonomy.codes):
        raise DataError(
            f"{args.model} has other labels than {args.data / 'taxonomy.yaml'}; name yours with --taxonomy, and --map if you have one"
        )
    keys = (
        "labels",
        "replay",
        "cap",
        "held",
        "full",
        "top",
        "epochs",
        "encoder_lr",
        "head_lr",
        "batch",
        "seed",
        "false_alarms_per_1000",
        "noise",
        "skip_errors",
    )
    settings: dict[str, Any] = {k: getattr(args, k) for k in keys}
    settings["base_model"] = str(args.base_model) if args.base_model else None
    settings["taxonomy"] = hashlib.sha256(json.dumps([scheme.raw, dict(scheme.mapping)], sort_keys=True).encode()).hexdigest()
    settings["label_files"] = {source: _digest(source) for source in args.labels}
    settings["shipped_data"] = data.digest(args.data)
    settings["current"] = current.info.sha256
    args.out.mkdir(parents=True, exist_ok=True)
    path, stale = args.out / "run.json", list[Path]()
    if path.exists():
        record = json.loads(path.read_text(encoding="utf-8"))
        if settings["current"] in (record.get("promoted"), record["phases"].get("gate", {}).get("candidate")):
            settings["current"] = record["settings"]["current"]  # it is this run's own candidate by now
        for name, phases in AGAIN.items():
            if record["settings"].get(name) != settings[name]:
                record["settings"][name] = settings[name]
                for phase in phases:
                    record["phases"].pop(phase, None)
        if "train" not in record["phases"] and record["settings"].get("base_model") != settings["base_model"]:
            record["settings"]["base_model"] = settings["base_model"]
            stale = [args.out / name for name in ("recipe.json", "checkpoints", "network")]  # of a training from the other base
        if not record["phases"]:  # nothing was learned from those labels yet
            record = record | {"settings": settings, "command": command}
        if record["settings"] != settings:
            differing = ", ".join(k for k in settings if record["settings"].get(k) != settings[k])
            raise DataError(f"{args.out} was begun with other settings ({differing} differ); name a new --out, or delete it")
    else:
        record = {
            "settings": settings, "command": command, "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "git": _commit(), "versions": _versions(), "phases": {},
        }  # fmt: skip
    job = Job(args, args.out, scheme, record)
    check_settings(job)
    for old in stale:
        shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
    job.save()
    return job


def check_settings(job: Job) -> None:
    """What would otherwise fail after hours: a base that cannot be opened, a promise that the validation rows are too few for."""
    args, taxonomy = job.args, job.scheme.taxonomy
    if args.base_model and "train" not in job.record["phases"]:
        _is_ours(args.base_model)
    if args.false_alarms_per_1000 is not None and "calibrate" not in job.record["phases"]:
        rows, _ = merge.mapped(data.load("validation", args.data), job.scheme)
        decents = sum(taxonomy.kind_of(r.leaf.split(".")[0]) is not Kind.TABOO for r in rows)
        best = promise.Evidence([0.0], decents, [])  # none of them flagged
        promise.for_false_alarms(best, args.false_alarms_per_1000)


def _digest(source: str) -> str | None:
    """sha256 of a file, or of a directory's files by name; None for a hub name."""
    path = Path(source)
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path] if path.exists() else []
    h = hashlib.sha256()
    for file in files:
        h.update(file.name.encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                h.update(block)
    return h.hexdigest() if files else None


def _commit() -> str | None:
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=data.DATA.parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    names = ("numpy", "torch", "transformers", "datasets", "onnxruntime", "tokenizers", "scikit-learn", "opencc")
    found = {"python": platform.python_version(), "jinyu": importlib.metadata.version("jinyu") if _installed("jinyu") else "source"}
    return found | {name: importlib.metadata.version(name) for name in names if _installed(name)}


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m training.retrain", description=__doc__.split("\n")[0])
    p.add_argument("--labels", nargs="+", required=True, metavar="FILE", help="label files, datasets directories or hub names")
    p.add_argument(
        "--out", type=Path, required=True, metavar="RUN", help="run directory; the same command goes on there after a kill"
    )
    p.add_argument(
        "--model", type=Path, default=MODEL, help="the current model, which the candidate is measured against (default: model)"
    )
    p.add_argument(
        "--base-model",
        metavar="DIR|NAME",
        help="what training starts from: a model directory or a hub name (default: the current model)",
    )
    labels.arguments(p)
    p.add_argument("--replay", type=float, default=0.5, help="share of the shipped rows that are read again (default: %(default)s)")
    p.add_argument("--cap", type=int, default=6000, help="rows of one leaf from either source at most (default: %(default)s)")
    p.add_argument(
        "--held", type=float, default=0.2, help="share of the team's rows that measure and are not learned (default: %(default)s)"
    )
    p.add_argument("--full", action="store_true", help="train all layers, not only the head and the highest")
    p.add_argument("--top", type=int, default=4, help="highest layers that learn without --full (default: %(default)s)")
    p.add_argument("--epochs", type=float, help="(default: 2, with --full 3, from a plain BERT 4)")
    p.add_argument("--encoder-lr", type=float, help="(default: 7e-5, from a plain BERT 1.5e-4)")
    p.add_argument("--head-lr", type=float, help="(default: 5e-4, from a plain BERT 1.5e-3)")
    p.add_argument("--batch", type=int, default=32, help="(default: %(default)s)")
    p.add_argument("--seed", type=int, default=17, help="(default: %(default)s)")
    p.add_argument("--threads", type=int, help="CPU threads (default: the cores of the machine)")
    p.add_argument(
        "--false-alarms-per-1000", type=float, metavar="X", help="promise for decent speech (default: as training.calibrate)"
    )
    p.add_argument(
        "--noise", type=float, default=0.07, metavar="SHARE",
        help="labels that contradict the others; the gate refuses if surely more do (default: %(default)s; 1 accepts all)",
    )  # fmt: skip
    p.add_argument("--skip-errors", action="store_true", help="leave out rows that cannot be used, and go on")
    p.add_argument("--report-to", choices=sorted(TRACKERS), help="also log training there, if it is installed")
    p.add_argument("--promote", action="store_true", help="if the gate lets it pass, replace the current model")
    return p


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.retrain`."""
    p = parser()
    args = p.parse_args(argv)
    if not (0 <= args.noise <= 1 and 0 <= args.replay <= 1 and 0 <= args.held < 1 and args.cap >= 1):
        p.error("--noise and --replay are from 0 to 1, --held from 0 to less than 1, --cap is at least 1")
    try:
        if not train.is_first_process():
            args.model = artifact.find(args.model)
            return follow(args)
        return run(args, ["python", "-m", "training.retrain", *(sys.argv[1:] if argv is None else argv)])
    except (DataError, base.BaseModelError, JinyuError, OSError) as error:
        print(f"training.retrain: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
