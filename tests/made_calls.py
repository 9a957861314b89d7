"""Calls, judgements and a small scorecard made by hand, for the tests of the scorecard."""

from dataclasses import replace
from pathlib import Path

import yaml

from jinyu import Evidence, Judgement, Kind, Reason, Recording, Role, Turn
from jinyu.taxonomy import Taxonomy
from jinyu.types import ModelInfo

ROOT = Path(__file__).resolve().parent.parent
TAXONOMY = Taxonomy.parse(yaml.safe_load((ROOT / "data" / "taxonomy.yaml").read_text(encoding="utf-8")), "taxonomy.yaml")
ROLES = {"a": Role.AGENT, "c": Role.CUSTOMER, "b": Role.BOT, "?": Role.UNKNOWN}
INFO = ModelInfo("hand", "0", "0")


def judged(text: str, leaf: str, flagged: bool | None = None) -> Judgement:
    found = next(x for x in TAXONOMY.leaves if x.code == leaf)
    taboo = found.kind is Kind.TABOO
    sure = taboo if flagged is None else flagged
    return Judgement(
        text, found.kind, found.category, found.scenario, found.zh, 0.9, 0.9 if sure else 0.1, sure, Reason.BEST, Evidence(0, len(text), text) if taboo else None,
        None, None,
        False, INFO,
    )  # fmt: skip


def call(*rows):
    """(recording, judgements) of rows (who, text, label or None, start s, end s), the times left out for a call without."""
    turns, judgements = [], []
    for i, (who, text, label, *times) in enumerate(rows):
        start, end = (round(t * 1000) for t in times) if times else (None, None)
        turns.append(Turn(text, ROLES[who], f"t{i}", start_ms=start, end_ms=end))
        judgements.append(judged(text, label or "neutral.business") if who == "a" else None)
    return Recording("call", tuple(turns), "A1"), judgements


def untimed(made):
    recording, judgements = made
    return replace(recording, turns=tuple(replace(t, start_ms=None, end_ms=None) for t in recording.turns)), judgements


HOLD, BACK = "inquiry.hold", "inquiry.hold_return"
TWO = """
version: 1
items:
  - {id: hello, name_zh: 问候, weight: 2, condition: {label: greeting}}
  - {id: calm, name_zh: 无禁语, weight: 1, condition: {label: taboo, at_most: 0}}
  - {id: quick, name_zh: 及时, weight: 3, condition: {first_response: {at_most: 15}}}
"""
