"""Reading YAML nodes so that every mistake names its line and column, what is wrong and what was expected."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from jinyu.scorecard.call import simplify
from jinyu.types import ScorecardError


@dataclass
class Problem(Exception):
    """A mistake at one place (counted from 0) of the file."""

    line: int
    column: int
    message: str

    def at(self, origin: str) -> str:
        """`FILE:line:column: message`, counted from 1 as editors do."""
        return f"{origin}:{self.line + 1}:{self.column + 1}: {self.message}"


def problem(node: Node, message: str) -> Problem:
    """A mistake at a node."""
    return Problem(node.start_mark.line, node.start_mark.column, message)


def compose(text: str, origin: str) -> Node:
    """The root of a YAML text. Raises `ScorecardError` where it is no YAML."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        raise ScorecardError(Problem(line, column, f"not YAML: {error.problem}; {_advice(text, line)}").at(origin)) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        message = f"not YAML: the character U+{ord(text[error.position]):04X} cannot stand here; expected plain text, delete it"
        place = Problem(before.count("\n"), len(before) - before.rfind("\n") - 1, message)
        raise ScorecardError(place.at(origin)) from error
    except (RecursionError, ValueError) as error:  # ValueError: \U escapes of no character
        raise ScorecardError(
            f"{origin}:1:1: not YAML that can be read ({error}); expected a scorecard like the shipped one"
        ) from error
    if root is None:
        raise ScorecardError(f"{origin}:1:1: the file is empty; expected a scorecard with version and items")
    return root


def _advice(text: str, line: int) -> str:
    near = text.split("\n")[max(0, line - 1) : line + 1]
    for wrong, right in (("：", "a colon and a blank ': '"), ("，", "a comma and a blank ', '"), ("\t", "blanks")):
        if any(wrong in row for row in near):
            return f"there is a {'tab' if wrong == chr(9) else 'full-width ' + wrong} here or in the line before; expected {right}"
    return "expected 'key: value' lines, those that belong together indented alike, and quotes around text that holds : or #"


def mapping(node: Node, known: Iterable[str], required: Iterable[str] = (), what: str = "") -> dict[str, Node]:
    """Key to value node. Unknown, double and missing keys are mistakes."""
    known = list(known)
    if not isinstance(node, MappingNode):
        raise problem(node, f"{what or 'this'} is {_describe(node)}; expected keys and values, some of: {', '.join(known)}")
    found: dict[str, Node] = {}
    for key_node, value in node.value:
        key = key_node.value if isinstance(key_node, ScalarNode) else ""
        if key not in known:
            close = difflib.get_close_matches(key, known, 1, cutoff=0.75)
            meant = f"did you mean {close[0]}?" if close else f"expected one of: {', '.join(known)}"
            raise problem(key_node, f"unknown key {key or _describe(key_node)!r}{' in ' + what if what else ''}; {meant}")
        if key in found:
            raise problem(key_node, f"{key} stands here twice; expected it once")
        found[key] = value
    for key in required:
        if key not in found:
            raise problem(node, f"{what or 'this'} has no {key}; expected a line '{key}: ...'")
    return found


def items(node: Node, what: str) -> list[Node]:
    """The nodes of a list that is not empty."""
    if not isinstance(node, SequenceNode) or not node.value:
        raise problem(node, f"{what} is {_describe(node)}; expected a list, one entry after each '- '")
    return list(node.value)


def text(node: Node, what: str) -> str:
    """A scalar that is not empty."""
    if not isinstance(node, ScalarNode) or not node.value.strip() or node.tag.endswith(":null"):
        raise problem(node, f"{what} is {_describe(node)}; expected text")
    return str(node.value)


def texts(node: Node, what: str) -> list[tuple[Node, str]]:
    """One text or a list of them, each with its node."""
    nodes = items(node, what) if isinstance(node, SequenceNode) else [node]
    return [(n, text(n, what)) for n in nodes]


def number(node: Node, what: str, least: float = 0.0, most: float | None = None) -> float:
    """A number within bounds, both allowed."""
    expected = f"expected a number, {least:g} or more" if most is None else f"expected a number from {least:g} to {most:g}"
    try:
        value = float(text(node, what))
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < least or (most is not None and value > most):
        raise problem(node, f"{what} is {_describe(node)}; {expected}")
    return value


def whole(node: Node, what: str) -> int:
    """A whole number from 1."""
    value = number(node, what, least=1)
    if value != int(value):
        raise problem(node, f"{what} is {_describe(node)}; expected a whole number")
    return int(value)


def boolean(node: Node, what: str) -> bool:
    """True or false."""
    value = text(node, what).lower()
    if value not in ("true", "false"):
        raise problem(node, f"{what} is {_describe(node)}; expected true or false")
    return value == "true"


def choice(node: Node, what: str, choices: Iterable[str]) -> str:
    """One of some words."""
    value, choices = text(node, what), list(choices)
    if value not in choices:
        raise problem(node, f"{what} is {value!r}; expected {' or '.join(choices)}")
    return value


def regex(node: Node) -> re.Pattern[str]:
    """A regular expression, in simplified script as the texts that it is looked for in."""
    value = text(node, "regex")
    try:
        pattern = re.compile(simplify(value))
    except (re.error, OverflowError, RecursionError) as error:
        raise problem(
            node, f"regex {value!r} is not a regular expression ({error}); expected one as Python's re reads it"
        ) from error
    if pattern.search(""):
        raise problem(node, f"regex {value!r} fits a text in which nothing is said; expected one that needs at least one character")
    return pattern


def _describe(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "keys and values"
    if isinstance(node, SequenceNode):
        return "a list" if node.value else "an empty list"
    return repr(node.value) if node.value else "empty"
