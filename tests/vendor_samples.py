"""One whole answer of each vendor's service, in the shape that it writes, with the surrounding fields."""

from __future__ import annotations

import json
from typing import Any


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
