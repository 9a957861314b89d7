"""A scorecard's YAML to items and conditions. All mistakes are reported together, one an item, each with line and column.

`default.yaml` is the form by example. `VERSION` numbers it: raise it when a card of before would read differently.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yaml.nodes import MappingNode, Node

from jinyu.scorecard import nodes
from jinyu.scorecard.call import OVERLAP_S, simplify
from jinyu.scorecard.conditions import All, AnyOf, Condition, Count, Either, Every, Not, Order, Pattern, Range
from jinyu.scorecard.measures import MEASURES, Measure, Options
from jinyu.scorecard.nodes import Problem, problem
from jinyu.types import Role, ScorecardError

VERSION = 1
DEFAULT = Path(__file__).with_name("default.yaml")
NORMAL, AUTO_FAIL = "normal", "auto_fail"
MOST_NESTING = 20

_FILTERS = ("label", "words", "list", "regex", "role", "first_turns", "last_turns", "first_seconds", "last_seconds")
_BOUNDS = ("at_least", "at_most", "more_than", "less_than")
_HEADS = ("all", "any", "not", "order", "every", *MEASURES)


@dataclass(frozen=True)
class Item:
    """One line of the card. `applies` None is always."""

    id: str
    name_zh: str
    name_en: str
    weight: float
    auto_fail: bool
    condition: Condition
    applies: Condition | None
    labels: frozenset[str] = frozenset()  # all that it names


@dataclass(frozen=True)
class Label:
    """A label that the card names, and where: a model may not know it."""

    code: str
    line: int
    column: int


@dataclass(frozen=True)
class Card:
    """The contents of a card."""

    items: tuple[Item, ...]
    labels: tuple[Label, ...]


def parse(text: str, origin: str) -> Card:
    """Raises `ScorecardError` with all mistakes, a line each."""
    return _Parser(origin).card(nodes.compose(text, origin))


class _Parser:
    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.lists: dict[str, list[str]] = {}
        self.labels: list[Label] = []

    def card(self, root: Node) -> Card:
        problems: list[Problem] = []
        items: dict[str, Item] = {}
        try:
            fields = nodes.mapping(root, ("version", "lists", "items"), ("version", "items"), "the scorecard")
            version = nodes.whole(fields["version"], "version")
            if version != VERSION:
                raise problem(fields["version"], f"version is {version}; this jinyu reads {VERSION}, compare with {DEFAULT}")
            if "lists" in fields:
                self.lists = self._lists(fields["lists"])
            entries = nodes.items(fields["items"], "items")
        except Problem as found:
            raise ScorecardError(found.at(self.origin)) from found
        for entry in entries:
            try:
                item = self._item(entry)
                if item.id in items:
                    raise problem(entry, f"the id {item.id} is used above; expected another")
                items[item.id] = item
            except Problem as found:
                problems.append(found)
        if not problems and not any(item.weight for item in items.values()):
            problems.append(problem(fields["items"], "all weights are 0; expected one that counts"))
        if problems:
            raise ScorecardError("\n".join(p.at(self.origin) for p in problems))
        return Card(tuple(items.values()), tuple(self.labels))

    def _lists(self, node: Node) -> dict[str, list[str]]:
        if not isinstance(node, MappingNode):
            raise problem(node, "lists is no list of names; expected lines 'name: [word, word]'")
        names = [nodes.text(key, "the name of a list") for key, _ in node.value]
        fields = nodes.mapping(node, names, what="lists")
        return {name: [word for _, word in nodes.texts(value, f"the list {name}")] for name, value in fields.items()}

    def _item(self, node: Node) -> Item:
        known = ("id", "name_zh", "name_en", "weight", "severity", "applies", "condition")
        before = len(self.labels)
        fields = nodes.mapping(node, known, ("id", "name_zh", "weight", "condition"), "an item")
        code = nodes.text(fields["id"], "id")
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", code):
            raise problem(fields["id"], f"id is {code!r}; expected letters a-z, digits and _ (the name for people is name_zh)")
        severity = nodes.choice(fields["severity"], "severity", (NORMAL, AUTO_FAIL)) if "severity" in fields else NORMAL
        name = nodes.text(fields["name_zh"], "name_zh")
        condition = self._condition(fields["condition"])
        applies = self._condition(fields["applies"]) if "applies" in fields else None
        return Item(
            id=code,
            name_zh=name,
            name_en=nodes.text(fields["name_en"], "name_en") if "name_en" in fields else name,
            weight=nodes.number(fields["weight"], "weight"),
            auto_fail=severity == AUTO_FAIL,
            condition=condition,
            applies=applies,
            labels=frozenset(label.code for label in self.labels[before:]),
        )

    def _condition(self, node: Node, depth: int = 0) -> Condition:
        if depth > MOST_NESTING:
            raise problem(node, f"conditions in conditions more than {MOST_NESTING} deep; expected fewer")
        if not isinstance(node, MappingNode):
            raise problem(node, "a condition is expected here, such as 'label: greeting.open'; to join several write all: or any:")
        keys = [key.value for key, _ in node.value]
        heads = [key for key in keys if key in _HEADS]
        if len(heads) > 1:
            raise problem(node, f"{' and '.join(heads)} in one condition; expected one, or several joined by all: or any:")
        if not heads:
            return self._count(node)
        head = heads[0]
        if head in MEASURES:
            return self._measure(head, nodes.mapping(node, (head,), what=f"the condition {head}")[head])
        if head == "every":
            return self._every(node)
        value = nodes.mapping(node, (head,), what=f"the condition {head}")[head]
        if head == "not":
            return Not(self._condition(value, depth + 1))
        if head == "order":
            return Order(tuple(self._either(n) for n in nodes.items(value, "order")))
        parts = tuple(self._condition(n, depth + 1) for n in nodes.items(value, head))
        return All(parts) if head == "all" else AnyOf(parts)

    def _count(self, node: Node) -> Count:
        fields = nodes.mapping(node, (*_FILTERS, *_BOUNDS, *_HEADS), what="a condition")
        return Count(self._pattern(node, fields), _range(node, fields) or Range(at_least=1))

    def _every(self, node: Node) -> Every:
        known = ("every", "followed_by", "within_turns", "within_seconds")
        fields = nodes.mapping(node, known, ("every", "followed_by"), "the condition every")
        return Every(
            self._either(fields["every"]),
            self._either(fields["followed_by"]),
            nodes.whole(fields["within_turns"], "within_turns") if "within_turns" in fields else None,
            nodes.number(fields["within_seconds"], "within_seconds") if "within_seconds" in fields else None,
        )

    def _either(self, node: Node) -> Either:
        """One sort of turn, or `any:` and a list of sorts."""
        if isinstance(node, MappingNode) and any(key.value == "any" for key, _ in node.value):
            options = nodes.items(nodes.mapping(node, ("any",))["any"], "any")
        else:
            options = [node]
        return Either(tuple(self._pattern(n, nodes.mapping(n, _FILTERS, what="a turn")) for n in options))

    def _pattern(self, node: Node, fields: Mapping[str, Node]) -> Pattern:
        if not {"label", "words", "list", "regex", "role"} & fields.keys():
            raise problem(
                node, f"says nothing about the turn; expected label, words, list, regex or role, or one of: {', '.join(_HEADS)}"
            )
        said = [key for key in ("words", "list", "regex") if key in fields]
        if len(said) > 1:
            raise problem(
                fields[said[1]], f"{' and '.join(said)} in one condition; expected one, or two conditions joined by all: or any:"
            )
        role = nodes.choice(fields["role"], "role", (*Role, "any")) if "role" in fields else "agent"
        if "label" in fields and role != Role.AGENT:
            raise problem(fields["role"], f"role is {role!r} beside a label; expected agent, only agents' turns have labels")
        seconds = {k: nodes.number(fields[k], k) for k in ("first_seconds", "last_seconds") if k in fields}
        turns = {k: nodes.whole(fields[k], k) for k in ("first_turns", "last_turns") if k in fields}
        return Pattern(
            role=None if role == "any" else Role(role),
            labels=self._labels(fields["label"]) if "label" in fields else frozenset(),
            words=self._words(said[0], fields[said[0]]) if said else None,
            first_turns=turns.get("first_turns"),
            last_turns=turns.get("last_turns"),
            first_seconds=seconds.get("first_seconds"),
            last_seconds=seconds.get("last_seconds"),
        )

    def _labels(self, node: Node) -> frozenset[str]:
        found = [Label(code, n.start_mark.line, n.start_mark.column) for n, code in nodes.texts(node, "label")]
        self.labels += found
        return frozenset(label.code for label in found)

    def _words(self, key: str, node: Node) -> re.Pattern[str]:
        if key == "regex":
            return nodes.regex(node)
        if key == "list":
            words = self.lists[nodes.choice(node, "list", self.lists or ("a name that stands under lists:",))]
        else:
            words = [word for _, word in nodes.texts(node, "words")]
        longest_first = sorted({simplify(word) for word in words}, key=lambda word: (-len(word), word))
        return re.compile("|".join(map(re.escape, longest_first)))

    def _measure(self, name: str, node: Node) -> Measure:
        measured = MEASURES[name]
        fields = nodes.mapping(node, (*_BOUNDS, *measured.options), what=name)
        bounds = _range(node, fields, measured.most)
        if bounds is None:
            raise problem(node, f"{name} has no bound ({measured.unit}); expected one of: {', '.join(_BOUNDS)}")
        options = Options(
            nodes.boolean(fields["outside_holds"], "outside_holds") if "outside_holds" in fields else False,
            nodes.regex(fields["unless_said"]) if "unless_said" in fields else None,
            nodes.number(fields["overlap"], "overlap") if "overlap" in fields else OVERLAP_S,
        )
        return Measure(name, bounds, options)


def _range(node: Node, fields: Mapping[str, Node], most: float | None = None) -> Range | None:
    bounds = {key: nodes.number(fields[key], key, most=most) for key in _BOUNDS if key in fields}
    low = max((bounds[k] for k in ("at_least", "more_than") if k in bounds), default=0.0)
    high = min((bounds[k] for k in ("at_most", "less_than") if k in bounds), default=math.inf)
    if low > high or (low == high and {"more_than", "less_than"} & bounds.keys()):
        given = " and ".join(f"{k} {v:g}" for k, v in bounds.items())
        raise problem(node, f"no number is {given}; expected bounds with room between them")
    return Range(**bounds) if bounds else None
