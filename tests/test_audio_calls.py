"""The sample calls as sound, from the file to the alarm, by the default recogniser. Texts are compared with a tolerance."""

import json
import re

import pytest

from benchmarks.sample_calls import AGENT, CALLS, TO
from jinyu import audio
from jinyu.audio import recording
from jinyu.audio.weights import SPEAKERS
from jinyu.cli import main
from jinyu.speakers import assign_roles

lack = audio.missing() or ("" if SPEAKERS.installed() else "needs the speaker weights: jinyu audio setup")
pytestmark = pytest.mark.skipif(bool(lack), reason=f"audio {lack} (make audio)")


@pytest.fixture(scope="module")
def heard():
    return {call.name: recording.read(TO / call.name) for call in CALLS}


def letters(text):
    return re.sub(r"\W", "", text)


def errors(said, found):
    """Edit distance in characters, as a share of what was said."""
    row = list(range(len(found) + 1))
    for i, a in enumerate(said, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(found, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1] / len(said)


@pytest.mark.parametrize("call", CALLS, ids=lambda c: c.name)
def test_what_is_said_is_written_down(heard, call):
    found = heard[call.name]
    parties = {t.channel or t.speaker for t in found.turns}
    assert len(parties) == 2
    said = letters("".join(text for _, text in call.said))
    assert errors(said, letters("".join(t.text for t in found.turns))) < 0.2
    assert abs(len(found.turns) - len(call.said)) <= 2
    assert all(0 <= t.start_ms < t.end_ms and 0 < t.asr_confidence <= 1 for t in found.turns)


@pytest.mark.parametrize("call", CALLS, ids=lambda c: c.name)
def test_the_agent_is_found_and_its_words_are_its_own(heard, shipped, call):
    number = str(call.agent_channel or 0)  # of the channel, or of the voice that is heard first
    _, finding = assign_roles(heard[call.name], shipped)
    assert (finding.method, finding.agent) == ("inferred", number)  # how sure it is hangs on single characters in so short a call
    agent = [t for t in heard[call.name].turns if (t.channel or t.speaker) == number]
    said = letters("".join(text for who, text in call.said if who == AGENT))
    assert errors(said, letters("".join(t.text for t in agent))) < 0.25


def test_the_planted_taboo_utterance_is_flagged_by_the_command(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["score", str(TO / "parcel.wav"), "--agent-channel", "1", "-o", str(out), "--fail-on-taboo"]) == 1
    assert "x real time" in capsys.readouterr().out
    rows = [json.loads(line) for line in (out / "utterances.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {(r["call_id"], r["category"]) for r in rows if r["flagged"]} == {("parcel", "deflecting")}
