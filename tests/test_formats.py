"""The vendors' transcripts, in the shapes they write them: what is read, who speaks, when.

`SAMPLES` holds one whole answer a shape, with the vendor's surrounding fields; `test_formats_fuzz.py` damages them.
`test_formats_shared.py` beside it tests what holds for all of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jinyu import recordings
from jinyu.types import InputError, Recording, Role, Turn

AGENT, CUSTOMER, BOT, UNKNOWN = Role.AGENT, Role.CUSTOMER, Role.BOT, Role.UNKNOWN


def string(value: Any) -> str:
    """JSON written into a string, as iFlytek and Tencent's callback do."""
    return json.dumps(value, ensure_ascii=False)


def xf_words(*words: str) -> list[dict[str, Any]]:
    """iFlytek's `rt`: each word with its kind, a paragraph mark at the end."""
    kinds = [{"w": w, "wp": "p" if w in "，。？" else "n", "wc": "0.0000"} for w in words] + [{"w": "", "wp": "g", "wc": "0.0000"}]
    return [{"nb": "1", "nc": "1.0", "ws": [{"cw": [cw], "wb": i * 20, "we": i * 20 + 18} for i, cw in enumerate(kinds)]}]


def xf_sentence(bg: str, ed: str, rl: str, *words: str) -> dict[str, Any]:
    return {"st": {"sc": "0.84", "pa": "0", "rt": xf_words(*words), "bg": bg, "rl": rl, "ed": ed}}


XF_SENTENCES = [
    xf_sentence("610", "3480", "1", "您好", "，", "话费", "专席", "，", "请讲", "。"),
    xf_sentence("3900", "6120", "2", "我", "这个", "月", "多", "扣", "了", "三十", "块"),
]
XF_RESULT = {
    "lattice": [{"json_1best": string(s)} for s in XF_SENTENCES],
    "lattice2": [
        {
            "lid": str(i),
            "begin": s["st"]["bg"],
            "end": s["st"]["ed"],
            "json_1best": {"st": {**s["st"], "pt": "reserved", "si": "0", "rt": xf_words("呃", "未", "顺滑")}},
            "spk": f"段落-{i}",
        }
        for i, s in enumerate(XF_SENTENCES)
    ],
    "label": {"rl_track": [{"rl": "1", "track": "L"}, {"rl": "2", "track": "R"}]},
}

SAMPLES: dict[str, Any] = {
    "canonical": {
        "call_id": "c-1",
        "agent_id": "8021",
        "turns": [
            {"role": "agent", "text": "您好，请问有什么可以帮您？", "start_ms": 0, "end_ms": 2400, "asr_confidence": 0.93},
            {"role": "customer", "text": "我查一下余额。", "start_ms": 2900, "end_ms": 4100},
        ],
    },
    "aliyun": {
        "TaskId": "d429dd7dd75711e89305ab6170fe84f9",
        "RequestId": "9240D669-6485-4DCC-896A-F8B31F94FBC2",
        "StatusText": "SUCCESS",
        "BizDuration": 9270,
        "SolveTime": 1540363288472,
        "StatusCode": 21050000,
        "Result": {
            "Sentences": [  # one channel after the other
                {"EndTime": 2365, "SilenceDuration": 0, "BeginTime": 340, "Text": "您好，这里是客服中心。", "ChannelId": 0, "SpeechRate": 325, "EmotionValue": 5.0},
                {"EndTime": 9100, "SilenceDuration": 4, "BeginTime": 6500, "Text": "好的，我马上为您查询。", "ChannelId": 0, "SpeechRate": 253, "EmotionValue": "5.0"},
                {"EndTime": 6020, "SilenceDuration": 0, "BeginTime": 2800, "Text": "我的宽带从昨天起就上不了网。", "ChannelId": 1, "SpeechRate": 260, "EmotionValue": 7.5},
                {"EndTime": 9270, "SilenceDuration": 3, "BeginTime": 9101, "Text": None, "ChannelId": 1, "SpeechRate": 0, "EmotionValue": None},
            ]
        },
    },
    "aliyun_lower_camel": {
        "callId": "44611dd0c307",
        "bizDuration": 3300,
        "partnerKey": "FC10000011988",
        "secretNo": "17000000000",
        "statusCode": "21050000",
        "sentences": [
            {"beginTime": "1020", "channelId": "0", "emotionValue": "5.7", "endTime": "1770", "silenceDuration": "0", "speechRate": "80", "text": "您好"},
            {"beginTime": "2000", "channelId": "1", "emotionValue": "6", "endTime": "3300", "silenceDuration": "0", "speechRate": "90", "text": "我要退订业务", "speakerId": None},
        ],
    },
    "aliyun_list": [
        {"EndTime": 1900, "BeginTime": 0, "Text": "请您稍等。", "ChannelId": 0, "SpeakerId": "1", "SpeechRate": 158, "EmotionValue": 6.1},
        {"EndTime": 3100, "BeginTime": 2200, "Text": "行吧。", "ChannelId": 0, "SpeakerId": "2", "SpeechRate": 200, "EmotionValue": 5.5},
    ],
    "aliyun_sca": {
        "Code": "200",
        "Message": "successful",
        "RequestId": "82C91484-B2D5-4D2A-A21F-A6D73F4D55C6",
        "Success": True,
        "Data": {
            "AudioScheme": "https",
            "AudioURL": "sca-ccc-test.oss-cn-beijing.aliyuncs.com/a.wav",
            "FileId": "e790e6c919d84b82b64ee",
            "FileMergeName": "a.wav",
            "Vid": "6fa76916-3ce6-45d8-ac64-01b7f31c7295",
            "Status": 1,
            "TotalScore": 99,
            "Dialogues": {
                "Dialogue": [
                    {"Begin": 720, "BeginTime": "2019-10-01 11:12:01", "BeginTimeMs": 1569899521000, "EmotionValue": 6, "End": 3100, "HourMinSec": "00:00", "Identity": "李敏", "Role": "客服", "SilenceDuration": 0, "SpeechRate": 240, "Words": "您好，很高兴为您服务。"},
                    {"Begin": "3600", "BeginTime": "2019-10-01 11:12:04", "EmotionValue": 8, "End": "6000", "HourMinSec": "00:03", "Identity": "客户", "Role": None, "SilenceDuration": 0, "SpeechRate": 300, "Words": "你们这个账单怎么又不对？"},
                ]
            },
            "HitRuleReviewInfoList": {"HitRuleReviewInfo": []},
        },
    },
    "tencent": {
        "Response": {
            "RequestId": "3c140219-cfe9-470e-b241-907877d6fb03",
            "Data": {
                "TaskId": 1397267311,
                "Status": 2,
                "StatusStr": "success",
                "AudioDuration": 7.44,
                "Result": "[0:0.020,0:3.380,0]  您好，工号三零二一为您服务。\n[0:3.400,0:6.700,1]  你好，我想改一下套餐。\n",
                "ResultDetail": [
                    {"FinalSentence": "您好，工号三零二一为您服务。", "SliceSentence": "您好 工号 三零二一 为 您 服务", "WrittenText": "", "StartMs": 20, "EndMs": 3380, "WordsNum": 6, "Words": [{"Word": "您好", "OffsetStartMs": 0, "OffsetEndMs": 600}], "SpeechSpeed": 3.6, "SpeakerId": 0, "EmotionalEnergy": 6.2, "SilenceTime": 0, "EmotionType": None, "KeyWordResults": None},
                    {"FinalSentence": "你好，我想改一下套餐。", "SliceSentence": "你好 我 想 改 一下 套餐", "WrittenText": None, "StartMs": 3400, "EndMs": 6700, "WordsNum": 6, "Words": None, "SpeechSpeed": 3.1, "SpeakerId": 1, "EmotionalEnergy": 5.9, "SilenceTime": 20, "EmotionType": None, "KeyWordResults": None},
                ],
                "ErrorMsg": "",
            },
        }
    },
    "tencent_callback": {
        "code": 0,
        "requestId": "1397267312",
        "appid": "1250000000",
        "projectid": 0,
        "text": "[0:0.500,0:2.000]  请说。",
        "audioTime": 2.4,
        "message": "成功",
        "resultDetail": string([{"FinalSentence": "请说。", "StartMs": "500", "EndMs": "2000", "SpeakerId": "0"}]),
    },
    "iflytek_v1": {
        "data": string(
            [
                {"bg": "610", "ed": "3480", "onebest": "您好，话费专席，请讲。", "si": "0", "speaker": "1", "wordsResultList": []},
                {"bg": "3900", "ed": "6120", "onebest": "我这个月多扣了三十块", "si": "1", "speaker": "2", "wordsResultList": None},
            ]
        ),
        "err_no": 0,
        "failed": None,
        "ok": 0,
    },
    "iflytek_v2": {
        "code": "000000",
        "descInfo": "success",
        "content": {
            "orderInfo": {"orderId": "DKHJQ2022090510220905100562536FEF00062", "failType": 0, "status": 4, "originalDuration": 200, "realDuration": 6878},
            "orderResult": string(XF_RESULT),
            "taskEstimateTime": 0,
        },
    },
    "iflytek_inner": {"lattice2": XF_RESULT["lattice2"]},
    "huawei": {
        "job_id": "567e8537-a89c-13c3-a882-826321939651",
        "status": "FINISHED",
        "create_time": "2022-11-26T11:56:16.152Z",
        "start_time": "2022-11-26T11:56:16.307Z",
        "finish_time": "2022-11-26T11:56:22.408Z",
        "audio_duration": 34000,
        "segments": [
            {"start_time": 4570, "end_time": 8000, "result": {"text": "你好，客服中心一号，请问有什么可以帮您？", "analysis_info": {"role": "AGENT", "emotion": "NORMAL", "speed": 8.309038}}},
            {"start_time": 9010, "end_time": 10870, "result": {"text": "我在这里买的东西坏掉了。", "analysis_info": {"role": "USER", "emotion": "ANGRY", "speed": 10.483871}, "word_info": []}},
            {"start_time": 11000, "end_time": 12000},  # a segment that failed
        ],
    },
    "funasr": [
        {
            "key": "call_0912",
            "text": "喂，你好，我问一下，快递到哪了？您好，请报一下单号。",
            "timestamp": [[550, 790], [790, 1400]],
            "sentence_info": [
                {"text": "喂，", "start": 550, "end": 790, "timestamp": [[550, 790]], "spk": 0},
                {"text": "你好，", "start": 790, "end": 1400, "timestamp": [[790, 1400]], "spk": 0},
                {"text": "我问一下，", "start": 1400, "end": 2100, "timestamp": [], "spk": 0},
                {"text": "快递到哪了？", "start": 2100, "end": 3300, "timestamp": [], "spk": 0},
                {"text": "您好，", "start": 3600, "end": 4000, "timestamp": [], "spk": 1},
                {"text": "请报一下单号。", "start": 4000, "end": 5200, "timestamp": [], "spk": 1},
                {"text": "请稍等。", "start": 5300, "end": 6000, "timestamp": [], "spk": 1},
                {"text": "感谢您的等待，", "start": 41000, "end": 42000, "timestamp": [], "spk": 1},
            ],
        }
    ],
    "whisper": {
        "text": " 您好,這裡是客服中心 我要投诉",
        "segments": [
            {"id": 0, "seek": 0, "start": 0.0, "end": 2.48, "text": " 您好,這裡是客服中心", "tokens": [50364, 3837], "temperature": 0.0, "avg_logprob": -0.2231435513142097, "compression_ratio": 1.1, "no_speech_prob": 0.02},
            {"id": 1, "seek": 0, "start": 3.0, "end": 4.999, "text": " 我要投诉", "tokens": [50514], "temperature": 0.0, "avg_logprob": None, "compression_ratio": 1.0, "no_speech_prob": 0.1},
        ],
        "language": "zh",
    },
    "whisperx": {
        "segments": [
            {"start": 0.031, "end": 2.454, "text": "您好，请问哪里不清楚？", "words": [{"word": "您", "start": 0.031, "end": 0.2, "score": 0.8, "speaker": "SPEAKER_01"}], "speaker": "SPEAKER_01"},
            {"start": 2.7, "end": 4.1, "text": "就是那个违约金。", "words": [], "speaker": "SPEAKER_00"},
        ],
        "word_segments": [{"word": "您", "start": 0.031, "end": 0.2, "score": 0.8}],
        "language": "zh",
    },
    "faster_whisper": [
        {"id": 1, "seek": 0, "start": 0, "end": 1.5, "text": "请您对我的服务做出评价", "tokens": [1], "avg_logprob": 0, "compression_ratio": 0.9, "no_speech_prob": 0.0, "words": None, "temperature": 0.0},
    ],
    "aws": {
        "JobStatus": "COMPLETED",
        "LanguageCode": "zh-CN",
        "AccountId": "123456789012",
        "JobName": "qa-call-77",
        "Channel": "VOICE",
        "Participants": [{"ParticipantRole": "AGENT"}, {"ParticipantRole": "CUSTOMER"}],
        "Categories": {"MatchedCategories": [], "MatchedDetails": {}},
        "ConversationCharacteristics": {"TotalConversationDurationMillis": 6000},
        "Transcript": [
            {"LoudnessScores": [78.63, None], "Content": "您好，我是小王。", "Id": "74f4a8d1", "BeginOffsetMillis": 180, "EndOffsetMillis": 1960, "Sentiment": "NEUTRAL", "ParticipantRole": "AGENT", "Items": []},
            {"LoudnessScores": [80.1], "Content": "我的快递丢了。", "Id": "f38ba2e0", "BeginOffsetMillis": 2310, "EndOffsetMillis": 4150, "Sentiment": "NEGATIVE", "ParticipantRole": "CUSTOMER", "Items": []},
        ],
    },
    "contact_lens": {
        "Version": "1.1.0",
        "CustomerMetadata": {"ContactId": "c-9", "InstanceId": "i-1"},
        "JobStatus": "COMPLETED",
        "Participants": [{"ParticipantId": "p-1", "ParticipantRole": "AGENT"}, {"ParticipantId": "CUSTOMER", "ParticipantRole": "CUSTOMER"}],
        "Transcript": [
            {"BeginOffsetMillis": 0, "EndOffsetMillis": 900, "Content": "您好。", "Id": "t1", "ParticipantId": "p-1"},
            {"BeginOffsetMillis": 1200, "EndOffsetMillis": 2000, "Content": "你好。", "Id": "t2", "ParticipantId": "CUSTOMER"},
        ],
    },
    "google": {
        "conversation_info": {"categories": [{"display_name": "账单"}]},
        "entries": [
            {"text": "您好，我是智能客服。", "role": "AUTOMATED_AGENT", "user_id": 3, "start_timestamp_usec": 1529089865000000},
            {"text": "转人工。", "role": "CUSTOMER", "user_id": 1, "start_timestamp_usec": "1529089867250000"},
            {"text": "您好，请问有什么可以帮您？", "role": "AGENT", "user_id": 2, "start_timestamp_usec": 1529089871000000},
            {"text": "查流量。", "role": "END_USER", "user_id": 1, "start_timestamp_usec": 1529089874000000},
        ],
    },
}  # fmt: skip


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
