"""What holds for all formats: silence, unfinished tasks, units of time, the order of turns, several calls in a file, errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jinyu import recordings
from jinyu.types import Recording
from tests.test_formats import AGENT, CUSTOMER, UNKNOWN, error, read_one, rows, write
from tests.vendor_samples import string


@pytest.mark.parametrize(
    ("value", "call_id"),
    [
        ([], "x"),
        ({"TaskId": "t", "StatusText": "SUCCESS", "Result": {"Sentences": []}}, "t"),
        ({"TaskId": "t", "StatusText": "SUCCESS", "Result": {"Sentences": None}}, "t"),
        ({"TaskId": "t", "StatusText": "SUCCESS_WITH_NO_VALID_FRAGMENT", "StatusCode": 21050003}, "t"),
        ({"statusCode": "21050000", "callId": "t", "sentences": []}, "t"),
        ({"Success": True, "Code": "200", "Data": {"Vid": "v", "Dialogues": {"Dialogue": []}}}, "v"),
        ({"Success": True, "Code": "200", "Data": {"Vid": "v", "Dialogues": []}}, "v"),
        ({"Data": {"TaskId": 5, "StatusStr": "success", "Result": "", "ResultDetail": []}}, "5"),
        ({"ok": 0, "err_no": 0, "failed": None, "data": "[]"}, "x"),
        ({"code": "000000", "content": {"orderInfo": {"orderId": "o", "status": 4}, "orderResult": '{"lattice": []}'}}, "o"),
        ({"code": "000000", "content": {"orderInfo": {"orderId": "o", "status": "4"}, "orderResult": ""}}, "o"),
        ({"status": "FINISHED", "audio_duration": 3000, "segments": []}, "x"),
        ({"asr_result": {"status": "FINISHED", "segments": None}, "job_id": "j"}, "j"),
        ([{"key": "k", "text": "", "sentence_info": []}], "k"),
        ({"text": "", "segments": [], "language": "zh"}, "x"),
        ({"JobName": "j", "JobStatus": "COMPLETED", "Transcript": []}, "j"),
        ({"conversation_info": {}, "entries": []}, "x"),
        ({"call_id": "c", "turns": []}, "c"),
    ],
)
def test_a_call_without_speech_is_a_result(value: Any, call_id: str, tmp_path: Path) -> None:
    assert read_one(tmp_path, value) == Recording(call_id, ())


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ({"TaskId": "t", "StatusText": "QUEUEING", "StatusCode": 21050002}, "QUEUEING"),
        ({"Success": False, "Code": "400", "Message": "任务不存在", "Data": {"Dialogues": None}}, "任务不存在"),
        ({"Data": {"TaskId": 5, "StatusStr": "failed", "ErrorMsg": "Failed to download audio", "ResultDetail": None}}, "failed"),
        ({"ok": -1, "err_no": 26605, "failed": "转写任务不存在", "data": None}, "-1"),
        ({"code": "000000", "content": {"orderInfo": {"status": 3}, "orderResult": ""}}, "3"),
        ({"status": "WAITING", "create_time": "2022-11-26T11:56:16.152Z", "segments": None}, "WAITING"),
        ({"JobName": "j", "JobStatus": "FAILED", "Transcript": []}, "FAILED"),
    ],
)
def test_an_unfinished_task_is_not_a_call_without_speech(value: Any, status: str, tmp_path: Path) -> None:
    assert error(tmp_path, value) == (
        f"x.json: no transcript, the service reports {status!r}. Fetch the result again when the task is done, "
        "or have the audio recognised again"
    )


def test_errors_name_the_place_in_the_file(tmp_path: Path) -> None:
    fix = "Correct it there, or export the transcript again"
    cases = [
        ({"Sentences": [{"Text": "您好", "BeginTime": 0}, 7]}, f"x.json: Sentences[1] is 7, expected an object. {fix}"),
        ({"Sentences": [{"BeginTime": 0}]}, f"x.json: Sentences[0] is {{'BeginTime': 0}}, expected an object with 'Text'. {fix}"),
        ({"Result": {"Sentences": [{"Text": 5}]}}, f"x.json: Result.Sentences[0].Text is 5, expected text. {fix}"),
        ({"Result": {"Sentences": "无"}}, f"x.json: Result.Sentences is '无', expected a list. {fix}"),
        (
            {"Sentences": [{"Text": "您好", "BeginTime": "早"}]},
            "x.json: Sentences[0]: BeginTime is '早', expected milliseconds as a number",
        ),
        ({"segments": [{"text": "您好", "start": "a"}]}, "x.json: segments[0]: start is 'a', expected seconds as a number"),
        (
            {"content": {"orderResult": '{"lattice": ['}},
            "x.json: content.orderResult: not JSON (Expecting value: line 1 column 14 (char 13)); keep the string exactly as the service sent it",
        ),
        ({"orderResult": "{}"}, f'x.json: orderResult is {{}}, expected an object with "lattice". {fix}'),
        (
            {"orderResult": '{"lattice": [{"json_1best": "{}"}]}'},
            f"x.json: orderResult.lattice[0].json_1best is '{{}}', expected an object with \"st\". {fix}",
        ),
        (
            {"lattice": [{"json_1best": {"st": {"rt": [{"ws": [{"cw": 3}]}]}}}]},
            f"x.json: lattice[0].json_1best.st.rt[0].ws[0].cw is 3, expected a list. {fix}",
        ),
    ]
    for value, message in cases:
        assert error(tmp_path, value) == message


def test_unknown_json_is_told_the_known_formats(tmp_path: Path) -> None:
    message = error(tmp_path, {"results": {"transcripts": []}})
    assert message.startswith("x.json: not a transcript that jinyu knows (canonical, aliyun-sca, tencent,")
    assert message.endswith('Convert it to the simplest form, JSON or JSONL {"call_id", "turns": [{"role", "text"}]}')


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (  # seconds where milliseconds are due
            {"Sentences": [{"Text": "您好，这里是客服中心。", "BeginTime": 0.3, "EndTime": 2.4}]},
            "expected times in milliseconds from the start of the call, but then the speech would run at 5500 characters a second",
        ),
        (  # microseconds
            {"Sentences": [{"Text": "您好，这里是客服中心。", "BeginTime": 340000, "EndTime": 2365000}]},
            "but then the speech would take 184 seconds a character",
        ),
        (  # a clock time
            {"Sentences": [{"Text": "您好", "BeginTime": 1569899521000, "EndTime": 1569899523000}]},
            "but then the call would last 436083 hours",
        ),
        (  # milliseconds where seconds are due: one turn, and a whole call
            {"segments": [{"text": "您好，这里是客服中心。", "start": 340, "end": 2365}]},
            "expected times in seconds from the start of the call, but then the speech would take 184 seconds a character",
        ),
        (
            {"segments": [{"text": "您好", "start": 340, "end": 1000}, {"text": "再见", "start": 119000, "end": 120000}]},
            "but then the call would last 33 hours",
        ),
        ({"segments": [{"text": "您好", "start": -1e305, "end": 1e305}] * 2000}, "the call would last"),
        (  # milliseconds since 1970 where microseconds are due
            {"entries": [{"text": "您好", "role": "AGENT", "start_timestamp_usec": 1529089865000}]},
            "expected times in microseconds from the start of the call, but then the call would last 425 hours",
        ),
    ],
)
def test_times_in_another_unit_are_an_error(value: Any, problem: str, tmp_path: Path) -> None:
    message = error(tmp_path, value)
    assert problem in message
    assert message.endswith(
        ("Convert the times to milliseconds", "Convert the times to seconds", "Convert the times to microseconds")
    )


def test_short_calls_and_long_pauses_are_in_the_right_unit(tmp_path: Path) -> None:
    sentences = [
        {"Text": "嗯", "BeginTime": 500, "EndTime": 510},
        {"Text": "请您稍等一下，我帮您查询。", "BeginTime": 1000, "EndTime": 3000},
        {"Text": "嗯嗯", "BeginTime": 3600000, "EndTime": 3660000},
    ]
    for kept in (sentences, sentences[:1], sentences[2:]):
        assert len(read_one(tmp_path, {"Sentences": kept}).turns) == len(kept)
    no_times = [{"Text": "请您稍等一下，我帮您查询。", "BeginTime": 0, "EndTime": 0}, {"Text": "好的", "BeginTime": None}]
    assert rows(read_one(tmp_path, {"Sentences": no_times})) == [
        (UNKNOWN, None, 0, 0, "请您稍等一下，我帮您查询。"),
        (UNKNOWN, None, None, None, "好的"),
    ]


def test_turns_without_a_start_stay_behind_the_turn_before_them(tmp_path: Path) -> None:
    times = [("甲", 5000), ("乙", None), ("丙", 1000), ("丁", 5000), ("戊", "")]
    sentences = [{"Text": text, "BeginTime": start} for text, start in times]
    assert [t.text for t in read_one(tmp_path, {"Sentences": sentences}).turns] == ["丙", "甲", "乙", "丁", "戊"]


def test_many_calls_in_one_file(tmp_path: Path) -> None:
    calls = [{"Result": {"Sentences": [{"Text": text, "BeginTime": 0, "EndTime": 900}]}} for text in ("您好", "再见")]
    calls[1]["TaskId"] = "t-2"  # type: ignore[assignment]
    for name, content in (("day.json", string(calls)), ("day.jsonl", "\n".join(map(string, calls)))):
        first, second = recordings.read(write(tmp_path, name, content))
        assert (first.call_id, first.turns[0].text) == ("day-0", "您好")
        assert (second.call_id, second.turns[0].text) == ("t-2", "再见")
    assert error(tmp_path, [*calls, {"Code": 1}]).startswith(
        "x.json: call 2 is {'Code': 1}, expected a call of the same form as the first"
    )
    assert error(tmp_path, string(calls[0]) + "\n[1]\n", "x.jsonl").startswith("x.jsonl:2 is [1], expected a call of the same form")


def test_deep_nesting_is_an_input_error(tmp_path: Path) -> None:
    assert error(tmp_path, "[" * 100_000) == "x.json: nested too deeply to be a transcript"
    assert error(tmp_path, {"orderResult": "[" * 100_000}) == "x.json: nested too deeply to be a transcript"


def test_tables_of_utterances_stay_tables(tmp_path: Path) -> None:
    table = [{"text": "您好", "role": "agent", "start_ms": 0, "end_ms": 900}, {"text": "你好", "role": "customer"}]
    assert rows(read_one(tmp_path, table)) == [(AGENT, None, 0, 900, "您好"), (CUSTOMER, None, None, None, "你好")]
    assert [t.role for t in read_one(tmp_path, "\n".join(map(string, table)), "x.jsonl").turns] == [AGENT, CUSTOMER]
    assert read_one(tmp_path, [{"text": "您好", "role": "agent", "start": 0, "end": 900}]).turns[0].role is AGENT
