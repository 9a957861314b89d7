"""Subtitles: SRT and WebVTT as players and recognisers write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from jinyu import recordings
from tests.test_formats import AGENT, CUSTOMER, UNKNOWN, error, read_one, rows, write

SRT = "1\n00:00:00,320 --> 00:00:02,500\n坐席：您好，\n请问有什么可以帮您？\n\n2\n00:00:03,000 --> 00:00:05,040\n客户: 我的卡<i>丢了</i>\n"
SRT_ROWS = [(AGENT, "坐席", 320, 2500, "您好，请问有什么可以帮您？"), (CUSTOMER, "客户", 3000, 5040, "我的卡丢了")]


@pytest.mark.parametrize(
    "content",
    [
        SRT.encode(),
        b"\xef\xbb\xbf" + SRT.replace("\n", "\r\n").encode(),
        SRT.encode("gb18030"),
        SRT.encode("utf-16"),
        SRT.replace("\n\n", "\n").encode(),  # no empty line between the cues
        SRT.replace("500\n坐席", "500\n\n坐席").encode(),  # one too many
        SRT.replace("2\n00", "00").encode(),  # not numbered
        (SRT + "\n\n\n").encode(),
    ],
)
def test_srt(content: bytes, tmp_path: Path) -> None:
    recording = read_one(tmp_path, content, "call-7.srt")
    assert recording.call_id == "call-7"
    assert rows(recording) == SRT_ROWS
    assert rows(read_one(tmp_path, content, "subtitles.txt")) == SRT_ROWS


def test_srt_speakers_without_a_role_and_words_that_are_none(tmp_path: Path) -> None:
    srt = (
        "1\n00:00:00,000 --> 00:00:02,000\n[SPEAKER_00]: 您好\n\n2\n00:00:02,000 --> 00:00:04,000\n说话人2：你好\n坐席A01：请讲\n\n"
    )
    srt += "3\n01:00:04,500 --> 01:00:09,000\n注意：这是提示 OK\n2024\n"
    assert rows(read_one(tmp_path, srt, "x.srt")) == [
        (UNKNOWN, "SPEAKER_00", 0, 2000, "您好"),
        (UNKNOWN, "说话人2", 2000, 4000, "你好"),
        (AGENT, "坐席A01", 2000, 4000, "请讲"),
        (UNKNOWN, None, 3604500, 3609000, "注意：这是提示 OK 2024"),
    ]


def test_webvtt_voices_notes_and_names(tmp_path: Path) -> None:
    vtt = (
        "\ufeffWEBVTT - 通话\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE\n第一段 --> 不是时间\n\nopening\n00:01.500 --> 00:03.000 align:start\n"
        "<v.loud 坐席>您好，<c.yellow>请&lt;讲&gt;</c></v>\n\nNOTE 一行\n\n00:00:03.200 --> 00:00:04.000\n<v 客户>喂\n<v 王芳>在的\n\n"
        "00:00:05.000 --> 00:00:06.000\n客服：<00:00:05.500>请稍等\n"
    )
    assert rows(read_one(tmp_path, vtt, "x.vtt")) == [
        (AGENT, "坐席", 1500, 3000, "您好，请<讲>"),
        (CUSTOMER, "客户", 3200, 4000, "喂"),
        (UNKNOWN, "王芳", 3200, 4000, "在的"),
        (AGENT, "客服", 5000, 6000, "请稍等"),
    ]


@pytest.mark.parametrize(("name", "text"), [("x.srt", ""), ("x.srt", "\ufeff\r\n"), ("x.vtt", "WEBVTT\n\n")])
def test_subtitles_without_speech(name: str, text: str, tmp_path: Path) -> None:
    assert read_one(tmp_path, text, name).turns == ()


def test_subtitle_errors_name_the_line(tmp_path: Path) -> None:
    damaged = "1\n00:00:00,000 --> 00:00\n您好\n"
    assert error(tmp_path, damaged, "x.srt").startswith(
        "x.srt:2: expected 00:00:01,000 --> 00:00:03,500, got '00:00:00,000 --> 00:00'"
    )
    assert error(tmp_path, "您好\n", "x.srt").startswith("x.srt:1: expected a line like")


def test_find_files_takes_subtitles(tmp_path: Path) -> None:
    for name in ("a.srt", "b.VTT", "c.docx"):
        write(tmp_path, name, "")
    assert [p.name for p in recordings.find_files([tmp_path])] == ["a.srt", "b.VTT"]


def test_text_that_begins_with_a_bracket_is_not_json(tmp_path: Path) -> None:
    assert [t.text for t in read_one(tmp_path, "[00:01] 坐席：您好\n[00:03] 客户：你好\n", "x.txt").turns] == ["您好", "你好"]


def test_a_label_that_says_no_role_is_a_speaker_of_its_own(tmp_path):
    """The customer's words must not be judged as the agent's who spoke before."""
    path = tmp_path / "call.srt"
    cue = "1\n00:00:01,000 --> 00:00:05,000\n坐席：您好\n王女士：你们怎么回事\n李四：快点\n\n2\n00:00:06,000 --> 00:00:08,000\n李四：喂\n比如说：这样\n"
    path.write_text(cue, encoding="utf-8")
    (read,) = recordings.read(path)
    assert [(t.speaker, t.text) for t in read.turns] == [
        ("坐席", "您好"),
        ("王女士", "你们怎么回事"),
        ("李四", "快点"),
        ("李四", "喂比如说：这样"),
    ]
