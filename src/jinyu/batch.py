"""Many recordings to output tables: `utterances`, `calls`, `agents`, and `errors.jsonl` for what could not be read.

One recording is judged at a time and written down (`journal.py`), so that a killed batch goes on where it stopped; an unreadable file is
written down too and the others go on. The tables are made at the end and appear only when they are complete.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from heapq import nlargest
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinyu import audio, recordings, speakers, tables
from jinyu.agents import Agents
from jinyu.artifact import Artifact
from jinyu.journal import Journal
from jinyu.redact import redact as masked
from jinyu.report.tables import turn_rows
from jinyu.scorecard import Scorecard
from jinyu.scorer import Scorer
from jinyu.types import SCHEMA, InputError, Judgement, Recording, Role, Turn

if TYPE_CHECKING:
    from jinyu.audio.recording import Heard

WRITTEN = ("utterances", "calls", "agents", "turns", "review", "errors", "journal")
SHOWN = 10  # alarms and errors that the summary quotes
ASR_SURE = 0.5  # a turn that the recogniser trusts less is marked `asr_uncertain`
Line = dict[str, Any]
Source = tuple[str, Callable[[], Iterable[Recording]]]  # (name, what reads its recordings; may raise InputError)


@dataclass(frozen=True)
class Settings:
    """How recordings are judged and what is kept of them."""

    agent_channel: str | None = None
    agent_speaker: str | None = None
    redact: bool = False
    review_budget: int = 0  # a table `review` of so many utterances, those most likely taboo, flagged or not
    keep_turns: bool = False  # a table `turns` of all that is said, the customers' words too; the report shows it


@dataclass
class Summary:
    """What a batch came to. `judged` and `seconds` are of this process, the rest of the whole batch."""

    files: int = 0
    calls: int = 0
    utterances: int = 0
    flagged: Counter[str] = field(default_factory=Counter)  # by type
    alarms: list[Line] = field(default_factory=list)  # the first of them
    needs_review: int = 0
    unread: int = 0
    errors: list[Line] = field(default_factory=list)  # the first of them
    resumed: bool = False
    judged: int = 0
    seconds: float = 0.0
    heard: float = 0.0  # seconds of sound that were recognised
    listening: float = 0.0  # seconds that it took
    passed_over: list[Path] = field(default_factory=list)  # audio files of the folders, where audio cannot be read
    passed_over_reason: str = ""


def judge_turns(recording: Recording, scorer: Scorer) -> list[Judgement | None]:
    """One judgement a turn, None for turns that are not the agent's: customers and bots are never judged."""
    judged = iter(scorer.score_many([t.text for t in recording.turns if t.role is Role.AGENT]))
    return [next(judged) if t.role is Role.AGENT else None for t in recording.turns]


@cache
def shipped_scorecard() -> Scorecard:
    """The default card, read once."""
    return Scorecard.load()


def judge_recording(
    recording: Recording,
    scorer: Scorer,
    source: str = "",
    scorecard: Scorecard | None = None,
    *,
    agent_channel: str | None = None,
    agent_speaker: str | None = None,
    redact: bool = False,
    heard: Callable[[Recording], None] | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(utterance records of the agent's turns, the call's record), scored by the shipped card unless another is given.

    Where turns name no role, `speakers.py` finds the agent. `redact` masks what is returned; judged is the text as it was said.
    `heard` is given the recording with the roles filled in.
    """
    recording, finding = speakers.assign_roles(recording, scorer, agent_channel, agent_speaker)
    if heard:
        heard(recording)
    judged = judge_turns(recording, scorer)
    rows = [_utterance(recording, t, j, redact) for t, j in zip(recording.turns, judged, strict=True) if j is not None]
    review_reason = speakers.review_reason(recording, finding)
    score = (scorecard or shipped_scorecard()).judge(recording, judged).to_dict()
    call = {
        "schema": SCHEMA,
        "call_id": recording.call_id,
        "agent_id": recording.agent_id,
        "source": source,
        "started_at": recording.started_at,
        "audio": None if redact else recording.audio,  # what is masked in the text can be heard there
        "score": score["score"],
        "auto_fail": score["auto_fail"],
        "role_method": finding.method,
        "role_confidence": round(finding.confidence, 4),
        "needs_review": bool(review_reason),
        "review_reason": review_reason,
        "items": score["items"],
        "metrics": {"turns": len(recording.turns), "agent_turns": len(rows), **score["metrics"]},
        "model": rows[0]["model"] if rows else None,
    }
    return rows, call


def _utterance(recording: Recording, turn: Turn, judgement: Judgement, redact: bool) -> dict[str, Any]:
    head = {
        "call_id": recording.call_id,
        "turn_id": turn.turn_id,
        "agent_id": recording.agent_id,
        "role": str(turn.role),
        "start_ms": turn.start_ms,
        "end_ms": turn.end_ms,
        "asr_uncertain": turn.asr_confidence is not None and turn.asr_confidence < ASR_SURE,
    }
    record = {**head, **judgement.to_dict()}
    if redact:
        record["text"] = masked(judgement.text)
        if evidence := judgement.evidence:
            record["evidence"]["text"] = record["text"][evidence.start : evidence.end]
    return record


def score_paths(
    paths: list[Path],
    out: Path,
    scorer: Scorer,
    *,
    table_format: str = "jsonl",
    options: recordings.ReadOptions | None = None,
    scorecard: Scorecard | None = None,
    settings: Settings | None = None,
    workers: int = 1,
    restart: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Summary:
    """Score files and folders into `out`; the same call after a kill goes on where that one stopped.

    Where audio cannot be read, the audio files in folders are passed over and the summary says so; one that is named is an error.
    Raises `InputError` if a named path is not there, nothing is found, `out` cannot be written, or it holds an unfinished batch of other
    files or settings (unless `restart`).
    """
    options = options or recordings.ReadOptions()
    # the tables of an earlier run are no calls
    files = [f for f in recordings.find_files(paths, True) if f.stem not in WRITTEN or f.resolve().parent != out.resolve()]
    lack, passed_over = audio.missing(options.audio), []
    if lack and any(map(recordings.is_audio, files)):
        if named := [p for p in paths if recordings.is_audio(p) and not p.is_dir()]:
            raise InputError(f"{named[0]}: {lack}")
        passed_over = [f for f in files if recordings.is_audio(f)]
        files = [f for f in files if not recordings.is_audio(f)]
    if not files:
        also = f"; {len(passed_over)} audio files there: {lack}" if passed_over else ""
        looked = " ".join(recordings.SUFFIXES + audio.SUFFIXES)
        raise InputError(f"no transcripts in {', '.join(map(str, paths))} (looked for {looked}){also}")
    hearing = Hearing(progress)
    sources = [(str(f), partial(recordings.read, f, options, hearing)) for f in files]
    seen = hashlib.sha256("\n".join(f"{f} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in files).encode(errors="surrogatepass"))
    summary = score_sources(
        sources,
        out,
        scorer,
        table_format=table_format,
        scorecard=scorecard,
        settings=settings,
        workers=workers,
        restart=restart,
        progress=progress,
        identity={"files": seen.hexdigest(), "options": asdict(options)},
    )
    summary.heard, summary.listening = hearing.seconds, hearing.elapsed
    summary.passed_over, summary.passed_over_reason = passed_over, lack if passed_over else ""
    return summary


def score_sources(
    sources: Sequence[Source],
    out: Path,
    scorer: Scorer,
    *,
    table_format: str = "jsonl",
    scorecard: Scorecard | None = None,
    settings: Settings | None = None,
    workers: int = 1,
    restart: bool = False,
    progress: Callable[[str], None] | None = None,
    identity: Line | None = None,
) -> Summary:
    """Score the recordings of `sources` into the tables under `out`. Raises `InputError`, and `ScorecardError` if the card asks for unknown labels.

    `identity` tells an unfinished batch in `out` from another one; it must hold all that the rows depend on, beyond model, card and settings.
    """
    settings = settings or Settings()
    tables.check_format(table_format)
    card = scorecard or shipped_scorecard()
    card.check_labels(scorer.taxonomy)
    started = time.monotonic()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot write there ({error.strerror}); name another folder with -o") from error
    head = {
        "schema": SCHEMA,
        "model": scorer.model.info.sha256,
        "thresholds": scorer.thresholds,
        "scorecard": hashlib.sha256(Path(card.origin).read_bytes()).hexdigest(),
        "settings": asdict(settings),
        **(identity or {}),
    }
    journal, finished = Journal(out, head, restart), False
    judged = 0
    try:
        pace = Pace(len(sources), journal.file, progress)
        for line in _judge(sources, journal, scorer, card, settings, workers):
            journal.write(line)
            judged += len(line.get("utterances", ()))
            pace.step(line)
        summary = _write_tables(journal, out, table_format, settings)
        finished = True
    finally:
        journal.close(finished)
    summary.files, summary.resumed, summary.judged = len(sources), journal.resumed, judged
    summary.seconds = time.monotonic() - started
    return summary


def _judge(
    sources: Sequence[Source], journal: Journal, scorer: Scorer, card: Scorecard, settings: Settings, workers: int
) -> Iterator[Line]:
    """Journal lines of all that is not yet done, in order."""
    with _judging(scorer, card, settings, workers) as judge:
        waiting: deque[Line | Future[Line]] = deque()  # in the order of the calls; bounded, so that memory is too
        for number in range(journal.file, len(sources)):
            name, read = sources[number]
            skip = journal.done if number == journal.file else 0
            last: Line = {"finished": name}
            try:
                for place, recording in enumerate(read()):
                    if place < skip:
                        continue
                    waiting.append(judge(recording, name))
                    while len(waiting) > 4 * workers:
                        yield _result(waiting.popleft())
            except InputError as error:
                last["error"] = masked(str(error)) if settings.redact else str(error)  # it may quote the file
            waiting.append(last)
            while waiting and (workers == 1 or not isinstance(waiting[0], Future) or waiting[0].done()):
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())


def _result(item: Line | Future[Line]) -> Line:
    try:
        return item.result() if isinstance(item, Future) else item
    except BrokenProcessPool as error:
        raise InputError(
            "a worker process died, perhaps for want of memory; the same command goes on, with fewer --workers if need be"
        ) from error


@contextmanager
def _judging(
    scorer: Scorer, card: Scorecard, settings: Settings, workers: int
) -> Iterator[Callable[[Recording, str], Line | Future[Line]]]:
    """What judges one recording: here, or in worker processes of one thread each."""
    if workers == 1:
        yield lambda recording, name: journal_line(recording, name, scorer, card, settings)
        return
    start = (scorer.model.path, scorer.thresholds, Path(card.origin), settings)
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, start) as pool:
        try:
            yield lambda recording, name: pool.submit(_in_worker, recording, name)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_worker: tuple[Scorer, Scorecard, Settings]


def _start_worker(model: Path, thresholds: dict[str, float], card: Path, settings: Settings) -> None:
    global _worker
    _worker = (Scorer(Artifact.open(model), 1, thresholds), Scorecard.load(card), settings)


def _in_worker(recording: Recording, name: str) -> Line:
    return journal_line(recording, name, *_worker)


def journal_line(recording: Recording, name: str, scorer: Scorer, card: Scorecard, settings: Settings) -> Line:
    """All rows of one call."""
    turns: list[Line] = []

    def heard(recording: Recording) -> None:
        if settings.keep_turns:
            turns.extend(turn_rows(recording, settings.redact))

    rows, call = judge_recording(
        recording,
        scorer,
        name,
        card,
        agent_channel=settings.agent_channel,
        agent_speaker=settings.agent_speaker,
        redact=settings.redact,
        heard=heard,
    )
    return {"call": call, "utterances": rows, "turns": turns}


def _write_tables(journal: Journal, out: Path, table_format: str, settings: Settings) -> Summary:
    summary, agents = Summary(), Agents()
    for line in journal.lines():
        if "call" not in line:
            continue
        rows, call = line["utterances"], line["call"]
        agents.add(call, rows)
        summary.calls += 1
        summary.utterances += len(rows)
        summary.needs_review += call["needs_review"]
        flagged = [row for row in rows if row["flagged"]]
        summary.flagged.update(row["label_zh"] for row in flagged)
        summary.alarms += flagged[: SHOWN - len(summary.alarms)]
    for error in journal.errors():
        summary.unread += 1
        summary.errors += [error][: SHOWN - len(summary.errors)]
    made: dict[str, Callable[[], Iterable[Line]]] = {name: partial(journal.rows, name) for name in ("utterances", "calls", "turns")}
    made |= {"agents": agents.rows, "review": partial(_most_likely_taboo, journal, settings.review_budget)}
    wanted = {"turns": settings.keep_turns, "review": settings.review_budget > 0}
    for name, rows_of in made.items():
        path = out / f"{name}.{table_format}"
        if wanted.get(name, True):
            tables.write(path, table_format, rows_of)
        else:  # that of an earlier run, which would be read as one of this
            path.unlink(missing_ok=True)
    if summary.errors:
        tables.write(out / "errors.jsonl", "jsonl", journal.errors)
    else:
        (out / "errors.jsonl").unlink(missing_ok=True)
    return summary


def _most_likely_taboo(journal: Journal, budget: int) -> list[Line]:
    return nlargest(budget, journal.rows("utterances"), key=lambda row: row["taboo_probability"])


class Pace:
    """Progress as a line: files, utterances, alarms, rate and the time that is left."""

    def __init__(self, files: int, done: int, show: Callable[[str], None] | None) -> None:
        self.files, self.before, self.done, self.show = files, done, done, show
        self.utterances, self.flagged, self.started = 0, 0, time.monotonic()

    def step(self, line: Line) -> None:
        """Count one journal line."""
        rows = line.get("utterances", ())
        self.done += "finished" in line
        self.utterances += len(rows)
        self.flagged += sum(row["flagged"] for row in rows)
        if self.show:
            seconds = time.monotonic() - self.started
            new = self.done - self.before
            left = f", {_clock(seconds / new * (self.files - self.done))} left" if new else ""
            rate = f", {self.utterances / seconds:.0f}/s" if seconds else ""
            self.show(f"{self.done}/{self.files} files, {self.utterances} utterances{rate}, {self.flagged} flagged{left}")


class Hearing:
    """How much sound was recognised in how long; shows how far the file at hand is."""

    def __init__(self, show: Callable[[str], None] | None) -> None:
        self.show, self.seconds, self.elapsed = show, 0.0, 0.0

    def __call__(self, heard: Heard) -> None:
        """Told by the recogniser."""
        if heard.seconds == heard.duration:
            self.seconds += heard.duration
            self.elapsed += heard.elapsed
        elif self.show:
            self.show(f"{heard.name}: {_clock(heard.seconds)} of {_clock(heard.duration)} heard, {heard.speed:.1f} x real time")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def stderr_progress() -> Callable[[str], None] | None:
    """A one-line progress display on stderr; None when that is not a terminal."""
    if not sys.stderr.isatty():
        return None
    last = 0.0

    def show(message: str) -> None:
        nonlocal last
        if time.monotonic() - last > 0.2:
            last = time.monotonic()
            print(f"\r{message}\033[K", end="", file=sys.stderr, flush=True)

    return show
