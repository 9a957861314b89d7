"""The sample calls that `make demo` scores: the clean ones stay clean, the others are caught."""

from pathlib import Path

import pytest

from jinyu import Role
from jinyu.judging import judge_recording
from jinyu.recordings import find_files, read

FOLDER = Path(__file__).resolve().parent.parent / "data" / "recordings"
TABOO = {  # turns that the README of the folder names, by call file
    "call-broadband.txt": {"8", "14", "18", "26", "28"},
    "call-furniture-chat.json": {"12", "22", "27", "30"},
    "call-credit-card.json": {"23"},
}
CALLS = [(path, recording) for path in find_files([FOLDER]) for recording in read(path)]


def test_there_are_enough_and_they_are_whole():
    assert len(CALLS) == 8
    for _, recording in CALLS:
        assert 15 <= len(recording.turns) <= 40
        assert {t.role for t in recording.turns} == {Role.AGENT, Role.CUSTOMER}


# the shipped model takes 「市政的管子不归我们管，归自来水公司，但这次坏的是泵房阀门，这个就是我们物业的责任…」 for deflecting; strict: a better one
# makes us take this away
STILL_WRONG = {"call-water-outage.csv"}


@pytest.mark.parametrize(
    ("path", "recording"),
    [
        pytest.param(path, r, id=r.call_id, marks=[pytest.mark.xfail(strict=True)] if path.name in STILL_WRONG else [])
        for path, r in CALLS
    ],
)
def test_no_decent_turn_is_flagged(shipped, path, recording):
    rows, _ = judge_recording(recording, shipped)
    flagged = {r["turn_id"]: r["text"] for r in rows if r["flagged"]}
    assert set(flagged) <= TABOO.get(path.name, set()), flagged


def test_most_taboo_turns_are_caught(shipped):
    found = {}
    for path, recording in CALLS:
        rows, _ = judge_recording(recording, shipped)
        found[path.name] = {r["turn_id"] for r in rows if r["flagged"]}
    assert sum(len(found[name] & turns) for name, turns in TABOO.items()) >= 7
