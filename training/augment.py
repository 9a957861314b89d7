"""What recognisers and typists do to a sentence without changing its label, done anew each time a row is read.

Marks dropped or moved, fillers put in, characters misheard (same sound, another character), and turns run together:
a taboo sentence inside decent talk stays taboo (boundary rule 1 of the taxonomy), business talk beside business talk stays business.
A piece of a decent sentence stays decent, though nobody can say which leaf it is: real speech is full of half sentences, and a network that
has read whole ones only takes what it has never seen for taboo.
All randomness comes from a generator that the caller seeds by epoch and batch, so that a resumed run reads what the other would have.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from random import Random

MARKS = re.compile(r"[,.!?;:、。，！？；：~…]+")
# a piece around one of these may be taboo where the whole is not: 这个我暂时不清楚，我马上帮您核实
POISON = re.compile(
    r"不知道|不清楚|没办法|没法|不行|不归|不管|管不|不能|无法|不了|不可能|不是我|不懂|别|自己|急|投诉|规定|怎么|为什么"
)
FILLERS = ("嗯", "那个", "就是", "呃", "这个", "啊", "就是说", "然后")


@dataclass(frozen=True)
class Rates:
    """How often each change is made, as probabilities a sentence."""

    unmark: float = 0.25  # all marks go
    blank: float = 0.10  # marks become blanks, as typists do
    filler: float = 0.06
    homophone: float = 0.15  # one or two characters misheard
    join: float = 0.10  # drawn for a batch, since one long text makes all its neighbours as long
    piece: float = 0.0  # of decent sentences: a piece is read instead


def homophones(texts: list[str], most: int = 6) -> dict[str, list[str]]:
    """Character -> characters of the same sound, tones left out, that occur in `texts`; the commonest `most`."""
    from pypinyin import lazy_pinyin

    counts: dict[str, int] = defaultdict(int)
    for text in texts:
        for c in text:
            if "一" <= c <= "鿿":
                counts[c] += 1
    common = [c for c, n in sorted(counts.items(), key=lambda item: -item[1]) if n >= 3]
    by_sound: dict[str, list[str]] = defaultdict(list)
    for c, sound in zip(common, lazy_pinyin(common), strict=True):
        by_sound[sound].append(c)
    return {c: [o for o in group if o != c][:most] for group in by_sound.values() for c in group if len(group) > 1}


@dataclass
class Augment:
    """Callable: (text, leaf, join, random) -> text. `decent` are business sentences to run together with others."""

    rates: Rates
    heard_as: dict[str, list[str]]
    decent: list[str]
    taboo: set[str]
    joinable: set[str] = field(default_factory=lambda: {"neutral.business"})

    def batch(self, texts: list[str], leaves: list[str], random: Random) -> tuple[list[str], list[bool]]:
        """(a changed copy of each text of a batch, whether it is a mere piece of that text); the first one is never a piece."""
        join = random.random() < self.rates.join
        pieces = [""] + [self.piece(text, leaf, random) for text, leaf in zip(texts[1:], leaves[1:], strict=True)]
        changed = [self(p or text, leaf, join and not p, random) for p, text, leaf in zip(pieces, texts, leaves, strict=True)]
        return changed, [bool(p) for p in pieces]

    def piece(self, text: str, leaf: str, random: Random) -> str:
        """Mostly empty; else some characters in a row of a decent text, from mark to mark or cut anywhere."""
        if leaf in self.taboo or len(text) < 6 or random.random() >= self.rates.piece:
            return ""
        clauses = [c for c in MARKS.split(text) if c.strip()]
        if len(clauses) > 1 and random.random() < 0.5:
            found = random.choice(clauses).strip()
        else:
            length = random.randint(2, min(len(text) - 2, 24))
            start = random.randrange(len(text) - length + 1)
            found = text[start : start + length].strip()
        return "" if POISON.search(found) or not any(c.isalnum() for c in found) else found

    def __call__(self, text: str, leaf: str, join: bool, random: Random) -> str:
        """One changed copy; often the text itself."""
        r = self.rates
        if join and self.decent and (leaf in self.taboo or leaf in self.joinable) and len(text) < 45:
            other, mark = random.choice(self.decent), random.choice(("，", "。", " ", ""))
            text = text + mark + other if random.random() < 0.5 else other + mark + text
        draw = random.random()
        if draw < r.unmark:
            text = MARKS.sub("", text)
        elif draw < r.unmark + r.blank:
            text = MARKS.sub(" ", text).strip()
        if random.random() < r.filler:
            at = random.randrange(len(text) + 1) if random.random() < 0.5 else 0
            text = text[:at] + random.choice(FILLERS) + text[at:]
        if random.random() < r.homophone and len(text) >= 6:
            for _ in range(1 + random.randrange(1 + len(text) // 12)):
                at = random.randrange(len(text))
                if others := self.heard_as.get(text[at]):
                    text = text[:at] + random.choice(others) + text[at + 1 :]
        return text
