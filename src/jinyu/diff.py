"""The command `jinyu diff`: what two runs over the same calls say differently. New, gone and moved alarms, scores that changed, calls that
only one of them has.

An alarm belongs to an utterance: `call_id`, `turn_id` and text. The tables are read twice, row by row; kept are the alarms of both sides,
what the other side says of the same utterances, and a score a call.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from jinyu import tables
from jinyu.types import SCHEMA

CHANGES = ("new", "gone", "moved")
SHOWN = 20  # of each kind of change, unless --json
MIN_MOVE = 0.1
UTTERANCES = (
    *("schema", "call_id", "turn_id", "text", "category", "label_zh", "probability", "taboo_probability", "flagged"),
    *("evidence.text", "model.name", "model.version", "model.sha256"),
)
PROBABILITIES = ("probability", "taboo_probability")
CALLS = ("schema", "call_id", "score", "auto_fail")
TRUE = (True, "True")  # CSV holds text
Key = tuple[str, str, str]
Row = dict[str, Any]


@dataclass(frozen=True)
class Side:
    """One of the two runs: where its tables are."""

    folder: Path
    table_format: str | None = None

    def utterances(self) -> Iterator[Row]:
        """The judged utterances."""
        for row in tables.read(tables.find(self.folder, "utterances", self.table_format), UTTERANCES, PROBABILITIES):
            yield {**row, "text": row["text"] or "", "flagged": row["flagged"] in TRUE}  # CSV knows no empty text

    def calls(self) -> Iterator[Row]:
        """The calls."""
        return tables.read(tables.find(self.folder, "calls", self.table_format), CALLS, ("score",))


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "diff",
        help="two runs compared: new, gone and moved alarms, scores that changed",
        description="Compares the tables of two output folders of jinyu score. An alarm is new or gone if the other run does not flag the "
        "same utterance (call_id, turn_id and text); moved if the type, the clause or the probability is another.",
    )
    parser.add_argument("old", type=Path, metavar="OLD", help="an output folder of jinyu score")
    parser.add_argument("new", type=Path, metavar="NEW", help="another")
    parser.add_argument(
        "--min-move",
        type=_share,
        default=MIN_MOVE,
        metavar="P",
        help="a probability moved if by more than this (default: %(default)s)",
    )
    parser.add_argument("--format", choices=tables.FORMATS, help="which tables to read, where a folder holds several")
    parser.add_argument("--json", action="store_true", help="everything as one JSON object")
    parser.set_defaults(run=_diff)


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise ValueError(text)
    return number


_share.__name__ = "probability"  # argparse names it in its message


def compare(old: Side, new: Side, min_move: float = MIN_MOVE) -> Row:
    """The whole difference, as `--json` prints it. Raises `InputError` if a folder has no tables."""
    calls = {"old": _calls(old), "new": _calls(new)}
    shared = calls["old"].keys() & calls["new"].keys()
    sides = {"old": _Alarms(), "new": _Alarms()}
    for name, side in (("old", old), ("new", new)):
        sides[name].count(side, shared)
    asked = sides["old"].keys | sides["new"].keys
    said = {name: _said(side, asked) for name, side in (("old", old), ("new", new))}
    alarms, same = [], 0
    for key in sorted(asked):
        for before, after in zip_longest(said["old"].get(key, []), said["new"].get(key, [])):
            change, why = _change(before, after, min_move)
            same += change == "same"
            if change in CHANGES:
                head = dict(zip(("call_id", "turn_id", "text"), key, strict=True))
                alarms.append({"change": change, "why": why, **head, "old": before, "new": after})
    return {
        "schema": SCHEMA,
        "min_move": min_move,
        "old": {"folder": str(old.folder), "calls": _total(calls["old"]), **sides["old"].figures()},
        "new": {"folder": str(new.folder), "calls": _total(calls["new"]), **sides["new"].figures()},
        "counts": {**{c: sum(a["change"] == c for a in alarms) for c in CHANGES}, "same": same},
        "types": _types(sides, alarms),
        "alarms": sorted(alarms, key=lambda a: CHANGES.index(a["change"])),
        "calls": {
            "only_old": sorted(calls["old"].keys() - shared),
            "only_new": sorted(calls["new"].keys() - shared),
            "scores": list(_scores(calls["old"], calls["new"], shared)),
        },
    }


class _Alarms:
    """What one side flags."""

    def __init__(self) -> None:
        self.utterances, self.alarms, self.elsewhere = 0, 0, 0
        self.types: Counter[str] = Counter()
        self.keys: set[Key] = set()
        self.models: dict[str, str] = {}

    def count(self, side: Side, shared: set[str]) -> None:
        """Read the utterances; alarms of calls that the other side lacks are counted apart."""
        for row in side.utterances():
            self.utterances += 1
            if row["model.sha256"] not in self.models:
                self.models[row["model.sha256"]] = f"{row['model.name']} {row['model.version']}"
            if not row["flagged"]:
                continue
            self.alarms += 1
            self.types[row["label_zh"]] += 1
            if row["call_id"] in shared:
                self.keys.add(_key(row))
            else:
                self.elsewhere += 1

    def figures(self) -> Row:
        return {
            "utterances": self.utterances,
            "alarms": self.alarms,
            "alarms_in_calls_of_one_side": self.elsewhere,
            "models": [{"model": name, "sha256": sha256} for sha256, name in self.models.items()],
        }


def _key(row: Row) -> Key:
    return str(row["call_id"]), str(row["turn_id"]), row["text"]


def _said(side: Side, asked: set[Key]) -> dict[Key, list[Row]]:
    """What a side says of the utterances asked for; a list each, for ids of calls may stand twice."""
    found: dict[Key, list[Row]] = defaultdict(list)
    for row in side.utterances():
        if (key := _key(row)) in asked:
            fields = ("flagged", "category", "label_zh", *PROBABILITIES)
            found[key].append({**{f: row[f] for f in fields}, "clause": row["evidence.text"]})
    return found


def _change(before: Row | None, after: Row | None, min_move: float) -> tuple[str, list[str]]:
    was, is_now = bool(before and before["flagged"]), bool(after and after["flagged"])
    if was != is_now:
        return ("new" if is_now else "gone"), [] if before and after else ["no such utterance on the other side"]
    if not (was and before and after):
        return "none", []
    why = [name for name, field in (("type", "category"), ("clause", "clause")) if before[field] != after[field]]
    if any(round(abs(before[p] - after[p]), 6) > min_move for p in PROBABILITIES):
        why.append("probability")
    return ("moved", why) if why else ("same", [])


def _types(sides: dict[str, _Alarms], alarms: list[Row]) -> Row:
    """For each type: alarms of either side; those that are new, gone, and moved (of the type they have now)."""
    last = {"new": "new", "gone": "old", "moved": "new"}  # the side that has it
    changed = Counter((a["change"], a[last[a["change"]]]["label_zh"]) for a in alarms)
    names = sorted(sides["old"].types | sides["new"].types, key=lambda n: (-sides["new"].types[n], n))
    return {
        n: {"old": sides["old"].types[n], "new": sides["new"].types[n], **{f"alarms_{c}": changed[c, n] for c in CHANGES}}
        for n in names
    }


def _calls(side: Side) -> dict[str, list[Row]]:
    calls: dict[str, list[Row]] = defaultdict(list)
    for row in side.calls():
        calls[str(row["call_id"])].append({"score": row["score"], "auto_fail": row["auto_fail"] in TRUE})
    return calls


def _total(calls: dict[str, list[Row]]) -> int:
    return sum(map(len, calls.values()))


def _scores(old: dict[str, list[Row]], new: dict[str, list[Row]], shared: set[str]) -> Iterator[Row]:
    """Calls whose score or auto-fail is another, the largest fall first."""
    changed: list[Row] = []
    for call_id in sorted(shared):
        for before, after in zip(old[call_id], new[call_id], strict=False):
            if before != after:
                changed.append({"call_id": call_id, "old": before, "new": after})
    yield from sorted(changed, key=lambda c: (c["new"]["score"] or 0) - (c["old"]["score"] or 0))


def _diff(args: argparse.Namespace) -> int:
    found = compare(Side(args.old, args.format), Side(args.new, args.format), args.min_move)
    if args.json:
        sys.stdout.write(tables.json_line(found))
    else:
        print(render(found))
    return 0


def render(found: Row) -> str:
    """The difference for people: counts first, then the first of each kind of change."""
    lines = []
    for name in ("old", "new"):
        side = found[name]
        models = ", ".join(f"{m['model']} {m['sha256'][:12]}" for m in side["models"]) or "no model"
        figures = f"{side['calls']} calls, {side['utterances']} utterances, {side['alarms']} alarms"
        lines.append(f"{name}  {side['folder']}: {figures} ({printable(models, 60)})")
    counts = found["counts"]
    lines.append(f"alarms: {counts['new']} new, {counts['gone']} gone, {counts['moved']} moved, {counts['same']} as before")
    lines += [
        f"  {printable(name, 20)}  {n['old']} -> {n['new']}  (+{n['alarms_new']} -{n['alarms_gone']} ~{n['alarms_moved']})"
        for name, n in found["types"].items()
    ]
    for change in CHANGES:
        lines += _some(f"{change} alarms", [_alarm(a) for a in found["alarms"] if a["change"] == change])
    lines += _some(
        "scores", [f"  {printable(c['call_id'], 40)}  {_score(c['old'])} -> {_score(c['new'])}" for c in found["calls"]["scores"]]
    )
    for side, name in (("old", "OLD"), ("new", "NEW")):
        alarms = found[side]["alarms_in_calls_of_one_side"]
        lines += _some(f"calls only in {name} ({alarms} alarms)", [f"  {printable(c, 60)}" for c in found["calls"][f"only_{side}"]])
    return "\n".join(lines)


def _some(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    rest = [f"  and {len(lines) - SHOWN} more (--json has them all)"] if len(lines) > SHOWN else []
    return ["", f"{title}: {len(lines)}", *lines[:SHOWN], *rest]


def _alarm(alarm: Row) -> str:
    why = f"  [{', '.join(alarm['why'])}]" if alarm["why"] else ""
    place = f"{printable(alarm['call_id'], 40)} #{printable(alarm['turn_id'], 12)}"
    return f"  {place}  {_verdict(alarm['old'])} -> {_verdict(alarm['new'])}{why}\n    {printable(alarm['text'], 60)}"


def _verdict(row: Row | None) -> str:
    if row is None:
        return "-"
    clause = f" 「{printable(row['clause'], 24)}」" if row["flagged"] and row["clause"] else ""
    return f"{printable(row['label_zh'], 20)} {row['taboo_probability']:.2f}{clause}" + ("" if row["flagged"] else " (no alarm)")


def _score(call: Row) -> str:
    return ("-" if call["score"] is None else f"{call['score']:g}") + (" auto-fail" if call["auto_fail"] else "")


def printable(text: str, most: int = 40) -> str:
    """One line of at most so many characters, without what moves a terminal's cursor."""
    text = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return text if len(text) <= most else text[: most - 1] + "…"
