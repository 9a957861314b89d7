"""A team's rows beside the shipped ones: who is held out, how many of a leaf, what a rejected alarm becomes."""

import json
from dataclasses import replace

from training import data, merge
from training.labels import Label
from training.scheme import load


def made(n, leaf="blaming"):
    texts = ["".join(chr(0x4E00 + (37 * i * k + 11 * k) % 5000) for k in range(1, 12)) for i in range(1, n + 1)]
    return [Label(f"a:{i}", t, t, leaf) for i, t in enumerate(texts)]


def test_held_out_rows_stay_held_out_next_month():
    labels = made(200)
    train_rows, held = merge.hold_out(labels, merge.Mix())
    assert len(train_rows) + len(held) == 200
    assert 25 <= len(held) <= 55
    grown, later = merge.hold_out(labels + made(300)[200:], merge.Mix(seed=18))
    assert {x.text for x in held} <= {x.text for x in later}
    assert {x.text for x in train_rows} <= {x.text for x in grown}
    few, one = merge.hold_out(made(300, "arrogant")[5:10], merge.Mix())
    assert len(one) >= 1
    assert len(few) + len(one) == 5
    copy = Label("b:1", held[0].text + "吧", held[0].text + "吧", "blaming")
    learned, _ = merge.hold_out([*labels, copy], merge.Mix())
    assert (copy in learned) == (held[0] in learned)


def test_caps_and_repeats():
    rows = [data.Row(str(i), str(i), "a" if i < 90 else "b", "", "team") for i in range(100)]
    capped = merge.cap(rows, merge.Mix(cap=20))
    assert [sum(r.leaf == x for r in capped) for x in "ab"] == [20, 10]
    repeated = merge.repeat_rare(capped, {"a"})
    assert [sum(r.leaf == x for r in repeated) for x in "ab"] == [20, 70]
    assert len({r.id for r in repeated}) == len(repeated)


def test_a_rejected_alarm_becomes_decent_speech(tiny, tiny_data):
    label = Label("a:1", "您先挂断吧", "您先挂断吧", "", rejected="commanding")
    ((_, leaf),) = merge.resolve([label], load(folder=tiny_data), tiny)
    assert tiny.taxonomy.kind_of(leaf.split(".")[0]) != "taboo"


def test_a_phrase_that_the_team_reads_otherwise_is_left_out(tiny_data, tmp_path):
    learned, held, same = data.load_phrases(tiny_data)[:3]
    labels = [Label("a:1", p["text"], data.textmod.normalise(p["text"]), "arrogant") for p in (learned, held)]
    labels.append(replace(labels[0], text=same["text"], model_text=data.textmod.normalise(same["text"]), leaf=same["leaf"]))
    mix, out = merge.Mix(held=0.5), tmp_path / "data"
    assert {x.leaf for x in merge.hold_out(labels, mix)[1]} >= {"arrogant"}
    counts = merge.merge(labels, [], load(folder=tiny_data), mix, tiny_data, out, current=None)
    gone = {p["id"] for p in data.load_phrases(tiny_data)} - {p["id"] for p in data.load_phrases(out)}
    assert {learned["id"], held["id"]} <= gone
    assert same["id"] not in gone
    shipped = {data.textmod.normalise(r.text) for r in data.load("train", tiny_data)}
    assert counts["overruled"] == len(gone) + len({x.model_text for x in labels} & shipped)


def test_rows_with_odd_characters_come_back_whole(tmp_path):
    texts = ["好的\ud83d", "一\u2028二\u2029三\x85四"]
    rows = [data.Row(str(i), t, "blaming", "", "team") for i, t in enumerate(texts)]
    merge._write_rows(tmp_path / "rows.jsonl", rows)
    assert [r["text"] for _, r in data._records(tmp_path / "rows.jsonl")] == texts
    assert len((tmp_path / "rows.jsonl").read_text(encoding="utf-8").split("\n")) == 3
    assert json.loads((tmp_path / "rows.jsonl").read_bytes().split(b"\n")[0])["text"] == texts[0]
