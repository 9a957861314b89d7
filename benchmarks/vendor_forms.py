"""One call as each vendor, recogniser and tool writes it down: `FORMATS`, for the batch benchmark and for tests of the adapters."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from jinyu import recordings
from jinyu.types import Recording, Role, Turn

Write = Callable[[Recording], str | bytes]
COLUMNS = ("call_id", "agent_id", "turn_id", "role", "start_ms", "end_ms", "text")


def dumps(value: Any) -> str:
    """JSON as the services write it."""
    return json.dumps(value, ensure_ascii=False)


def side(turn: Turn) -> int:
    """The channel or speaker number: the agent is 0."""
    return int(turn.role is not Role.AGENT)


def canonical(call: Recording) -> str:
    """Our own form."""
    return recordings.canonical_json(call)


def aliyun(call: Recording) -> str:
    """Recording file recognition: two channels, no roles."""
    said = [
        {"EndTime": t.end_ms, "SilenceDuration": 0, "BeginTime": t.start_ms, "Text": t.text, "ChannelId": side(t), "SpeechRate": 240, "EmotionValue": 5.0}
        for t in sorted(call.turns, key=side)  # one channel after the other
    ]  # fmt: skip
    return dumps({"TaskId": call.call_id, "StatusText": "SUCCESS", "StatusCode": 21050000, "Result": {"Sentences": said}})


def aliyun_lower(call: Recording) -> str:
    """The same service through another kit: lower camel case, numbers as strings."""
    said = [
        {"beginTime": str(t.start_ms), "endTime": str(t.end_ms), "text": t.text, "channelId": str(side(t)), "speechRate": "240"}
        for t in call.turns
    ]
    return dumps({"taskId": call.call_id, "statusText": "SUCCESS", "result": {"sentences": said}})


def aliyun_sca(call: Recording) -> str:
    """Intelligent quality check: roles in Chinese."""
    said = [
        {
            "Begin": t.start_ms,
            "End": t.end_ms,
            "Words": t.text,
            "Role": "客户" if side(t) else "客服",
            "Identity": None,
            "SpeechRate": 240,
        }
        for t in call.turns
    ]
    return dumps({"Code": "200", "Data": {"FileId": call.call_id, "Dialogues": {"Dialogue": said}}, "Success": True})


def tencent(call: Recording) -> str:
    """Recording file recognition: speaker numbers."""
    said = [
        {"FinalSentence": t.text, "StartMs": t.start_ms, "EndMs": t.end_ms, "SpeechSpeed": 4.1, "SpeakerId": side(t), "SilenceTime": 0, "Words": None}
        for t in call.turns
    ]  # fmt: skip
    return dumps(
        {
            "Response": {
                "RequestId": "r",
                "Data": {"TaskId": call.call_id, "Status": 2, "StatusStr": "success", "ResultDetail": said},
            }
        }
    )


def iflytek(call: Recording) -> str:
    """Version 1: a list as a string, times as strings, speakers from 1."""
    said = [
        {"bg": str(t.start_ms), "ed": str(t.end_ms), "onebest": t.text, "si": str(n), "speaker": str(side(t) + 1)}
        for n, t in enumerate(call.turns)
    ]
    return dumps({"data": dumps(said), "err_no": 0, "failed": None, "ok": 0})


def iflytek_lattice(call: Recording) -> str:
    """Version 2: strings within a string, word by word."""
    lattice = []
    for t in call.turns:
        words = [{"cw": [{"w": w, "wp": "n", "wc": "0.0"}], "wb": n, "we": n} for n, w in enumerate(t.text)]
        st = {"bg": str(t.start_ms), "ed": str(t.end_ms), "rl": str(side(t) + 1), "rt": [{"ws": words}]}
        lattice.append({"json_1best": dumps({"st": st})})
    order = {"orderId": call.call_id, "failType": 0, "status": 4}
    return dumps({"code": "000000", "content": {"orderInfo": order, "orderResult": dumps({"lattice": lattice})}})


def huawei(call: Recording) -> str:
    """Roles of the analysis."""
    said = [
        {
            "start_time": t.start_ms,
            "end_time": t.end_ms,
            "result": {"text": t.text, "analysis_info": {"role": "USER" if side(t) else "AGENT"}},
        }
        for t in call.turns
    ]
    return dumps({"job_id": call.call_id, "status": "FINISHED", "segments": said})


def funasr(call: Recording) -> str:
    """Speaker numbers."""
    said = [{"text": t.text, "start": t.start_ms, "end": t.end_ms, "timestamp": [], "spk": side(t)} for t in call.turns]
    return dumps([{"key": call.call_id, "text": "".join(t.text for t in call.turns), "sentence_info": said}])


def whisperx(call: Recording) -> str:
    """Seconds, and names of speakers."""
    said = [
        {
            "start": (t.start_ms or 0) / 1000,
            "end": (t.end_ms or 0) / 1000,
            "text": t.text,
            "words": [],
            "speaker": f"SPEAKER_{side(t):02}",
        }
        for t in call.turns
    ]
    return dumps({"segments": said, "word_segments": [], "language": "zh"})


def aws(call: Recording) -> str:
    """Call Analytics."""
    said = [
        {"Id": t.turn_id, "ParticipantRole": "CUSTOMER" if side(t) else "AGENT", "BeginOffsetMillis": t.start_ms, "EndOffsetMillis": t.end_ms, "Content": t.text}
        for t in call.turns
    ]  # fmt: skip
    return dumps(
        {"JobStatus": "COMPLETED", "JobName": call.call_id, "LanguageCode": "zh-CN", "Channel": "VOICE", "Transcript": said}
    )


def google(call: Recording) -> str:
    """Conversational Insights: microseconds since 1970."""
    began = int(datetime.fromisoformat(str(call.started_at)).timestamp() * 1_000_000)
    said = [
        {"text": t.text, "role": "CUSTOMER" if side(t) else "AGENT", "user_id": side(t), "start_timestamp_usec": began + 1000 * (t.start_ms or 0)}
        for t in call.turns
    ]  # fmt: skip
    return dumps({"conversation_info": {"categories": []}, "entries": said})


def _clock(ms: int | None, mark: str) -> str:
    seconds, rest = divmod(ms or 0, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{rest:03}"


def _who(turn: Turn) -> str:
    return "客户" if side(turn) else "坐席"


def srt(call: Recording) -> str:
    """Subtitles with who speaks before each line."""
    cues = (
        f"{n}\n{_clock(t.start_ms, ',')} --> {_clock(t.end_ms, ',')}\n{_who(t)}：{t.text}\n" for n, t in enumerate(call.turns, 1)
    )
    return "\n".join(cues)


def vtt(call: Recording) -> str:
    """WebVTT with voices."""
    cues = (f"{_clock(t.start_ms, '.')} --> {_clock(t.end_ms, '.')}\n<v {_who(t)}>{t.text}</v>\n" for t in call.turns)
    return "WEBVTT\n\n" + "\n".join(cues)


def txt(call: Recording) -> str:
    """Lines, no times."""
    return "".join(f"{_who(t)}：{t.text}\n" for t in call.turns)


def rows(call: Recording) -> list[list[Any]]:
    """A turn a row, in the order of `COLUMNS`."""
    return [[call.call_id, call.agent_id, t.turn_id, str(t.role), t.start_ms, t.end_ms, t.text] for t in call.turns]


def table(call: Recording) -> str:
    """CSV."""
    file = io.StringIO(newline="")
    csv.writer(file).writerows([COLUMNS, *rows(call)])
    return file.getvalue()


def parquet(call: Recording) -> bytes:
    """As data engineers keep it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table(dict(zip(COLUMNS, zip(*rows(call), strict=True), strict=True))), file)
    return file.getvalue()


def sheet(call: Recording) -> bytes:
    """As supervisors keep it."""
    from openpyxl import Workbook

    book, file = Workbook(), io.BytesIO()
    for row in (COLUMNS, *rows(call)):
        book.active.append(row)
    book.save(file)
    return file.getvalue()


FORMATS: tuple[tuple[str, Write], ...] = (
    *(
        (".json", canonical),
        (".json", aliyun),
        (".json", aliyun_lower),
        (".json", aliyun_sca),
        (".json", tencent),
        (".json", iflytek),
        (".json", iflytek_lattice),
    ),
    *((".json", huawei), (".json", funasr), (".json", whisperx), (".json", aws), (".json", google)),
    *((".srt", srt), (".vtt", vtt), (".txt", txt), (".csv", table), (".parquet", parquet), (".xlsx", sheet)),
)


def put(path: Path, write: Write, call: Recording) -> None:
    """Write one call in one form."""
    written = write(call)
    path.write_bytes(written if isinstance(written, bytes) else written.encode())
