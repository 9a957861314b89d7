"""Plain text: lines that begin with who speaks, `坐席：您好` / `客户：你好`; a line without a speaker goes on from the one before.

A label that says no role (说话人1, 王女士, or any that begins several lines) is a speaker of its own: `speakers.py` finds out who that is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from jinyu.recordings.document import Document, role_of
from jinyu.types import InputError, Recording, Role, Turn

NAME = "lines"
SUMMARY = "TXT with 坐席：… and 客户：… lines"

_LINE = re.compile(
    r"^\s*(?:\[?[\d:.\-/ ]{4,23}\]?\s*)?[\[【(（]?([A-Za-z_]{2,16}|[\u4e00-\u9fff]{2,5})([ A-Za-z]{0,2}\d{1,8})?[\]】)）]?\s*[:：]\s*(.*)$"
)

_PERSON = re.compile("先生$|女士$|小姐$")


def matches(document: Document) -> bool:
    """A text file."""
    return document.suffix == ".txt"


def parse(document: Document) -> list[Recording]:
    """The one recording of the file."""
    turns: list[Turn] = []
    lines = [(line, _LINE.match(line)) for line in document.text.splitlines()]
    speakers = named(_label(head) for _, head in lines if head)
    for line, head in lines:
        role = role_of(head.group(1)) if head else Role.UNKNOWN
        if head and role is not Role.UNKNOWN:
            turns.append(Turn(text=head.group(3).strip(), role=role, turn_id=str(len(turns))))
        elif head and (head.group(2) or _label(head) in speakers):
            turns.append(Turn(text=head.group(3).strip(), speaker=_label(head), turn_id=str(len(turns))))
        elif line.strip() and turns:
            last = turns.pop()
            turns.append(replace(last, text=f"{last.text} {line.strip()}".strip()))
        elif line.strip():
            raise InputError(
                f"{document.path}: the line {line.strip()[:30]!r} names no speaker. Expected lines like 坐席：您好 and 客户：你好; "
                "if every line is an agent utterance, pipe the file: jinyu score - < FILE"
            )
    return [Recording(document.path.stem, tuple(turns))]


def named(labels: Iterable[str]) -> set[str]:
    """Of the labels before all lines of a file, those that name a speaker although they say no role: persons, and what stands there twice."""
    return {label for label, times in Counter(labels).items() if times > 1 or _PERSON.search(label)}


def _label(head: re.Match[str]) -> str:
    return head.group(1) + (head.group(2) or "")


def agent_only(text: str, call_id: str) -> Recording:
    """Every line one agent utterance."""
    kept = [line.strip() for line in text.splitlines() if line.strip()]
    return Recording(call_id, tuple(Turn(text=t, role=Role.AGENT, turn_id=str(i)) for i, t in enumerate(kept)))
