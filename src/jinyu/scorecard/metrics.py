"""The figures of one call, the same names in the call record. What needs times is None without them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from jinyu.scorecard.call import Call
from jinyu.types import Kind, Role


@dataclass(frozen=True)
class Metrics:
    """`courtesy_count` counts agent turns in a prescribed form, `taboo_count` those flagged. Silence includes holds."""

    duration_ms: int | None
    agent_talk_ratio: float | None
    longest_silence_ms: int | None
    longest_hold_ms: int | None
    agent_overlaps: int | None
    agent_chars_per_minute: float | None
    first_response_ms: int | None
    taboo_count: int
    courtesy_count: int

    def to_dict(self) -> dict[str, Any]:
        """As in the call record, ratios rounded."""
        record = asdict(self)
        for name, digits in (("agent_talk_ratio", 4), ("agent_chars_per_minute", 1)):
            if record[name] is not None:
                record[name] = round(record[name], digits)
        return record


def measure(call: Call) -> Metrics:
    """The metrics of one call."""
    timed = call.times is not None
    response = first_response(call)
    return Metrics(
        duration_ms=duration(call),
        agent_talk_ratio=talk_ratio(call),
        longest_silence_ms=max((s.end_ms - s.start_ms for s in call.silences), default=0) if timed else None,
        longest_hold_ms=max((h.end_ms - h.start_ms for h in call.holds), default=0) if timed else None,
        agent_overlaps=len(call.interruptions()) if timed else None,
        agent_chars_per_minute=chars_per_minute(call),
        first_response_ms=response[0] if response else None,
        taboo_count=sum(j.flagged for j in call.judgements if j is not None),
        courtesy_count=sum(j.kind is Kind.COMPLIANT for j in call.judgements if j is not None),
    )


def duration(call: Call) -> int | None:
    """From the first start to the last end that is known, in ms."""
    starts = [t.start_ms for t in call.turns if t.start_ms is not None]
    ends = [t.end_ms for t in call.turns if t.end_ms is not None]
    return max(ends) - min(starts) if starts and ends else None


def speaking_ms(call: Call, role: Role) -> int:
    """How long the turns of one role last together."""
    return sum(end - start for t, (start, end) in zip(call.turns, call.times or (), strict=False) if t.role is role)


def talk_ratio(call: Call) -> float | None:
    """The agent's share of what agent and customer speak."""
    agent, customer = speaking_ms(call, Role.AGENT), speaking_ms(call, Role.CUSTOMER)
    return agent / (agent + customer) if agent + customer else None


def chars_per_minute(call: Call) -> float | None:
    """The agent's characters (no punctuation) a minute of the agent's speech."""
    spoken = speaking_ms(call, Role.AGENT)
    chars = sum(c.isalnum() for i in call.agent for c in call.turns[i].text)
    return chars * 60_000 / spoken if spoken else None


def first_response(call: Call) -> tuple[int, int, int] | None:
    """(ms, customer's turn, agent's turn): from the end of the customer's first turn to the agent's next; 0 if they overlap."""
    first = next((i for i, t in enumerate(call.turns) if t.role is Role.CUSTOMER), None)
    answer = next((i for i in call.agent if first is not None and i > first), None)
    if call.times is None or first is None or answer is None:
        return None
    return max(0, call.times[answer][0] - call.times[first][1]), first, answer
