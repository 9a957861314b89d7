"""Whatever a file holds, reading gives recordings or an `InputError`: JSON of any shape, damaged vendor answers, damaged subtitles."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinyu import recordings
from jinyu.types import InputError, Role
from tests.test_formats_subtitles import SRT
from tests.vendor_samples import SAMPLES

KEYS = re.findall(
    r"\w+",
    "text turns role Result Sentences sentences Text BeginTime beginTime StatusText Data Dialogues Dialogue Words Role Begin Response "
    "ResultDetail resultDetail FinalSentence StartMs data err_no ok onebest bg content orderInfo orderResult lattice lattice2 json_1best "
    "st rt ws cw w wp asr_result segments start_time result analysis_info key timestamp sentence_info spk start end avg_logprob "
    "Transcript Participants Content ParticipantId entries user_id start_timestamp_usec call_id",
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["", "[]", "{}", "[1]", '{"lattice":[{}]}', '[{"onebest":1}]', "12", "AGENT", "客服", 10**400, -1, 1e308, "\ud800"]
    )
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=5),
    max_leaves=25,
)
quick = settings(max_examples=60, deadline=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def check(path: Path, content: str) -> None:
    """Recordings of the right types, or an `InputError` that names the file."""
    path.write_text(content, encoding="utf-8", errors="surrogatepass")
    read, message = [], str(path)
    try:
        read = recordings.read(path)
    except InputError as error:
        message = str(error)
    assert message.startswith(str(path))
    for recording in read:
        assert isinstance(recording.call_id, str)
        json.loads(recordings.canonical_json(recording))
        for turn in recording.turns:
            assert isinstance(turn.text, str)
            assert isinstance(turn.role, Role)
            assert all(isinstance(t, int | None) for t in (turn.start_ms, turn.end_ms))
            assert all(isinstance(t, str | None) for t in (turn.channel, turn.speaker))


@quick
@given(value=values, suffix=st.sampled_from([".json", ".jsonl", ".txt"]))
def test_any_json(folder: Path, value: Any, suffix: str) -> None:
    check(folder / f"x{suffix}", json.dumps(value))


@quick
@given(key=st.sampled_from(KEYS), inner=values)
def test_any_json_under_a_known_name(folder: Path, key: str, inner: Any) -> None:
    for value in (
        {key: inner},
        [{key: inner}],
        {"Data": {key: inner}},
        {"segments": [{key: inner}]},
        {"orderResult": json.dumps({key: inner})},
    ):
        check(folder / "x.json", json.dumps(value))


def places(value: Any) -> list[tuple[Any, Any]]:
    """(holder, key) of everything inside a value."""
    inside = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    return [(value, key) for key, _ in inside] + [place for _, item in inside for place in places(item)]


@pytest.mark.parametrize("sample", SAMPLES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_damaged_vendor_answers(folder: Path, sample: str, data: st.DataObject) -> None:
    value = copy.deepcopy(SAMPLES[sample])
    for _ in range(data.draw(st.integers(1, 4))):
        if not (found := places(value)):
            break
        holder, key = data.draw(st.sampled_from(found))
        if data.draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = data.draw(values)
    check(folder / "x.json", json.dumps(value))


@quick
@given(data=st.data(), suffix=st.sampled_from([".srt", ".vtt", ".txt"]))
def test_damaged_subtitles(folder: Path, data: st.DataObject, suffix: str) -> None:
    lines = [
        "WEBVTT",
        "",
        "NOTE x",
        *SRT.split("\n"),
        "<v 坐席>您好",
        "-->",
        "00:01.5 --> 00:02.5",
        "99999:00:00.0 --> 00:00:00.0",
        "NOTE",
        "9" * 5000,
    ]
    chosen = data.draw(st.lists(st.sampled_from(lines) | st.text(max_size=6), max_size=12))
    check(folder / f"x{suffix}", "\n".join(chosen))
