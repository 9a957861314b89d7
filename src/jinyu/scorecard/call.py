"""One call with its judgements, and what follows from its times: silences, holds, interruptions.

Times are used only if every turn has them: a turn without a time may lie in any gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from jinyu.types import Judgement, Kind, Recording, Role

HOLD = "inquiry.hold"  # the label that begins a hold
OVERLAP_S = 0.5  # an agent may start this long before the customer ends


@dataclass(frozen=True)
class Silence:
    """A stretch in which nobody speaks, and the turns around it."""

    start_ms: int
    end_ms: int
    before: int
    after: int


@dataclass(frozen=True)
class Hold:
    """A wait: from the end of the first request to the first later agent turn that is no request, or to the end of the call."""

    start_ms: int
    end_ms: int
    requests: tuple[int, ...]
    back: int | None


class Call:
    """A recording and its judgements, with what conditions ask of them computed once. Turns go by their place in the recording."""

    def __init__(self, recording: Recording, judgements: Sequence[Judgement | None]) -> None:
        if len(judgements) != len(recording.turns):
            raise ValueError(
                f"{recording.call_id}: {len(recording.turns)} turns and {len(judgements)} judgements; expected one a turn, None if not judged"
            )
        self.turns = recording.turns
        self.judgements = tuple(judgements)

    @cached_property
    def times(self) -> tuple[tuple[int, int], ...] | None:
        """(start, end) in ms of every turn; None unless every turn has both."""
        times = [(t.start_ms, max(t.start_ms, t.end_ms)) for t in self.turns if t.start_ms is not None and t.end_ms is not None]
        return tuple(times) if times and len(times) == len(self.turns) else None

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The turns in simplified script, which words and patterns are looked up in."""
        return tuple(simplify(t.text) for t in self.turns)

    @cached_property
    def agent(self) -> tuple[int, ...]:
        """The agent's turns."""
        return tuple(i for i, t in enumerate(self.turns) if t.role is Role.AGENT)

    @cached_property
    def people(self) -> tuple[int, ...]:
        """All turns but those of a bot: an announcement before the call neither opens nor lengthens it."""
        return tuple(i for i, t in enumerate(self.turns) if t.role is not Role.BOT)

    @cached_property
    def place(self) -> dict[int, int]:
        """Turn to its place among `people`."""
        return {turn: place for place, turn in enumerate(self.people)}

    def has_label(self, turn: int, labels: frozenset[str]) -> bool:
        """Whether the turn is of one of the kinds, categories or leaves. Taboo counts only where it was flagged."""
        j = self.judgements[turn]
        if j is None or (j.kind is Kind.TABOO and not j.flagged):
            return False
        return not labels.isdisjoint((str(j.kind), j.category, j.leaf))

    @cached_property
    def silences(self) -> tuple[Silence, ...]:
        """All gaps between the first and the last word of people, in order: the queue behind an announcement is nobody's silence."""
        times = self.times or ()
        found: list[Silence] = []
        last: int | None = None  # the turn that ended latest so far
        first = min((times[i][0] for i in self.people if times), default=0)
        for i in sorted((i for i in range(len(times)) if times[i][0] >= first), key=lambda i: times[i]):
            if last is not None and times[i][0] > times[last][1]:
                found.append(Silence(times[last][1], times[i][0], last, i))
            if last is None or times[i][1] > times[last][1]:
                last = i
        return tuple(found)

    @cached_property
    def holds(self) -> tuple[Hold, ...]:
        """All waits that the agent asked for. Empty without times."""
        if self.times is None:
            return ()
        found: list[Hold] = []
        requests: list[int] = []
        for i in self.agent:
            if self.has_label(i, frozenset({HOLD})):
                requests.append(i)
            elif requests:
                found.append(_hold(self.times, requests, i))
                requests = []
        if requests:
            found.append(_hold(self.times, requests, None))
        return tuple(found)

    def interruptions(self, overlap_s: float = OVERLAP_S) -> tuple[int, ...]:
        """Agent turns that start more than `overlap_s` before a customer's turn ends, and go on when it has ended."""
        times = self.times or ()
        found: list[int] = []
        speaking: list[tuple[int, int]] = []  # customers' turns that a later turn may still cut into
        for i in sorted(range(len(times)), key=lambda i: times[i]):
            start, end = times[i]
            speaking = [(s, e) for s, e in speaking if (e - start) / 1000 > overlap_s]
            if self.turns[i].role is Role.CUSTOMER:
                speaking.append((start, end))
            elif self.turns[i].role is Role.AGENT and any(s < start and e < end for s, e in speaking):
                found.append(i)
        return tuple(sorted(found))


def _hold(times: tuple[tuple[int, int], ...], requests: list[int], back: int | None) -> Hold:
    start = times[requests[0]][1]
    end = max(end for _, end in times) if back is None else times[back][0]
    return Hold(start, max(start, end), tuple(requests), back)


@cache
def _simplifier() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


def simplify(text: str) -> str:
    """Simplified script; lone surrogates, which nothing can encode, become question marks."""
    return str(_simplifier().convert(text.encode("utf-8", "replace").decode()))
