"""A team's rows beside the shipped ones: who is held out, how many of a leaf, what a rejected alarm becomes."""

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
