"""Reviews from the report: training rows, regression cases, reviewers who disagree, and files that hold something already."""

import json
from pathlib import Path

import pytest
import yaml

from jinyu import InputError
from jinyu.cli import main
from jinyu.review import import_reviews
from jinyu.taxonomy import Taxonomy

ROOT = Path(__file__).resolve().parent.parent
TAXONOMY = Taxonomy.parse(yaml.safe_load((ROOT / "data" / "taxonomy.yaml").read_text(encoding="utf-8")), "taxonomy.yaml")


def review(text, decision, label=None, **more):
    head = {"call_id": "c", "turn_id": "3", "text": text, "category": "blaming", "decision": decision, "label": label}
    return {**head, "model": {"name": "jinyu", "version": "0.1.0", "sha256": "ab" * 32}, **more}


def save(path, *lines):
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), encoding="utf-8")
    return path


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_label_makes_a_row_and_a_rejection_a_case(tmp_path):
    reviews = save(
        tmp_path / "reviews.jsonl",
        review("你听明白了吗", "confirm", "blaming"),
        review("不归我管", "relabel", "deflecting"),
        review("请您稍等", "relabel", "inquiry.hold"),
        review("不知道您方便吗", "reject"),
        review("你听明白了吗！", "confirm", "blaming"),  # other words to the reader, not to the model
    )
    out = tmp_path / "out"
    done = import_reviews([reviews], out, TAXONOMY, industry="银行")
    assert (done.rows, done.cases, done.known, done.problems) == (4, 1, 0, [])
    common = {"industry": "银行", "hand": "R1"}
    assert rows(out / "utterances.jsonl")[:3] == [
        {"id": "R1-0001", "text": "你听明白了吗", "leaf": "blaming", **common},
        {"id": "R1-0002", "text": "不归我管", "leaf": "deflecting", **common},
        {"id": "R1-0003", "text": "请您稍等", "leaf": "inquiry.hold", **common},
    ]
    assert rows(out / "missed.jsonl") == [{"text": "不知道您方便吗", "flagged": False}]
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    again = import_reviews([reviews], out, TAXONOMY)
    assert (again.rows, again.cases, again.known) == (0, 0, 5)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


def test_what_is_there_stays_and_ids_go_on(tmp_path):
    mine = '{"id": "R1-0041", "text": "我说的", "leaf": "blaming", "industry": "", "hand": "R1"}'  # without an end of line
    (tmp_path / "utterances.jsonl").write_text(mine, encoding="utf-8")
    reviews = save(tmp_path / "r.jsonl", review("不归我管", "confirm", "deflecting"), review("我说的", "confirm", "blaming"))
    done = import_reviews([reviews], tmp_path, TAXONOMY)
    assert (done.rows, done.known) == (1, 1)
    first, second = (tmp_path / "utterances.jsonl").read_text(encoding="utf-8").splitlines()
    assert first == mine
    assert json.loads(second)["id"] == "R1-0042"
    assert not (tmp_path / "missed.jsonl").exists()


def test_reviewers_who_agree_in_part_give_the_fuller_answer(tmp_path):
    one = save(tmp_path / "one.jsonl", review("请稍等", "reject"))
    two = save(tmp_path / "two.jsonl", review("请稍等", "relabel", "inquiry.hold"))
    done = import_reviews([one, two], tmp_path / "out", TAXONOMY)
    assert (done.rows, done.cases, done.problems) == (1, 0, [])
    assert rows(tmp_path / "out" / "utterances.jsonl")[0]["leaf"] == "inquiry.hold"


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (("confirm", "blaming"), ("reject", None), "two.jsonl:2 says no alarm"),
        (("confirm", "blaming"), ("relabel", "arrogant"), "two.jsonl:2 says arrogant"),
        (("relabel", "inquiry.hold"), ("relabel", "closing.farewell"), "two.jsonl:2 says closing.farewell"),
    ],
)
def test_reviewers_who_contradict_each_other_are_named(tmp_path, first, second, message):
    one = save(tmp_path / "one.jsonl", review("你听明白了吗", *first))
    two = save(tmp_path / "two.jsonl", review("别的话", "reject"), review("你听明白了吗", *second))
    out = tmp_path / "out"
    with pytest.raises(InputError) as caught:
        import_reviews([one, two], out, TAXONOMY)
    assert f"one.jsonl:1 says {first[1]} and" in str(caught.value)
    assert message in str(caught.value)
    assert "--skip-problems" in str(caught.value)
    assert not out.exists()
    done = import_reviews([one, two], out, TAXONOMY, skip_problems=True)
    assert (done.rows, done.cases, len(done.problems)) == (0, 1, 1)


def test_a_review_against_what_was_imported_before_is_named(tmp_path):
    out = tmp_path / "out"
    import_reviews([save(tmp_path / "a.jsonl", review("你听明白了吗", "reject"))], out, TAXONOMY)
    later = save(tmp_path / "b.jsonl", review("你听明白了吗", "confirm", "blaming"))
    with pytest.raises(InputError, match=r"b\.jsonl:1 says blaming and .*missed\.jsonl:1 says no alarm"):
        import_reviews([later], out, TAXONOMY)
    assert not (out / "utterances.jsonl").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (review("您好", "relabel", "rude"), r"2: unknown leaf 'rude'; known are greeting\.open, "),
        (review("您好", "relabel", ["rude"]), r"2: unknown leaf \['rude'\]"),
        (review("您好", "confirm", None), r"2: unknown leaf None"),
        (review("您好", "confirm", "greeting.open"), r"2: confirms an alarm as greeting\.open, which is not taboo"),
        (review("您好", "maybe"), r"2: decision 'maybe', expected confirm, reject, relabel"),
        (review("，。", "reject"), r"2: the text '，。' has no words"),
        (review(7, "reject"), r"2: the text is 7"),
        ({"text": "您好"}, r"2: no decision, label"),
        ("{", r"2: expected an object of JSON"),
        ("[1]", r"2: expected an object of JSON"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path, line, message):
    reviews = save(tmp_path / "reviews.jsonl", review("您好吗", "reject"), line)
    with pytest.raises(InputError, match=r"reviews\.jsonl:" + message):
        import_reviews([reviews], tmp_path / "out", TAXONOMY)
    done = import_reviews([reviews], tmp_path / "out", TAXONOMY, skip_problems=True)
    assert (done.cases, len(done.problems)) == (1, 1)


def test_files_that_cannot_be_read_or_added_to(tmp_path):
    good = save(tmp_path / "good.jsonl", review("您好", "reject"))
    with pytest.raises(InputError, match=r"gone\.jsonl: cannot be read"):
        import_reviews([tmp_path / "gone.jsonl"], tmp_path / "out", TAXONOMY)
    (tmp_path / "bad.jsonl").write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"bad\.jsonl: not UTF-8"):
        import_reviews([tmp_path / "bad.jsonl"], tmp_path / "out", TAXONOMY)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        import_reviews([good], tmp_path / "file", TAXONOMY)
    save(tmp_path / "missed.jsonl", {"flagged": True})
    with pytest.raises(InputError, match=r"missed\.jsonl:1: neither a training row"):
        import_reviews([good], tmp_path, TAXONOMY)


def test_the_command(tmp_path, tiny_run, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "reviews.jsonl", review("不归我管", "confirm", "deflecting"), review("您好", "reject"))
    assert main(["review", "import", "reviews.jsonl", "--model", str(tiny_run)]) == 0
    said = capsys.readouterr().out
    assert "1 training rows added to reviewed/utterances.jsonl" in said
    assert "1 regression cases added to reviewed/missed.jsonl" in said
    save(tmp_path / "reviews.jsonl", review("不归我管", "confirm", "rude"))
    assert main(["review", "import", "reviews.jsonl", "--model", str(tiny_run)]) == 3
    assert "reviews.jsonl:1: unknown leaf 'rude'" in capsys.readouterr().err
    assert main(["review", "import", "reviews.jsonl", "--model", str(tiny_run), "--skip-problems"]) == 5
