"""What the page shows, as one JSON value: the counts of the overview, and the calls in a compact form.

Names that repeat stand once, in `labels`, `items` and `models`; calls and alarms hold their places in those lists. A turn is a list, its
columns in `turn_columns`. The scripts do no counting of their own but of reviews.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from jinyu.agents import Agents
from jinyu.report.audio import address
from jinyu.report.tables import Case, Row
from jinyu.report.timeline import timeline
from jinyu.scorecard import Scorecard
from jinyu.taxonomy import Taxonomy
from jinyu.types import SCHEMA

TURN_COLUMNS = ("turn_id", "role", "start_ms", "text", "label", "alarm")
BIN = 10  # points of score a bar of the distribution


def payload(
    cases: Sequence[Case],
    lang: str,
    card: Scorecard,
    taxonomy: Taxonomy | None,
    unread: int = 0,
    out: Path | None = None,
    drift: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The JSON value of the page. `out` is the folder that the report will stand in: audio is linked from there."""
    labels = _labels(cases, lang, taxonomy)
    items = _items(cases, lang, card)
    models = list({row["model"]["sha256"]: row["model"] for row in _judged(cases)}.values())
    label_place = {label["code"]: place for place, label in enumerate(labels)}
    item_place = {item["id"]: place for place, item in enumerate(items)}
    model_place = {model["sha256"]: place for place, model in enumerate(models)}
    calls = [_call(case, lang, label_place, item_place, model_place) for case in cases]
    # the tables' own, so that reviews are kept apart by batch and shared by both languages
    digest = hashlib.sha256(json.dumps([[label["code"] for label in labels], calls], sort_keys=True).encode()).hexdigest()[:16]
    own = [Counter(label_place[_code(row)] for row in _alarms(case)) for case in cases]
    time, periods = timeline(cases, own, [len(_judged([case])) for case in cases])
    for case, call, period in zip(cases, calls, periods, strict=True):
        call["period"] = period
        if audio := out and address(case.call, out):
            call["audio"] = audio
    strings = json.loads(Path(__file__).with_name("strings.json").read_text(encoding="utf-8"))
    return {
        "schema": SCHEMA,
        "lang": lang,
        "digest": digest,
        "strings": {name: texts[lang] for name, texts in strings.items()},
        "models": models,
        "labels": labels,
        "items": items,
        "overview": {**_overview(cases, label_place, item_place, unread), "time": time},
        "drift": _drift(drift, lang) if drift else None,
        "turn_columns": TURN_COLUMNS,
        "calls": calls,
    }


def _drift(found: Mapping[str, Any], lang: str) -> dict[str, Any]:
    measures = [
        {k: m[k] for k in ("name", "verdict")} | {"says": m["says_zh" if lang == "zh" else "says"]} for m in found["measures"]
    ]
    return {**{k: found[k] for k in ("verdict", "reference", "new", "notes")}, "measures": measures}


def _judged(cases: Sequence[Case]) -> list[Row]:
    return [row for case in cases for row in case.judged if row is not None]


def _alarms(case: Case) -> list[Row]:
    return [row for row in case.judged if row is not None and row["flagged"]]


def _code(row: Row) -> str:
    return f"{row['category']}.{row['scenario']}" if row["scenario"] else str(row["category"])


def _labels(cases: Sequence[Case], lang: str, taxonomy: Taxonomy | None) -> list[dict[str, str]]:
    """Those of the taxonomy, in its order, then what the tables have beside."""
    labels: dict[str, dict[str, str]] = {}
    for leaf in taxonomy.leaves if taxonomy else ():
        group = taxonomy.category_zh[leaf.category] if taxonomy and lang == "zh" else leaf.category
        name = leaf.zh if lang == "zh" else leaf.en
        labels[leaf.code] = {"code": leaf.code, "kind": str(leaf.kind), "group": group, "name": name}
    for row in _judged(cases):
        code = _code(row)
        if code not in labels:
            name = row["label_zh"] if lang == "zh" else code
            labels[code] = {"code": code, "kind": row["kind"], "group": row["category"], "name": name}
    return list(labels.values())


def _items(cases: Sequence[Case], lang: str, card: Scorecard) -> list[dict[str, Any]]:
    """Those of the card, in its order, then what the tables have beside: then another card was used, and ids must do for names."""
    items = {
        item.id: {
            "id": item.id,
            "name": item.name_zh if lang == "zh" else item.name_en or item.name_zh,
            "weight": item.weight,
            "auto_fail": item.auto_fail,
        }
        for item in card.items
    }
    for case in cases:
        for result in case.call["items"]:
            items.setdefault(
                result["item_id"], {"id": result["item_id"], "name": result["item_id"], "weight": None, "auto_fail": False}
            )
    return list(items.values())


def _call(case: Case, lang: str, labels: dict[str, int], items: dict[str, int], models: dict[str, int]) -> dict[str, Any]:
    call = case.call
    alarms: list[dict[str, Any]] = []
    turns: list[list[Any]] = []
    for place, (turn, row) in enumerate(zip(case.turns, case.judged, strict=True)):
        label = alarm = None
        if row is not None:
            label = labels[_code(row)]
            if row["flagged"]:
                alarm = len(alarms)
                alarms.append(
                    {
                        "turn": place,
                        "label": label,
                        **{name: row[name] for name in ("probability", "taboo_probability", "rule", "suggestion")},
                        "evidence": [row["evidence"]["start"], row["evidence"]["end"]] if row["evidence"] else None,
                        "model": models[row["model"]["sha256"]],
                        "asr_uncertain": bool(row.get("asr_uncertain")),
                    }
                )
        role = "agent" if row is not None else turn["role"]
        text = turn["text"] if row is None else row["text"]
        turns.append([turn["turn_id"], role, turn["start_ms"], text, label, alarm])
    return {
        **{name: call[name] for name in ("call_id", "agent_id", "source", "score", "auto_fail")},
        "review_reason": call.get("review_reason_zh" if lang == "zh" else "review_reason") or call["review_reason"],
        "metrics": call["metrics"],
        "failed": [[items[r["item_id"]], r["turn_ids"]] for r in call["items"] if r["result"] == "fail"],
        "passed": [items[r["item_id"]] for r in call["items"] if r["result"] == "pass"],
        "whole": case.whole,
        "turns": turns,
        "alarms": alarms,
    }


def _overview(cases: Sequence[Case], labels: dict[str, int], items: dict[str, int], unread: int) -> dict[str, Any]:
    scores = [case.call["score"] for case in cases if case.call["score"] is not None]
    bins = Counter(min(int(score // BIN), 100 // BIN - 1) for score in scores)
    types = Counter(_code(row) for case in cases for row in _alarms(case))
    in_calls = Counter(code for case in cases for code in {_code(row) for row in _alarms(case)})
    results = Counter((r["item_id"], r["result"]) for case in cases for r in case.call["items"])
    broken = sorted((-results[item, "fail"], place, item) for item, place in items.items() if results[item, "fail"])
    return {
        "calls": len(cases),
        "utterances": len(_judged(cases)),
        "alarms": sum(types.values()),
        "calls_with_alarms": sum(bool(_alarms(case)) for case in cases),
        "auto_fail": sum(bool(case.call["auto_fail"]) for case in cases),
        "needs_review": sum(bool(case.call["review_reason"]) for case in cases),
        "unread": unread,
        "mean_score": round(fmean(scores), 2) if scores else None,
        "unscored": len(cases) - len(scores),
        "scores": [bins[place] for place in range(100 // BIN)],
        "types": [{"label": labels[c], "alarms": n, "calls": in_calls[c]} for c, n in types.most_common()],
        "agents": _agents(cases, labels),
        "items": [
            {"item": place, "failed": -failed, "applicable": results[item, "pass"] - failed} for failed, place, item in broken
        ],
    }


def _agents(cases: Sequence[Case], labels: dict[str, int]) -> list[dict[str, Any]]:
    """An entry an agent, with the figures and in the order of the table `agents`."""
    agents = Agents()
    types: dict[str | None, Counter[int]] = defaultdict(Counter)
    for case in cases:
        agents.add({**case.call, "needs_review": bool(case.call["review_reason"])}, _judged([case]))
        types[case.call["agent_id"]].update(labels[_code(row)] for row in _alarms(case))
    return [
        {
            **{name: row[name] for name in ("agent_id", "calls", "utterances", "mean_score")},
            "alarms": row["flagged"],
            "rate": [row[f"taboo_per_1000{end}"] for end in ("", "_low", "_high")],
            "types": sorted(types[row["agent_id"]].items()),
        }
        for row in agents.rows()
    ]
