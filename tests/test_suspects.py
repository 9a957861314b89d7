"""Labels planted wrong come out on top, and what cannot be checked is said."""

import json

import numpy as np
import pytest

from training import data, suspects
from training.suspects import Labelled


class Clear:
    """A scorer whose embedding of a text tells its first character: what an encoder that knows the labels would give."""

    def embed(self, texts):
        rng = np.random.default_rng(0)
        vectors = [np.eye(3)["甲乙丙".index(t[0])] * 2 + rng.normal(0, 0.3, 3) for t in texts]
        return np.array(vectors)


def rows(n=40):
    return [Labelled(f"{leaf}{i}", f"{mark}{i}", leaf) for mark, leaf in zip("甲乙丙", "abc", strict=True) for i in range(n)]


def test_flipped_labels_come_out_on_top():
    flipped = {"a3": "b", "b7": "c", "c0": "a", "c9": "b"}
    given = [Labelled(r.id, r.text, flipped.get(r.id, r.leaf)) for r in rows()]
    found = suspects.find(given, Clear())
    assert {s.id for s in found[:4]} == set(flipped)
    assert [s.suggested for s in found[:4]] == [s.id[0] for s in found[:4]]
    assert [s.given for s in found[:4]] == [flipped[s.id] for s in found[:4]]
    assert [s.score for s in found] == sorted(s.score for s in found)
    assert found[0].score < 0.2
    assert len(found) <= 6


def test_without_errors_next_to_nothing_is_suspect():
    assert len(suspects.find(rows(), Clear())) <= 2


def test_no_row_is_judged_by_a_regression_that_saw_it():
    """Labels that say nothing of the vectors: seen rows would be known by heart, unseen ones cannot be."""
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(60, 80)), np.arange(60) % 2
    p = suspects.out_of_fold(vectors, labels, 5)
    np.testing.assert_allclose(p.sum(1), 1)
    assert 0.25 <= (p.argmax(1) == labels).mean() <= 0.75
    few = suspects.out_of_fold(np.eye(4), np.array([0, 0, 1, 1]), 5)  # folds with nothing to hold
    np.testing.assert_allclose(few.sum(1), 1)


def test_what_cannot_be_checked(capsys):
    found = suspects.find([*rows(10), Labelled("x", "甲x", "alone")], Clear())
    assert "only one row each: alone" in capsys.readouterr().err
    assert "x" not in {s.id for s in found}
    with pytest.raises(data.DataError, match="at least two of both"):
        suspects.find([Labelled("1", "甲", "a"), Labelled("2", "甲", "a")], Clear())
    with pytest.raises(data.DataError, match="at least two of both"):
        suspects.find(rows(), Clear(), folds=1)


def test_the_command_over_a_team_s_rows(tiny_run, tmp_path, capsys):
    path, out = tmp_path / "team.jsonl", tmp_path / "suspects.jsonl"
    lines = [
        {"text": f"{t}{i}号", "leaf": leaf} for i in range(12) for t, leaf in [("请问价格", "price"), ("什么时候发货", "send")]
    ]
    lines[7] = {"text": "什么时候发货3号", "label": "price"}  # what asks when the parcel comes, by another name of the column
    path.write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [*lines, {"text": "未标", "leaf": ""}]), encoding="utf-8"
    )
    command = ["suspects", "--labels", str(path), "--model", str(tiny_run), "--folds", "4", "-n", "3", "--out", str(out)]
    assert data.main(command) == 0
    said = capsys.readouterr().out
    assert "of 24 rows are suspect" in said
    worst = json.loads(out.read_text(encoding="utf-8").splitlines()[0])
    assert worst["id"] == f"{path}:8"
    assert (worst["given"], worst["suggested"], worst["text"]) == ("price", "send", "什么时候发货3号")
    assert f"{path}:8  price -> send  什么时候发货3号" in said


@pytest.mark.parametrize(
    ("line", "message"), [('{"text": "好"}', "no label"), ('{"text": "…", "leaf": "a"}', "has no words"), ("{", "not JSON")]
)
def test_a_bad_row_is_named(tmp_path, capsys, line, message):
    path = tmp_path / "team.jsonl"
    path.write_text('{"text": "好", "leaf": "a"}\n' + line + "\n", encoding="utf-8")
    assert data.main(["suspects", "--labels", str(path)]) == 1
    error = capsys.readouterr().err
    assert "team.jsonl:2" in error
    assert message in error
