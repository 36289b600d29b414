"""A shortlist holds the share of the best that was promised, as often as was promised."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binomtest

from screenkit.learn.recall import Best, fewest


def test_the_best_are_those_of_the_highest_labels():
    labels = np.array([1.0, 5.0, 4.0, np.nan, 4.0, 0.0])
    best = Best.of(np.array([10.0, 50.0, 20.0, 99.0, 40.0, 5.0]), labels, 40)
    assert best.predictions.tolist() == [20.0, 40.0, 50.0]  # two of five, and a tie
    assert best.found(40.0) == pytest.approx(2 / 3)
    assert best.found(60.0) == 0.0


def test_the_bound_is_that_of_clopper_and_pearson():
    best = Best(np.arange(40.0))
    expected = binomtest(37, 40, alternative="greater").proportion_ci(0.95, "exact").low
    assert best.bound(3.0) == pytest.approx(expected)
    assert best.bound(100.0) == 0.0


def test_the_threshold_is_the_highest_whose_bound_holds():
    best = Best(np.arange(200.0))
    chosen = best.threshold(0.9)
    assert best.bound(chosen) >= 0.9
    assert best.bound(chosen + 1) < 0.9


def test_too_few_of_the_best_promise_nothing():
    assert fewest(0.95) == 59  # 0.95 ** 59 is the first below 0.05
    assert Best(np.arange(58.0)).threshold(0.95) == -math.inf
    assert Best(np.arange(59.0)).threshold(0.95) == 0.0
    assert Best(np.array([])).threshold(0.5) == -math.inf


def test_the_best_are_as_many_percent_rounded_up_as_for_hits():
    labels = np.arange(761.0)
    assert len(Best.of(labels, labels, 1).predictions) == 8
    assert len(Best.of(labels, labels, Fraction(1, 2)).predictions) == 4
    assert Best.of(labels, labels, 10).least == 761 - 77


def test_groups_that_are_found_together_count_for_less():
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(100), 10)
    labels = np.repeat(random.standard_normal(100), 10)
    together = Best.of(labels + np.repeat(random.standard_normal(100), 10), labels, 10, groups)
    alone = Best.of(labels + random.standard_normal(1000), labels, 10, groups)
    assert together.design == pytest.approx(10, abs=3)  # all ten of a group, or none
    assert alone.design < 2
    assert together.size() < 20 < 50 < alone.size()
    threshold = float(np.quantile(together.predictions, 0.1))
    assert together.bound(threshold) < Best(together.predictions).bound(threshold)


def test_the_design_effect_is_the_variance_of_a_recall_over_samples_of_groups():
    random = np.random.default_rng(1)
    groups = np.repeat(np.arange(400), 5)
    shift = np.repeat(random.standard_normal(400), 5)
    labels = np.ones(2000)
    said = shift + random.standard_normal(2000)
    best = Best.of(said, labels, 10, groups)  # all are equal, so all are the best
    threshold = best.predictions[400]
    found = np.add.reduceat((said >= threshold).astype(float), np.arange(0, 2000, 5))
    drawn = [found[random.integers(0, 400, 400)].sum() / 2000 for _ in range(4000)]
    share = best.found(threshold)
    assert best.design == pytest.approx(np.var(drawn) / (share * (1 - share) / 2000), rel=0.1)


def test_a_small_library_may_have_bad_luck_and_a_large_one_not():
    best = Best(np.arange(100.0), share=0.1)
    bounds = [best.bound(10.0, library) for library in (100, 1000, 10**7, None)]
    assert bounds == sorted(bounds)
    assert bounds[2] == pytest.approx(bounds[3], abs=1e-4)


def test_what_was_promised_is_kept_as_often_as_was_promised():
    random = np.random.default_rng(11)
    kept = 0
    for _ in range(300):
        labels = random.standard_normal(3000)
        predictions = labels + random.standard_normal(3000)
        threshold = Best.of(predictions[:1000], labels[:1000], 10).threshold(0.8)
        # Of the same population, so large that its recall is known to 0.004.
        truth = random.standard_normal(100_000)
        top = truth >= np.quantile(truth, 0.9)
        guess = truth[top] + random.standard_normal(top.sum())
        kept += np.mean(guess >= threshold) >= 0.8
    assert 0.90 <= kept / 300 <= 1.0  # 0.95 and a little more; 0.013 is one deviation
