"""Figures of a call that a condition may bound: `silence: {at_most: 60}`. To add one: a function here and a line in `MEASURES`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from jinyu.scorecard import metrics
from jinyu.scorecard.call import OVERLAP_S, Call, Silence
from jinyu.scorecard.conditions import Finding, Range
from jinyu.scorecard.names import addressed

Reading = tuple[float | None, tuple[int, ...]]  # the figure (None: needs times, or nothing to measure) and the turns it comes from


@dataclass(frozen=True)
class Options:
    """What some measures take besides their bounds; `Measured.options` names those of each."""

    outside_holds: bool = False
    unless_said: re.Pattern[str] | None = None
    overlap: float = OVERLAP_S


@dataclass(frozen=True)
class Measured:
    """How a figure is found, and how the YAML may speak of it."""

    read: Callable[[Call, Options], Reading]
    unit: str
    options: tuple[str, ...] = ()
    most: float | None = None  # no bound above this makes sense


@dataclass(frozen=True)
class Measure:
    """A figure within bounds."""

    name: str
    range: Range
    options: Options

    def check(self, call: Call) -> Finding:
        """True if the figure lies in the range; None if there is no figure."""
        value, turns = MEASURES[self.name].read(call, self.options)
        return Finding(None if value is None else value in self.range, turns)


def _silence(call: Call, options: Options) -> Reading:
    def asked_for(s: Silence) -> bool:
        return any(h.start_ms <= s.start_ms and s.end_ms <= h.end_ms for h in call.holds)

    if call.times is None:
        return None, ()
    gaps = [s for s in call.silences if not (options.outside_holds and asked_for(s))]
    longest = max(gaps, key=lambda s: s.end_ms - s.start_ms, default=None)
    return ((longest.end_ms - longest.start_ms) / 1000, (longest.before, longest.after)) if longest else (0.0, ())


def _hold(call: Call, options: Options) -> Reading:
    if call.times is None:
        return None, ()
    said = options.unless_said
    holds = [h for h in call.holds if said is None or not any(said.search(call.texts[i]) for i in h.requests)]
    longest = max(holds, key=lambda h: h.end_ms - h.start_ms, default=None)
    if longest is None:
        return 0.0, ()
    return (longest.end_ms - longest.start_ms) / 1000, longest.requests + (() if longest.back is None else (longest.back,))


def _interruptions(call: Call, options: Options) -> Reading:
    turns = call.interruptions(options.overlap)
    return (None if call.times is None else float(len(turns))), turns


def _first_response(call: Call, _: Options) -> Reading:
    found = metrics.first_response(call)
    return (found[0] / 1000, found[1:]) if found else (None, ())


def _duration(call: Call, _: Options) -> Reading:
    milliseconds = metrics.duration(call)
    return (None if milliseconds is None else milliseconds / 1000), ()


def _addressed(call: Call, _: Options) -> Reading:
    found = addressed(call.texts, call.agent)
    return float(sum(n for _, n in found)), tuple(i for i, _ in found)


MEASURES = {
    "silence": Measured(_silence, "seconds, the longest", ("outside_holds",)),
    "hold": Measured(_hold, "seconds, the longest", ("unless_said",)),
    "interruptions": Measured(_interruptions, "how many", ("overlap",)),
    "speech_rate": Measured(lambda call, _: (metrics.chars_per_minute(call), ()), "characters a minute"),
    "first_response": Measured(_first_response, "seconds"),
    "talk_ratio": Measured(lambda call, _: (metrics.talk_ratio(call), ()), "a share between 0 and 1", most=1),
    "duration": Measured(_duration, "seconds"),
    "addressed_by_name": Measured(_addressed, "how often"),
}
