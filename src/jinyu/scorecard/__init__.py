"""The call scorecard: a supervisor's rules (YAML) and one judged call in, items and a score out.

Begin with `default.yaml`, the rules that ship; its head says how to write them. Then `score.py` (`Scorecard`, `CallScore`), `rules.py`
(YAML to rules, with line and column in every mistake), `conditions.py` and `measures.py` (what a rule may ask), `call.py` (holds,
silences, interruptions) and `metrics.py`.
"""

from __future__ import annotations

from jinyu.scorecard.metrics import Metrics
from jinyu.scorecard.rules import DEFAULT
from jinyu.scorecard.score import CallScore, ItemResult, Scorecard

__all__ = ["DEFAULT", "CallScore", "ItemResult", "Metrics", "Scorecard"]
