"""The call scorecard on calls and judgements made by hand: every condition, its bounds, calls without times, the score."""

import json
from dataclasses import replace

import pytest
from made_calls import BACK, HOLD, TWO, call, judged, untimed

from jinyu.scorecard import Scorecard
from jinyu.scorecard.names import addressed
from jinyu.scorecard.rules import parse


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


def test_the_queue_behind_an_announcement_is_nobodys_silence():
    made = call(
        ("b", "请稍候", None, 0, 5), ("a", "您好", None, 95, 97), ("b", "请评价", None, 100, 101), ("c", "嗯", None, 105, 106)
    )
    assert ask("{silence: {at_most: 4}}", made) == ("pass", [2, 3])


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
