"""The report on tables made by hand: its numbers, what it does with hostile text, its size, and tables that are not there."""

import hashlib
import json
import random
import re
from pathlib import Path

import pytest
import yaml

from jinyu import judging
from jinyu.agents import Agents
from jinyu.cli import main
from jinyu.recordings import canonical_json
from jinyu.report import page
from jinyu.scorecard import Scorecard
from jinyu.taxonomy import Taxonomy
from jinyu.types import InputError, Recording, Role, Turn

ROOT = Path(__file__).resolve().parent.parent
TAXONOMY = Taxonomy.parse(yaml.safe_load((ROOT / "data" / "taxonomy.yaml").read_text(encoding="utf-8")), "taxonomy.yaml")
LEAVES = {leaf.code: leaf for leaf in TAXONOMY.leaves}
MODEL = {"name": "jinyu", "version": "0.1.0", "sha256": "ab" * 32}
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & \u2028 \u2029 \ud800 =HYPERLINK(1)"
RULE = {"phrase_id": "P1", "phrase": "不归我管", "source": "001_4ec6d1297bef237b.txt", "section": "二.2.5)"}


def write_tables(out: Path, calls, turns: bool = True) -> Path:
    """Tables of calls: dicts with id, agent, score, failed, passed, turns; a turn is (role, text, leaf, evidence clause if flagged)."""
    out.mkdir(exist_ok=True)
    tables = {"calls": [], "utterances": [], "turns": []}
    for call in calls:
        said = call.get("turns", [])
        judged = 0
        for n, (role, text, *label) in enumerate(said):
            head = {
                "schema": 1,
                "call_id": call["id"],
                "turn_id": str(n),
                "role": role,
                "start_ms": n * 5000,
                "end_ms": n * 5000 + 4000,
            }
            tables["turns"].append({**head, "text": text})
            if label:
                judged += 1
                tables["utterances"].append({**head, **judged_row(text, *label), "agent_id": call.get("agent")})
        items = [(item, "fail", turn_ids) for item, turn_ids in call.get("failed", {}).items()]
        items += [(item, "pass", []) for item in call.get("passed", [])]
        tables["calls"].append(
            {
                "schema": 1,
                "call_id": call["id"],
                "agent_id": call.get("agent"),
                "source": call.get("source", f"calls/{call['id']}.json"),
                "started_at": call.get("started_at"),
                "audio": call.get("audio"),
                "score": call.get("score"),
                "auto_fail": call.get("auto_fail", False),
                "review_reason": call.get("review", ""),
                "items": [{"item_id": i, "result": result, "points": 0.0, "turn_ids": ids} for i, result, ids in items],
                "metrics": {"turns": len(said), "agent_turns": judged, "duration_ms": len(said) * 5000, "taboo_count": 0},
            }
        )
    for name, rows in tables.items():
        if name != "turns" or turns:
            (out / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return out


def judged_row(text, code, clause=None):
    leaf = LEAVES[code]
    start = text.index(clause) if clause else 0
    return {
        "text": text,
        "kind": str(leaf.kind),
        "category": leaf.category,
        "scenario": leaf.scenario,
        "label_zh": leaf.zh,
        "probability": 0.9,
        "taboo_probability": 0.97 if clause else 0.01,
        "flagged": bool(clause),
        "evidence": {"start": start, "end": start + len(clause), "text": clause} if clause else None,
        "rule": RULE if clause else None,
        "suggestion": "我帮您转接负责的同事" if clause else None,
        "model": MODEL,
    }


def render(out: Path, lang: str = "zh", **options) -> str:
    options = {"scorecard": Scorecard.load(), "taxonomy": TAXONOMY, **options}
    return page.write(out, lang, **options).read_text(encoding="utf-8")


def payload(html: str):
    return json.loads(re.search(r'<script type="application/json" id="report-data">(.*?)</script>', html, re.DOTALL).group(1))


SMALL = [
    {
        "id": "a",
        "agent": "7",
        "score": 59.5,
        "failed": {"no_deflecting": ["2"], "greeting": []},
        "passed": ["identify"],
        "turns": [
            ("agent", "您好", "greeting.open"),
            ("customer", "空调不制冷"),
            ("agent", "😀这个不归我管，你找别人", "deflecting", "这个不归我管"),
            ("agent", "你听明白了吗", "blaming", "你听明白了吗"),
        ],
    },
    {
        "id": "b",
        "agent": "8",
        "score": 0.0,
        "auto_fail": True,
        "failed": {"greeting": []},
        "turns": [("agent", "找别人去", "deflecting", "找别人去"), ("agent", "嗯", "neutral.backchannel")],
    },
    {"id": "c", "agent": None, "score": 100.0, "passed": ["greeting"], "turns": [("agent", "好的", "neutral.backchannel")]},
    {"id": "d", "agent": "7", "score": None, "review": "it is not sure who the agent is", "turns": [("unknown", "喂")]},
]


def test_the_numbers_of_the_overview(tmp_path):
    (tmp_path / "errors.jsonl").write_text("{}\n{}\n", encoding="utf-8")
    data = payload(render(write_tables(tmp_path, SMALL)))
    place = {label["code"]: n for n, label in enumerate(data["labels"])}
    item = {entry["id"]: n for n, entry in enumerate(data["items"])}
    deflecting, blaming = place["deflecting"], place["blaming"]
    overview = data["overview"]
    assert {name: overview[name] for name in ("calls", "utterances", "alarms", "calls_with_alarms", "unread", "unscored")} == {
        "calls": 4, "utterances": 6, "alarms": 3, "calls_with_alarms": 2, "unread": 2, "unscored": 1,
    }  # fmt: skip
    assert (overview["auto_fail"], overview["needs_review"], overview["mean_score"]) == (1, 1, 53.17)
    assert overview["scores"] == [1, 0, 0, 0, 0, 1, 0, 0, 0, 1]
    assert overview["types"] == [
        {"label": deflecting, "alarms": 2, "calls": 2},
        {"label": blaming, "alarms": 1, "calls": 1},
    ]
    assert [(a["agent_id"], a["calls"], a["alarms"], a["mean_score"]) for a in overview["agents"]] == [
        ("7", 2, 2, 59.5),
        ("8", 1, 1, 0.0),
        (None, 1, 0, 100.0),
    ]
    assert overview["agents"][0]["types"] == sorted([[deflecting, 1], [blaming, 1]])
    assert (overview["time"]["by"], [p["name"] for p in overview["time"]["periods"]]) == ("order", ["1–1", "2–2", "3–3", "4–4"])
    assert [p["types"] for p in overview["time"]["periods"]] == [sorted([[deflecting, 1], [blaming, 1]]), [[deflecting, 1]], [], []]
    assert overview["items"] == [
        {"item": item["greeting"], "failed": 2, "applicable": 3},
        {"item": item["no_deflecting"], "failed": 1, "applicable": 1},
    ]


def test_agents_are_those_of_the_agents_table(tmp_path):
    """The rate and the shrunk interval: 500 utterances with 5 alarms weigh more than 1 in 1."""
    calm = [("agent", f"好的{n}", "neutral.backchannel") for n in range(99)]
    rude = ("agent", "不归我管", "deflecting", "不归我管")
    calls = [{"id": f"c{n}", "agent": "many", "turns": [*calm, rude]} for n in range(5)] + [
        {"id": "x", "agent": "few", "turns": [rude]}
    ]
    agents = payload(render(write_tables(tmp_path, calls)))["overview"]["agents"]
    rows = {
        name: [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
        for name in ("calls", "utterances")
    }
    table = Agents()
    for call in rows["calls"]:
        table.add({**call, "needs_review": False}, [u for u in rows["utterances"] if u["call_id"] == call["call_id"]])
    assert [[a["agent_id"], *a["rate"]] for a in agents] == [
        [r["agent_id"], r["taboo_per_1000"], r["taboo_per_1000_low"], r["taboo_per_1000_high"]] for r in table.rows()
    ]
    rates = {a["agent_id"]: a["rate"] for a in agents}
    assert rates["few"][0] < 20  # one of one, drawn to the batch's 12
    assert rates["few"][2] - rates["few"][1] > rates["many"][2] - rates["many"][1]


def periods(folder, *times):
    calls = [{"id": str(n), "started_at": time, "turns": SMALL[1]["turns"]} for n, time in enumerate(times)]
    data = payload(render(write_tables(folder, calls)))
    time = data["overview"]["time"]
    return (
        time["by"],
        [(p["name"], p["alarms"], p["calls"]) for p in time["periods"]],
        time["undated"],
        [c["period"] for c in data["calls"]],
    )


def test_alarms_by_day_hour_and_month(tmp_path):
    days = periods(tmp_path, "2026-01-30T23:59:59+08:00", "2026/2/1 08:00", None, "20260201090000")
    assert days == ("day", [("2026-01-30", 1, 1), ("2026-01-31", 0, 0), ("2026-02-01", 2, 2)], 1, [0, 2, None, 2])
    hours = periods(tmp_path, "2026-01-30 09:59", "2026-01-30T11:00:00Z")
    assert hours == ("hour", [("2026-01-30 09", 1, 1), ("2026-01-30 10", 0, 0), ("2026-01-30 11", 1, 1)], 0, [0, 2])
    months = periods(tmp_path, "2025-11-02", "2026-03-01")
    assert [name for name, *_ in months[1]] == ["2025-11", "2025-12", "2026-01", "2026-02", "2026-03"]
    assert months[0::3] == ("month", [0, 4])


def test_a_wrong_clock_does_not_fill_the_page(tmp_path):
    by, found, _, _ = periods(tmp_path, "0001-01-01", "2026-01-30T09:00", "9999-12-31")
    assert (by, [name for name, *_ in found]) == ("month", ["0001-01", "2026-01", "9999-12"])
    same = periods(tmp_path, "2026-01-30", "2026-01-30", "2026-01-30")  # one hour: nothing to be seen
    assert (same[0], len(same[1])) == ("order", 3)
    assert periods(tmp_path, "1712111112345", "1712111112")[0] == "order"


def test_alarms_by_the_order_of_calls_that_tell_no_time(tmp_path):
    by, found, undated, places = periods(tmp_path, "yesterday", "2026-01-01", *[None] * 39)
    assert (by, undated, len(found)) == ("order", 0, 14)
    assert found[0] == ("1–3", 3, 3)
    assert found[-1] == ("40–41", 2, 2)
    assert (places[0], places[-1]) == (0, 13)


def test_audio_is_linked_where_it_is_and_never_where_it_is_not(tmp_path):
    calls, out = tmp_path / "calls", tmp_path / "out"
    (calls / "声音").mkdir(parents=True)
    for name in ("声音/a #1.wav", "b.mp3", "secret.txt"):
        (calls / name).write_bytes(b"RIFF")
    source = str(calls / "call.json")
    audio = [
        "声音/a #1.wav",
        str(calls / "b.mp3"),
        "secret.txt",
        "gone.wav",
        "//host/share/a.wav",
        "\\\\host\\a.wav",
        "javascript:a.wav",
        "a" * 5000 + ".wav",
        "\0.wav",
        None,
    ]
    cases = [{"id": str(n), "audio": name, "source": source, "turns": SMALL[2]["turns"]} for n, name in enumerate(audio)]
    cases.append({"id": "recorded", "source": str(calls / "b.mp3"), "turns": SMALL[2]["turns"]})  # the call itself was audio
    html = render(write_tables(out, cases))
    data = payload(html)
    links = {call["call_id"]: call.get("audio") for call in data["calls"]}
    assert {k: v for k, v in links.items() if v} == {
        "0": "../calls/%E5%A3%B0%E9%9F%B3/a%20%231.wav",
        "1": "../calls/b.mp3",
        "recorded": "../calls/b.mp3",
    }
    assert "media-src 'self' file:" in html
    assert "media-src" not in render(write_tables(tmp_path / "none", SMALL))
    (calls / "b.mp3").unlink()
    assert payload(render(out))["digest"] == data["digest"]  # reviews are found again when the audio has moved


def test_masked_tables_link_no_audio(tmp_path, tiny):
    recording = Recording("a", (Turn("我的电话13812345678", Role.AGENT, "0"),), started_at="2026-01-01", audio="a.wav")
    made = [judging.judge_recording(recording, tiny, "a.json", redact=redact)[1] for redact in (False, True)]
    assert [(call["started_at"], call["audio"]) for call in made] == [("2026-01-01", "a.wav"), ("2026-01-01", None)]


def test_redacted_audio_is_not_linked(tmp_path):
    from jinyu.report.audio import address

    (tmp_path / "a.wav").write_bytes(b"RIFF")
    call = {"audio": None, "source": str(tmp_path / "a.wav")}
    assert address(call, tmp_path) == "a.wav"
    assert address(call | {"redacted": True}, tmp_path) is None


def test_a_call_in_full(tmp_path):
    data = payload(render(write_tables(tmp_path, SMALL)))
    call = data["calls"][0]
    assert data["turn_columns"] == ["turn_id", "role", "start_ms", "text", "label", "alarm"]
    assert [turn[1] for turn in call["turns"]] == ["agent", "customer", "agent", "agent"]
    assert [turn[5] for turn in call["turns"]] == [None, None, 0, 1]
    alarm = call["alarms"][0]
    start, end = alarm["evidence"]
    assert call["turns"][alarm["turn"]][3][start:end] == "这个不归我管"  # in characters, although 😀 is two in the browser
    assert data["labels"][alarm["label"]]["name"] == "推诿客户"
    assert (alarm["rule"], data["models"][alarm["model"]]) == (RULE, MODEL)
    assert [(data["items"][n]["id"], ids) for n, ids in call["failed"]] == [("no_deflecting", ["2"]), ("greeting", [])]
    assert [len(c["turns"]) for c in data["calls"]] == [4, 2, 1, 1]
    assert all(c["whole"] for c in data["calls"])


def test_english_and_labels_of_the_tables_alone(tmp_path):
    out = write_tables(tmp_path, SMALL)
    chinese, english = payload(render(out)), payload(render(out, "en"))
    assert '<html lang="en">' in page.render(english, "en")
    assert english["strings"]["title"] == "Call quality report"
    assert chinese["digest"] == english["digest"]
    assert next(x["name"] for x in english["labels"] if x["code"] == "deflecting") == LEAVES["deflecting"].en
    few = payload(render(out, taxonomy=None))
    assert [x["code"] for x in few["labels"]] == ["greeting.open", "deflecting", "blaming", "neutral.backchannel"]
    strings = json.loads((page.HERE / "strings.json").read_text(encoding="utf-8"))
    assert all(set(texts) == {"zh", "en"} and all(texts.values()) for texts in strings.values())
    scripts = "".join((page.HERE / name).read_text(encoding="utf-8") for name in page.SCRIPTS)
    assert set(re.findall(r'\bt\("(\w+)"', scripts)) <= set(strings)


def test_the_same_call_id_twice_stays_two_calls(tmp_path):
    twice = [SMALL[0], {**SMALL[1], "id": "a"}]
    calls = payload(render(write_tables(tmp_path, twice)))["calls"]
    assert [[turn[3] for turn in call["turns"]][:1] for call in calls] == [["您好"], ["找别人去"]]
    assert [len(call["alarms"]) for call in calls] == [2, 1]


def test_nothing_that_was_said_leaves_the_json_block(tmp_path):
    hostile = {
        "id": HOSTILE,
        "agent": HOSTILE,
        "score": 10.0,
        "review": HOSTILE,
        "failed": {HOSTILE: ["0"]},
        "turns": [("agent", HOSTILE, "blaming", HOSTILE), ("customer", HOSTILE)],
    }
    html = render(write_tables(tmp_path, [hostile]))
    assert html.count("<script") == 2
    assert html.count("</script") == 2
    assert "<img" not in html
    block = re.search(r'id="report-data">(.*?)</script>', html, re.DOTALL).group(1)
    assert not re.search("[<>&\u2028\u2029\ud800-\udfff]", block)
    data = payload(html)
    assert [turn[3] for turn in data["calls"][0]["turns"]] == [HOSTILE, HOSTILE]
    assert data["calls"][0]["agent_id"] == HOSTILE


def test_the_page_loads_nothing_and_parses_no_text():
    shipped = {
        path.name: path.read_text(encoding="utf-8") for path in page.HERE.iterdir() if path.suffix in (".js", ".css", ".html")
    }
    assert set(page.SCRIPTS) < set(shipped)
    for name, text in shipped.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|https?:|//[a-z]+\.", text), name
    assert "default-src 'none'" in page.render(page.data.payload([], "zh", Scorecard.load(), TAXONOMY), "zh")


def test_the_library_is_as_its_makers_shipped_it_and_brings_its_licence(tmp_path):
    noted = dict(re.findall(r"\| (\S+) \| ([0-9a-f]{64}) \|", (page.HERE / "vendor" / "README.md").read_text(encoding="utf-8")))
    shipped = {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (page.HERE / "vendor").iterdir() if p.name != "README.md"
    }
    assert noted == shipped
    library = (page.HERE / "vendor" / "uPlot.iife.min.js").read_text(encoding="utf-8")
    assert not re.search(
        r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|fetch\(|XMLHttpRequest|WebSocket|import\(", library
    )
    html = render(write_tables(tmp_path, SMALL))
    assert "Copyright (c) 2022 Leon Sorokin" in html
    assert library in html


def many_calls(count: int, length: int):
    chance = random.Random(0)
    characters = [chr(c) for c in range(0x4E00, 0x4E00 + 2000)]
    items = [item.id for item in Scorecard.load().items]

    def turn(n):
        text = "".join(chance.choices(characters, k=30))
        if n % 2:
            return ("customer", text)
        return ("agent", text, "blaming", text[3:12]) if chance.random() < 0.05 else ("agent", text, "neutral.business")

    for n in range(count):
        failed = {item: ["0", "2"] for item in chance.sample(items, 4)}
        yield {
            "id": f"20260101-{n:06}",
            "agent": str(n % 40),
            "started_at": f"2026-01-{1 + n % 28:02}T09:00:00+08:00",
            "score": chance.randrange(101),
            "failed": failed,
            "passed": [item for item in items if item not in failed],
            "turns": [turn(i) for i in range(length)],
        }


@pytest.mark.parametrize("length", [20, 40])
def test_a_thousand_calls_stay_within_the_budget(tmp_path, length):
    """The budget is the one that `jinyu/report/__init__.py` states."""
    assert len(render(write_tables(tmp_path / "empty", [])).encode()) < 125_000
    html = render(write_tables(tmp_path, many_calls(1000, length)))
    assert len(html.encode()) < 125_000 + 1000 * (1000 + 140 * length)


def test_tables_that_are_missing_or_damaged(tmp_path):
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(InputError, match=r"no utterances\.jsonl; make the tables with: jinyu score"):
            render(folder)
    (tmp_path / "utterances.csv").write_text("call_id\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"found utterances\.csv; .* --format jsonl"):
        render(tmp_path)
    write_tables(tmp_path, SMALL)
    calls = tmp_path / "calls.jsonl"
    good = calls.read_text(encoding="utf-8")
    for line, message in (
        ("{", r"calls\.jsonl:5: not a line of JSON"),
        ("[]", r"calls\.jsonl:5: no schema, call_id"),
        (json.dumps({**json.loads(good.splitlines()[0]), "schema": 9}), r"calls\.jsonl:5: schema 9, this version reads 1"),
    ):
        calls.write_text(good + line + "\n", encoding="utf-8")
        with pytest.raises(InputError, match=message):
            render(tmp_path)
    calls.write_bytes(b"\xff\n")
    with pytest.raises(InputError, match="not UTF-8"):
        render(tmp_path)
    assert not list(tmp_path.glob("report.html*"))
    assert main(["report", str(tmp_path)]) == 3


def test_turns_of_another_run_are_an_error(tmp_path):
    write_tables(tmp_path, SMALL)
    turns = (tmp_path / "turns.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "turns.jsonl").write_text("".join(line for line in turns if '"turn_id": "3"' not in line), encoding="utf-8")
    with pytest.raises(InputError, match="call a: turn 3 was judged but is not in its transcript"):
        render(tmp_path)


def test_without_turns_the_agent_speaks_alone_and_transcripts_bring_the_customer(tmp_path):
    out = write_tables(tmp_path / "out", SMALL[:1], turns=False)
    call = payload(render(out))["calls"][0]
    assert (call["whole"], [turn[1] for turn in call["turns"]]) == (False, ["agent"] * 3)
    said = tuple(Turn(text, Role(role), str(n)) for n, (role, text, *_) in enumerate(SMALL[0]["turns"]))
    transcript = tmp_path / "call.json"
    transcript.write_text(canonical_json(Recording("a", said)), encoding="utf-8")
    assert main(["report", str(out), "--calls", str(transcript)]) == 0
    call = payload((out / "report.html").read_text(encoding="utf-8"))["calls"][0]
    assert (call["whole"], [turn[3] for turn in call["turns"]][1]) == (True, "空调不制冷")


def test_transcripts_are_masked_where_the_tables_are(tmp_path):
    masked = {"id": "a", "turns": [("agent", "您的电话是＊＊＊", "neutral.business")]}
    out = write_tables(tmp_path, [masked], turns=False)
    said = Recording("a", (Turn("您的电话是138", Role.AGENT, "0"), Turn("对，13812345678", Role.CUSTOMER, "1")))
    (call,) = payload(render(out, recordings={"a": [said]}))["calls"]
    assert [turn[3] for turn in call["turns"]] == ["您的电话是＊＊＊", "对，" + "＊" * 11]


def test_what_has_changed_since_an_earlier_batch(tmp_path, tiny_run, capsys):
    old, new = write_tables(tmp_path / "old", SMALL), write_tables(tmp_path / "new", SMALL)
    assert payload(render(new))["drift"] is None
    for lang, says in (("zh", "群体稳定性指标"), ("en", "population stability index")):
        assert main(["report", str(new), "--against", str(old), "--model", str(tiny_run), "--lang", lang]) == 0
        found = payload((new / "report.html").read_text(encoding="utf-8"))["drift"]
        assert found["verdict"] == "stable"
        assert [m["name"] for m in found["measures"]][:3] == ["categories", "leaves", "alarms"]
        assert len(found["measures"]) == 7
        assert says in found["measures"][0]["says"]
    assert main(["report", str(new), "--against", str(tmp_path / "gone")]) == 3
    assert "gone" in capsys.readouterr().err


def test_score_with_report_keeps_what_the_customer_said(tmp_path, tiny_run, capsys):
    call = tmp_path / "g.json"
    turns = [{"role": "agent", "text": "您好"}, {"role": "customer", "text": "我的电话13812345678"}]
    call.write_text(json.dumps({"call_id": "g", "turns": turns}), encoding="utf-8")
    out = tmp_path / "out"
    score = ["score", str(call), "-o", str(out), "--model", str(tiny_run)]
    assert main([*score, "--report", "--redact", "--lang", "en"]) == 0
    assert "report: " in capsys.readouterr().out
    data = payload((out / "report.html").read_text(encoding="utf-8"))
    assert (data["lang"], len(data["labels"])) == ("en", 41)
    assert [turn[3] for turn in data["calls"][0]["turns"]] == ["您好", "我的电话" + "＊" * 11]
    assert main(score) == 0
    assert not (out / "turns.jsonl").exists()  # it was of the run before
    assert main([*score, "--report", "--format", "csv"]) == 2
    assert main(["score", "-", "--report"]) == 2
