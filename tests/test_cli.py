"""The command as users run it: outputs, exit codes, one bad file among good ones."""

import csv
import io
import json
import sys

import pytest

from jinyu import cli
from jinyu.cli import main

GOOD = json.dumps({"call_id": "g", "turns": [{"role": "agent", "text": "您好"}, {"role": "customer", "text": "你有完没完"}]})


@pytest.fixture
def calls(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    (folder / "good.json").write_text(GOOD, encoding="utf-8")
    return folder


def stdin(monkeypatch, data: bytes):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_score_writes_tables_and_judges_agents_only(calls, tmp_path, tiny_run, capsys):
    out = tmp_path / "out"
    assert main(["score", str(calls), "-o", str(out), "--model", str(tiny_run)]) == 0
    (utterance,) = rows(out / "utterances.jsonl")
    assert (utterance["call_id"], utterance["role"], utterance["text"]) == ("g", "agent", "您好")
    assert set(utterance) == {
        "call_id", "turn_id", "agent_id", "role", "start_ms", "end_ms", "asr_uncertain", "text", "kind", "category", "scenario", "label_zh",
        "probability", "taboo_probability", "flagged", "reason", "evidence", "rule", "suggestion", "truncated", "model", "schema",
    }  # fmt: skip
    (call,) = rows(out / "calls.jsonl")
    assert (call["call_id"], call["needs_review"], call["metrics"]["agent_turns"]) == ("g", False, 1)
    assert sorted(p.name for p in out.iterdir()) == ["agents.jsonl", "calls.jsonl", "utterances.jsonl"]
    assert "1 calls, 1 agent utterances" in capsys.readouterr().out


def test_one_bad_file_never_stops_the_others(calls, tmp_path, tiny_run, capsys):
    (calls / "bad.json").write_text("{", encoding="utf-8")
    (calls / "unnamed.json").write_text('{"turns": [{"text": "您好"}]}', encoding="utf-8")
    out = tmp_path / "out"
    assert main(["score", str(calls), "-o", str(out), "--model", str(tiny_run)]) == 5
    assert [e["source"].endswith("bad.json") for e in rows(out / "errors.jsonl")] == [True]
    by_id = {c["call_id"]: c for c in rows(out / "calls.jsonl")}
    assert by_id["unnamed"]["needs_review"] is True
    assert by_id["unnamed"]["metrics"]["agent_turns"] == 0
    assert "bad.json: not JSON" in capsys.readouterr().err


def test_exit_codes(calls, tmp_path, tiny_run, tiny_copy, capsys):
    out = ["-o", str(tmp_path / "out")]
    assert main(["score", str(tmp_path / "gone"), *out]) == 3
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["score", str(empty), *out]) == 3
    assert "no transcripts in" in capsys.readouterr().err
    (tiny_copy / "model.onnx").unlink()
    assert main(["score", str(calls), *out, "--model", str(tiny_copy)]) == 4
    assert main(["score", str(calls), "--model", str(tiny_run)]) == 2
    with pytest.raises(SystemExit) as usage:
        main(["score"])
    assert usage.value.code == 2
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    assert main(["score", str(calls), "-o", str(blocked / "out"), "--model", str(tiny_run)]) == 3


def test_fail_on_taboo(tmp_path, monkeypatch, capsys):
    stdin(monkeypatch, "你有完没完，要投诉就投诉去\n".encode())
    assert main(["score", "-", "--fail-on-taboo"]) == 1
    stdin(monkeypatch, "您好，请问有什么可以帮您\n".encode())
    assert main(["score", "-", "--fail-on-taboo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["flagged"] for line in lines] == [True, False]


def test_stdin_takes_odd_bytes_and_refuses_nothing(tiny_run, monkeypatch, capsys):
    stdin(monkeypatch, b"\xff\xe6\x82\xa8\xe5\xa5\xbd\n")
    assert main(["score", "-", "--model", str(tiny_run)]) == 0
    assert json.loads(capsys.readouterr().out)["flagged"] in (True, False)
    stdin(monkeypatch, b"\n")
    assert main(["score", "-", "--model", str(tiny_run)]) == 3


def test_csv_is_safe_for_spreadsheets_and_parquet_has_the_same_columns(tmp_path, tiny_run):
    table = tmp_path / "in.csv"
    table.write_text('text\n"=HYPERLINK(""http://x"")您好"\n再见\n', encoding="utf-8")
    out = tmp_path / "out"
    assert main(["score", str(table), "-o", str(out), "--format", "csv", "--model", str(tiny_run)]) == 0
    content = (out / "utterances.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    first, second = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert first["text"].startswith("'=HYPERLINK")
    assert second["text"] == "再见"
    assert main(["score", str(table), "-o", str(out), "--format", "parquet", "--model", str(tiny_run)]) == 0
    from pyarrow import parquet

    assert parquet.read_table(out / "utterances.parquet").column_names == list(first)


def test_what_a_transcript_holds_does_nothing_to_the_terminal(tmp_path, tiny_run, monkeypatch, capsys):
    turns = [{"role": "agent", "text": "您说\x1b[31m什么呢\ud800"}]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"call_id": "c\x1b[2J\ud800", "turns": turns}), encoding="utf-8")
    command = ["score", str(path), "-o", str(tmp_path / "out"), "--model", str(tiny_run), "--report", "--format", "jsonl"]
    load = cli._load

    def eager(args):
        scorer = load(args)
        scorer.thresholds = dict.fromkeys(scorer.model.scoring.thresholds, 0.0)
        return scorer

    monkeypatch.setattr(cli, "_load", eager)
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "1 flagged" in said
    assert "\x1b" not in said


def test_an_input_format_that_is_not_there(calls, tmp_path, tiny_run, capsys):
    assert main(["score", str(calls), "-o", str(tmp_path / "out"), "--model", str(tiny_run), "--input-format", "nothing"]) == 2
    assert "no input format 'nothing'; there are canonical" in capsys.readouterr().err


def test_explain_says_rule_and_remedy(capsys):
    assert main(["explain", "这个不归我管"]) == 0
    out = capsys.readouterr().out
    assert "deflecting" in out
    assert "rule: " in out
    assert "say instead: " in out
    assert main(["explain", "这个不归我管", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rule"]["source"] == "001_4ec6d1297bef237b.txt"


def test_info(capsys):
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["leaves"] == 41
    assert facts["metrics"]["jinyu"]["category_macro_f1"] > 0.9
    assert facts["licence"].startswith("MIT")


def test_formats_lists_every_adapter(capsys):
    from jinyu.recordings import ADAPTERS

    assert main(["formats"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [*(a.NAME for a in ADAPTERS), "audio"]
