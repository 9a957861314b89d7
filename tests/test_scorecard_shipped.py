"""The shipped scorecard on the sample calls, the commands of scorecards, and what they leave in the tables."""

import json
import pickle
from dataclasses import replace
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from made_calls import BACK, HOLD, ROOT, TAXONOMY, TWO, call, judged

from jinyu import ModelError, Role, cli, judging
from jinyu.recordings import find_files, read
from jinyu.scorecard import DEFAULT, Scorecard

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
    [
        ("您妈妈的账户和他妈妈的手机", "pass"),
        ("那您之前身体没有病吧", "pass"),
        ("这个是他妈的医保，不是您的", "pass"),
        ("您神经病学科的号已经约好", "pass"),
        ("你有病吧", "fail"),
        ("您神经病啊", "fail"),
        ("麻烦报一下他妈的电话", "pass"),
        ("他妈的烦死了", "fail"),
        ("你給我滾蛋", "fail"),
    ],
)
def test_the_knock_out_for_abuse_does_not_hit_the_innocent(text, result):
    score = Scorecard.load().judge(*call(("a", text, None)))
    assert {i.item_id: i.result for i in score.items}["no_abuse"] == result
    assert score.auto_fail is (result == "fail")


def test_thanks_in_the_last_words_of_a_call_need_no_answer():
    last = [("a", "祝您生活愉快，再见", "closing.farewell"), ("c", "好的谢谢再见", None)]
    results = [
        {i.item_id: i.result for i in Scorecard.load().judge(*call(*turns)).items}["answer_thanks"]
        for turns in (last, [*last, ("a", "嗯", None)], [*last, ("a", "不客气", "appreciation.accept_thanks")])
    ]
    assert results == ["na", "fail", "pass"]


# ---- the commands and the call record ----


class Hand:
    """A scorer that labels by hand."""

    taxonomy = TAXONOMY
    thresholds: ClassVar = {"blaming": 0.5}
    model = SimpleNamespace(info=SimpleNamespace(sha256="0" * 64))

    def features(self, texts):
        return np.zeros((len(texts), 1)), np.zeros((len(texts), 1))

    def judge(self, text, *features):
        return judged(text, "blaming" if "不看" in text else "greeting.open" if "您好" in text else "neutral.business")

    def score_many(self, texts):
        return [self.judge(t) for t in texts]


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
