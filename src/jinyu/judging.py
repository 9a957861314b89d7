"""One recording judged: an utterance record for each of the agent's turns, and the call's record; here or in worker processes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jinyu import speakers
from jinyu.artifact import Artifact
from jinyu.redact import redact as masked
from jinyu.report.tables import turn_rows
from jinyu.scorecard import Scorecard
from jinyu.scorer import Scorer
from jinyu.types import SCHEMA, InputError, Judgement, Recording, Role, Turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

ASR_SURE = 0.5  # a turn that the recogniser trusts less is marked `asr_uncertain`
Line = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """How recordings are judged and what is kept of them."""

    agent_channel: str | None = None
    agent_speaker: str | None = None
    redact: bool = False
    review_budget: int = 0  # a table `review` of so many utterances, those most likely taboo, flagged or not
    keep_turns: bool = False  # a table `turns` of all that is said, the customers' words too; the report shows it


class OneCall:
    """The scorer, for one call: what it has read to find the agent it does not read again to judge."""

    def __init__(self, scorer: Scorer) -> None:
        self.taxonomy, self._scorer = scorer.taxonomy, scorer
        self._known: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

    def predict_proba(self, utterances: Iterable[str]) -> NDArray[np.float32]:
        """As the scorer's."""
        return np.stack([p for p, _ in self._features(list(utterances))])

    def score_many(self, utterances: Iterable[str]) -> list[Judgement]:
        """As the scorer's."""
        texts = list(utterances)
        known = self._features(texts)
        return [self._scorer.judge(text, *features) for text, features in zip(texts, known, strict=True)]

    def _features(self, texts: list[str]) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        new = list(dict.fromkeys(t for t in texts if t not in self._known))
        self._known.update(zip(new, zip(*self._scorer.features(new), strict=True), strict=True))
        return [self._known[t] for t in texts]


def judge_turns(recording: Recording, scorer: Scorer | OneCall) -> list[Judgement | None]:
    """One judgement a turn, None for turns that are not the agent's: customers and bots are never judged."""
    judged = iter(scorer.score_many([t.text for t in recording.turns if t.role is Role.AGENT]))
    return [next(judged) if t.role is Role.AGENT else None for t in recording.turns]


@cache
def shipped_scorecard() -> Scorecard:
    """The default card, read once."""
    return Scorecard.load()


def card_for(scorer: Scorer, scorecard: Scorecard | None) -> Scorecard:
    """The card that calls are scored by: the one given, or what the shipped one asks of labels that the model has.

    Raises `ScorecardError` if the one given asks for unknown labels.
    """
    if scorecard is None:
        return shipped_scorecard().for_model(scorer.taxonomy)
    scorecard.check_labels(scorer.taxonomy)
    return scorecard


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
    reader = OneCall(scorer)
    recording, finding = speakers.assign_roles(recording, reader, agent_channel, agent_speaker)
    if redact:
        recording = replace(recording, call_id=_masked_name(recording.call_id))
    if heard:
        heard(recording)
    judged = judge_turns(recording, reader)
    rows = [_utterance(recording, t, j, redact) for t, j in zip(recording.turns, judged, strict=True) if j is not None]
    reasons = [speakers.review_reason(recording, finding, zh) for zh in (False, True)]
    if redact:
        reasons = [masked(reason) for reason in reasons]  # they name the speaker
    score = (scorecard or card_for(scorer, None)).judge(recording, judged).to_dict()
    call = {
        "schema": SCHEMA,
        "call_id": recording.call_id,
        "agent_id": recording.agent_id,
        "source": masked(source) if redact else source,
        "redacted": redact,
        "started_at": recording.started_at,
        "audio": None if redact else recording.audio,  # what is masked in the text can be heard there
        "score": score["score"],
        "auto_fail": score["auto_fail"],
        "role_method": finding.method,
        "role_confidence": round(finding.confidence, 4),
        "needs_review": bool(reasons[0]),
        "review_reason": reasons[0],
        "review_reason_zh": reasons[1],
        "items": score["items"],
        "metrics": {"turns": len(recording.turns), "agent_turns": len(rows), **score["metrics"]},
        "model": rows[0]["model"] if rows else None,
    }
    return rows, call


def _masked_name(call_id: str) -> str:
    """Recordings are often named by the customer's number; what is left of it keeps calls of one shape apart."""
    name = masked(call_id)
    return name if name == call_id else f"{name}-{hashlib.sha256(call_id.encode(errors='surrogatepass')).hexdigest()[:4]}"


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


def result(item: Line | Future[Line]) -> Line:
    """What a `judge_pool` gave, waited for."""
    try:
        return item.result() if isinstance(item, Future) else item
    except BrokenProcessPool as error:
        raise InputError(
            "a worker process died, perhaps for want of memory; the same command goes on, with fewer --workers if need be"
        ) from error


@contextmanager
def judge_pool(
    scorer: Scorer, card: Scorecard, settings: Settings, workers: int
) -> Iterator[Callable[[Recording, str], Line | Future[Line]]]:
    """What judges one recording: here, or in worker processes of one thread each."""
    if workers == 1:
        yield lambda recording, name: journal_line(recording, name, scorer, card, settings)
        return
    start = (scorer.model.path, scorer.thresholds, card, settings)
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, start) as pool:
        try:
            yield lambda recording, name: pool.submit(_in_worker, recording, name)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_worker: tuple[Scorer, Scorecard, Settings]


def _start_worker(model: Path, thresholds: dict[str, float], card: Scorecard, settings: Settings) -> None:
    global _worker
    _worker = (Scorer(Artifact.open(model), 1, thresholds), card, settings)


def _in_worker(recording: Recording, name: str) -> Line:
    return journal_line(recording, name, *_worker)
