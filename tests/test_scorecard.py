"""The call scorecard on calls and judgements made by hand: every condition, its bounds, calls without times, mistakes in the YAML."""

import json
import pickle
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
import yaml

from jinyu import Evidence, Judgement, Kind, ModelError, Reason, Recording, Role, Turn, cli, judging
from jinyu.recordings import find_files, read
from jinyu.scorecard import DEFAULT, Scorecard
from jinyu.scorecard.names import addressed
from jinyu.scorecard.rules import parse
from jinyu.taxonomy import Taxonomy
from jinyu.types import ModelInfo, ScorecardError

ROOT = Path(__file__).resolve().parent.parent
TAXONOMY = Taxonomy.parse(yaml.safe_load((ROOT / "data" / "taxonomy.yaml").read_text(encoding="utf-8")), "taxonomy.yaml")
ROLES = {"a": Role.AGENT, "c": Role.CUSTOMER, "b": Role.BOT, "?": Role.UNKNOWN}
INFO = ModelInfo("hand", "0", "0")


def judged(text: str, leaf: str, flagged: bool | None = None) -> Judgement:
    found = next(x for x in TAXONOMY.leaves if x.code == leaf)
    taboo = found.kind is Kind.TABOO
    sure = taboo if flagged is None else flagged
    return Judgement(
        text, found.kind, found.category, found.scenario, found.zh, 0.9, 0.9 if sure else 0.1, sure, Reason.BEST, Evidence(0, len(text), text) if taboo else None,
        None, None,
        False, INFO,
    )  # fmt: skip


def call(*rows):
    """(recording, judgements) of rows (who, text, label or None, start s, end s), the times left out for a call without."""
    turns, judgements = [], []
    for i, (who, text, label, *times) in enumerate(rows):
        start, end = (round(t * 1000) for t in times) if times else (None, None)
        turns.append(Turn(text, ROLES[who], f"t{i}", start_ms=start, end_ms=end))
        judgements.append(judged(text, label or "neutral.business") if who == "a" else None)
    return Recording("call", tuple(turns), "A1"), judgements


def untimed(made):
    recording, judgements = made
    return replace(recording, turns=tuple(replace(t, start_ms=None, end_ms=None) for t in recording.turns)), judgements


def card(condition: str, more: str = "", lists: str = "", weight: float = 5) -> Scorecard:
    text = f"version: 1\n{lists}\nitems:\n  - {{id: x, name_zh: 项, weight: {weight}, {more} condition: {condition}}}\n"
    return Scorecard("card.yaml", parse(text, "card.yaml"))


def ask(condition: str, made, **options):
    """(result, numbers of the turns that decided)."""
    (item,) = card(condition, **options).judge(*made).items
    return item.result, [int(t.removeprefix("t")) for t in item.turn_ids]


CHAT = call(
    ("b", "欢迎致电", None, 0, 10),
    ("a", "您好，请问有什么可以帮您", "greeting.open", 10, 14),
    ("c", "我姓贺，我的賬單不對，謝謝", None, 14.5, 20),
    ("a", "贺女士，请稍等，好吗", "inquiry.hold", 20.5, 23),
    ("a", "让您久等了，查到了", "inquiry.hold_return", 83, 86),
    ("c", "你们这什么态度，我要投诉", None, 86.5, 90),
    ("a", "你自己不看嘛", "blaming", 89.4, 92),
    ("a", "谢谢您，再见", "closing.farewell", 92, 95),
)


# ---- turns: label, words, role, windows, counts ----


@pytest.mark.parametrize(
    ("condition", "result", "turns"),
    [
        ("{label: greeting.open}", "pass", [1]),
        ("{label: greeting}", "pass", [1]),
        ("{label: [closing.farewell, inquiry]}", "pass", [3, 4, 7]),
        ("{label: compliant, at_least: 5}", "fail", [1, 3, 4, 7]),
        ("{label: taboo, at_most: 0}", "fail", [6]),
        ("{label: deflecting, at_most: 0}", "pass", []),
        ("{label: deflecting}", "fail", []),
        ("{words: [请, 请问]}", "pass", [1, 3]),
        ("{words: [请, 请问], at_least: 3}", "fail", [1, 3]),  # 请问 is one word, not two
        ("{words: 您, at_least: 4}", "pass", [1, 4, 7]),  # 您 stands twice in turn 1
        ("{words: 您, more_than: 4}", "fail", [1, 4, 7]),
        ("{words: 您, less_than: 5}", "pass", [1, 4, 7]),
        ("{role: customer, words: [谢谢, 账单]}", "pass", [2]),  # the customer's are in traditional script
        ("{role: customer, words: [謝謝], at_least: 1, at_most: 1}", "pass", [2]),
        ("{role: any, words: [欢迎, 投诉]}", "pass", [0, 5]),
        ("{role: bot}", "pass", [0]),
        ("{words: 投诉}", "fail", []),  # only the agent unless another role is given
        ("{regex: '帮您$|再见$'}", "pass", [1, 7]),
        ("{label: inquiry.hold, regex: '吗'}", "pass", [3]),
        ("{label: inquiry.hold_return, regex: '吗'}", "fail", []),
        ("{role: any, first_turns: 2}", "pass", [1, 2]),  # the bot does not count
        ("{role: any, last_turns: 1}", "pass", [7]),
        ("{role: customer, last_turns: 2}", "fail", []),
        ("{role: bot, first_turns: 9}", "fail", []),
        ("{role: any, first_seconds: 4.5}", "pass", [0, 1, 2]),  # from the first word that is not a bot's; 4.5 s exactly
        ("{role: agent, first_seconds: 10.4}", "pass", [1]),
        ("{role: agent, first_seconds: 10.5}", "pass", [1, 3]),
        ("{role: any, last_seconds: 3}", "pass", [6, 7]),
        ("{role: any, last_seconds: 2.9}", "pass", [7]),
        ("{role: agent, first_turns: 4, last_turns: 4}", "pass", [4]),
    ],
)
def test_turns(condition, result, turns):
    assert ask(condition, CHAT) == (result, turns)


def test_lists_are_named():
    assert ask("{list: bad, at_most: 0}", CHAT, lists="lists: {bad: [嘛, 喽]}") == ("fail", [6])


def test_taboo_counts_only_where_it_was_flagged():
    recording, judgements = CHAT
    judgements = [judged(j.text, "blaming", flagged=False) if j and j.flagged else j for j in judgements]
    made = recording, judgements
    assert ask("{label: [taboo, blaming], at_most: 0}", made) == ("pass", [])
    assert card("{label: taboo}").judge(*made).metrics.taboo_count == 0


# ---- and, or, not ----


@pytest.mark.parametrize(
    ("condition", "timed", "without"),
    [
        ("{all: [{label: greeting}, {silence: {at_most: 60}}]}", ("pass", [1, 3, 4]), ("na", [])),
        ("{all: [{label: situation}, {silence: {at_most: 60}}]}", ("fail", []), ("fail", [])),  # false whatever the times
        ("{any: [{label: greeting}, {silence: {at_most: 1}}]}", ("pass", [1]), ("pass", [1])),
        ("{any: [{label: situation}, {silence: {at_most: 1}}]}", ("fail", [3, 4]), ("na", [])),
        ("{not: {silence: {at_most: 1}}}", ("pass", [3, 4]), ("na", [])),
        ("{not: {label: taboo}}", ("fail", [6]), ("fail", [6])),
        ("{not: {any: [{label: situation}, {all: [{label: greeting}, {label: response}]}]}}", ("pass", []), ("pass", [])),
    ],
)
def test_and_or_not_with_and_without_times(condition, timed, without):
    assert ask(condition, CHAT) == timed
    assert ask(condition, untimed(CHAT)) == without


def test_applies():
    assert ask("{label: situation}", CHAT, more="applies: {label: response},") == ("na", [])
    assert ask("{label: situation}", CHAT, more="applies: {label: greeting},") == ("fail", [])
    assert ask("{label: greeting}", untimed(CHAT), more="applies: {duration: {more_than: 1}},") == ("na", [])


# ---- order and repetition ----


def test_order():
    assert ask("{order: [{label: inquiry.hold}, {label: inquiry.hold_return}]}", CHAT) == ("pass", [3, 4])
    assert ask("{order: [{label: inquiry.hold_return}, {label: inquiry.hold}]}", CHAT) == ("fail", [4])
    assert ask("{order: [{role: customer}, {any: [{label: taboo}, {words: 稍等}]}, {role: customer}]}", CHAT) == ("pass", [2, 3, 5])
    assert ask("{order: [{label: greeting}, {words: 再见, last_seconds: 5}]}", CHAT) == ("pass", [1, 7])
    assert ask("{order: [{label: greeting}, {words: 再见, last_seconds: 5}]}", untimed(CHAT)) == ("na", [])


HOLD, BACK = "inquiry.hold", "inquiry.hold_return"
FOLLOWED = "{every: {label: inquiry.hold}, followed_by: {label: inquiry.hold_return}, within_turns: 1}"


@pytest.mark.parametrize(
    ("labels", "result", "turns"),
    [
        ([HOLD, BACK], "pass", [0, 1]),
        ([HOLD, HOLD, BACK], "pass", [0, 1, 2]),  # an update between them
        ([HOLD, "neutral.business", BACK], "fail", [0]),
        ([HOLD, BACK, HOLD], "fail", [2]),
        ([HOLD, BACK, HOLD, "neutral.business", HOLD, BACK], "fail", [2]),
        (["greeting.open"], "pass", []),  # nothing to follow
    ],
)
def test_hold_followed_by_hold_return(labels, result, turns):
    assert ask(FOLLOWED, call(*(("a", "话", label) for label in labels))) == (result, turns)


def test_customers_between_do_not_count_and_seconds_are_inclusive():
    made = call(("a", "请稍等", HOLD, 0, 2), ("c", "好", None, 2, 3), ("a", "久等了", BACK, 62, 64))
    assert ask(FOLLOWED, made) == ("pass", [0, 2])
    within = "{every: {label: inquiry.hold}, followed_by: {label: inquiry.hold_return}, within_seconds: %s}"
    assert ask(within % 60, made) == ("pass", [0, 2])
    assert ask(within % 59.999, made) == ("fail", [0])
    assert ask(within % 60, untimed(made)) == ("na", [])
    either = "{every: {any: [{label: inquiry.hold}, {words: 稍等}]}, followed_by: {any: [{words: 久等}, {role: bot}]}}"
    assert ask(either, untimed(made)) == ("pass", [0, 2])


# ---- figures ----


def gap(seconds):
    return call(("a", "您好", None, 0, 2), ("c", "喂", None, 2 + seconds, 4 + seconds))


def test_silence_of_exactly_sixty_seconds():
    assert ask("{silence: {at_most: 60}}", gap(60)) == ("pass", [0, 1])
    assert ask("{silence: {at_most: 60}}", gap(60.001)) == ("fail", [0, 1])
    assert ask("{silence: {more_than: 60}}", gap(60)) == ("fail", [0, 1])
    assert ask("{silence: {at_least: 60, less_than: 61}}", gap(60)) == ("pass", [0, 1])
    assert ask("{silence: {at_most: 60}}", gap(0)) == ("pass", [])
    assert ask("{silence: {at_most: 60}}", untimed(gap(90))) == ("na", [])


def test_silence_is_what_nobody_speaks_in():
    made = call(("c", "长", None, 0, 50), ("a", "短", None, 5, 6), ("a", "后", None, 52, 53))
    assert ask("{silence: {at_most: 2}}", made) == ("pass", [0, 2])
    assert ask("{silence: {less_than: 2}}", made) == ("fail", [0, 2])


def test_silence_outside_holds():
    asked = call(("a", "请稍等", HOLD, 0, 2), ("c", "好", None, 3, 4), ("a", "久等了", BACK, 100, 102), ("c", "嗯", None, 107, 108))
    assert ask("{silence: {at_most: 60}}", asked) == ("fail", [1, 2])
    assert ask("{silence: {at_most: 5, outside_holds: true}}", asked) == ("pass", [2, 3])
    assert ask("{silence: {less_than: 5, outside_holds: true}}", asked) == ("fail", [2, 3])


def hold(seconds, text="请稍等，大概一两分钟"):
    return call(("a", text, HOLD, 0, 2), ("c", "好", None, 2, 3), ("a", "久等了", BACK, 2 + seconds, 4 + seconds))


def test_hold_of_exactly_sixty_seconds():
    assert ask("{hold: {at_most: 60}}", hold(60)) == ("pass", [0, 2])
    assert ask("{hold: {at_most: 60}}", hold(60.001)) == ("fail", [0, 2])
    assert ask("{hold: {at_most: 60}}", untimed(hold(90))) == ("na", [])
    assert ask("{hold: {at_most: 60, unless_said: 分钟}}", hold(90)) == ("pass", [])
    assert ask("{hold: {at_most: 60, unless_said: 分钟}}", hold(90, "请稍等")) == ("fail", [0, 2])
    assert ask("{hold: {at_most: 0}}", gap(90)) == ("pass", [])


def test_a_hold_ends_at_the_first_agent_turn_that_asks_for_no_other():
    made = call(
        ("a", "请稍等", HOLD, 0, 2),
        ("a", "还在查，请再等一下", HOLD, 32, 34),  # an update does not end it
        ("c", "快点", None, 40, 41),  # nor does the customer
        ("a", "查到了", "inquiry.report_result", 72, 75),
        ("a", "请再稍等", HOLD, 80, 82),  # nobody comes back: to the end of the call
        ("c", "喂？喂？", None, 150, 155),
    )
    assert ask("{hold: {at_most: 70}}", made) == ("fail", [4])
    assert card("{label: x}").judge(*made).metrics.longest_hold_ms == 73_000
    assert ask("{hold: {at_most: 70, unless_said: 请再稍等}}", made) == ("pass", [0, 1, 3])


@pytest.mark.parametrize(
    ("customer", "agent", "turns"),
    [
        ((0, 10), (9.5, 12), []),  # exactly half a second before the end
        ((0, 10), (9.499, 12), [1]),
        ((0, 10), (5, 10), []),  # does not go on
        ((0, 10), (5, 10.001), [1]),
        ((0, 10), (5, 6), []),  # an 嗯 while the customer talks
        ((0, 10), (0, 12), []),  # both begin together
        ((3, 10), (2, 12), []),  # the customer cut in
    ],
)
def test_interruption(customer, agent, turns):
    made = call(("c", "我跟你讲", None, *customer), ("a", "不是的", None, *agent))
    assert ask("{interruptions: {at_most: 0}}", made) == ("fail" if turns else "pass", turns)
    assert card("{label: x}").judge(*made).metrics.agent_overlaps == len(turns)
    assert ask("{interruptions: {at_most: 0}}", untimed(made)) == ("na", [])


def test_interruption_is_counted_once_a_turn_and_its_overlap_may_be_set():
    made = call(
        ("c", "一", None, 0, 10),
        ("c", "二", None, 4, 11),
        ("a", "插", None, 9, 12),
        ("c", "三", None, 12, 15),
        ("a", "嗯", None, 14.5, 16),
    )
    assert ask("{interruptions: {at_most: 0}}", made) == ("fail", [2])
    assert ask("{interruptions: {at_most: 1, overlap: 0.4}}", made) == ("fail", [2, 4])
    assert ask("{interruptions: {at_most: 0, overlap: 2}}", made) == ("pass", [])


def test_speech_rate_counts_characters_without_punctuation():
    made = call(("a", "您好，这里是三号！", None, 0, 2), ("c", "很长很长很长的话", None, 2, 3))  # 7 characters in 2 s
    assert ask("{speech_rate: {at_most: 210}}", made) == ("pass", [])
    assert ask("{speech_rate: {less_than: 210}}", made) == ("fail", [])
    assert ask("{speech_rate: {at_most: 210}}", untimed(made)) == ("na", [])
    assert ask("{speech_rate: {at_most: 210}}", call(("a", "您好", None, 1, 1))) == ("na", [])


def test_first_response():
    made = call(("a", "您好", None, 0, 1), ("c", "在吗", None, 2, 3), ("c", "有人吗", None, 8, 9), ("a", "在的", None, 18, 19))
    assert ask("{first_response: {at_most: 15}}", made) == ("pass", [1, 3])
    assert ask("{first_response: {less_than: 15}}", made) == ("fail", [1, 3])
    assert ask("{first_response: {at_most: 15}}", untimed(made)) == ("na", [])
    assert ask("{first_response: {at_most: 0}}", call(("c", "喂", None, 0, 3), ("a", "您好", None, 2, 4))) == ("pass", [0, 1])
    assert ask("{first_response: {at_most: 15}}", call(("a", "您好", None, 0, 1), ("c", "喂", None, 2, 3))) == ("na", [])


def test_talk_ratio_and_duration():
    made = call(("b", "欢迎", None, 0, 5), ("a", "您好", None, 5, 13), ("c", "喂", None, 13, 15))
    assert ask("{talk_ratio: {at_most: 0.8}}", made) == ("pass", [])
    assert ask("{talk_ratio: {less_than: 0.8}}", made) == ("fail", [])
    assert ask("{duration: {at_most: 15}}", made) == ("pass", [])
    assert ask("{duration: {less_than: 15}}", made) == ("fail", [])
    for condition in ("{talk_ratio: {at_most: 1}}", "{duration: {at_most: 15}}"):
        assert ask(condition, untimed(made)) == ("na", [])


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("贺女士您好，贺女士再见", 2),
        ("许文彬先生，好的", 1),
        ("請問是歐陽小姐嗎", 1),
        ("X先生，[姓名]女士，＊＊小姐，某某先生", 4),
        ("先生您好，这位女士，好的先生", 0),
        ("谢谢先生，感谢女士，关于先生您反映的", 0),
        ("谢先生谢谢您，于女士", 2),
        ("客服小姐，老百姓先生，有位先生", 0),
        ("覃女士，您姓什么", 1),
    ],
)
def test_names(text, times):
    made = call(("a", text, None))
    assert ask(f"{{addressed_by_name: {{at_least: {times}, at_most: {times}}}}}", made)[0] == "pass"


def test_a_rare_surname_counts_once_the_call_gives_it():
    assert addressed(["您贵姓", "我姓位", "位先生您好"], [0, 2]) == [(2, 1)]
    assert addressed(["您贵姓", "姓王", "这位先生您好"], [0, 2]) == []
    assert ask("{addressed_by_name: {at_least: 2}}", call(("c", "王先生和李女士", None), ("a", "王先生", None))) == ("fail", [1])


# ---- the score ----

TWO = """
version: 1
items:
  - {id: hello, name_zh: 问候, weight: 2, condition: {label: greeting}}
  - {id: calm, name_zh: 无禁语, weight: 1, condition: {label: taboo, at_most: 0}}
  - {id: quick, name_zh: 及时, weight: 3, condition: {first_response: {at_most: 15}}}
"""


def test_the_score_is_the_share_of_the_weight_that_applies():
    made = Scorecard("two", parse(TWO, "two"))
    timed = made.judge(*CHAT)
    assert [(i.item_id, i.result, i.points) for i in timed.items] == [
        ("hello", "pass", 2),
        ("calm", "fail", 0),
        ("quick", "pass", 3),
    ]
    assert (timed.score, timed.auto_fail) == (83.33, False)
    without = made.judge(*untimed(CHAT))
    assert [i.result for i in without.items] == ["pass", "fail", "na"]
    assert without.score == 66.67


def test_auto_fail_makes_it_zero():
    made = Scorecard("two", parse(TWO.replace("weight: 1,", "weight: 0, severity: auto_fail,"), "two"))
    score = made.judge(*CHAT)
    assert (score.score, score.auto_fail, score.items[0].points) == (0.0, True, 2)
    recording, judgements = CHAT
    decent = made.judge(recording, [j and judged(j.text, "greeting.open") for j in judgements])
    assert (decent.score, decent.auto_fail) == (100.0, False)


def test_nobody_speaks():
    for made in (call(), call(("?", "您好", None, 0, 1)), call(("c", "喂", None), ("b", "请按一", None))):
        score = Scorecard.load().judge(*made)
        assert score.score is None
        assert not score.auto_fail
        assert {i.result for i in score.items} == {"na"}


def test_judgements_stand_beside_turns():
    with pytest.raises(ValueError, match="8 turns and 7 judgements"):
        Scorecard.load().judge(CHAT[0], CHAT[1][:-1])


def test_the_record_has_the_documented_shape():
    record = card("{label: greeting}").judge(*CHAT).to_dict()
    assert record == {
        "score": 100.0,
        "auto_fail": False,
        "items": [{"item_id": "x", "result": "pass", "points": 5.0, "turn_ids": ["t1"]}],
        "metrics": {
            "duration_ms": 95_000,
            "agent_talk_ratio": 0.6266,  # 15.1 s of 24.1 s
            "longest_silence_ms": 60_000,
            "longest_hold_ms": 60_000,
            "agent_overlaps": 1,
            "agent_chars_per_minute": 151.0,  # 38 characters in 15.1 s
            "first_response_ms": 500,
            "taboo_count": 1,
            "courtesy_count": 4,
        },
    }
    json.dumps(record)
    metrics = card("{label: greeting}").judge(*untimed(CHAT)).to_dict()["metrics"]
    assert [name for name, value in metrics.items() if value is not None] == ["taboo_count", "courtesy_count"]


def test_one_turn_without_a_time_leaves_no_gap_to_measure():
    recording, judgements = CHAT
    turns = (*recording.turns[:3], replace(recording.turns[3], end_ms=None), *recording.turns[4:])
    metrics = card("{label: greeting}").judge(replace(recording, turns=turns), judgements).metrics
    assert metrics.longest_silence_ms is None
    assert metrics.agent_overlaps is None
    assert metrics.duration_ms == 95_000


def test_turns_without_an_id_go_by_their_place_and_odd_text_is_no_obstacle():
    recording, judgements = CHAT
    turns = tuple(replace(t, turn_id="", text=t.text + "\udcff") for t in recording.turns)
    (item,) = card("{words: 再见}").judge(replace(recording, turns=turns), judgements).items
    assert item.turn_ids == ("7",)


# ---- mistakes in the YAML: § stands where the message must point to ----


def mistake(text: str) -> str:
    """What is said of a text with one mistake, once the place is found right."""
    before = text[: text.index("§")]
    place = f"my.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: "
    with pytest.raises(ScorecardError) as error:
        parse(text.replace("§", ""), "my.yaml")
    message = str(error.value)
    assert message.startswith(place)
    return message.removeprefix(place)


@pytest.mark.parametrize(
    ("says", "text"),
    [
        ("the file is empty; expected a scorecard with version and items", "§"),
        ("the scorecard is a list; expected keys and values, some of: version, lists, items", "§- a"),
        ("the scorecard has no items; expected a line 'items: ...'", "§version: 1"),
        ("version is 2; this jinyu reads 1", "version: §2\nitems: []"),
        ("version is 'one'; expected a number", "version: §one\nitems: []"),
        ("unknown key 'item' in the scorecard; did you mean items?", "version: 1\n§item: []"),
        ("unknown key 'colour' in the scorecard; expected one of: version, lists, items", "version: 1\n§colour: 1"),
        ("items is an empty list; expected a list, one entry after each '- '", "version: 1\nitems: §[]"),
        ("items stands here twice; expected it once", "version: 1\nitems: []\n§items: []"),
        ("lists is no list of names; expected lines 'name: [word, word]'", "version: 1\nlists: §[a]\nitems: []"),
        ("the list bad is empty; expected text", "version: 1\nlists: {bad:§ }\nitems: []"),
        ("not YAML: expected ',' or ']', but got ':'; expected 'key: value' lines", "version: 1\nitems: [a\n  name§: b"),
        ("not YAML: could not find expected ':'; there is a full-width ： here or in the line before", "version: 1\nitems：\n§"),
        ("not YAML: found character '\\t' that cannot start any token; there is a tab here", "version: 1\nitems:\n§\t- a"),
        ("not YAML: the character U+0000 cannot stand here", "version: 1\nx§\x00"),
    ],
)
def test_mistakes_in_the_frame(says, text):
    assert mistake(text).startswith(says)


HEAD = "version: 1\nlists: {bad: [喽]}\nitems:\n"


@pytest.mark.parametrize(
    ("says", "item"),
    [
        ("an item has no condition; expected a line 'condition: ...'", "§{id: a, name_zh: 甲, weight: 1}"),
        ("an item is 'a'; expected keys and values, some of: id, name_zh", "§a"),
        ("unknown key 'weigth' in an item; did you mean weight?", "{id: a, §weigth: 1}"),
        ("id is '甲'; expected letters a-z, digits and _", "{id: §甲, name_zh: 甲, weight: 1, condition: {label: a}}"),
        ("name_zh is empty; expected text", "{id: a, name_zh: §'', weight: 1, condition: {label: a}}"),
        ("weight is 'viel'; expected a number, 0 or more", "{id: a, name_zh: 甲, weight: §viel, condition: {label: a}}"),
        ("weight is '-1'; expected a number, 0 or more", "{id: a, name_zh: 甲, weight: §-1, condition: {label: a}}"),
        ("weight is '.inf'; expected a number, 0 or more", "{id: a, name_zh: 甲, weight: §.inf, condition: {label: a}}"),
        ("severity is 'fatal'; expected normal or auto_fail", "{id: a, name_zh: 甲, weight: 1, severity: §fatal, condition: {}}"),
        ("a condition is expected here", "{id: a, name_zh: 甲, weight: 1, condition: {label: a}, applies: §greeting}"),
    ],
)
def test_mistakes_in_an_item(says, item):
    assert mistake(f"{HEAD}  - {item}").startswith(says)


@pytest.mark.parametrize(
    ("says", "condition"),
    [
        ("a condition is expected here, such as 'label: greeting.open'; to join several write all: or any:", "§greeting"),
        ("a condition is expected here", "§[{label: a}]"),
        ("a condition is expected here", "{any: [§x]}"),
        ("says nothing about the turn; expected label, words, list, regex or role, or one of: all, any", "§{first_turns: 2}"),
        ("says nothing about the turn", "§{}"),
        ("unknown key 'lable' in a condition; did you mean label?", "{§lable: taboo}"),
        ("unknown key 'silense' in a condition; did you mean silence?", "{§silense: {at_most: 1}}"),
        ("unknown key 'a list' in a condition; expected one of", "{§[a]: b}"),
        ("label stands here twice; expected it once", "{label: a, §label: b}"),
        ("label is empty; expected text", "{label:§ }"),
        (
            "all and any in one condition; expected one, or several joined by all: or any:",
            "§{all: [{label: a}], any: [{label: b}]}",
        ),
        ("unknown key 'at_most' in the condition not; expected one of: not", "{not: {label: a}, §at_most: 1}"),
        ("all is keys and values; expected a list", "{all: §{label: a}}"),
        ("all is an empty list; expected a list", "{all: §[]}"),
        ("silence has no bound (seconds, the longest); expected one of: at_least", "{silence: §{outside_holds: true}}"),
        ("unknown key 'unless_said' in silence; expected one of: at_least", "{silence: {§unless_said: a}}"),
        ("outside_holds is 'yes'; expected true or false", "{silence: {outside_holds: §yes, at_most: 1}}"),
        ("at_most is '1:30'; expected a number, 0 or more", "{silence: {at_most: §1:30}}"),
        ("at_most is '80'; expected a number from 0 to 1", "{talk_ratio: {at_most: §80}}"),
        ("no number is at_least 5 and at_most 4; expected bounds with room between them", "{hold: §{at_least: 5, at_most: 4}}"),
        ("no number is at_most 4 and more_than 4", "{hold: §{more_than: 4, at_most: 4}}"),
        ("no number is less_than 0", "§{label: a, less_than: 0}"),
        ("regex '(' is not a regular expression (missing ), unterminated subpattern at position 0)", "{regex: §'('}"),
        ("regex 'a*' fits a text in which nothing is said", "{regex: §'a*'}"),
        ("list is 'good'; expected bad", "{list: §good}"),
        ("words and list in one condition; expected one", "{words: [a], list: §bad}"),
        ("words is an empty list; expected a list", "{words: §[]}"),
        ("words is empty; expected text", "{words: [a, §'']}"),
        ("role is 'boss'; expected agent or customer or bot or unknown or any", "{role: §boss}"),
        ("role is 'customer' beside a label; expected agent, only agents' turns have labels", "{label: a, role: §customer}"),
        ("first_turns is '1.5'; expected a whole number", "{label: a, first_turns: §1.5}"),
        ("first_turns is '0'; expected a number, 1 or more", "{label: a, first_turns: §0}"),
        ("the condition every has no followed_by; expected a line 'followed_by: ...'", "§{every: {label: a}}"),
        ("unknown key 'at_most' in a turn; expected one of: label", "{order: [{label: a, §at_most: 0}, {label: b}]}"),
        ("conditions in conditions more than 20 deep; expected fewer", "{not: " * 21 + "§{label: a}" + "}" * 21),
        ("conditions in conditions more than 20 deep; expected fewer", "§&x {not: *x }"),  # endless
    ],
)
def test_mistakes_in_a_condition(says, condition):
    assert mistake(f"{HEAD}  - id: a\n    name_zh: 甲\n    weight: 1\n    condition: {condition}").startswith(says)


def test_all_mistakes_are_told_at_once():
    ok = "{id: a, name_zh: 甲, weight: 1, condition: {label: a}}"
    text = f"{HEAD}  - {ok}\n  - {{id: b}}\n  - {ok}\n  - {{id: c, name_zh: 丙, weight: 1, condition: {{label: }}}}\n"
    with pytest.raises(ScorecardError) as error:
        parse(text, "my.yaml")
    assert [line[: line.index(";")] for line in str(error.value).splitlines()] == [
        "my.yaml:5:5: an item has no name_zh",
        "my.yaml:6:5: the id a is used above",
        "my.yaml:7:54: label is empty",
    ]
    assert mistake(f"{HEAD}  §- {ok.replace('weight: 1', 'weight: 0')}").startswith("all weights are 0")


def test_the_file_itself(tmp_path):
    path = tmp_path / "my.yaml"
    with pytest.raises(ScorecardError, match=r"my.yaml: cannot be read \(No such file or directory\); name a scorecard, or copy "):
        Scorecard.load(path)
    path.write_bytes("version: 1\nitems: 甲".encode("gbk"))
    with pytest.raises(ScorecardError, match=r"my.yaml:2:8: byte 0xbc is not UTF-8; expected UTF-8"):
        Scorecard.load(path)
    path.write_bytes(b"\xef\xbb\xbf" + TWO.encode())  # as Windows editors save it
    assert [i.name_en for i in Scorecard.load(path).items] == ["问候", "无禁语", "及时"]
    path.write_text("[" * 5000, encoding="utf-8")
    with pytest.raises(ScorecardError, match="not YAML"):
        Scorecard.load(path)


def test_labels_that_a_model_never_gives_are_mistakes():
    text = TWO.replace("label: greeting", "label: [greeting, greting.open]")
    with pytest.raises(
        ScorecardError, match=r"^two:4:71: the model has no label 'greting.open'; expected a kind \(compliant, neutral"
    ):
        Scorecard("two", parse(text, "two")).check_labels(TAXONOMY)
    Scorecard("two", parse(TWO, "two")).check_labels(TAXONOMY)


# ---- the shipped card ----


def test_the_shipped_card_is_whole():
    shipped = Scorecard.load()
    shipped.check_labels(TAXONOMY)
    assert sum(item.weight for item in shipped.items) == 100
    assert [item.id for item in shipped.items if item.auto_fail] == ["taboo_repeated", "no_abuse"]
    assert pickle.loads(pickle.dumps(shipped)) == shipped  # workers get it so
    lines = DEFAULT.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if line.startswith("  - id:"):  # the comment above names a document
            assert any(lines[n].lstrip().startswith("#") and f"{d} " in lines[n] for n in (number - 1, number - 2) for d in
                       ("000", "001", "002", "003", "004")), line  # fmt: skip


SAMPLES = {path.name: read(path) for path in find_files([ROOT / "data" / "recordings"])}
LABELS = {  # what the README of data/recordings and the texts say, by turn; the agent's other turns are plain business
    "call-water-heater.json": {
        0: "greeting.open", 2: "complaint.apologise", 6: "complaint.empathise", 10: HOLD, 11: BACK, 13: "complaint.apologise", 15: HOLD,
        17: BACK, 27: "complaint.escalate", 31: "closing.offer_more_help", 33: "closing.farewell",
    },
    "call-train-change.json": {0: "greeting.open", 14: HOLD, 16: BACK, 34: "closing.offer_more_help", 36: "closing.farewell"},
    "call-broadband.txt": {
        0: "greeting.open", 2: "inquiry.ask_information", 8: "blaming", 14: "deflecting", 18: "hailing", 26: "commanding", 28: "arrogant",
        34: "closing.offer_more_help", 36: "closing.farewell",
    },
    "call-credit-card.json": {
        0: "greeting.open", 2: "inquiry.ask_information", 4: "inquiry.ask_information", 12: HOLD, 13: BACK, 23: "blaming",
        31: "appreciation.accept_thanks", 35: "inquiry.ask_note", 37: "closing.offer_more_help", 39: "closing.farewell",
    },
    "call-furniture-chat.json": {
        0: "greeting.open", 3: "inquiry.ask_information", 8: HOLD, 10: BACK, 12: "blaming", 22: "arrogant", 27: "deflecting", 30: "arrogant",
        38: "closing.farewell",
    },
    "call-water-outage.csv": {
        0: "greeting.open", 2: "inquiry.ask_information", 4: "explanation.ask_forgiveness", 8: "explanation.ask_forgiveness",
        20: "appreciation.accept_suggestion", 30: "closing.offer_more_help", 32: "closing.farewell",
    },
}  # fmt: skip


def sample(name):
    recording = SAMPLES[name][0]
    labels = LABELS[name]
    judgements = [
        judged(t.text, labels.get(i, "neutral.business")) if t.role is Role.AGENT else None for i, t in enumerate(recording.turns)
    ]
    score = Scorecard.load().judge(recording, judgements)
    return score, {i.item_id: i for i in score.items}


@pytest.mark.parametrize(
    ("name", "total", "auto_fail", "failed"),
    [
        ("call-water-heater.json", 100.0, False, {}),
        ("call-train-change.json", 100.0, False, {}),
        ("call-broadband.txt", 0.0, True, {
            "identify": (), "no_hailing": ("18",), "no_blaming": ("8",), "no_arrogance": ("28",), "no_commanding": ("26",),
            "no_deflecting": ("14",), "taboo_repeated": ("8", "14", "18", "26", "28"), "address_by_name": (), "comfort": (),
        }),
        ("call-credit-card.json", 82.42, False, {"no_blaming": ("23",), "no_interrupting": ("15",), "confirm": ()}),
        ("call-furniture-chat.json", 0.0, True, {
            "first_response": ("1", "3"), "no_blaming": ("12",), "no_arrogance": ("22", "30"), "no_deflecting": ("27",),
            "taboo_repeated": ("12", "22", "27", "30"), "hold_permission": (), "confirm": (), "address_by_name": (),
            "offer_more_help": (),
        }),
        ("call-water-outage.csv", 93.18, False, {"confirm": (), "address_by_name": ()}),
    ],
)  # fmt: skip
def test_the_shipped_card_on_the_sample_calls(name, total, auto_fail, failed):
    score, items = sample(name)
    assert {i.item_id: i.turn_ids for i in score.items if i.result == "fail"} == failed
    assert (score.score, score.auto_fail) == (total, auto_fail)
    timeless = {"first_response", "no_interrupting", "lets_speak", "speech_rate", "no_unannounced_wait"}
    if name.endswith(".txt"):
        assert {items[i].result for i in timeless} == {"na"}
    else:
        assert "na" not in {items[i].result for i in timeless}


def test_the_long_hold_of_the_sample_call_was_announced():
    score, items = sample("call-train-change.json")
    assert score.metrics.longest_hold_ms == 97_519
    assert items["hold_length"].result == "pass"
    assert (items["hold_return"].result, items["hold_return"].turn_ids) == ("pass", ("14", "16"))
    recording, labels = SAMPLES["call-train-change.json"][0], LABELS["call-train-change.json"]
    turns = tuple(replace(t, text=t.text.replace("可能要一两分钟", "")) for t in recording.turns)
    judgements = [judged(t.text, labels.get(i, "neutral.business")) if t.role is Role.AGENT else None for i, t in enumerate(turns)]
    (item,) = (i for i in Scorecard.load().judge(replace(recording, turns=turns), judgements).items if i.item_id == "hold_length")
    assert (item.result, item.turn_ids) == ("fail", ("14", "16"))


@pytest.mark.parametrize(
    ("text", "result"),
    [("您妈妈的账户和他妈妈的手机", "pass"), ("麻烦报一下他妈的电话", "pass"), ("他妈的烦死了", "fail"), ("你給我滾蛋", "fail")],
)
def test_the_knock_out_for_abuse_does_not_hit_the_innocent(text, result):
    score = Scorecard.load().judge(*call(("a", text, None)))
    assert {i.item_id: i.result for i in score.items}["no_abuse"] == result
    assert score.auto_fail is (result == "fail")


# ---- the commands and the call record ----


class Hand:
    """A scorer that labels by hand."""

    taxonomy = TAXONOMY
    thresholds: ClassVar = {"blaming": 0.5}
    model = SimpleNamespace(info=SimpleNamespace(sha256="0" * 64))

    def score_many(self, texts):
        return [judged(t, "blaming" if "不看" in t else "greeting.open" if "您好" in t else "neutral.business") for t in texts]


@pytest.fixture
def hand(monkeypatch, tmp_path):
    monkeypatch.setattr("jinyu.scorer.Scorer.load", lambda *_, **__: Hand())
    path = tmp_path / "call.json"
    turns = [
        {"role": "agent", "text": "您好，请问\x1b[31m", "start_ms": 0, "end_ms": 1000},
        {"role": "customer", "text": "喂", "start_ms": 2000, "end_ms": 3000},
        {"role": "agent", "text": "你自己不看", "start_ms": 4000, "end_ms": 5000},
    ]
    path.write_text(json.dumps({"call_id": "k1", "agent_id": "7", "turns": turns}), encoding="utf-8")
    return path


@pytest.fixture
def two(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text(TWO, encoding="utf-8")
    return path


def test_the_call_record_carries_the_score(hand, two, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.main(["score", str(hand), "-o", str(out), "--scorecard", str(two)]) == 0
    (record,) = [json.loads(line) for line in (out / "calls.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (record["score"], record["auto_fail"], record["needs_review"]) == (83.33, False, False)
    assert record["items"][1] == {"item_id": "calm", "result": "fail", "points": 0.0, "turn_ids": ["2"]}
    assert record["metrics"]["turns"] == 3
    assert record["metrics"]["agent_turns"] == 2
    assert record["metrics"]["first_response_ms"] == 1000
    assert cli.main(["score", str(hand), "-o", str(out), "--format", "csv"]) == 0
    header, row = (out / "calls.csv").read_text(encoding="utf-8-sig").splitlines()
    assert {"score", "auto_fail", "items", "metrics.longest_hold_ms"} <= set(header.split(","))
    assert '""item_id"": ""greeting""' in row
    assert cli.main(["score", str(hand), "-o", str(out), "--format", "parquet"]) == 0
    from pyarrow import parquet

    (table,) = parquet.read_table(out / "calls.parquet").to_pylist()
    assert table["items"][0] == {"item_id": "greeting", "result": "pass", "points": 5.0, "turn_ids": ["0"]}
    assert {i["item_id"] for i in table["items"]} == {i.id for i in judging.shipped_scorecard().items}


def test_a_wrong_scorecard_stops_before_any_work(hand, two, tmp_path, capsys):
    out = ["-o", str(tmp_path / "out")]
    two.write_text(TWO.replace("weight: 2", "weight: x"), encoding="utf-8")
    assert cli.main(["score", str(hand), *out, "--scorecard", str(two)]) == 2
    assert capsys.readouterr().err == f"{two}:4:38: weight is 'x'; expected a number, 0 or more\n"
    two.write_text(TWO.replace("greeting", "greting"), encoding="utf-8")
    assert cli.main(["score", str(hand), *out, "--scorecard", str(two)]) == 2
    assert cli.main(["scorecard", "explain", str(hand), "--scorecard", str(two)]) == 2
    assert not (tmp_path / "out").exists()


def test_check(two, monkeypatch, capsys, tmp_path):
    def none(_=None):
        raise ModelError("no model was shipped")

    monkeypatch.setattr("jinyu.artifact.find", none)
    assert cli.main(["scorecard", "check", str(two)]) == 0
    out = capsys.readouterr().out
    assert out == f"{two}: 3 items, weight 6, 0 auto-fail: no mistakes\nlabels not checked: no model was shipped\n"
    assert cli.main(["scorecard", "check", str(two), "--model", "x"]) == 4
    two.write_text(TWO.replace("taboo, at_most", "taboo, at_mots").replace("hello", "你好"), encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["scorecard", "check", str(two)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line[: line.index(";")] for line in lines] == [
        f"{two}:4:10: id is '你好'",
        f"{two}:5:67: unknown key 'at_mots' in a condition",
    ]
    assert cli.main(["scorecard", "check", str(tmp_path / "gone.yaml")]) == 2


def test_explain(hand, two, capsys):
    assert cli.main(["scorecard", "explain", str(hand), "--scorecard", str(two)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "k1  坐席 7  得分 83.33（5/6）",
        "",
        "结果    得分  项目    依据",
        "通过    2/2   问候    #0 您好，请问 [31m",
        "不通过  0/1   无禁语  #2 你自己不看",
        "通过    3/3   及时    #1 喂",
        "                      #2 你自己不看",
        "",
        "通话时长 5 秒  坐席说话占比 66.7 %  最长静默 1 秒  最长等候 0 秒  打断客户 0 次  语速 360 字/分钟  首次应答 1 秒  禁忌用语 1 句  "
        "规范用语 1 句",
    ]
    two.write_text(TWO.replace("weight: 1,", "weight: 1, severity: auto_fail,"), encoding="utf-8")
    assert cli.main(["scorecard", "explain", str(hand), "--scorecard", str(two)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("k1  坐席 7  得分 0（5/6）  一票否决\n")
    assert "无禁语（一票否决）" in out
    assert cli.main(["scorecard", "explain", str(hand), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["call_id"], len(record["items"])) == ("k1", len(judging.shipped_scorecard().items))
    assert cli.main(["scorecard", "explain", str(hand.with_name("gone.json"))]) == 3


def test_explain_says_why_nothing_was_judged(hand, capsys):
    hand.write_text(json.dumps({"call_id": "k2", "turns": [{"text": "您好"}]}), encoding="utf-8")
    assert cli.main(["scorecard", "explain", str(hand)]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "k2  得分 无（没有适用的项目）"
    assert second.startswith("needs review: 1 turns name no speaker and were not judged")
