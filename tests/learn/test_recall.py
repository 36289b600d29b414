"""A shortlist holds the share of the best that was promised, as often as was promised."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from screenkit.learn.recall import Best, fewest


def test_the_best_are_those_of_the_highest_labels():
    labels = np.array([1.0, 5.0, 4.0, np.nan, 4.0, 0.0])
    best = Best.of(np.array([10.0, 50.0, 20.0, 99.0, 40.0, 5.0]), labels, 0.4)
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


def test_what_was_promised_is_kept_as_often_as_was_promised():
    random = np.random.default_rng(11)
    kept = 0
    for _ in range(300):
        labels = random.standard_normal(3000)
        predictions = labels + random.standard_normal(3000)
        threshold = Best.of(predictions[:1000], labels[:1000], 0.1).threshold(0.8)
        # Of the same population, so large that its recall is known to 0.004.
        truth = random.standard_normal(100_000)
        top = truth >= np.quantile(truth, 0.9)
        guess = truth[top] + random.standard_normal(top.sum())
        kept += np.mean(guess >= threshold) >= 0.8
    assert 0.90 <= kept / 300 <= 1.0  # 0.95 and a little more; 0.013 is one deviation
