"""Many recordings to output tables: `utterances`, `calls`, `agents`, and `errors.jsonl` for what could not be read.

One recording is judged at a time and written down (`journal.py`), so that a killed batch goes on where it stopped; an unreadable file is
written down too and the others go on. The tables are made at the end and appear only when they are complete.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from functools import partial
from heapq import nlargest
from pathlib import Path

from jinyu import audio, recordings, tables
from jinyu.agents import Agents
from jinyu.journal import Journal
from jinyu.judging import Line, Settings, card_for, judge_pool, result
from jinyu.progress import Hearing, Pace
from jinyu.redact import redact as masked
from jinyu.report.page import NAME as REPORT
from jinyu.scorecard import Scorecard
from jinyu.scorer import Scorer
from jinyu.types import SCHEMA, InputError, Recording

WRITTEN = ("utterances", "calls", "agents", "turns", "review", "errors", "journal")
SHOWN = 10  # alarms and errors that the summary quotes
Source = tuple[str, Callable[[], Iterable[Recording]]]  # (name, what reads its recordings; may raise InputError)


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
    twins: list[Path] = field(default_factory=list)  # other forms of calls that were scored


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
    finish: Callable[[], object] | None = None,
) -> Summary:
    """Score files and folders into `out`; the same call after a kill goes on where that one stopped.

    `finish` is called when the tables are complete; a kill in it leaves a batch that need not be judged again.
    Of a call that lies in a folder in several forms one is scored. Where audio cannot be read, the audio files in folders are passed over; one
    that is named is an error. The summary tells of both.
    Raises `InputError` if a named path is not there, nothing is found, `out` cannot be written, or it holds an unfinished batch of other
    files or settings (unless `restart`).
    """
    options = options or recordings.ReadOptions()
    # the tables of an earlier run are no calls
    files = [f for f in recordings.find_files(paths, True) if f.stem not in WRITTEN or f.resolve().parent != out.resolve()]
    files, twins = recordings.one_form(files, paths)
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
        finish=finish,
        identity={"files": seen.hexdigest(), "options": asdict(options)},
    )
    summary.heard, summary.listening = hearing.seconds, hearing.elapsed
    summary.twins = twins
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
    finish: Callable[[], object] | None = None,
    identity: Line | None = None,
) -> Summary:
    """Score the recordings of `sources` into the tables under `out`. Raises `InputError`, and `ScorecardError` if the card asks for unknown labels.

    `finish` as in `score_paths`. `identity` tells an unfinished batch in `out` from another one; it must hold all that the rows depend on, beyond model, card and settings.
    """
    settings = settings or Settings()
    tables.check_format(table_format)
    card = card_for(scorer, scorecard)
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
        if finish:
            finish()
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
    with judge_pool(scorer, card, settings, workers) as judge:
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
                        yield result(waiting.popleft())
            except InputError as error:
                last["error"] = str(error)
                if settings.redact:  # both may hold what the file holds, or is named by
                    last = {key: masked(text) for key, text in last.items()}
            waiting.append(last)
            while waiting and (workers == 1 or not isinstance(waiting[0], Future) or waiting[0].done()):
                yield result(waiting.popleft())
        while waiting:
            yield result(waiting.popleft())


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
    if settings.redact:  # what an earlier run left beside these, unmasked
        stale = [out / f"{name}.{other}" for name in made for other in tables.FORMATS if other != table_format]
        for path in [*stale, out / REPORT]:
            path.unlink(missing_ok=True)
    if summary.errors:
        tables.write(out / "errors.jsonl", "jsonl", journal.errors)
    else:
        (out / "errors.jsonl").unlink(missing_ok=True)
    return summary


def _most_likely_taboo(journal: Journal, budget: int) -> list[Line]:
    return nlargest(budget, journal.rows("utterances"), key=lambda row: row["taboo_probability"])
