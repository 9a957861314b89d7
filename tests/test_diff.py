"""Two runs compared: every kind of change, every table format, calls of one side only, and folders without tables."""

import json

import pytest
from test_report import judged_row

from jinyu import InputError, diff, tables
from jinyu.cli import main
from jinyu.diff import Side, compare

TEXT = "这个不归我管，你找别人"


def row(call, turn, text=TEXT, code="deflecting", clause=None, probability=0.9):
    head = {"schema": 1, "call_id": call, "turn_id": str(turn)}
    return {**head, **judged_row(text, code, clause), "taboo_probability": probability, "probability": probability}


def run(folder, rows, scores, table_format="jsonl"):
    folder.mkdir()
    calls = [{"schema": 1, "call_id": c, "score": s, "auto_fail": s == 0} for c, s in scores]
    tables.write(folder / f"utterances.{table_format}", table_format, lambda: rows)
    tables.write(folder / f"calls.{table_format}", table_format, lambda: calls)
    return Side(folder)


@pytest.fixture(params=tables.FORMATS)
def sides(tmp_path, request):
    clause = "这个不归我管"
    old = [
        row("a", 0, clause=clause),  # as before, but for a hair
        row("a", 1),  # not flagged, will be
        row("a", 2, clause=clause),  # will not be
        row("a", 3, clause=clause),  # another type
        row("a", 4, clause=clause),  # another clause
        row("a", 5, clause=clause),  # much less sure
        row("a", 6, text="=不归我管", clause="不归我管"),  # what a spreadsheet would take for a formula
        row("a", 7, text="旧的话不归我管", clause="不归我管"),  # the words are others
        row("gone", 0, clause=clause),
    ]
    new = [
        row("a", 0, clause=clause, probability=0.8),
        row("a", 1, clause=clause),
        row("a", 2),
        row("a", 3, code="blaming", clause=clause),
        row("a", 4, clause="你找别人"),
        row("a", 5, clause=clause, probability=0.7),
        row("a", 6, text="=不归我管", clause="不归我管"),
        row("a", 7, text="新的话不归我管", clause="不归我管"),
        row("new", 0, clause=clause),
        row("new", 1),
    ]
    return (
        run(tmp_path / "old", old, [("a", 80.0), ("b", None), ("gone", 100.0)], request.param),
        run(tmp_path / "new", new, [("a", 60.5), ("b", 0.0), ("new", 100.0)], "jsonl"),
    )


def test_what_is_new_gone_and_moved(sides):
    found = compare(*sides)
    changes = [(a["change"], a["turn_id"], a["text"] == TEXT, a["why"]) for a in found["alarms"]]
    elsewhere = ["no such utterance on the other side"]
    assert changes == [
        ("new", "1", True, []),
        ("new", "7", False, elsewhere),
        ("gone", "2", True, []),
        ("gone", "7", False, elsewhere),
        ("moved", "3", True, ["type"]),
        ("moved", "4", True, ["clause"]),
        ("moved", "5", True, ["probability"]),
    ]
    assert found["counts"] == {"new": 2, "gone": 2, "moved": 3, "same": 2}
    moved = found["alarms"][4]
    assert (moved["old"]["category"], moved["new"]["category"]) == ("deflecting", "blaming")
    assert found["alarms"][0]["old"]["flagged"] is False
    assert found["types"] == {
        "推诿客户": {"old": 8, "new": 7, "alarms_new": 2, "alarms_gone": 2, "alarms_moved": 2},
        "责问训斥反问": {"old": 0, "new": 1, "alarms_new": 0, "alarms_gone": 0, "alarms_moved": 1},
    }
    assert (found["old"]["alarms"], found["old"]["utterances"], found["old"]["alarms_in_calls_of_one_side"]) == (8, 9, 1)
    assert found["calls"]["only_old"] == ["gone"]
    assert found["calls"]["only_new"] == ["new"]
    scores = [(c["call_id"], c["old"]["score"], c["new"]["score"], c["new"]["auto_fail"]) for c in found["calls"]["scores"]]
    assert scores == [("a", 80.0, 60.5, False), ("b", None, 0.0, True)]


def test_the_least_move_is_the_users(sides):
    old, new = sides
    moved = {a["turn_id"] for a in compare(old, new, 0.05)["alarms"] if a["change"] == "moved"}
    assert moved == {"0", "3", "4", "5"}
    assert {a["turn_id"] for a in compare(old, new, 0.2)["alarms"] if a["change"] == "moved"} == {"3", "4"}


def test_a_run_against_itself(sides):
    found = compare(sides[0], sides[0])
    assert found["alarms"] == found["calls"]["scores"] == []
    assert found["counts"]["same"] == 8


def test_ids_that_stand_twice_are_compared_in_order(tmp_path):
    clause = "不归我管"
    old = run(tmp_path / "old", [row("a", 0, clause=clause), row("a", 0)], [("a", 1.0), ("a", 2.0)])
    new = run(tmp_path / "new", [row("a", 0, clause=clause), row("a", 0, clause=clause)], [("a", 1.0), ("a", 3.0)])
    found = compare(old, new)
    assert found["counts"] == {"new": 1, "gone": 0, "moved": 0, "same": 1}
    assert [(c["old"]["score"], c["new"]["score"]) for c in found["calls"]["scores"]] == [(2.0, 3.0)]


def test_the_command(sides, capsys):
    old, new = map(str, (sides[0].folder, sides[1].folder))
    assert main(["diff", old, new]) == 0
    said = capsys.readouterr().out
    for part in ("2 new, 2 gone, 3 moved, 2 as before", "责问训斥反问  0 -> 1", "a #5", "[probability]", "a  80 -> 60.5", "b  - -> 0 auto-fail",
                 "calls only in OLD (1 alarms): 1"):  # fmt: skip
        assert part in said
    assert main(["diff", old, new, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(compare(*sides)))
    with pytest.raises(SystemExit):
        main(["diff", old, new, "--min-move", "7"])


def test_the_terminal_is_not_steered(tmp_path, capsys):
    evil = "不归我管\x1b[2J\n\u202e" + "长" * 100
    old = run(tmp_path / "old", [row("a\x1b[1m", 0, text=evil)], [("a\x1b[1m", 1.0)])
    new = run(tmp_path / "new", [row("a\x1b[1m", 0, text=evil, clause=evil)], [("a\x1b[1m", 2.0)])
    print(diff.render(compare(old, new)))
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert max(map(len, said.splitlines())) < 200


def test_only_some_are_listed(tmp_path):
    many = [row("a", n, clause="不归我管") for n in range(30)]
    old = run(tmp_path / "old", [row("a", n) for n in range(30)], [("a", 1.0)])
    said = diff.render(compare(old, run(tmp_path / "new", many, [("a", 1.0)])))
    assert "new alarms: 30" in said
    assert said.count("a #") == 20
    assert "and 10 more (--json has them all)" in said


def test_folders_without_tables_or_with_too_many(tmp_path):
    good = run(tmp_path / "good", [row("a", 0)], [("a", 1.0)])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: no calls\.jsonl or calls\.csv .*; name an output folder of: jinyu score"):
        compare(good, Side(tmp_path / "empty"))
    with pytest.raises(InputError, match="gone: no such folder"):
        compare(Side(tmp_path / "gone"), good)
    assert main(["diff", str(tmp_path / "empty"), str(tmp_path / "good")]) == 3
    tables.write(tmp_path / "good" / "calls.csv", "csv", list)
    with pytest.raises(InputError, match=r"holds calls\.jsonl and calls\.csv, .* --format jsonl"):
        compare(good, good)
    assert compare(Side(good.folder, "jsonl"), Side(good.folder, "jsonl"))["old"]["calls"] == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"utterances\.jsonl: row 2: damaged"),
        ("[]", r"row 2: damaged"),
        ("{}", r"row 2: no schema, call_id, .*; make the table anew"),
        (json.dumps({**row("a", 0), "probability": "x"}), r"row 2: probability is 'x', expected a number"),
    ],
)
def test_a_damaged_row_is_named(tmp_path, line, message):
    good = run(tmp_path / "good", [row("a", 0)], [("a", 1.0)])
    bad = run(tmp_path / "bad", [row("a", 0)], [("a", 1.0)])
    path = tmp_path / "bad" / "utterances.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        compare(good, bad)


@pytest.mark.parametrize("table_format", ["parquet", "xlsx"])
def test_a_damaged_binary_table_is_an_error(tmp_path, table_format):
    good = run(tmp_path / "good", [row("a", 0)], [("a", 1.0)])
    bad = run(tmp_path / "bad", [row("a", 0)], [("a", 1.0)], table_format)
    (tmp_path / "bad" / f"calls.{table_format}").write_bytes(b"PAR1 PK no such thing")
    with pytest.raises(InputError, match="make the table anew"):
        compare(bad, good)
