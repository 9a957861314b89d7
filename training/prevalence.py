"""How many of a batch's utterances are of a taboo type, from a few that people have read: a stratified estimate with its interval.

The scores cut the batch into strata; in each, utterances are drawn evenly and read. With N utterances in a stratum, n of them read and x of
the type, the type's count is estimated as the sum of N x / n. The interval of each stratum is the exact one for drawing without
replacement (hypergeometric, as Clopper and Pearson's: a count M is in it unless it makes what was read less than 2.5 % likely on one side). The
strata's intervals become one by the squares of their arms (MOVER; Zou, Huang and Zhang, Biometrics 65, 2009):
low = estimate - sqrt(sum (N x / n - low_h)^2), high likewise. Nothing found in a stratum therefore never counts as proof of nothing there,
and no rates of alarms, right or false, are assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import hypergeom

# lower edges of the strata of taboo probability: narrow where most speech lies, so that the few doubtful ones stand apart
EDGES = (0.0, 0.001, 0.01, 0.1, 0.5, 0.9)
LEAST = 2  # utterances read of a stratum, if it has them
TAIL = 0.025


@dataclass(frozen=True)
class Stratum:
    """Of `size` utterances `read` were read, and `found` of them are of the type."""

    size: int
    read: int
    found: int


@dataclass(frozen=True)
class Estimate:
    """Shares of all utterances: the estimate and its 95 % interval."""

    share: float
    low: float
    high: float

    @property
    def arm(self) -> float:
        """The longer arm of the interval: the estimate is right to +- this."""
        return max(self.share - self.low, self.high - self.share)


def strata(scores: np.ndarray) -> np.ndarray:
    """The stratum (n,) of each taboo probability."""
    return np.searchsorted(EDGES, scores, side="right") - 1


def stratum_name(place: int) -> str:
    """`0.01-0.1`."""
    return f"{EDGES[place]:g}-{(*EDGES, 1.0)[place + 1]:g}"


@lru_cache(maxsize=100_000)
def count_limits(stratum: Stratum) -> tuple[int, int]:
    """(least, most): how many of the type the stratum may hold, at 95 %."""
    size, read, found = stratum.size, stratum.read, stratum.found
    first, last = found, size - (read - found)  # what was read is certain
    low, high = first, last  # the least count for which so many found is not too rare
    while low < high:
        middle = (low + high) // 2
        if hypergeom.sf(found - 1, size, middle, read) > TAIL:
            high = middle
        else:
            low = middle + 1
    least, low, high = low, first, last
    while low < high:
        middle = (low + high + 1) // 2
        if hypergeom.cdf(found, size, middle, read) > TAIL:
            low = middle
        else:
            high = middle - 1
    return least, low


def estimate(parts: list[Stratum]) -> Estimate:
    """The share over all strata. Raises `ValueError` if a stratum holds utterances and none was read."""
    total = sum(p.size for p in parts)
    count = below = above = 0.0
    for part in parts:
        if not part.size:
            continue
        if not part.read:
            raise ValueError(f"none of {part.size} utterances was read")
        here = part.size * part.found / part.read
        least, most = count_limits(part)
        count, below, above = count + here, below + (here - least) ** 2, above + (most - here) ** 2
    low, high = count - below**0.5, count + above**0.5
    seen = sum(p.found for p in parts)
    clean = sum(p.read - p.found for p in parts)
    return Estimate(count / total, max(low, seen, 0.0) / total, min(high, total - clean) / total)


def allocate(sizes: list[int], rates: list[float], reads: int) -> list[int]:
    """How many of `reads` to spend on each stratum: by N sqrt(p (1 - p)) (Neyman), at least `LEAST`, at most all."""
    weights = np.array([n * (p * (1 - p)) ** 0.5 for n, p in zip(sizes, rates, strict=True)])
    most = np.array(sizes)
    out = np.minimum(LEAST, most)
    left = min(reads, int(most.sum())) - int(out.sum())
    while left > 1000:  # in proportion first; what full strata cannot take goes round again
        free = weights * (out < most)
        out = np.minimum(out + np.ceil(free / free.sum() * (left - len(sizes))).astype(int), most)
        left = min(reads, int(most.sum())) - int(out.sum())
    for _ in range(left):  # then one at a time to where a read shrinks the variance most
        gain = np.where(out < most, weights**2 / (out * (out + 1.0) + 1e-9), -1.0)
        out[int(gain.argmax())] += 1
    return [int(n) for n in out]


def more_to_read(parts: list[Stratum], precision: float) -> int:
    """About how many more utterances to read until the share is right to +- `precision`, if what is found stays as rare as so far.

    0 if it is so already. The search doubles, then halves; reading all of them always does.
    """
    if estimate(parts).arm <= precision:
        return 0
    sizes = [p.size for p in parts]
    rates = [(p.found + 0.5) / (p.read + 1) for p in parts]

    def enough(more: int) -> bool:
        plan = allocate(sizes, rates, sum(p.read for p in parts) + more)
        ahead = [max(n, p.read) for n, p in zip(plan, parts, strict=True)]
        found = [round(p.found * n / p.read) if p.read else 0 for n, p in zip(ahead, parts, strict=True)]
        return estimate([Stratum(p.size, n, x) for p, n, x in zip(parts, ahead, found, strict=True)]).arm <= precision

    unread = sum(p.size - p.read for p in parts)
    low, high = 0, 1
    while high < unread and not enough(high):
        low, high = high, high * 2
    high = min(high, unread)
    while high - low > max(1, high // 50):  # two figures are all that such a forecast is worth
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high
