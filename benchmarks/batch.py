"""A batch of many calls in every format: scored whole, then killed at random moments and resumed; the tables must be the same bytes.

python -m benchmarks.batch --calls 2000

The calls are our own samples (`data/recordings`) with other ids, agents, days and order, a few turns left out, and now and then a taboo line
of the validation split put in; each is written as one of the vendors writes it.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jinyu import recordings
from jinyu.types import Recording, Role, Turn
from training import data

SAMPLES = data.DATA / "recordings"
BEGIN = datetime.fromisoformat("2026-01-05T09:00:00+08:00")
DAYS, AGENTS = 28, 40
ALLOWED_MB = 700
Write = Callable[[Recording], str | bytes]
COLUMNS = ("call_id", "agent_id", "turn_id", "role", "start_ms", "end_ms", "text")


def dumps(value: Any) -> str:
    """JSON as the services write it."""
    return json.dumps(value, ensure_ascii=False)


def side(turn: Turn) -> int:
    """The channel or speaker number: the agent is 0."""
    return int(turn.role is not Role.AGENT)


def canonical(call: Recording) -> str:
    """Our own form."""
    return recordings.canonical_json(call)


def aliyun(call: Recording) -> str:
    """Recording file recognition: two channels, no roles."""
    said = [
        {"EndTime": t.end_ms, "SilenceDuration": 0, "BeginTime": t.start_ms, "Text": t.text, "ChannelId": side(t), "SpeechRate": 240, "EmotionValue": 5.0}
        for t in sorted(call.turns, key=side)  # one channel after the other
    ]  # fmt: skip
    return dumps({"TaskId": call.call_id, "StatusText": "SUCCESS", "StatusCode": 21050000, "Result": {"Sentences": said}})


def aliyun_lower(call: Recording) -> str:
    """The same service through another kit: lower camel case, numbers as strings."""
    said = [
        {"beginTime": str(t.start_ms), "endTime": str(t.end_ms), "text": t.text, "channelId": str(side(t)), "speechRate": "240"}
        for t in call.turns
    ]
    return dumps({"taskId": call.call_id, "statusText": "SUCCESS", "result": {"sentences": said}})


def aliyun_sca(call: Recording) -> str:
    """Intelligent quality check: roles in Chinese."""
    said = [
        {
            "Begin": t.start_ms,
            "End": t.end_ms,
            "Words": t.text,
            "Role": "客户" if side(t) else "客服",
            "Identity": None,
            "SpeechRate": 240,
        }
        for t in call.turns
    ]
    return dumps({"Code": "200", "Data": {"FileId": call.call_id, "Dialogues": {"Dialogue": said}}, "Success": True})


def tencent(call: Recording) -> str:
    """Recording file recognition: speaker numbers."""
    said = [
        {"FinalSentence": t.text, "StartMs": t.start_ms, "EndMs": t.end_ms, "SpeechSpeed": 4.1, "SpeakerId": side(t), "SilenceTime": 0, "Words": None}
        for t in call.turns
    ]  # fmt: skip
    return dumps(
        {
            "Response": {
                "RequestId": "r",
                "Data": {"TaskId": call.call_id, "Status": 2, "StatusStr": "success", "ResultDetail": said},
            }
        }
    )


def iflytek(call: Recording) -> str:
    """Version 1: a list as a string, times as strings, speakers from 1."""
    said = [
        {"bg": str(t.start_ms), "ed": str(t.end_ms), "onebest": t.text, "si": str(n), "speaker": str(side(t) + 1)}
        for n, t in enumerate(call.turns)
    ]
    return dumps({"data": dumps(said), "err_no": 0, "failed": None, "ok": 0})


def iflytek_lattice(call: Recording) -> str:
    """Version 2: strings within a string, word by word."""
    lattice = []
    for t in call.turns:
        words = [{"cw": [{"w": w, "wp": "n", "wc": "0.0"}], "wb": n, "we": n} for n, w in enumerate(t.text)]
        st = {"bg": str(t.start_ms), "ed": str(t.end_ms), "rl": str(side(t) + 1), "rt": [{"ws": words}]}
        lattice.append({"json_1best": dumps({"st": st})})
    order = {"orderId": call.call_id, "failType": 0, "status": 4}
    return dumps({"code": "000000", "content": {"orderInfo": order, "orderResult": dumps({"lattice": lattice})}})


def huawei(call: Recording) -> str:
    """Roles of the analysis."""
    said = [
        {
            "start_time": t.start_ms,
            "end_time": t.end_ms,
            "result": {"text": t.text, "analysis_info": {"role": "USER" if side(t) else "AGENT"}},
        }
        for t in call.turns
    ]
    return dumps({"job_id": call.call_id, "status": "FINISHED", "segments": said})


def funasr(call: Recording) -> str:
    """Speaker numbers."""
    said = [{"text": t.text, "start": t.start_ms, "end": t.end_ms, "timestamp": [], "spk": side(t)} for t in call.turns]
    return dumps([{"key": call.call_id, "text": "".join(t.text for t in call.turns), "sentence_info": said}])


def whisperx(call: Recording) -> str:
    """Seconds, and names of speakers."""
    said = [
        {
            "start": (t.start_ms or 0) / 1000,
            "end": (t.end_ms or 0) / 1000,
            "text": t.text,
            "words": [],
            "speaker": f"SPEAKER_{side(t):02}",
        }
        for t in call.turns
    ]
    return dumps({"segments": said, "word_segments": [], "language": "zh"})


def aws(call: Recording) -> str:
    """Call Analytics."""
    said = [
        {"Id": t.turn_id, "ParticipantRole": "CUSTOMER" if side(t) else "AGENT", "BeginOffsetMillis": t.start_ms, "EndOffsetMillis": t.end_ms, "Content": t.text}
        for t in call.turns
    ]  # fmt: skip
    return dumps(
        {"JobStatus": "COMPLETED", "JobName": call.call_id, "LanguageCode": "zh-CN", "Channel": "VOICE", "Transcript": said}
    )


def google(call: Recording) -> str:
    """Conversational Insights: microseconds since 1970."""
    began = int(datetime.fromisoformat(str(call.started_at)).timestamp() * 1_000_000)
    said = [
        {"text": t.text, "role": "CUSTOMER" if side(t) else "AGENT", "user_id": side(t), "start_timestamp_usec": began + 1000 * (t.start_ms or 0)}
        for t in call.turns
    ]  # fmt: skip
    return dumps({"conversation_info": {"categories": []}, "entries": said})


def _clock(ms: int | None, mark: str) -> str:
    seconds, rest = divmod(ms or 0, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{rest:03}"


def _who(turn: Turn) -> str:
    return "客户" if side(turn) else "坐席"


def srt(call: Recording) -> str:
    """Subtitles with who speaks before each line."""
    cues = (
        f"{n}\n{_clock(t.start_ms, ',')} --> {_clock(t.end_ms, ',')}\n{_who(t)}：{t.text}\n" for n, t in enumerate(call.turns, 1)
    )
    return "\n".join(cues)


def vtt(call: Recording) -> str:
    """WebVTT with voices."""
    cues = (f"{_clock(t.start_ms, '.')} --> {_clock(t.end_ms, '.')}\n<v {_who(t)}>{t.text}</v>\n" for t in call.turns)
    return "WEBVTT\n\n" + "\n".join(cues)


def txt(call: Recording) -> str:
    """Lines, no times."""
    return "".join(f"{_who(t)}：{t.text}\n" for t in call.turns)


def rows(call: Recording) -> list[list[Any]]:
    """A turn a row, in the order of `COLUMNS`."""
    return [[call.call_id, call.agent_id, t.turn_id, str(t.role), t.start_ms, t.end_ms, t.text] for t in call.turns]


def table(call: Recording) -> str:
    """CSV."""
    file = io.StringIO(newline="")
    csv.writer(file).writerows([COLUMNS, *rows(call)])
    return file.getvalue()


def parquet(call: Recording) -> bytes:
    """As data engineers keep it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table(dict(zip(COLUMNS, zip(*rows(call), strict=True), strict=True))), file)
    return file.getvalue()


def sheet(call: Recording) -> bytes:
    """As supervisors keep it."""
    from openpyxl import Workbook

    book, file = Workbook(), io.BytesIO()
    for row in (COLUMNS, *rows(call)):
        book.active.append(row)
    book.save(file)
    return file.getvalue()


FORMATS: tuple[tuple[str, Write], ...] = (
    *(
        (".json", canonical),
        (".json", aliyun),
        (".json", aliyun_lower),
        (".json", aliyun_sca),
        (".json", tencent),
        (".json", iflytek),
        (".json", iflytek_lattice),
    ),
    *((".json", huawei), (".json", funasr), (".json", whisperx), (".json", aws), (".json", google)),
    *((".srt", srt), (".vtt", vtt), (".txt", txt), (".csv", table), (".parquet", parquet), (".xlsx", sheet)),
)


def put(path: Path, write: Write, call: Recording) -> None:
    """Write one call in one form."""
    written = write(call)
    path.write_bytes(written if isinstance(written, bytes) else written.encode())


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
