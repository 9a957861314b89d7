"""What the vendors' JSON has in common: finding the calls in a file and the list of turns in a call, reading the fields, and checking
that the times are in the unit the vendor says. `aliyun.py` is an example of an adapter made of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from jinyu.recordings.document import Document, label, whole_number, wrong
from jinyu.types import InputError, Recording, Turn

Found = tuple[str, Any]  # the path of the list of turns as messages name it, and the list itself: unchecked, perhaps null

LONGEST_MS = 24 * 3_600_000
FASTEST, SLOWEST = 60, 0.02  # characters a second; speech runs at 3 to 8, so a factor of 1000 falls outside
ENOUGH = 10  # characters; the speed of less says nothing


@dataclass(frozen=True)
class Call:
    """One call in a JSON file: its place, the whole value, and the list of turns in it."""

    where: str
    value: Any
    name: str
    listed: Any
    stem: str

    def id(self, *paths: str) -> str:
        """The first id that stands at one of the paths; the name of the file if none does."""
        return label(first(self.value, *paths)) or self.stem

    def items(self) -> list[tuple[str, dict[str, Any]]]:
        """(place, object) of the list of turns."""
        return items(self.listed, f"{self.where}: {self.name}")

    def require_done(self, status: Any, *done: str) -> None:
        """An empty list is a call without speech only if the vendor finished it. Raises `InputError` if `status` is not one of `done`."""
        if not self.listed and label(status) is not None and str(status).lower() not in done:
            raise InputError(
                f"{self.where}: no transcript, the service reports {str(status)[:60]!r}. Fetch the result again when the task is done, "
                "or have the audio recognised again"
            )


def calls(document: Document, find: Callable[[Any], Found | None]) -> list[Call]:
    """The calls of a file: one value, one a line, or a list. `find` tells where a call's turns are; none if the first is not its form."""
    rows = document.json_rows or []
    if len(rows) == 1 and isinstance(rows[0][1], list) and rows[0][1] and find(rows[0][1]) is None:
        values = rows[0][1]
        if find(values[0]) is None:
            return []
        rows = [(f"{document.path}: call {number}", value) for number, value in enumerate(values)]
    if not rows or find(rows[0][1]) is None:
        return []
    read = []
    for number, (where, value) in enumerate(rows):
        found = find(value)
        if found is None:
            raise wrong(where, value, "a call of the same form as the first of the file")
        stem = document.path.stem if len(rows) == 1 else f"{document.path.stem}-{number}"
        read.append(Call(where, value, *found, stem))
    return read


def at(value: Any, path: str) -> Any:
    """What stands at a dotted path of objects; None if it breaks off."""
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def first(value: Any, *paths: str) -> Any:
    """The first of the paths at which something stands."""
    return next((found for path in paths if (found := at(value, path)) not in (None, "")), None)


def locate(value: Any, *paths: str) -> Found | None:
    """The first of the paths that exists, be it null, and what stands there."""
    for path in paths:
        parent, _, key = path.rpartition(".")
        holder = at(value, parent) if parent else value
        if isinstance(holder, dict) and key in holder:
            return path, holder[key]
    return None


def has(value: Any, *keys: str) -> bool:
    """An object with all of the keys, or a list that begins with objects of which one is so."""
    candidates = value[:20] if isinstance(value, list) else [value]
    return any(isinstance(item, dict) and all(key in item for key in keys) for item in candidates)


def items(value: Any, place: str) -> list[tuple[str, dict[str, Any]]]:
    """(place, object) of a list of objects; null is an empty list. Raises `InputError`."""
    if not isinstance(value, list | None):
        raise wrong(place, value, "a list")
    for number, item in enumerate(value or []):
        if not isinstance(item, dict):
            raise wrong(f"{place}[{number}]", item, "an object")
    return [(f"{place}[{number}]", item) for number, item in enumerate(value or [])]


def embedded(value: Any, place: str) -> Any:
    """The value of JSON that was written as a string; other values as they are. Raises `InputError`."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else None
    except ValueError as error:
        raise InputError(f"{place}: not JSON ({error}); keep the string exactly as the service sent it") from error


def text_at(item: dict[str, Any], place: str, *keys: str) -> str:
    """The text under the first key that is there; null is no text. Raises `InputError`."""
    key = next((key for key in keys if key in item), None)
    if key is None:
        raise wrong(place, item, f"an object with {keys[0]!r}")
    if not isinstance(item[key], str | None):
        raise wrong(f"{place}.{key}", item[key], "text")
    return (item[key] or "").strip()


def time_at(item: dict[str, Any], place: str, *keys: str, unit: str = "milliseconds") -> int | None:
    """The milliseconds under the first key at which something stands. Raises `InputError`."""
    key = next((key for key in keys if item.get(key) not in (None, "")), keys[0])
    return whole_number(item.get(key), key, place, unit)


def in_time_order(turns: Iterable[Turn]) -> list[Turn]:
    """Sorted by the start, stable; a turn without one stays behind the turn before it. Vendors also list one channel after the other."""
    keyed, start = [], 0
    for turn in turns:
        start = start if turn.start_ms is None else turn.start_ms
        keyed.append((start, turn))
    return [turn for _, turn in sorted(keyed, key=lambda pair: pair[0])]


def joined(left: str, right: str) -> str:
    """Two pieces of one turn: with a space between words in Latin letters, without between Chinese characters."""
    return left + (" " if left and right and left[-1].isascii() and right[0].isascii() else "") + right


def merged(pieces: Iterable[Turn], goes_on: Callable[[Turn, Turn], bool], join: Callable[[Turn, Turn], Turn]) -> list[Turn]:
    """Neighbouring pieces as one turn, where the first `goes_on` in the second."""
    turns: list[Turn] = []
    for piece in pieces:
        if turns and goes_on(turns[-1], piece):
            turns[-1] = join(turns[-1], piece)
        else:
            turns.append(piece)
    return turns


def recording(
    where: str, call_id: str, turns: Iterable[Turn], unit: str = "milliseconds", started_at: str | None = None
) -> Recording:
    """The call: turns that hold text, in the order of time, numbered. Raises `InputError` if the times cannot be in `unit`."""
    ordered = in_time_order(turn for turn in turns if turn.text)
    check_unit(ordered, where, unit)
    numbered = tuple(replace(turn, turn_id=turn.turn_id or str(number)) for number, turn in enumerate(ordered))
    return Recording(call_id, numbered, started_at=started_at)


def check_unit(turns: list[Turn], where: str, unit: str = "milliseconds") -> None:
    """Raises `InputError` where the times cannot be in `unit`: nobody speaks so fast, so slowly, or for so long."""
    farthest = max((abs(t) for turn in turns for t in (turn.start_ms, turn.end_ms) if t is not None), default=0)
    if farthest > LONGEST_MS:
        raise _other_unit(where, unit, f"the call would last {farthest / 3_600_000:.0f} hours")
    timed = [(t.start_ms, t.end_ms, len(t.text)) for t in turns if t.start_ms is not None and t.end_ms is not None]
    letters = sum(length for _, _, length in timed)
    if letters < ENOUGH:
        return
    whole = (max(end for _, end, _ in timed) - min(start for start, _, _ in timed)) / 1000
    spoken = sum(end - start for start, end, _ in timed) / 1000
    if whole > 0 and letters > FASTEST * whole:
        raise _other_unit(where, unit, f"the speech would run at {letters / whole:.0f} characters a second")
    if spoken > 0 and letters < SLOWEST * spoken:
        raise _other_unit(where, unit, f"the speech would take {spoken / letters:.0f} seconds a character")


def _other_unit(where: str, unit: str, problem: str) -> InputError:
    return InputError(
        f"{where}: expected times in {unit} from the start of the call, but then {problem}. Convert the times to {unit}"
    )
