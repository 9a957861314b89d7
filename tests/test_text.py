"""The one road from transcript text to model text, and the cutting of long texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinyu import text


@pytest.mark.parametrize(
    ("raw", "model_text"),
    [
        ("您聽明白了嗎", "您听明白了吗"),  # script
        ("ＡＰＰ　下单，１２３４５６", "APP 下单,00000"),  # width, long number
        ("喂喂喂喂！！！！", "喂喂!!"),  # stutter
        ("*先生（小姐）", "某先生(小姐)"),  # mask of the phrase lists
        ("订单[ORDERID_10035634]到了#E-s2[数字x]，[数字x]天", "订单00000到了 ,3天"),  # masks and stickers of chat exports
        ("13800001111", "00000"),
        ("一共 1,200.5 元", "一共 1,200.5 元"),
        ("\ud800您好\x00", "您好"),  # lone surrogate, control character
        ("……？！", ""),
        ("", ""),
    ],
)
def test_normalise(raw, model_text):
    assert text.normalise(raw) == model_text


@given(st.text(max_size=300))
def test_normalise_is_stable_and_encodable(raw):
    once = text.normalise(raw)
    once.encode("utf-8")
    assert once == "" or text.has_words(once)


def test_clauses_keep_numbers_whole():
    raw = "好的，一共1,200.5元。 您看行吗？"
    assert [raw[a:b] for a, b in text.clauses(raw)] == ["好的", "一共1,200.5元", "您看行吗"]


def test_a_short_text_is_read_whole_and_one_more_character_makes_windows():
    assert text.windows("好" * text.WHOLE_CHARS) == [(0, text.WHOLE_CHARS)]
    assert len(text.windows("好" * (text.WHOLE_CHARS + 1))) == 5


@given(st.text(alphabet="好的您，。 ?", min_size=1, max_size=400))
def test_windows_cover_every_word(raw):
    spans = text.windows(raw)
    covered = {i for a, b in spans for i in range(a, b)}
    assert all(i in covered for i, c in enumerate(raw) if c.isalnum())
    assert all(b - a <= (text.WINDOW_CHARS if len(raw) > text.WHOLE_CHARS else text.WHOLE_CHARS) for a, b in spans)
