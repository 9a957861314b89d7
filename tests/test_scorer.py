"""What the scorer promises whatever the model: order, sums, spans, truncation, odd input."""

import numpy as np
import pytest

from jinyu import InputError, Kind, Reason, Scorer

TEXTS = ["您好，请问有什么可以帮您", "这个不归我管", "嗯", "这个不归我管", "套餐下月生效，" * 30, ""]


def test_one_and_many_agree_whatever_the_company(tiny):
    many = tiny.score_many(TEXTS)
    assert [j.text for j in many] == TEXTS
    for one, j in zip(TEXTS, many, strict=True):
        alone = tiny.score(one)
        assert alone.category == j.category
        assert alone.probability == pytest.approx(j.probability, abs=1e-4)


def test_probabilities_are_a_table_with_named_columns(tiny):
    p = tiny.predict_proba(TEXTS)
    assert p.shape == (len(TEXTS), 41) == (len(TEXTS), len(tiny.leaves))
    np.testing.assert_allclose(p[:5].sum(1), 1, atol=1e-4)
    assert p[5].sum() == 0  # nothing was said
    assert tiny.predict_proba([]).shape == (0, 41)
    assert tiny.score_many([]) == []


@pytest.mark.parametrize("silence", ["", "   ", "……？！", "\n", "\ud800"])
def test_nothing_said_is_a_result(tiny, silence):
    j = tiny.score(silence)
    assert (j.kind, j.flagged, j.reason, j.evidence, j.rule) == (Kind.NEUTRAL, False, Reason.NO_WORDS, None, None)


def test_a_very_long_text_says_that_it_was_cut(tiny):
    exact, over = tiny.score("好" * 10_000), tiny.score("好的。" * 33_334)
    assert (exact.truncated, over.truncated) == (False, True)


def test_odd_characters_are_no_trouble(tiny):
    j = tiny.score("您\ud800好\x00啊😀")
    assert j.text == "您\ud800好\x00啊😀"


def test_what_is_not_text_is_refused_by_place(tiny):
    with pytest.raises(InputError, match="utterance 1 is float"):
        tiny.score_many(["您好", float("nan")])
    with pytest.raises(InputError, match="call score"):
        tiny.score_many("您好")


@pytest.mark.parametrize("masks", ["***！", "[姓名x]", "＊＊＊", "℃"])
def test_what_becomes_words_only_by_normalising(tiny_run, masks):
    scorer = Scorer.load(tiny_run, threads=1)
    scorer.thresholds = dict.fromkeys(scorer.thresholds, 0.0)  # everything is taboo
    judged = scorer.score(masks)
    assert judged.flagged
    assert judged.evidence.text == masks[judged.evidence.start : judged.evidence.end]


def test_evidence_of_a_long_turn_without_punctuation_is_a_piece_of_it(shipped):
    calm = "您这个订单我查到了是二十三号下午四点从上海仓发的目前在中转站预计后天上午送到您登记的地址"
    text = (
        calm + "您这人怎么听不懂人话呢都跟您讲了八百遍了" + "到了以后快递员会提前打电话给您您保持电话畅通就可以了运费是不用另外付的"
    )
    judged = shipped.score(text)
    assert judged.flagged
    assert len(judged.evidence.text) < 40
    assert "听不懂" in judged.evidence.text or "八百遍" in judged.evidence.text


def test_evidence_is_a_span_of_the_text_as_given(shipped):
    said = "您好，感谢您的来电，这个不归我管，您找别人吧，祝您生活愉快！"
    j = shipped.score(said)
    assert j.flagged
    assert j.category == "deflecting"
    assert said[j.evidence.start : j.evidence.end] == j.evidence.text
    assert "祝您生活愉快" not in j.evidence.text


def test_evidence_is_the_clause_that_disowns(shipped):
    assert "不归我管" in shipped.score("您好，感谢您的来电，这个不归我管，您找别人吧，祝您生活愉快！").evidence.text


def test_the_rule_is_a_documented_phrase_with_its_source_and_remedy(shipped):
    j = shipped.score("我都说了三遍了，你怎么还听不明白")
    assert (j.kind, j.category, j.flagged) == (Kind.TABOO, "blaming", True)
    assert j.rule.source.endswith(".txt")
    assert j.rule.section
    assert j.rule.phrase_id.startswith("P")
    assert j.suggestion


def test_a_taboo_clause_is_not_drowned_by_a_long_courteous_turn(shipped):
    courtesy = "您好，非常感谢您一直以来对我们的支持与信任，您反映的情况我已经详细记录下来了，后续会有专人与您联系，"
    said = courtesy * 3 + "你有完没完，要投诉就投诉去，" + courtesy * 3
    j = shipped.score(said)
    assert j.flagged
    assert "有完没完" in j.evidence.text or "投诉就投诉" in j.evidence.text
    assert not shipped.score(courtesy * 6).flagged


def test_threads_do_not_change_the_answer(tiny_run):
    one, two = Scorer.load(tiny_run, threads=1), Scorer.load(tiny_run, threads=2)
    np.testing.assert_allclose(one.predict_proba(TEXTS), two.predict_proba(TEXTS), atol=1e-5)


def test_a_suspect_is_read_again_in_other_forms(tiny, monkeypatch):
    from jinyu import text

    said = "您好,这个不归我管"
    plain = tiny._engine.run([said])[0][0]
    monkeypatch.setattr(tiny, "suspect", 2.0)
    np.testing.assert_allclose(tiny.predict_proba([said])[0], plain, atol=1e-5)
    monkeypatch.setattr(tiny, "suspect", 0.0)
    mean = np.exp(np.log(tiny._engine.run([said, *text.retellings(said)])[0]).mean(0))
    np.testing.assert_allclose(tiny.predict_proba([said])[0], mean / mean.sum(), atol=1e-5)
    assert np.abs(mean - plain).max() > 1e-4


def test_retellings_say_the_same_and_always_something():
    from jinyu.text import retellings

    assert retellings("您好,不归我管。") == [
        "您好不归我管",
        "您好,不归我管?",
        "那个您好,不归我管。",
        "好的,您好,不归我管。",
        "好不归我管",
    ]
    assert all(retellings("喂"))
