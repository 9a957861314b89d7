"""A scorecard at work: one recording and its judgements in, items and a score out.

The score is the weight of the items passed, in percent of the weight of those that apply. An `auto_fail` item that fails makes it 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from jinyu.scorecard import rules
from jinyu.scorecard.call import Call
from jinyu.scorecard.metrics import Metrics, measure
from jinyu.scorecard.nodes import Problem
from jinyu.scorecard.rules import Card, Item
from jinyu.taxonomy import Taxonomy
from jinyu.types import Judgement, Recording, ScorecardError

Result = Literal["pass", "fail", "na"]


@dataclass(frozen=True)
class ItemResult:
    """One item of one call. `points` is the weight if passed, else 0; `turn_ids` names the turns that decided, if any did."""

    item_id: str
    result: Result
    points: float
    turn_ids: tuple[str, ...]


@dataclass(frozen=True)
class CallScore:
    """One call on the card. `score` is 0 to 100, None if no item applies (nobody's turn was an agent's)."""

    score: float | None
    auto_fail: bool
    items: tuple[ItemResult, ...]
    metrics: Metrics

    def to_dict(self) -> dict[str, Any]:
        """The part of the call record that the card gives."""
        items = [{**asdict(item), "turn_ids": list(item.turn_ids)} for item in self.items]
        return {"score": self.score, "auto_fail": self.auto_fail, "items": items, "metrics": self.metrics.to_dict()}


@dataclass(frozen=True)
class Scorecard:
    """A checked card. `origin` is the file it was read from."""

    origin: str
    card: Card

    @classmethod
    def load(cls, path: Path | None = None) -> Scorecard:
        """The card in a file, or the shipped one (None). Raises `ScorecardError` with every mistake as FILE:line:column."""
        path = path or rules.DEFAULT
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ScorecardError(f"{path}: cannot be read ({error.strerror}); name a scorecard, or copy {rules.DEFAULT}") from error
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start)
            column = error.start - data.rfind(b"\n", 0, error.start) - 1
            problem = Problem(
                line, column, f"byte 0x{data[error.start]:02x} is not UTF-8; expected UTF-8, save the file in that encoding"
            )
            raise ScorecardError(problem.at(str(path))) from error
        return cls(str(path), rules.parse(text, str(path)))

    @property
    def items(self) -> tuple[Item, ...]:
        """The items in the order of the file."""
        return self.card.items

    def check_labels(self, taxonomy: Taxonomy) -> None:
        """Raises `ScorecardError` for every label that a model with this taxonomy never gives."""
        known = _known(taxonomy)
        wrong = [label for label in self.card.labels if label.code not in known]
        if wrong:
            kinds = {str(leaf.kind) for leaf in taxonomy.leaves}
            expected = f"expected a kind ({', '.join(sorted(kinds))}), a category or a leaf such as {taxonomy.codes[0]}"
            lines = [Problem(x.line, x.column, f"the model has no label {x.code!r}; {expected}").at(self.origin) for x in wrong]
            raise ScorecardError("\n".join(lines))

    def for_model(self, taxonomy: Taxonomy) -> Scorecard:
        """This card without the items that name a label which a model with this taxonomy never gives."""
        known = _known(taxonomy)
        items = tuple(item for item in self.items if item.labels <= known)
        return Scorecard(self.origin, Card(items, tuple(label for label in self.card.labels if label.code in known)))

    def judge(self, recording: Recording, judgements: Sequence[Judgement | None]) -> CallScore:
        """One call. `judgements` has an entry for every turn, None for turns that were not judged."""
        call = Call(recording, judgements)
        results = tuple(_judge(item, call) for item in self.items)
        by_id = {item.id: item for item in self.items}
        counted = [r for r in results if r.result != "na"]
        auto_fail = any(r.result == "fail" and by_id[r.item_id].auto_fail for r in counted)
        possible = sum(by_id[r.item_id].weight for r in counted)
        score = round(100 * sum(r.points for r in counted) / possible, 2) if possible else None
        return CallScore(0.0 if auto_fail else score, auto_fail, results, measure(call))


def _known(taxonomy: Taxonomy) -> set[str]:
    return {str(leaf.kind) for leaf in taxonomy.leaves} | set(taxonomy.categories) | set(taxonomy.codes)


def _judge(item: Item, call: Call) -> ItemResult:
    """Not applicable: no agent speaks, `applies` does not hold, or times are needed and there are none."""
    na = ItemResult(item.id, "na", 0.0, ())
    if not call.agent or (item.applies is not None and item.applies.check(call).holds is not True):
        return na
    found = item.condition.check(call)
    if found.holds is None:
        return na
    turn_ids = tuple(call.turns[i].turn_id or str(i) for i in found.turns)
    return ItemResult(item.id, "pass" if found.holds else "fail", item.weight if found.holds else 0.0, turn_ids)
