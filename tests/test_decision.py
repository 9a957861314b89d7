"""From probabilities to answers, in numbers small enough to check by hand."""

import pytest

from jinyu.decision import combine, decide
from jinyu.types import Kind, Reason
from training import data

TAXONOMY = data.load_taxonomy()
CODES = TAXONOMY.codes
THRESHOLDS = dict.fromkeys(("hailing", "blaming", "arrogant", "commanding", "deflecting"), 0.7)


def spread(**given):
    """A distribution with the named leaves (dots as __) and the rest shared evenly."""
    named = {k.replace("__", "."): v for k, v in given.items()}
    rest = (1 - sum(named.values())) / (len(CODES) - len(named))
    return [named.get(c, rest) for c in CODES]


def test_taxonomy_has_the_contract_size():
    assert (len(CODES), len(TAXONOMY.categories), len({leaf.kind for leaf in TAXONOMY.leaves})) == (41, 14, 3)


def test_the_leaves_of_a_category_add_up():
    p = spread(blaming=0.4, explanation__decline=0.3, explanation__clarify=0.25)
    d = decide(p, TAXONOMY, THRESHOLDS)
    assert (d.leaf.code, d.flagged, d.reason) == ("explanation.decline", False, Reason.BEST)
    assert d.probability == pytest.approx(0.55, abs=0.02)


def test_flagged_at_the_threshold_and_not_below():
    at = decide(spread(arrogant=0.5, blaming=0.3), TAXONOMY, dict.fromkeys(THRESHOLDS, 0.8))
    assert (at.leaf.code, at.flagged, at.reason) == ("arrogant", True, Reason.BEST)
    below = decide(spread(arrogant=0.5, blaming=0.2), TAXONOMY, dict.fromkeys(THRESHOLDS, 0.8))
    assert (below.leaf.code, below.flagged, below.reason) == ("arrogant", False, Reason.BELOW_THRESHOLD)


def test_taboo_over_its_threshold_wins_over_a_more_probable_decent_category():
    d = decide(spread(neutral__business=0.5, deflecting=0.2, blaming=0.25), TAXONOMY, dict.fromkeys(THRESHOLDS, 0.4))
    assert (d.leaf.code, d.leaf.kind, d.flagged, d.reason) == ("blaming", Kind.TABOO, True, Reason.OVER_THRESHOLD)


def test_the_worst_window_decides_and_the_sum_stays_one():
    taboo = TAXONOMY.indices(kind=Kind.TABOO)
    polite, rude = spread(closing__farewell=0.95), spread(deflecting=0.9)
    both = combine([polite, rude, polite], [60.0, 10.0, 60.0], taboo)
    assert sum(both) == pytest.approx(1)
    assert both[CODES.index("deflecting")] == pytest.approx(0.9)
    assert combine([polite], [1.0], taboo) == polite
