"""Thresholds by promise: the bounds by textbook numbers, and the promise kept in simulation."""

import random

import pytest

from jinyu.promise import Evidence, PromiseError, for_false_alarms, for_precision, lower_bound, upper_bound


def test_bounds_by_the_book():
    assert upper_bound(0, 100, 0.95) == pytest.approx(1 - 0.05 ** (1 / 100))  # the rule of three
    assert upper_bound(5, 100, 0.975) == pytest.approx(0.112835, abs=1e-5)  # Clopper-Pearson, 95 % two-sided
    assert lower_bound(5, 100, 0.975) == pytest.approx(0.016432, abs=1e-5)
    assert (lower_bound(0, 9, 0.9), upper_bound(9, 9, 0.9)) == (0.0, 1.0)


def test_the_lowest_threshold_that_keeps_the_promise():
    evidence = Evidence.of([i / 10_000 for i in range(10_000)], [0.9995, 0.99985, 0.5, 0.9999])
    promise = for_false_alarms(evidence, 1, confidence=0.8)
    # 6 of 10,000 have an upper bound of 0.907 per 1,000 at 80 %, 7 one of 1.02
    assert (promise.alarms, promise.recall) == (6, 0.75)
    assert 0.9993 < promise.threshold < 0.9994
    assert promise.bound == pytest.approx(0.9074, abs=1e-3)


def test_equal_scores_are_flagged_together_or_not_at_all():
    evidence = Evidence.of([0.9] * 5 + [0.1] * 9_995, [0.95])
    assert for_false_alarms(evidence, 0.5).alarms == 0


def test_a_score_that_was_rounded_down_is_not_flagged_after_all():
    scores = [0.99, 0.968664288520813, 0.5]
    evidence = Evidence.of(scores, [0.999])
    threshold = evidence.above(1)
    assert [s >= threshold for s in scores] == [True, False, False]


def test_too_few_labels_are_refused_with_the_number_that_would_do():
    evidence = Evidence.of([0.1] * 1000, [0.9])
    with pytest.raises(PromiseError, match=r"3219 are needed\. Ask for 1\.61 or more"):
        for_false_alarms(evidence, 0.5)
    assert for_false_alarms(Evidence.of([0.1] * 3219, [0.9]), 0.5).alarms == 0
    with pytest.raises(PromiseError, match=r"precision 0.95 .* 0.05% .* are needed"):
        for_precision(evidence, 0.95)
    with pytest.raises(PromiseError, match="must lie between 0 and 1000, not 0"):
        for_false_alarms(evidence, 0)


def test_precision_counts_on_the_real_share_of_taboo():
    evidence = Evidence.of([0.1] * 990 + [0.6] * 10, [0.9] * 100)
    promise = for_precision(evidence, 0.9, prevalence=0.1)
    assert promise.alarms == 0
    assert promise.threshold > 0.6
    assert 0.9 <= promise.bound < 1
    assert for_precision(evidence, 0.7, prevalence=0.1).alarms == 10


def test_the_promise_is_kept_as_often_as_it_says():
    """Many calibrations on 2,000 utterances of a known law: the true rate exceeds the promise in at most 1 - confidence of them."""
    rng = random.Random(3)
    rate, broken = 0.005, 0
    for _ in range(200):
        promise = for_false_alarms(Evidence.of([rng.random() for _ in range(2000)], [1.0]), 1000 * rate, 0.8)
        broken += 1 - promise.threshold > rate  # uniform scores: the share above a threshold is 1 - threshold
    assert broken / 200 <= 0.2 + 0.06
    assert broken > 0


def test_a_model_without_scores_says_so():
    with pytest.raises(PromiseError, match="carries no calibration scores"):
        Evidence.read({"note": "not calibrated"})
