"""Alarms over time: by hour within one day, by day, by month if there are many; by the order of the calls where they tell no date."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from jinyu.report.tables import Case

MOST_DAYS = 92  # a quarter; beyond it months
MOST_MONTHS = 120  # beyond it only months that have calls: a clock was wrong
GROUPS = 20  # of calls, where there are no dates


def timeline(
    cases: Sequence[Case], alarms: Sequence[Counter[int]], utterances: Sequence[int]
) -> tuple[dict[str, Any], list[int | None]]:
    """(what the chart shows, the place of each call's period). `alarms` and `utterances` are those of each case."""
    moments = [_moment(case.call.get("started_at")) for case in cases]
    dated = [m for m in moments if m]
    periods: list[int | None]
    by, names = _calendar(dated) if 2 * len(dated) > len(cases) else ("order", [])
    if len(names) > 1:
        width = {"hour": 13, "day": 10, "month": 7}[by]
        place = {name: n for n, name in enumerate(names)}
        periods = [place[m.isoformat(" ")[:width]] if m else None for m in moments]
    else:
        by, size = "order", max(1, -(-len(cases) // GROUPS))
        names = [f"{at + 1}–{min(at + size, len(cases))}" for at in range(0, len(cases), size)]
        periods = [n // size for n in range(len(cases))]
    counted: list[dict[str, Any]] = [{"name": name, "calls": 0, "utterances": 0, "alarms": 0} for name in names]
    types: list[Counter[int]] = [Counter() for _ in names]
    for at, own, said in zip(periods, alarms, utterances, strict=True):
        if at is not None:
            types[at].update(own)
            for key, n in (("calls", 1), ("utterances", said), ("alarms", own.total())):
                counted[at][key] += n
    shown = [{**period, "types": sorted(own.items())} for period, own in zip(counted, types, strict=True)]
    return {"by": by, "periods": shown, "undated": sum(at is None for at in periods)}, periods


def _moment(started_at: Any) -> datetime | None:
    """A time as people and systems write it, on the clock of the place: 2026-01-31T09:00:00+08:00, 2026/1/31 9:00, 20260131090000."""
    text = str(started_at or "").strip()
    formats = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y%m%d%H%M%S")
    if text.isdecimal() and len(text) not in (8, 14):
        return None  # a count of seconds, or no time at all
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        pass
    for form in formats:
        try:
            return datetime.strptime(text.replace("/", "-"), form)
        except ValueError:
            continue
    return None


def _calendar(moments: Sequence[datetime]) -> tuple[str, list[str]]:
    """(hour, day or month, the names from the first to the last, without gaps if there are not too many)."""
    first, last = min(moments), max(moments)
    days = (last.date() - first.date()).days + 1
    if days == 1:
        return "hour", [f"{first.date()} {hour:02}" for hour in range(first.hour, last.hour + 1)]
    if days <= MOST_DAYS:
        return "day", [str(first.date() + timedelta(n)) for n in range(days)]
    months: Sequence[int] = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    if len(months) > MOST_MONTHS:
        months = sorted({m.year * 12 + m.month - 1 for m in moments})
    return "month", [date(m // 12, m % 12 + 1, 1).isoformat()[:7] for m in months]
