"""A batch as a whole: killed and resumed, in workers, in every table format, and what it says of agents."""

import errno
import json

import pytest

from jinyu import InputError, batch, journal, tables
from jinyu.agents import Agents, interval
from jinyu.cli import main
from jinyu.judging import Settings


@pytest.fixture
def calls(tmp_path):
    """Five files, seven calls; one file cannot be read."""
    folder = tmp_path / "calls"
    folder.mkdir()
    for n in range(5):
        turns = [
            {"role": "agent", "text": f"您好，工号{n}"},
            {"role": "customer", "text": "喂"},
            {"role": "agent", "text": "=1+1，请稍等"},
        ]
        many = [{"call_id": f"c{n}{k}", "agent_id": f"a{n % 2}", "turns": turns} for k in range(3 if n == 2 else 1)]
        (folder / f"{n}.jsonl").write_text("".join(json.dumps(c) + "\n" for c in many), encoding="utf-8")
    (folder / "3.jsonl").write_text("{", encoding="utf-8")
    return folder


def contents(out):
    return {p.name: p.read_bytes() for p in sorted(out.iterdir())}


class Killed(Exception):
    pass


def score(calls, out, scorer, kill_at=None, **options):
    lines = 0

    def progress(_):
        nonlocal lines
        lines += 1
        if lines == kill_at:
            raise Killed

    return batch.score_paths([calls], out, scorer, settings=Settings(keep_turns=True), progress=progress, **options)


@pytest.mark.parametrize("kill_at", range(1, 12))
def test_a_killed_batch_goes_on_to_the_same_bytes(calls, tmp_path, tiny, kill_at):
    """Killed after each line of the journal in turn: calls, ends of files, the unreadable one."""
    score(calls, tmp_path / "whole", tiny)
    whole = contents(tmp_path / "whole")
    assert sorted(whole) == ["agents.jsonl", "calls.jsonl", "errors.jsonl", "turns.jsonl", "utterances.jsonl"]
    out = tmp_path / "killed"
    with pytest.raises(Killed):
        score(calls, out, tiny, kill_at)
    assert [p.name for p in out.iterdir()] == [journal.NAME]
    before = sum("call" in line for line in map(json.loads, (out / journal.NAME).read_text(encoding="utf-8").splitlines()[1:]))
    summary = score(calls, out, tiny)
    assert contents(out) == whole
    assert summary.resumed
    assert (summary.calls, summary.judged) == (6, 2 * (6 - before))  # no finished call is judged again


def test_a_kill_while_the_report_is_made_judges_no_call_again(calls, tmp_path, tiny):
    def killed():
        assert (tmp_path / "out" / "calls.jsonl").exists()
        raise Killed

    with pytest.raises(Killed):
        score(calls, tmp_path / "out", tiny, finish=killed)
    summary = score(calls, tmp_path / "out", tiny, finish=lambda: None)
    assert (summary.calls, summary.judged) == (6, 0)


def test_a_line_that_was_cut_off_is_judged_again(calls, tmp_path, tiny):
    score(calls, tmp_path / "whole", tiny)
    out = tmp_path / "cut"
    with pytest.raises(Killed):
        score(calls, out, tiny, 4)
    path = out / journal.NAME
    path.write_bytes(path.read_bytes()[:-7])
    score(calls, out, tiny)
    assert contents(out) == contents(tmp_path / "whole")


def test_an_unfinished_batch_of_other_settings_is_not_mixed_in(calls, tmp_path, tiny):
    out = tmp_path / "out"
    with pytest.raises(Killed):
        score(calls, out, tiny, 2)
    with pytest.raises(InputError, match=r"other settings or files \(settings\).*--restart"):
        batch.score_paths([calls], out, tiny, settings=Settings(redact=True))
    (calls / "0.jsonl").write_text((calls / "1.jsonl").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(InputError, match=r"\(files\)"):
        score(calls, out, tiny)
    assert not score(calls, out, tiny, restart=True).resumed


def test_a_full_disk_says_so_and_keeps_what_is_written(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    kept = journal.Journal(out, {"schema": 1})
    kept.write({"call": 1})

    class Full:
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            raise OSError(errno.ENOSPC, "No space left on device")

    handle = kept._handle
    kept._handle = Full()
    with pytest.raises(InputError, match=r"journal\.jsonl: cannot be written \(No space.*goes on from here"):
        kept.write({"call": 2})
    kept.close(finished=False)
    handle.close()
    again = journal.Journal(out, {"schema": 1})
    assert again.done == 1
    again.close(finished=True)


def test_what_is_masked_leaves_nothing_unmasked_behind(tmp_path, tiny):
    folder, out = tmp_path / "calls", tmp_path / "out"
    folder.mkdir()
    (folder / "13812345678.json").write_text("{", encoding="utf-8")
    (folder / "a.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\n王女士：您好\n", encoding="utf-8")
    batch.score_paths([folder], out, tiny, table_format="csv")
    assert "王女士" in (out / "calls.csv").read_text(encoding="utf-8-sig")
    batch.score_paths([folder], out, tiny, settings=Settings(redact=True))
    written = {p.name: p.read_text(encoding="utf-8") for p in out.iterdir()}
    assert set(written) == {"utterances.jsonl", "calls.jsonl", "agents.jsonl", "errors.jsonl"}
    assert not [name for name, text in written.items() if "13812345678" in text or "王女士" in text]


def test_two_at_once_are_refused(calls, tmp_path, tiny):
    out = tmp_path / "out"
    out.mkdir()
    first = journal.Journal(out, {})
    with pytest.raises(InputError, match="another jinyu is writing there"):
        score(calls, out, tiny)
    first.close(finished=True)


def test_workers_write_the_same_bytes(calls, tmp_path, tiny):
    score(calls, tmp_path / "one", tiny)
    summary = score(calls, tmp_path / "two", tiny, workers=2)
    assert summary.unread == 1
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


@pytest.mark.parametrize("table_format", tables.FORMATS)
def test_the_same_rows_give_the_same_bytes_in_every_format(calls, tmp_path, tiny, table_format):
    for name in ("a", "b"):
        score(calls, tmp_path / name, tiny, table_format=table_format)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert f"agents.{table_format}" in contents(tmp_path / "a")


def test_a_sheet_holds_text_and_no_formulas(calls, tmp_path, tiny):
    from openpyxl import load_workbook

    score(calls, tmp_path, tiny, table_format="xlsx")
    sheet = load_workbook(tmp_path / "utterances.xlsx").active
    head, *rows = sheet.iter_rows()
    column = [c.value for c in head].index("text")
    assert rows[1][column].value == "=1+1，请稍等"
    assert {row[column].data_type for row in rows} == {"s"}


def test_parquet_finds_the_type_of_a_column_that_begins_with_nulls(tmp_path, monkeypatch):
    from pyarrow import parquet

    monkeypatch.setattr(tables, "CHUNK", 2)
    rows = [{"a": None, "b": [], "c": 1}, {"a": None, "b": [], "c": 2}, {"a": "x\ud800", "b": [{"k": 1.5}], "c": 0.5}]
    tables.write(tmp_path / "t.parquet", "parquet", lambda: rows)
    assert parquet.read_table(tmp_path / "t.parquet").to_pylist() == [
        {"a": None, "b": [], "c": 1.0},
        {"a": None, "b": [], "c": 2.0},
        {"a": "x\\ud800", "b": [{"k": 1.5}], "c": 0.5},
    ]


def test_tables_beside_the_calls_are_no_calls(calls, tiny):
    score(calls, calls, tiny)
    assert score(calls, calls, tiny).files == 5


def test_a_review_budget_names_the_most_likely(calls, tmp_path, tiny):
    out = tmp_path / "out"
    batch.score_paths([calls], out, tiny, settings=Settings(review_budget=3))
    everything = [json.loads(line) for line in (out / "utterances.jsonl").read_text(encoding="utf-8").splitlines()]
    review = [json.loads(line) for line in (out / "review.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [r["taboo_probability"] for r in review] == sorted((r["taboo_probability"] for r in everything), reverse=True)[:3]
    batch.score_paths([calls], out, tiny)
    assert not (out / "review.jsonl").exists()


def test_few_calls_make_no_bad_agent():
    agents = Agents()
    call = {"auto_fail": False, "needs_review": False, "score": 90.0}
    bad, good = {"flagged": True, "label_zh": "推诿客户"}, {"flagged": False, "label_zh": "业务陈述"}
    agents.add({**call, "agent_id": "new"}, [bad] + [good] * 9)  # one of ten
    for _ in range(10):
        agents.add({**call, "agent_id": "rude"}, [bad] * 5 + [good] * 95)  # fifty of a thousand
        agents.add({**call, "agent_id": "fine"}, [good] * 100)
    rows = {r["agent_id"]: r for r in agents.rows()}
    assert next(iter(rows)) == "rude"
    assert rows["new"]["taboo_per_1000"] < rows["rude"]["taboo_per_1000"] < 50
    assert rows["rude"]["worst"] == ["推诿客户 50"]
    assert rows["fine"]["taboo_per_1000_low"] < rows["fine"]["taboo_per_1000"] < rows["fine"]["taboo_per_1000_high"]


def test_the_interval_by_hand():
    rate, low, high = interval(5, 100, 0.0, prior=0.0)  # Wilson, 95 %: 2.15 % to 11.18 %
    assert (rate, low, high) == (0.05, pytest.approx(0.0215, abs=1e-4), pytest.approx(0.1118, abs=1e-4))


def test_the_command_says_what_was_done_before(calls, tmp_path, tiny, tiny_run, capsys):
    out = tmp_path / "out"
    with pytest.raises(Killed):
        batch.score_paths([calls], out, tiny, progress=lambda _: (_ for _ in ()).throw(Killed))
    assert main(["score", str(calls), "-o", str(out), "--model", str(tiny_run), "--workers", "1"]) == 5
    assert "12 agent utterances judged (2 of them before it was interrupted)" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["score", str(calls), "-o", str(out), "--workers", "0"])
    assert "invalid number value: '0'" in capsys.readouterr().err
