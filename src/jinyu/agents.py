"""The table `agents`: what a batch says of each agent, with the uncertainty of few calls.

An agent with one bad call in three is not ten times worse than the house. The taboo rate is therefore shrunk: each agent starts
with `PRIOR` utterances at the rate of the whole batch, and the interval (Wilson's, 95 %) narrows as more is heard.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from jinyu.types import SCHEMA

PRIOR = 200.0  # utterances, some ten calls
Z = 1.959964  # of a 95 % interval
WORST = 3  # taboo types named


@dataclass
class _Agent:
    calls: int = 0
    utterances: int = 0
    flagged: int = 0
    auto_fails: int = 0
    needs_review: int = 0
    scores: list[float] = field(default_factory=list)
    types: Counter[str] = field(default_factory=Counter)


class Agents:
    """Fed call by call; `rows()` is the table, the highest lower bound of the taboo rate first."""

    def __init__(self) -> None:
        self._agents: dict[str | None, _Agent] = {}

    def add(self, call: dict[str, Any], utterances: list[dict[str, Any]]) -> None:
        """Count one call record and its utterance records."""
        agent = self._agents.setdefault(call["agent_id"], _Agent())
        flagged = [row for row in utterances if row["flagged"]]
        agent.calls += 1
        agent.utterances += len(utterances)
        agent.flagged += len(flagged)
        agent.auto_fails += bool(call["auto_fail"])
        agent.needs_review += bool(call["needs_review"])
        agent.types.update(row["label_zh"] for row in flagged)
        if call["score"] is not None:
            agent.scores.append(call["score"])

    def rows(self) -> list[dict[str, Any]]:
        """One record an agent; rates are flagged utterances per 1,000. Calls that name no agent stand under null."""
        said = sum(a.utterances for a in self._agents.values())
        house = sum(a.flagged for a in self._agents.values()) / said if said else 0.0
        out = []
        for agent_id, a in self._agents.items():
            rate, low, high = interval(a.flagged, a.utterances, house)
            out.append({
                "schema": SCHEMA,
                "agent_id": agent_id,
                "calls": a.calls,
                "utterances": a.utterances,
                "flagged": a.flagged,
                "taboo_per_1000": round(1000 * rate, 3),
                "taboo_per_1000_low": round(1000 * low, 3),
                "taboo_per_1000_high": round(1000 * high, 3),
                "mean_score": round(sum(a.scores) / len(a.scores), 2) if a.scores else None,
                "auto_fails": a.auto_fails,
                "needs_review": a.needs_review,
                "worst": [f"{name} {count}" for name, count in sorted(a.types.items(), key=lambda t: (-t[1], t[0]))[:WORST]],
            })  # fmt: skip
        return sorted(out, key=lambda r: (-r["taboo_per_1000_low"], -r["taboo_per_1000"], str(r["agent_id"])))


def interval(hits: int, n: int, house: float, prior: float = PRIOR) -> tuple[float, float, float]:
    """(rate, low, high) of `hits` in `n`, after `prior` more at the rate `house`; Wilson's score interval."""
    total = n + prior
    rate = (hits + prior * house) / total
    centre = (rate + Z * Z / (2 * total)) / (1 + Z * Z / total)
    half = Z / (1 + Z * Z / total) * sqrt(rate * (1 - rate) / total + Z * Z / (4 * total * total))
    return rate, max(0.0, centre - half), min(1.0, centre + half)
