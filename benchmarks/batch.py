"""A batch of many calls in every format: scored whole, then killed at random moments and resumed; the tables must be the same bytes.

python -m benchmarks.batch --calls 2000

The calls are our own samples (`data/recordings`) with other ids, agents, days and order, a few turns left out, and now and then a taboo line
of the validation split put in; each is written as one of the vendors writes it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.vendor_forms import FORMATS, Write, put
from jinyu import recordings
from jinyu.types import Recording, Role
from training import data

SAMPLES = data.DATA / "recordings"
BEGIN = datetime.fromisoformat("2026-01-05T09:00:00+08:00")
DAYS, AGENTS = 28, 40
ALLOWED_MB = 700


def generate(folder: Path, count: int, seed: int, only: Write | None = None) -> int:
    """Write `count` calls, all in one format if `only` is given; returns how many turns they hold."""
    chance = random.Random(seed)
    samples = [_timed(call) for path in recordings.find_files([SAMPLES]) for call in recordings.read(path)]
    taxonomy = data.load_taxonomy()
    taboo = [row.text for row in data.load("validation") if taxonomy.kind_of(row.leaf.split(".")[0]) == "taboo"]
    turns = 0
    for n in range(count):
        began = BEGIN + timedelta(days=chance.randrange(DAYS), seconds=chance.randrange(9 * 3600))
        agent = f"{8000 + min(int(chance.expovariate(4 / AGENTS)), AGENTS - 1)}"
        call = _varied(chance.choice(samples), chance, taboo)
        call = replace(call, call_id=f"{began:%Y%m%d-%H%M%S}-{n:05}", agent_id=agent, started_at=began.isoformat())
        suffix, write = (".json", only) if only else FORMATS[n % len(FORMATS)]
        turns += len(call.turns)
        put(folder / f"{chance.randrange(10**6):06}-{n:05}{suffix}", write, call)
    return turns


def _timed(call: Recording) -> Recording:
    """With times, at five characters a second where the sample has none."""
    turns, at = [], 500
    for turn in call.turns:
        if turn.start_ms is None:
            turn = replace(turn, start_ms=at, end_ms=at + 200 * len(turn.text))
        at = (turn.end_ms or at) + 400
        turns.append(turn)
    return replace(call, turns=tuple(turns))


def _varied(call: Recording, chance: random.Random, taboo: list[str]) -> Recording:
    turns = list(call.turns)
    for _ in range(chance.randrange(4)):
        turns.pop(chance.randrange(2, len(turns) - 1))
    if chance.random() < 0.2:
        at = chance.choice([n for n, t in enumerate(turns) if t.role is Role.AGENT and n > 1])
        turns[at] = replace(turns[at], text=chance.choice(taboo))
    return replace(call, turns=tuple(replace(t, turn_id=str(n)) for n, t in enumerate(turns)))


@dataclass(frozen=True)
class Run:
    """One `jinyu score` in a process of its own. `killed` tells that the signal found it at work."""

    code: int
    seconds: float
    peak_mb: float
    killed: bool


def score(calls: Path, out: Path, options: list[str], kill_at: tuple[float, float] | None = None) -> Run:
    """Run the command; with `kill_at`, SIGKILL when its journal holds so many bytes and so many seconds have passed since."""
    command = [sys.executable, "-m", "jinyu.cli", "score", str(calls), "-o", str(out), *options]
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    over = threading.Event()
    if kill_at:
        threading.Thread(target=_kill, args=(child.pid, over, out / "journal.jsonl", *kill_at), daemon=True).start()
    assert child.stderr
    with child.stderr:
        complaint = child.stderr.read()
    over.set()  # before its id may be given to another
    _, status, used = os.wait4(child.pid, 0)  # its own peak, not that of all children so far
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"jinyu score exited with {child.returncode}: {complaint.decode(errors='replace')}")
    return Run(child.returncode, time.monotonic() - start, used.ru_maxrss / 1024, child.returncode == -signal.SIGKILL)


def _kill(group: int, over: threading.Event, journal: Path, size: float, seconds: float) -> None:
    """End the process and its workers at that moment, unless it is over by then."""
    while _size(journal) < size:
        if over.wait(0.02):
            return
    if not over.wait(seconds):
        os.killpg(group, signal.SIGKILL)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def judged(out: Path) -> int:
    """Calls in the journal of an unfinished run."""
    journal = out / "journal.jsonl"
    if not journal.exists():
        return 0
    with journal.open("rb") as file:
        return sum(line.startswith(b'{"call"') and line.endswith(b"\n") for line in file)


def contents(out: Path) -> dict[str, str]:
    """The hash of each file."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(out.iterdir())}


def main() -> int:
    """Print the figures; 1 if the tables differ, calls are missing, or memory is above what is promised."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=2000, help="how many (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=3, help="how often the second run is killed (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the calls and of the moments (default: %(default)s)")
    parser.add_argument("--format", default="jsonl", help="of the tables (default: %(default)s)")
    parser.add_argument("--workers", default="1", help="as of jinyu score (default: %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the calls and the tables there")
    args = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    chance = random.Random(args.seed + 1)
    home = args.keep or Path(tempfile.mkdtemp(prefix="jinyu-batch-"))
    try:
        calls = home / "calls"
        calls.mkdir(parents=True)
        turns = generate(calls, args.calls, args.seed)
        print(f"{args.calls} calls, {turns} turns, in {min(args.calls, len(FORMATS))} forms")
        options = ["--format", args.format, "--workers", args.workers]
        runs = [score(calls, home / "whole", options)]
        print(f"whole: {runs[0].seconds:.1f} s, {args.calls / runs[0].seconds:.2f} calls/s, peak memory {runs[0].peak_mb:.0f} MB")
        # moments of the work, not of the clock, whose pace changes; the journal comes to about the size of these two tables
        whole = sum(_size(home / "whole" / f"{name}.{args.format}") for name in ("utterances", "calls"))
        moments = sorted(chance.uniform(0.02, 0.95) for _ in range(args.kills))
        for number, moment in enumerate(moments, 1):
            run = score(calls, home / "killed", options, kill_at=(moment * whole, chance.uniform(0, 0.05)))
            done = judged(home / "killed")
            how = "killed" if run.killed else "was done before it could be killed"
            print(f"kill {number}: {how} after {run.seconds:.1f} s, {done} calls judged, peak memory {run.peak_mb:.0f} MB")
            runs.append(run)
        if (home / "killed" / "journal.jsonl").exists() or not (home / "killed" / f"calls.{args.format}").exists():
            runs.append(score(calls, home / "killed", options))
            print(f"resumed to the end: {runs[-1].seconds:.1f} s, peak memory {runs[-1].peak_mb:.0f} MB")
        one, two = contents(home / "whole"), contents(home / "killed")
        peak = max(run.peak_mb for run in runs)
        print(f"tables: {', '.join(one)}: {'identical' if one == two else 'DIFFERENT'}")
        print(f"peak memory of all runs {peak:.0f} MB (promised: under {ALLOWED_MB})")
        return int(one != two or "errors.jsonl" in one or peak > ALLOWED_MB or not all(r.killed for r in runs[1 : args.kills + 1]))
    finally:
        if not args.keep:
            shutil.rmtree(home)


if __name__ == "__main__":
    raise SystemExit(main())
