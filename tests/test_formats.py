"""The vendors' transcripts, in the shapes they write them: what is read, who speaks, when.

`SAMPLES` (`vendor_samples.py`) holds one whole answer a shape, with the vendor's surrounding fields; `test_formats_fuzz.py` damages them.
`test_formats_shared.py` beside it tests what holds for all of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jinyu import recordings
from jinyu.types import InputError, Recording, Role, Turn
from tests.vendor_samples import SAMPLES, XF_RESULT, string

AGENT, CUSTOMER, BOT, UNKNOWN = Role.AGENT, Role.CUSTOMER, Role.BOT, Role.UNKNOWN


def write(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else string(content), encoding="utf-8")
    return path


def read_one(folder: Path, content: Any, name: str = "x.json") -> Recording:
    (recording,) = recordings.read(write(folder, name, content))
    return recording


def rows(recording: Recording) -> list[tuple[Role, str | None, int | None, int | None, str]]:
    assert [t.turn_id for t in recording.turns] == [str(i) for i in range(len(recording.turns))]
    return [(t.role, t.channel or t.speaker, t.start_ms, t.end_ms, t.text) for t in recording.turns]


def error(folder: Path, content: Any, name: str = "x.json") -> str:
    with pytest.raises(InputError) as caught:
        recordings.read(write(folder, name, content))
    message = str(caught.value)
    assert message.startswith(str(folder / name))
    return message.removeprefix(str(folder) + "/")


FORMATS = {
    "canonical": "canonical",
    "aliyun_sca": "aliyun-sca",
    "tencent": "tencent",
    "iflytek": "iflytek",
    "huawei": "huawei",
    "funasr": "funasr",
    "whisper": "whisper",
    "whisperx": "whisper",
    "faster_whisper": "whisper",
    "aws": "aws",
    "contact_lens": "aws",
    "google": "google",
    "aliyun": "aliyun",
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_each_sample_is_found_by_one_vendor_only(sample: str, tmp_path: Path) -> None:
    document = recordings.Document.open(write(tmp_path, "x.json", SAMPLES[sample]))
    found = [adapter.NAME for adapter in recordings.ADAPTERS if adapter.matches(document)]
    expected = next(FORMATS[key] for key in FORMATS if sample.startswith(key))
    assert found[0] == expected
    assert set(found[1:]) <= {"whisper", "table"}  # the wider ones, tried later


def test_formats_lists_every_adapter_once() -> None:
    names = [name for name, _ in recordings.formats()]
    assert len(names) == len(set(names)) == len(recordings.ADAPTERS) == 13
    assert all(summary and "\n" not in summary and len(summary) < 100 for _, summary in recordings.formats())


# --- Aliyun


def test_aliyun_sorts_channels_by_time_and_leaves_out_what_has_no_text(tmp_path: Path) -> None:
    recording = read_one(tmp_path, SAMPLES["aliyun"])
    assert recording.call_id == "d429dd7dd75711e89305ab6170fe84f9"
    assert rows(recording) == [
        (UNKNOWN, "0", 340, 2365, "您好，这里是客服中心。"),
        (UNKNOWN, "1", 2800, 6020, "我的宽带从昨天起就上不了网。"),
        (UNKNOWN, "0", 6500, 9100, "好的，我马上为您查询。"),
    ]
    assert recording.turns[0].speaker is None


def test_aliyun_without_the_result_around_it(tmp_path: Path) -> None:
    assert rows(read_one(tmp_path, SAMPLES["aliyun"]["Result"])) == rows(read_one(tmp_path, SAMPLES["aliyun"]))


def test_aliyun_lower_camel_with_numbers_as_strings(tmp_path: Path) -> None:
    recording = read_one(tmp_path, SAMPLES["aliyun_lower_camel"])
    assert recording.call_id == "44611dd0c307"
    assert rows(recording) == [(UNKNOWN, "0", 1020, 1770, "您好"), (UNKNOWN, "1", 2000, 3300, "我要退订业务")]


def test_aliyun_result_written_as_a_string(tmp_path: Path) -> None:
    sample = SAMPLES["aliyun"]
    assert rows(read_one(tmp_path, {**sample, "Result": string(sample["Result"])})) == rows(read_one(tmp_path, sample))


def test_aliyun_bare_list_takes_its_id_from_the_file(tmp_path: Path) -> None:
    recording = read_one(tmp_path, SAMPLES["aliyun_list"], "20240501-3021.json")
    assert recording.call_id == "20240501-3021"
    assert [(t.channel, t.speaker, t.start_ms, t.end_ms, t.text) for t in recording.turns] == [
        ("0", "1", 0, 1900, "请您稍等。"),
        ("0", "2", 2200, 3100, "行吧。"),
    ]
    lower = [{"text": "请您稍等。", "beginTime": 0, "endTime": 1900}]
    assert rows(read_one(tmp_path, lower)) == [(UNKNOWN, None, 0, 1900, "请您稍等。")]


def test_aliyun_sca_nested_and_flat(tmp_path: Path) -> None:
    nested = SAMPLES["aliyun_sca"]
    recording = read_one(tmp_path, nested)
    assert recording.call_id == "6fa76916-3ce6-45d8-ac64-01b7f31c7295"
    assert rows(recording) == [
        (AGENT, "李敏", 720, 3100, "您好，很高兴为您服务。"),
        (CUSTOMER, "客户", 3600, 6000, "你们这个账单怎么又不对？"),
    ]
    flat = {**nested, "Data": {**nested["Data"], "Dialogues": nested["Data"]["Dialogues"]["Dialogue"]}}
    assert read_one(tmp_path, flat) == recording
    assert read_one(tmp_path, flat["Data"]) == recording


# --- Tencent


def test_tencent_in_each_wrapping(tmp_path: Path) -> None:
    whole = SAMPLES["tencent"]
    recording = read_one(tmp_path, whole)
    assert recording.call_id == "1397267311"
    assert rows(recording) == [
        (UNKNOWN, "0", 20, 3380, "您好，工号三零二一为您服务。"),
        (UNKNOWN, "1", 3400, 6700, "你好，我想改一下套餐。"),
    ]
    assert recording.turns[0].speaker == "0"
    assert read_one(tmp_path, whole["Response"]) == recording
    assert read_one(tmp_path, whole["Response"]["Data"]) == recording
    assert rows(read_one(tmp_path, whole["Response"]["Data"]["ResultDetail"])) == rows(recording)


def test_tencent_callback_with_a_string_of_json(tmp_path: Path) -> None:
    recording = read_one(tmp_path, SAMPLES["tencent_callback"])
    assert recording.call_id == "1397267312"
    assert rows(recording) == [(UNKNOWN, "0", 500, 2000, "请说。")]


def test_tencent_without_details_is_not_taken_for_silence(tmp_path: Path) -> None:
    data = {"TaskId": 1, "StatusStr": "success", "Result": "[0:0.020,0:3.380]  您好。\n", "ResultDetail": None}
    assert error(tmp_path, {"Data": data}) == (
        "x.json: Data.ResultDetail is empty though Result holds text. Recognise with ResTextFormat=1, 2 or 3"
    )
    assert read_one(tmp_path, {"Data": {**data, "Result": ""}}).turns == ()


# --- iFlytek

XF_ROWS = [(UNKNOWN, "1", 610, 3480, "您好，话费专席，请讲。"), (UNKNOWN, "2", 3900, 6120, "我这个月多扣了三十块")]


def test_iflytek_v1_string_and_decoded(tmp_path: Path) -> None:
    whole = SAMPLES["iflytek_v1"]
    decoded = json.loads(whole["data"])
    for value in (whole, {**whole, "data": decoded}, decoded):
        recording = read_one(tmp_path, value)
        assert recording.call_id == "x"
        assert rows(recording) == XF_ROWS


def test_iflytek_v2_prefers_the_smoothed_text(tmp_path: Path) -> None:
    recording = read_one(tmp_path, SAMPLES["iflytek_v2"])
    assert recording.call_id == "DKHJQ2022090510220905100562536FEF00062"
    assert rows(recording) == XF_ROWS


def test_iflytek_v2_parts_saved_by_themselves(tmp_path: Path) -> None:
    assert rows(read_one(tmp_path, SAMPLES["iflytek_v2"]["content"])) == XF_ROWS
    assert rows(read_one(tmp_path, XF_RESULT)) == XF_ROWS


@pytest.mark.parametrize("smoothed", [None, [], "absent"])
def test_iflytek_v2_lattice2_where_there_is_no_lattice(smoothed: Any, tmp_path: Path) -> None:
    result = {**XF_RESULT, "lattice": smoothed}
    if smoothed == "absent":
        del result["lattice"]
    assert [t.text for t in read_one(tmp_path, {"orderResult": string(result)}).turns] == ["呃未顺滑", "呃未顺滑"]


def test_iflytek_v2_first_candidate_and_paragraph_marks(tmp_path: Path) -> None:
    cw = [{"w": "", "wp": "g"}, {"w": "您好", "wp": "n"}, {"w": "你好", "wp": "n"}]
    st = {"bg": "0", "ed": "900", "rl": "0", "rt": [{"ws": [{"cw": cw}, {"cw": [{"w": "", "wp": "g"}]}, {"cw": []}]}]}
    only_marks = {"bg": "900", "ed": "950", "rl": "0", "rt": [{"ws": [{"cw": [{"w": "", "wp": "g"}]}]}]}
    result = {"lattice": [{"json_1best": string({"st": s})} for s in (st, only_marks)]}
    assert rows(read_one(tmp_path, {"orderResult": string(result)})) == [(UNKNOWN, "0", 0, 900, "您好")]


# --- Huawei


def test_segments_of_others_are_not_taken_for_huaweis_failed_ones(tmp_path: Path) -> None:
    other = {"segments": [{"start_time": 0.0, "end_time": 3.2, "text": "您好", "speaker": "A"}]}
    assert [(t.speaker, t.text) for t in read_one(tmp_path, other).turns] == [("A", "您好")]


def test_funasr_without_times_or_words(tmp_path: Path) -> None:
    said = [{"key": "a", "text": ""}, {"key": "b", "text": "<|zh|><|NEUTRAL|><|Speech|>您好。"}]
    empty, spoken = recordings.read(write(tmp_path, "x.json", said))
    assert (empty.turns, [(t.role, t.text) for t in spoken.turns]) == ((), [(UNKNOWN, "您好。")])


def test_huawei_roles_and_the_wrapper_of_the_quality_check(tmp_path: Path) -> None:
    whole = SAMPLES["huawei"]
    recording = read_one(tmp_path, whole)
    assert recording.call_id == "567e8537-a89c-13c3-a882-826321939651"
    assert rows(recording) == [
        (AGENT, None, 4570, 8000, "你好，客服中心一号，请问有什么可以帮您？"),
        (CUSTOMER, None, 9010, 10870, "我在这里买的东西坏掉了。"),
    ]
    assert rows(read_one(tmp_path, {"asr_result": whole, "obs_url": "https://obs/a.wav"})) == rows(recording)


def test_huawei_numbered_speakers(tmp_path: Path) -> None:
    segments = [
        {"start_time": "0", "end_time": "900", "result": {"text": "您好。", "analysis_info": {"role": "speaker1"}, "score": 0.91}},
        {"start_time": "1000", "end_time": "1900", "result": {"text": "你好。", "analysis_info": {"role": "speaker10"}}},
        {"start_time": "2000", "end_time": "2900", "result": {"text": "好。", "analysis_info": None}},
    ]
    recording = read_one(tmp_path, {"status": "FINISHED", "segments": segments})
    assert rows(recording) == [
        (UNKNOWN, "speaker1", 0, 900, "您好。"),
        (UNKNOWN, "speaker10", 1000, 1900, "你好。"),
        (UNKNOWN, None, 2000, 2900, "好。"),
    ]
    assert [t.asr_confidence for t in recording.turns] == [0.91, None, None]


# --- FunASR


def test_funasr_joins_the_pieces_of_a_speaker_but_not_over_a_hold(tmp_path: Path) -> None:
    recording = read_one(tmp_path, SAMPLES["funasr"])
    assert recording.call_id == "call_0912"
    assert rows(recording) == [
        (UNKNOWN, "0", 550, 3300, "喂，你好，我问一下，快递到哪了？"),
        (UNKNOWN, "1", 3600, 6000, "您好，请报一下单号。请稍等。"),
        (UNKNOWN, "1", 41000, 42000, "感谢您的等待，"),
    ]


def test_funasr_sentence_key_random_key_and_single_object(tmp_path: Path) -> None:
    info = [
        {"sentence": "<|zh|><|NEUTRAL|>您好，", "start": 0, "end": 500, "spk": 0},
        {"sentence": "OK,", "start": 500, "end": 800, "spk": 0},
    ]
    info.append({"sentence": "bye.", "start": 800, "end": 1200, "spk": 0})
    expected = [(UNKNOWN, "0", 0, 1200, "您好，OK, bye.")]
    one = {"key": "rand_key_2yW4Acq9GFz6Y", "text": "", "sentence_info": info}
    for value in ([one], one, info):
        recording = read_one(tmp_path, value, "call.json")
        assert recording.call_id == "call"
        assert rows(recording) == expected


def test_funasr_without_speakers_joins_to_the_end_of_the_sentence(tmp_path: Path) -> None:
    info = [("您好，", 0, 400), ("请讲。", 400, 900), ("我要，", 950, 1200), ("退货。", 1200, 1800)]
    pieces = [{"text": text, "start": start, "end": end} for text, start, end in info]
    assert rows(read_one(tmp_path, [{"key": "a", "text": "", "sentence_info": pieces}])) == [
        (UNKNOWN, None, 0, 900, "您好，请讲。"),
        (UNKNOWN, None, 950, 1800, "我要，退货。"),
    ]


def test_funasr_of_several_files_and_without_sentences(tmp_path: Path) -> None:
    value = [{"key": "a", "text": "您好。", "timestamp": [[10, 200], [200, 450]]}, {"key": "b", "text": "", "timestamp": []}]
    first, second = recordings.read(write(tmp_path, "x.json", value))
    assert (first.call_id, rows(first)) == ("a", [(UNKNOWN, None, 10, 450, "您好。")])
    assert (second.call_id, second.turns) == ("b", ())


# --- Whisper


def test_whisper_seconds_and_confidence(tmp_path: Path) -> None:
    recording = read_one(tmp_path, SAMPLES["whisper"])
    assert recording.call_id == "x"
    assert rows(recording) == [(UNKNOWN, None, 0, 2480, "您好,這裡是客服中心"), (UNKNOWN, None, 3000, 4999, "我要投诉")]
    assert recording.turns[0].asr_confidence == pytest.approx(0.8)
    assert recording.turns[1].asr_confidence is None


def test_whisperx_speakers(tmp_path: Path) -> None:
    assert rows(read_one(tmp_path, SAMPLES["whisperx"])) == [
        (UNKNOWN, "SPEAKER_01", 31, 2454, "您好，请问哪里不清楚？"),
        (UNKNOWN, "SPEAKER_00", 2700, 4100, "就是那个违约金。"),
    ]


def test_faster_whisper_list(tmp_path: Path) -> None:
    recording = read_one(tmp_path, SAMPLES["faster_whisper"])
    assert rows(recording) == [(UNKNOWN, None, 0, 1500, "请您对我的服务做出评价")]
    assert recording.turns[0].asr_confidence == 1.0


@pytest.mark.parametrize("log_probability", ["NaN", "-Infinity", "9" * 400, "1e3", '"low"'])
def test_whisper_confidence_that_is_no_number_is_left_out(log_probability: str, tmp_path: Path) -> None:
    text = '{"segments": [{"start": 0, "end": 1, "text": "您好", "avg_logprob": ' + log_probability + "}]}"
    assert read_one(tmp_path, text).turns[0].asr_confidence == (1.0 if log_probability == "1e3" else None)


def test_whisper_confidence_may_be_a_string(tmp_path: Path) -> None:
    text = '{"segments": [{"start": 0, "end": 1, "text": "您好", "avg_logprob": "-0.1"}]}'
    assert read_one(tmp_path, text).turns[0].asr_confidence == pytest.approx(0.9048, abs=1e-3)


# --- AWS, Google


def test_aws_keeps_ids_and_roles(tmp_path: Path) -> None:
    recording = read_one(tmp_path, SAMPLES["aws"])
    assert recording.call_id == "qa-call-77"
    assert recording.turns == (
        Turn("您好，我是小王。", AGENT, "74f4a8d1", start_ms=180, end_ms=1960),
        Turn("我的快递丢了。", CUSTOMER, "f38ba2e0", start_ms=2310, end_ms=4150),
    )


def test_aws_contact_lens_roles_by_participant(tmp_path: Path) -> None:
    recording = read_one(tmp_path, SAMPLES["contact_lens"])
    assert recording.call_id == "c-9"
    assert [(t.role, t.speaker, t.turn_id) for t in recording.turns] == [(AGENT, "p-1", "t1"), (CUSTOMER, "CUSTOMER", "t2")]


def test_google_roles_and_times_since_1970(tmp_path: Path) -> None:
    recording = read_one(tmp_path, SAMPLES["google"])
    assert recording.started_at == "2018-06-15T19:11:05+00:00"
    assert rows(recording) == [
        (BOT, "3", 0, None, "您好，我是智能客服。"),
        (CUSTOMER, "1", 2250, None, "转人工。"),
        (AGENT, "2", 6000, None, "您好，请问有什么可以帮您？"),
        (CUSTOMER, "1", 9000, None, "查流量。"),
    ]


def test_google_times_since_the_start(tmp_path: Path) -> None:
    entries = [{"text": "您好。", "role": "AGENT", "user_id": 2, "start_timestamp_usec": 1500000}]
    recording = read_one(tmp_path, {"entries": entries})
    assert (recording.started_at, recording.turns[0].start_ms) == (None, 1500)
