"""The one road from transcript text to model text, shared by training and scoring.

`normalise` removes what says nothing about manners: script, width, masks, long numbers, stutter marks. `clauses`
and `windows` cut a text, in places of the text as given, so that evidence can be shown.
Change what `normalise` returns and `VERSION` must go up: a model remembers the version it was trained with.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

VERSION = 1
MAX_CHARS = 10_000  # what one utterance is read of; more is marked `truncated`
WHOLE_CHARS = 60  # up to here a text is judged whole: the longest that the training utterances teach well
WINDOW_CHARS = 24  # a longer one is read in runs of this length: an ordinary utterance's, so that one bad clause weighs

# what a mask of an export stands for: [数字x], [ORDERID_12], 【金额】; any other becomes 某
_MASKED = {
    "数字": "3", "金额": "100", "价格": "100", "时间": "8点", "日期": "5月1日", "电话": "00000", "手机": "00000", "order": "00000", "编号": "00000",
    "单号": "00000", "身份证": "00000", "卡号": "00000", "地址": "这个地址", "站点": "这个页面", "链接": "网址", "url": "网址",
    "表情": " ", "图片": " ",
}  # fmt: skip
_MASK = re.compile(r"\[[^\[\]\n]{1,24}\]|【(?:数字|姓名|电话|地址|金额|时间|日期|链接)[^】]{0,8}】|[*×]+|[xX]{2,}")
_EMOTICON = re.compile(r"#E-?\w{1,6}(?:\[[^\]]{1,8}\])?|/:[^\s\w]{1,4}")
_CODE = re.compile(r"(?=[0-9A-Za-z_-]*\d{3})[0-9A-Za-z_-]{5,}")
_URL = re.compile(r"(?:https?://|www\.)[^\s，。]+", re.I)
_REPEAT = re.compile(r"([^0-9])\1{2,}")
_SPACE = re.compile(r"\s+")
_FULL_STOPS = "。.!?~ "
# a comma or full stop between digits belongs to the number
_CLAUSE_END = re.compile(r"(?:(?<!\d)[,.]|[,.](?!\d)|[，。！？；：!?;:~～…\s])+")


@cache
def _simplifier() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


def normalise(text: str) -> str:
    """Model text of a transcript text; empty when nothing was said in words or digits.

    Traditional script becomes simplified, full width half, masks 某, long codes 00000, a character said three times
    or more is kept twice; control characters and lone surrogates go.
    """
    text = unicodedata.normalize("NFKC", text[:MAX_CHARS])
    text = "".join(c if c == "\n" or unicodedata.category(c)[0] != "C" else " " if c in "\t\r" else "" for c in text)
    text = _EMOTICON.sub(" ", text)
    text = _MASK.sub(_unmask, text)
    text = _URL.sub("网址", text)
    text = _CODE.sub("00000", text)
    text = _simplifier().convert(text)
    text = _REPEAT.sub(r"\1\1", text)
    text = _SPACE.sub(" ", text).strip()
    return text if has_words(text) else ""


def _unmask(mask: re.Match[str]) -> str:
    name = mask[0].lower()
    return next((plain for word, plain in _MASKED.items() if word in name), "某")


def has_words(text: str) -> bool:
    """Whether there is at least one letter, ideograph or digit."""
    return any(c.isalnum() for c in text)


def retellings(model_text: str) -> list[str]:
    """The same said a little differently, five ways: without marks, as a question, after a filler, after courtesy, its first character lost."""
    bare = _CLAUSE_END.sub("", model_text)
    return [bare, model_text.rstrip(_FULL_STOPS) + "?", "那个" + model_text, "好的," + model_text, bare[1:] or bare]


def clauses(text: str) -> list[tuple[int, int]]:
    """Spans (start, end) of the clauses with words in them, cut at punctuation and blanks, marks left out."""
    spans, start = [], 0
    for mark in _CLAUSE_END.finditer(text):
        spans.append((start, mark.start()))
        start = mark.end()
    spans.append((start, len(text)))
    return [(a, b) for a, b in spans if has_words(text[a:b])]


def split(spans: list[tuple[int, int]], most: int = WHOLE_CHARS, size: int = WINDOW_CHARS) -> list[tuple[int, int]]:
    """`spans`, those of more than `most` characters (speech without punctuation) cut in pieces of `size` that overlap by half."""
    pieces: list[tuple[int, int]] = []
    for a, b in spans:
        if b - a > most:
            while b - a > size:
                pieces.append((a, a + size))
                a += size // 2
        pieces.append((a, b))
    return pieces


def windows(text: str, size: int = WINDOW_CHARS) -> list[tuple[int, int]]:
    """Spans that together cover a text of up to `MAX_CHARS`: the whole of it if short, else runs of clauses.

    A run is at most `size` characters; the next begins about half a run later, so that neighbours overlap. A clause
    longer than `size` (no punctuation) is cut in pieces that overlap by half.
    """
    text = text[:MAX_CHARS]
    if len(text) <= WHOLE_CHARS:
        return [(0, len(text))]
    pieces = split(clauses(text), size, size)
    spans: list[tuple[int, int]] = []
    first = last = 0
    while last < len(pieces):
        while last < len(pieces) and pieces[last][1] <= pieces[first][0] + size:
            last += 1
        if not spans or pieces[last - 1][1] > spans[-1][1]:
            spans.append((pieces[first][0], pieces[last - 1][1]))
        middle = pieces[first][0] + size // 2
        first = next((i for i in range(first + 1, last) if pieces[i][0] >= middle), last)
    return spans
