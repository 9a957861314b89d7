"""Plain text: lines that begin with who speaks, `坐席：您好` / `客户：你好`; a line without a speaker goes on from the one before.

A label that says no role (说话人1, 王女士, or any that begins several lines) is a speaker of its own: `speakers.py` finds out who that is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from jinyu.recordings.document import UTF16_MARKS, Document, decoded, role_of
from jinyu.types import InputError, Recording, Role, Turn

NAME = "lines"
SUMMARY = "TXT with 坐席：… and 客户：… lines"

# a speaker: 坐席, 坐席8001, 客户A, 坐席(8001), 客户(138****1234), 客户-张三, Speaker A
SPEAKER = (
    r"(?P<name>[A-Za-z_]{2,16}|[\u4e00-\u9fff]{2,5})"
    r"(?P<which>(?!\s+\d{1,2}:\d\d)[ A-Za-z]{0,2}\d{1,8}|[ -]?[A-Za-z]|[ ]?[(（\[【][^)）\]】:：]{1,20}[)）\]】]|-[\u4e00-\u9fff]{2,4})?"
)
NUMBERED = re.compile(r"(?i)speaker|spk|channel|说话人|發言人|发言人|声道")
_CLOCK = r"\d{1,2}(?::\d{2}){1,2}(?:[.,]\d{1,3})?"
_LINE = re.compile(
    rf"^\s*(?:\[?[\d:.,\-/> ]{{4,40}}\]?\s*)?[\[【(（]?{SPEAKER}[\]】)）]?(?:\s+[\[(（]?(?P<clock>{_CLOCK})[\])）]?)?"
    r"\s*(?:[:：]\s*|(?(clock)(?:\s|$)|(?!)))(?P<said>.*)$"
)
_PERSON = re.compile("先生$|女士$|小姐$")
# what stands above the first turn and is nobody's speech: 坐席工号：8001
_HEADING = re.compile("(?:编号|工号|时间|日期|号码|电话|时长|文件|文件名|流水号|姓名|名称|类型)$")


def matches(document: Document) -> bool:
    """A text file."""
    return document.suffix == ".txt"


def parse(document: Document) -> list[Recording]:
    """The one recording of the file."""
    turns: list[Turn] = []
    agent_id: str | None = None
    lines = [(line, _LINE.match(line)) for line in document.text.splitlines()]
    speakers = named(_label(head) for _, head in lines if head)
    for line, head in lines:
        heading = bool(head and _HEADING.search(head["name"]))
        role = role_of(head["name"]) if head and not heading else Role.UNKNOWN
        if head and role is not Role.UNKNOWN:
            turns.append(Turn(text=head["said"].strip(), role=role, turn_id=str(len(turns))))
        elif head and not heading and (_label(head) in speakers or (head["which"] and NUMBERED.match(head["name"]))):
            turns.append(Turn(text=head["said"].strip(), speaker=_label(head), turn_id=str(len(turns))))
        elif head and heading and not turns:
            agent_id = head["said"].strip() if head["name"].endswith("工号") else agent_id
        elif line.strip() and turns:
            last = turns.pop()
            turns.append(replace(last, text=f"{last.text} {line.strip()}".strip()))
        elif line.strip():
            raise InputError(
                f"{document.path}: the line {line.strip()[:30]!r} names no speaker. Expected lines like 坐席：您好 and 客户：你好; "
                "if every line is an agent utterance, pipe the file: jinyu score - < FILE"
            )
    return [Recording(document.path.stem, tuple(turns), agent_id or None)]


def named(labels: Iterable[str]) -> set[str]:
    """Of the labels before all lines of a file, those that name a speaker although they say no role: persons, and what stands there twice."""
    return {label for label, times in Counter(labels).items() if times > 1 or _PERSON.search(label)}


def _label(head: re.Match[str]) -> str:
    return head["name"] + (head["which"] or "")


def agent_only(data: bytes, call_id: str) -> Recording:
    """Every line one agent utterance."""
    text = decoded(data) if data[:2] in UTF16_MARKS else None
    if text is None:
        text = "\n".join(map(_decoded, data.removeprefix(b"\xef\xbb\xbf").split(b"\n")))
    kept = [line.strip() for line in text.splitlines() if line.strip()]
    return Recording(call_id, tuple(Turn(text=t, role=Role.AGENT, turn_id=str(i)) for i, t in enumerate(kept)))


def _decoded(line: bytes) -> str:
    """UTF-8, a few damaged characters kept as surrogates; a line that is mostly damage is tried as GB18030."""
    text = line.decode("utf-8", errors="surrogateescape")
    if 2 * sum("\udc80" <= c <= "\udcff" for c in text) > len(text):
        return decoded(line) or text
    return text
