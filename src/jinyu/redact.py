"""Masks what points to a person: each character becomes ＊, so that lengths stay and evidence spans keep their places.

Masked are mobile and landline numbers, identity-card numbers whose date and checksum hold, bank-card numbers of 16 to 19 digits that
pass Luhn, vehicle plates, e-mail addresses, and names that something announces (姓贺, 我叫张伟, 张伟先生). Numbers may be written in digits of
either width or in Chinese ones (幺三八…), with spaces or hyphens between. A number that is none of these, such as an order's, stays.

What it cannot do: a name that nothing announces (对，裴佳) stays, and so do rare surnames amid a clause (我叫裴佳想问) and addresses. A given name
of one character may take the next character with it: Chinese does not say where a name ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date

MASK = "＊"

# About the hundred commonest surnames of the mainland, some 85 of 100 people. More would take ordinary words for names.
SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林郑谢罗梁宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石"
    "廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
    "張劉陳楊黃趙吳孫馬鄭謝羅許韓馮鄧蕭蔣葉蘇魏呂盧鐘譚陸賈韋鄒閻雷龍顧龔萬錢嚴湯"  # traditional script
)
# rarer ones, taken for a surname only where 叫 and the end of the clause stand around the name: 我叫冉晓雯，
RARE_SURNAMES = frozenset(
    "裴冉翟樊柯俞祁岑柳鲍费倪滕殷毕邬傅卞齐康伍卜穆湛禹狄臧茅庞纪舒屈项祝阮蓝闵席季娄童颜梅刁骆凌霍虞裘缪宗郁洪左邢翁荀甄"
    "储靳焦巫詹辛聂晁敖阚饶沙鞠丰蒯荆竺桓温庄晏柴瞿艾耿匡寇欧蔺屠池乔闻申桑尚鲁苗凤葛奚郎章窦戚谌覃蒙"
    "鮑費滕殷畢鄔齊龐紀項藍閔婁顏駱淩聶饒豐溫莊喬聞魯鳳竇"
)
DOUBLE_SURNAMES = frozenset(("欧阳", "歐陽", "上官", "司马", "司馬", "诸葛", "諸葛", "司徒", "皇甫", "尉迟", "东方"))
# words with a surname in them that stand where a name could
WORDS = frozenset(
    ("谢谢", "謝謝", "感谢", "感謝", "多谢", "关于", "对于", "由于", "对方", "双方", "地方", "马上", "方便", "高兴", "任何", "白天")
)
NO_SURNAME = frozenset("名氏弄啥什甚哪的地啊呢是吧吗嘛呀哦了么和跟与不也都先我你您他她这那一")
NO_GIVEN = frozenset(
    "的地得我你您他她它是在想要会能可呢啊吧吗呀哦啦了有没不这那就先女师来去打说问买订也和跟把给到从对让请什怎哪今昨上下"
)

HANZI = "[\u4e00-\u9fff]"
_SURNAME = re.compile(f"(?<!百)姓({HANZI}{{1,2}})")
_CALLED = re.compile(
    f"(?:[我你您他她名字人户戶属屬主子儿兒公婆爸妈媽事傅师師生]|姓{HANZI}{{1,2}}[，, ]{{0,2}})叫(?:做|作)?({HANZI}{{2,4}})"
)
_TITLE = re.compile("先生|女士|小姐|太太")

_GAP = "[ -]{0,3}"
_AREA = rf"0{_GAP}(?:10|2{_GAP}\d|[3-9]{_GAP}\d{_GAP}\d)"
_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]++@[A-Z0-9-]++(?:\.[A-Z0-9-]++)+", re.ASCII | re.IGNORECASE)
_IDENTITY = re.compile(rf"(?<!\d)[1-9](?:{_GAP}\d){{16}}{_GAP}[\dX](?![0-9A-Z])", re.ASCII | re.IGNORECASE)
_CARDS = [re.compile(rf"(?<!\d)\d(?:{_GAP}\d){{{n - 1}}}(?!\d)", re.ASCII) for n in (19, 18, 17, 16)]
_MOBILE = re.compile(rf"(?<!\d)(?:(?:\+|00)?86{_GAP})?1{_GAP}[3-9](?:{_GAP}\d){{9}}(?!\d)", re.ASCII)
# as recognisers punctuate what is dictated in groups: 138，1234，5678; thousands (13,800,138,000) go by threes
_DICTATED = re.compile(r"(?<!\d)1[3-9]\d[,、。.] ?\d{4}[,、。.] ?\d{4}(?!\d)", re.ASCII)
_LANDLINE = re.compile(rf"(?<!\d)(?:\({_AREA}\)|{_AREA}){_GAP}[2-8](?:{_GAP}\d){{6,7}}(?!\d)", re.ASCII)
_PLATE = re.compile(
    r"[京津沪滬渝冀豫云雲辽遼黑湘皖鲁魯新苏蘇浙赣贛鄂桂甘晋晉蒙陕陝吉闽閩贵貴粤粵青藏川宁寧琼瓊使领領] ?[A-HJ-NP-Z][ ·•・-]{0,3}"
    r"(?:[A-HJ-NP-Z0-9][ -]?){4,5}[A-HJ-NP-Z0-9挂掛学學警港澳](?![A-Z0-9])",
    re.IGNORECASE,
)

# one character for one, so that places stay
_WIDTH = {n: chr(n - 0xFEE0) for n in range(0xFF01, 0xFF5F)}
_PLAIN = _WIDTH | dict.fromkeys(map(ord, "–—‐‑−"), "-") | dict.fromkeys(map(ord, "\u3000\u00a0\t"), " ")
_CHINESE = _PLAIN | dict(zip(map(ord, "零〇一二三四五六七八九幺"), "001234567891", strict=True))


def redact(text: str) -> str:
    """The text with what points to a person masked; of the same length, and not changed by a second time."""
    while (masked := _once(text)) != text:  # a mask can set free a number that stood against a name: 叫张三四一三八…
        text = masked
    return text


def _once(text: str) -> str:
    text = _cover(text, _names(text))
    for digits in (_PLAIN, _CHINESE):
        for pattern, holds in _RULES:
            text = _cover(text, _spans(pattern, text.translate(digits), holds))
    return text


def _cover(text: str, spans: Iterator[tuple[int, int]]) -> str:
    characters = list(text)
    for a, b in spans:
        characters[a:b] = MASK * (b - a)
    return "".join(characters)


def _spans(pattern: re.Pattern[str], text: str, holds: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """Matches that hold; after one that does not, the search goes on at its second character."""
    start = 0
    while match := pattern.search(text, start):
        good = holds(re.sub("[ -]", "", match[0]))
        if good:
            yield match.span()
        start = match.end() if good else match.start() + 1


def _names(text: str) -> Iterator[tuple[int, int]]:
    for match in _SURNAME.finditer(text):
        if match[1][0] not in NO_SURNAME:
            yield match.start(1), match.start(1) + (2 if match[1] in DOUBLE_SURNAMES else 1)
    for match in _CALLED.finditer(text):
        name = match[1]
        rare = name[0] in RARE_SURNAMES and len(name) <= 3 and not re.match(HANZI, text[match.end() : match.end() + 1])
        if length := len(name) if rare else _name_length(name):
            yield match.start(1), match.start(1) + length
    for match in _TITLE.finditer(text):
        end = match.start()
        for start in range(end - 1, max(-1, end - 5), -1):  # the shortest name: 谢谢王先生
            if text[start : start + 2] not in WORDS and text[max(0, start - 1) : start + 1] not in WORDS:
                whole = text[start:end]
                if whole in SURNAMES or whole in DOUBLE_SURNAMES or _name_length(whole) == len(whole):
                    yield start, end
                    break


def _name_length(text: str) -> int:
    """Of the surname and the one or two characters of a given name that a text begins with; 0 if it does not."""
    surname = 2 if text[:2] in DOUBLE_SURNAMES else 1
    if text[:2] in WORDS or (surname == 1 and text[:1] not in SURNAMES):
        return 0
    given = 0
    while (
        given < 2
        and surname + given < len(text)
        and re.match(HANZI, text[surname + given])
        and text[surname + given] not in NO_GIVEN
    ):
        given += 1
    return surname + given if given else 0


def _luhn(digits: str) -> bool:
    doubled = sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return (doubled + sum(map(int, digits[-1::-2]))) % 10 == 0


def _identity(number: str) -> bool:
    """The eighteen places of GB 11643: six of the region, eight of the birth date, three in sequence, one check character."""
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return number[17].upper() == "10X98765432"[sum(int(d) * 2 ** (17 - i) for i, d in enumerate(number[:17])) % 11]


def _always(_: str) -> bool:
    return True


_RULES: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (_EMAIL, _always),
    (_IDENTITY, _identity),
    *((pattern, _luhn) for pattern in _CARDS),
    (_MOBILE, _always),
    (_DICTATED, _always),
    (_LANDLINE, _always),
    (_PLATE, lambda plate: sum(c.isdigit() for c in plate) >= 3),
)
