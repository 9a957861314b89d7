r"""iFlytek long-form transcription, both versions; times in milliseconds, as strings. Much of it is JSON written into JSON strings.

v1: `{"ok": 0, "err_no": 0, "data": "[{\"bg\", \"ed\", \"onebest\", \"speaker\"}]"}`.
v2: `{"code": "000000", "content": {"orderInfo", "orderResult": "{\"lattice\": [{\"json_1best\": \"...\"}]}"}}`; the inmost string holds
`{st: {bg, ed, rl, rt: [{ws: [{cw: [{w, wp}]}]}]}}`. `lattice2` is the unsmoothed text, its `json_1best` an object; `lattice` is preferred.
"""

from __future__ import annotations

from typing import Any

from jinyu.recordings.document import Document, label, wrong
from jinyu.recordings.vendor import Found, at, calls, embedded, first, has, items, locate, recording, text_at, time_at
from jinyu.types import Recording, Turn

NAME = "iflytek"
SUMMARY = "iFlytek transcription: JSON with data (v1) or content.orderResult (v2)"


def _result(value: Any) -> Found | None:
    if isinstance(value, list):
        return ("", value) if has(value, "onebest") else None  # the inner JSON of v1, saved by itself
    data = at(value, "data")
    if has(value, "err_no", "data") or has(data, "onebest") or (isinstance(data, str) and "onebest" in data):
        return "data", data
    return locate(value, "content.orderResult", "orderResult") or _lattice(value)  # or the inner JSON of v2


def _lattice(result: Any) -> Found | None:
    filled = [name for name in ("lattice", "lattice2") if at(result, name)]
    return locate(result, *filled, "lattice", "lattice2")


def matches(document: Document) -> bool:
    """JSON with `orderResult`, or a `data` string with `onebest` in it."""
    return bool(calls(document, _result))


def parse(document: Document) -> list[Recording]:
    """All calls of the file."""
    recordings = []
    for call in calls(document, _result):
        call.require_done(first(call.value, "content.orderInfo.status", "orderInfo.status"), "4")
        call.require_done(first(call.value, "ok"), "0")
        place = f"{call.where}: {call.name}"
        result = embedded(call.listed, place)
        if isinstance(result, dict):
            found = _lattice(result)
            if found is None:
                raise wrong(place, result, 'an object with "lattice"')
            place, result = f"{place}.{found[0]}", found[1]
        turn = _words if place.endswith(("lattice", "lattice2")) else _onebest
        turns = [turn(item, p) for p, item in items(result, place)]
        recordings.append(recording(call.where, call.id("content.orderInfo.orderId", "orderInfo.orderId", "orderId"), turns))
    return recordings


def _onebest(item: dict[str, Any], place: str) -> Turn:
    return Turn(
        text=text_at(item, place, "onebest"),
        speaker=label(item.get("speaker")),
        start_ms=time_at(item, place, "bg"),
        end_ms=time_at(item, place, "ed"),
    )


def _words(item: dict[str, Any], place: str) -> Turn:
    place += ".json_1best"
    st = at(embedded(item.get("json_1best"), place), "st")
    if not isinstance(st, dict):
        raise wrong(place, item.get("json_1best"), 'an object with "st"')
    place += ".st"
    words = [word for p, rt in items(st.get("rt"), f"{place}.rt") for word in items(rt.get("ws"), f"{p}.ws")]
    return Turn(
        text="".join(_word(word, p) for p, word in words).strip(),
        speaker=label(st.get("rl")),
        start_ms=time_at(st, place, "bg"),
        end_ms=time_at(st, place, "ed"),
    )


def _word(word: dict[str, Any], place: str) -> str:
    """The first candidate; a `g` only marks a paragraph."""
    candidates = [(p, cw) for p, cw in items(word.get("cw"), f"{place}.cw") if cw.get("wp") != "g"]
    return text_at(candidates[0][1], candidates[0][0], "w") if candidates else ""
