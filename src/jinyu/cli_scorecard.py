"""The commands `jinyu scorecard check` and `jinyu scorecard explain`. Mistakes in a scorecard exit with 2."""

from __future__ import annotations

import argparse
import json
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinyu.diff import printable
from jinyu.types import ModelError

if TYPE_CHECKING:
    from jinyu.scorecard import CallScore, Scorecard
    from jinyu.types import Recording

MOST_TURNS = 4  # shown for one item
RESULTS = {"pass": "通过", "fail": "不通过", "na": "不适用"}
METRICS = {  # field: name, what a unit of it is divided by, unit
    "duration_ms": ("通话时长", 1000, "秒"),
    "agent_talk_ratio": ("坐席说话占比", 0.01, "%"),
    "longest_silence_ms": ("最长静默", 1000, "秒"),
    "longest_hold_ms": ("最长等候", 1000, "秒"),
    "agent_overlaps": ("打断客户", 1, "次"),
    "agent_chars_per_minute": ("语速", 1, "字/分钟"),
    "first_response_ms": ("首次应答", 1000, "秒"),
    "taboo_count": ("禁忌用语", 1, "句"),
    "courtesy_count": ("规范用语", 1, "句"),
}


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the parser."""
    default = Path(__file__).with_name("scorecard") / "default.yaml"
    group = commands.add_parser(
        "scorecard",
        help="the rules by which calls are scored: check a file of them, explain a call's score",
        epilog=f"To make your own rules, copy {default} and edit the copy; its head says how.",
    ).add_subparsers(required=True, metavar="COMMAND")

    check = group.add_parser("check", help="find mistakes in a scorecard, with line and column; exit 2 if there are any")
    check.add_argument("file", type=Path, metavar="FILE", help="a scorecard (YAML)")
    check.add_argument("--model", help="check labels against this model (default: the shipped model, if there is one)")
    check.set_defaults(run=_check)

    explain = group.add_parser("explain", help="a call's score: each item, its points, and the turns that decided it")
    explain.add_argument("call", type=Path, metavar="CALL", help="a transcript file")
    explain.add_argument("--scorecard", type=Path, metavar="FILE", help="a scorecard (default: the shipped one)")
    explain.add_argument("--model", help="a model or run directory, or a hub name (default: the shipped model)")
    explain.add_argument("--agent-channel", metavar="N", help="the agent's channel, where turns name no role")
    explain.add_argument("--agent-speaker", metavar="N", help="the agent's speaker number, where turns name no role")
    explain.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    explain.add_argument("--json", action="store_true", help="a line of JSON a call")
    explain.set_defaults(run=_explain)


def _check(args: argparse.Namespace) -> int:
    from jinyu import artifact
    from jinyu.scorecard import Scorecard

    card = Scorecard.load(args.file)
    try:
        model = artifact.Artifact.open(artifact.find(args.model))
    except ModelError as error:
        if args.model:
            raise
        labels = f"labels not checked: {error}"
    else:
        card.check_labels(model.taxonomy)
        labels = f"labels checked against {model.info.name} {model.info.version}"
    weight = sum(item.weight for item in card.items)
    print(f"{args.file}: {len(card.items)} items, weight {weight:g}, {sum(i.auto_fail for i in card.items)} auto-fail: no mistakes")
    print(labels)
    return 0


def _explain(args: argparse.Namespace) -> int:
    from jinyu import judging, recordings, speakers
    from jinyu.scorecard import Scorecard
    from jinyu.scorer import Scorer

    given = Scorecard.load(args.scorecard) if args.scorecard else None
    calls = recordings.read(args.call)
    scorer = Scorer.load(args.model, threads=args.threads)
    card = judging.card_for(scorer, given)
    for number, read in enumerate(calls):
        recording, finding = speakers.assign_roles(read, scorer, args.agent_channel, args.agent_speaker)
        score = card.judge(recording, judging.judge_turns(recording, scorer))
        if args.json:
            print(json.dumps({"call_id": recording.call_id, **score.to_dict()}))
        else:
            review = speakers.review_reason(recording, finding)
            print("\n" * (number > 0) + render(card, recording, score, review))
    return 0


def render(card: Scorecard, recording: Recording, score: CallScore, review: str = "") -> str:
    """A table for people: items in the order of the card, the turns that decided beneath one another."""
    by_id = {item.id: item for item in card.items}
    texts = {turn.turn_id or str(i): turn.text for i, turn in enumerate(recording.turns)}
    rows = [("结果", "得分", "项目", "依据")]
    for result in score.items:
        item = by_id[result.item_id]
        points = "-" if result.result == "na" else f"{result.points:g}/{item.weight:g}"
        name = item.name_zh + ("（一票否决）" if item.auto_fail else "")
        turns = [printable(f"#{turn_id} {texts[turn_id]}") for turn_id in result.turn_ids[:MOST_TURNS]]
        if len(result.turn_ids) > MOST_TURNS:
            turns.append(f"等 {len(result.turn_ids)} 句")
        rows.append((RESULTS[result.result], points, name, turns[0] if turns else ""))
        rows += [("", "", "", turn) for turn in turns[1:]]
    widths = [max(_width(row[column]) for row in rows) for column in range(3)]
    lines = [_headline(card, recording, score), *([f"needs review: {review}"] if review else []), ""]
    for row in rows:
        cells = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[3]]).rstrip())
    metrics = score.metrics.to_dict()
    return "\n".join([*lines, "", "  ".join(_metric(name, metrics[name]) for name in METRICS)])


def _headline(card: Scorecard, recording: Recording, score: CallScore) -> str:
    weights = {item.id: item.weight for item in card.items}
    possible = sum(weights[r.item_id] for r in score.items if r.result != "na")
    points = sum(r.points for r in score.items)
    total = "无（没有适用的项目）" if score.score is None else f"{score.score:g}（{points:g}/{possible:g}）"
    agent = f"  坐席 {printable(recording.agent_id)}" if recording.agent_id else ""
    return f"{printable(recording.call_id)}{agent}  得分 {total}" + ("  一票否决" if score.auto_fail else "")


def _metric(name: str, value: Any) -> str:
    zh, divisor, unit = METRICS[name]
    return f"{zh} -" if value is None else f"{zh} {round(value / divisor, 1):g} {unit}"


def _width(text: str) -> int:
    """Columns of a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
