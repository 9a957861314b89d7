"""What an item may ask of a call. Every condition answers True, False or None, where None is: needs times, and there are none.

`rules.py` makes these from YAML; the head of `default.yaml` shows how each is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from jinyu.scorecard.call import Call
from jinyu.types import Role


@dataclass(frozen=True)
class Finding:
    """The answer, and the turns that decided it."""

    holds: bool | None
    turns: tuple[int, ...] = ()


class Condition(Protocol):
    """Anything that can be asked of a call."""

    def check(self, call: Call) -> Finding:
        """The answer for one call."""
        ...


@dataclass(frozen=True)
class Range:
    """Bounds of a figure; those that are None do not bind."""

    at_least: float | None = None
    at_most: float | None = None
    more_than: float | None = None
    less_than: float | None = None

    def __contains__(self, value: float) -> bool:
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
            and (self.more_than is None or value > self.more_than)
            and (self.less_than is None or value < self.less_than)
        )


@dataclass(frozen=True)
class Pattern:
    """Turns that meet everything that is given. `role` None is anybody."""

    role: Role | None = Role.AGENT
    labels: frozenset[str] = frozenset()
    words: re.Pattern[str] | None = None
    first_turns: int | None = None
    last_turns: int | None = None
    first_seconds: float | None = None
    last_seconds: float | None = None

    @property
    def needs_times(self) -> bool:
        """Whether it looks at seconds."""
        return self.first_seconds is not None or self.last_seconds is not None

    def find(self, call: Call) -> dict[int, int] | None:
        """Turn to how often the words stand in it (1 if it asks for no words), in order; None if it needs times in vain."""
        if self.needs_times and call.times is None:
            return None
        counts = ((i, self._count(call, i)) for i, turn in enumerate(call.turns) if self.role in (None, turn.role))
        return {i: n for i, n in counts if n and self._inside(call, i)}

    def _count(self, call: Call, turn: int) -> int:
        if self.labels and not call.has_label(turn, self.labels):
            return 0
        return 1 if self.words is None else sum(1 for _ in self.words.finditer(call.texts[turn]))

    def _inside(self, call: Call, turn: int) -> bool:
        place, turns = call.place.get(turn), len(call.people)
        if self.first_turns is not None and (place is None or place >= self.first_turns):
            return False
        if self.last_turns is not None and (place is None or place < turns - self.last_turns):
            return False
        if call.times is None or not self.needs_times:
            return True
        times = [call.times[i] for i in call.people] or list(call.times)
        begin, end = min(s for s, _ in times), max(e for _, e in times)
        start_s, end_s = (call.times[turn][0] - begin) / 1000, (end - call.times[turn][1]) / 1000
        return (self.first_seconds is None or start_s <= self.first_seconds) and (
            self.last_seconds is None or end_s <= self.last_seconds
        )


@dataclass(frozen=True)
class Either:
    """Turns that meet one of several patterns."""

    patterns: tuple[Pattern, ...]

    def find(self, call: Call) -> dict[int, int] | None:
        """As `Pattern.find`; None only if no pattern can be looked for."""
        found = [f for p in self.patterns if (f := p.find(call)) is not None]
        merged = {i: n for f in found for i, n in f.items()}
        return dict(sorted(merged.items())) if found else None

    def speaks(self, role: Role) -> bool:
        """Whether a turn of this role could meet it."""
        return any(p.role in (None, role) for p in self.patterns)


@dataclass(frozen=True)
class Count:
    """How many turns meet a pattern, or how often its words are said."""

    pattern: Pattern
    range: Range

    def check(self, call: Call) -> Finding:
        """True if the number lies in the range; decided by the turns counted."""
        found = self.pattern.find(call)
        return Finding(None) if found is None else Finding(sum(found.values()) in self.range, tuple(found))


@dataclass(frozen=True)
class Order:
    """Turns that come one after the other, with anything between them."""

    steps: tuple[Either, ...]

    def check(self, call: Call) -> Finding:
        """True if there is a turn for every step, each later than the one before."""
        chain: list[int] = []
        for step in self.steps:
            found = step.find(call)
            if found is None:
                return Finding(None)
            following = next((i for i in found if not chain or i > chain[-1]), None)
            if following is None:
                return Finding(False, tuple(chain))
            chain.append(following)
        return Finding(True, tuple(chain))


@dataclass(frozen=True)
class Every:
    """Each turn of one sort is followed by one of another, as 请稍等 by 让您久等了.

    `within_turns` counts turns of those who should follow, other turns of the first sort left out: 1 is the very next of them.
    """

    every: Either
    followed_by: Either
    within_turns: int | None = None
    within_seconds: float | None = None

    def check(self, call: Call) -> Finding:
        """True if none is left alone, also if there is none; false is decided by those left alone."""
        first, then = self.every.find(call), self.followed_by.find(call)
        if first is None or then is None or (self.within_seconds is not None and call.times is None):
            return Finding(None)
        answers = {i: self._answer(call, i, first, then) for i in first}
        alone = tuple(i for i, answer in answers.items() if answer is None)
        if alone:
            return Finding(False, alone)
        return Finding(True, _union([*first, *(a for a in answers.values() if a is not None)]))

    def _answer(self, call: Call, turn: int, first: dict[int, int], then: dict[int, int]) -> int | None:
        passed = 0
        for i in range(turn + 1, len(call.turns)):
            waited_s = (call.times[i][0] - call.times[turn][1]) / 1000 if call.times else 0.0
            if self.within_seconds is not None and waited_s > self.within_seconds:
                return None
            if i in then:
                return i
            if i not in first and self.followed_by.speaks(call.turns[i].role):
                passed += 1
                if passed == self.within_turns:
                    return None
        return None


@dataclass(frozen=True)
class All:
    """Every part holds."""

    parts: tuple[Condition, ...]

    def check(self, call: Call) -> Finding:
        """False by the parts that fail; else None if one cannot be told; else True by all."""
        return _join([p.check(call) for p in self.parts], decisive=False)


@dataclass(frozen=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Condition, ...]

    def check(self, call: Call) -> Finding:
        """True by the parts that hold; else None if one cannot be told; else False by all."""
        return _join([p.check(call) for p in self.parts], decisive=True)


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Condition

    def check(self, call: Call) -> Finding:
        """The opposite, decided by the same turns; what cannot be told stays so."""
        found = self.part.check(call)
        return Finding(None if found.holds is None else not found.holds, found.turns)


def _join(findings: list[Finding], decisive: bool) -> Finding:
    deciding = [f for f in findings if f.holds is decisive]
    if deciding:
        return Finding(decisive, _union(i for f in deciding for i in f.turns))
    if any(f.holds is None for f in findings):
        return Finding(None)
    return Finding(not decisive, _union(i for f in findings for i in f.turns))


def _union(turns: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(turns)))
