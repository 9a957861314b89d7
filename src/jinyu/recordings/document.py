"""A transcript file, opened once: its text, and the JSON in it if there is any. Adapters look at this, never at the file.

Below it the readers of single values that adapters share; each turns what does not fit into an `InputError` that names the place.
`vendor.py` beside it holds what the vendors' JSON has in common.
"""

from __future__ import annotations

import json
import re
import reprlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jinyu.types import InputError, Role

AGENT = {
    "agent",
    "坐席",
    "座席",
    "客服",
    "客服人员",
    "客服代表",
    "话务员",
    "专员",
    "service",
    "staff",
    "客服坐席",
    "業務員",
    "客服專員",
    "客户经理",
    "客戶經理",
    "operator",
    "csr",
    "representative",
}
CUSTOMER = {"customer", "user", "client", "caller", "客户", "客戶", "用户", "用戶", "顾客", "来电人", "客人", "end_user"}
AGENT_BEFORE_NAME = ("客服", "坐席", "座席", "话务员", "专员", "專員")  # 客服小王
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
DIARISED = {"user", "client", "caller"}  # with a number behind them they tell voices apart, not roles
_NUMBER = re.compile(r"[ _-]?\d+$")
BOT = {"bot", "robot", "ivr", "机器人", "系统", "system", "automated_agent", "语音助手"}


@dataclass(frozen=True)
class Document:
    """One input file."""

    path: Path
    data: bytes
    text_column: str

    @classmethod
    def open(cls, path: Path, text_column: str = "text") -> Document:
        """Read the file whole. Raises `InputError`."""
        try:
            return cls(path, path.read_bytes(), text_column)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error

    @property
    def suffix(self) -> str:
        """Lower-case file name suffix."""
        return self.path.suffix.lower()

    @cached_property
    def text(self) -> str:
        """As `decoded`. Raises `InputError`."""
        text = decoded(self.data)
        if text is None:
            raise InputError(f"{self.path}: neither UTF-8 nor GB18030 text; save it as UTF-8")
        return text

    @cached_property
    def json_rows(self) -> list[tuple[str, Any]] | None:
        """(place, value) of a JSON document (one value) or JSONL (one a line); None if the file is something else."""
        named_json = self.suffix in (".json", ".jsonl", ".ndjson")
        if not named_json and self.data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] not in (b"{", b"["):
            return None
        if self.suffix not in (".jsonl", ".ndjson"):
            try:
                return [(str(self.path), json.loads(self.text))]
            except ValueError as error:
                if self.suffix == ".json" and "Extra data" not in str(error):
                    raise InputError(f"{self.path}: not JSON ({error})") from error
        rows = []
        for number, line in enumerate(self.text.split("\n"), 1):
            if line.strip():
                try:
                    rows.append((f"{self.path}:{number}", json.loads(line)))
                except ValueError as error:
                    if not named_json:  # text that merely begins with a bracket, such as [00:01] 坐席：您好
                        return None
                    raise InputError(f"{self.path}:{number}: not JSON ({error}); JSONL has one object a line") from error
        return rows


def decoded(data: bytes) -> str | None:
    """UTF-8 with or without byte-order mark, UTF-16 with one, or GB18030 (what programs in China save); None if it is none of them."""
    for encoding in ("utf-16",) if data[:2] in UTF16_MARKS else ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def role_of(value: Any) -> Role:
    """The role that a transcript's word means, a number behind it or not (坐席2); unknown when it says nothing we know."""
    word = str(value).strip().lower() if value is not None else ""
    bare = _NUMBER.sub("", word)
    word = bare if bare not in DIARISED else word
    if word in AGENT or word.startswith(AGENT_BEFORE_NAME):
        return Role.AGENT
    if word in CUSTOMER:
        return Role.CUSTOMER
    return Role.BOT if word in BOT else Role.UNKNOWN


def who(role: Any, speaker: Any) -> tuple[Role, str | None]:
    """(role, speaker) of what two fields say: a speaker may be named by the role, and a role that says nothing we know names a speaker."""
    found, name = role_of(role), label(speaker)
    if found is Role.UNKNOWN and role in (None, ""):
        found = role_of(name)
    if name is None and found is Role.UNKNOWN and role != Role.UNKNOWN:
        name = label(role)
    return found, name


UNITS = {"seconds": 1000.0, "milliseconds": 1.0, "microseconds": 0.001}  # in milliseconds


def whole_number(value: Any, name: str, where: str, unit: str = "milliseconds") -> int | None:
    """Milliseconds as an int from a number or a numeric string in `unit`; None when absent. Raises `InputError`."""
    if value is None or value == "":
        return None
    try:
        return round(float(value) * UNITS[unit])
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where}: {name} is {reprlib.repr(value)}, expected {unit} as a number") from error


def fraction(value: Any) -> float | None:
    """A finite number as a float, also from a string; None for anything else. For what may be missing without harm, such as a confidence."""
    try:
        number = float(value) if isinstance(value, int | float | str) else float("nan")
    except (OverflowError, ValueError):
        return None
    return number if abs(number) < float("inf") else None  # false for nan


def label(value: Any) -> str | None:
    """A channel, speaker or id as a string; None when there is none."""
    return str(value) if isinstance(value, str | int | float) and value != "" else None


def wrong(place: str, value: Any, expected: str) -> InputError:
    """The error for a value of another shape than the format has."""
    return InputError(f"{place} is {reprlib.repr(value)}, expected {expected}. Correct it there, or export the transcript again")
