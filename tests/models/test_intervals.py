"""Intervals hold as often as they say, whatever the errors look like."""

from __future__ import annotations

import math

import numpy as np
import pytest

from screenkit.models.intervals import coverage, half_width


def test_the_width_is_the_order_statistic_of_the_paper():
    errors = np.arange(1.0, 20.0)  # 19 of them: ceil(20 * 0.9) = 18
    assert half_width(errors[::-1], 0.9) == 18.0
    assert half_width(errors, 0.95) == 19.0
    assert half_width(errors, 0.96) == math.inf
    assert half_width(np.append(errors, np.nan), 0.9) == 18.0


@pytest.mark.parametrize("law", ["normal", "cauchy", "exponential"])
def test_new_errors_are_covered_as_often_as_was_said(law: str):
    random = np.random.default_rng(7)
    draw = {
        "normal": random.standard_normal,
        "cauchy": random.standard_cauchy,
        "exponential": random.standard_exponential,
    }[law]
    held = [np.mean(np.abs(draw(500)) <= half_width(np.abs(draw(99)), 0.9)) for _ in range(400)]
    # k = 90 of 99: exactly 0.9 on average; each draw has a deviation of 0.03, the mean 0.0016.
    assert np.mean(held) == pytest.approx(0.9, abs=0.006)


def test_with_a_spread_the_interval_is_wide_where_members_disagree():
    random = np.random.default_rng(7)
    spread = random.uniform(0.1, 2.0, 4000)
    truth = random.standard_normal(4000) * spread
    width = half_width(scores(np.abs(truth[:2000]), spread[:2000], 0.01), 0.9)
    low, high = bounds(np.zeros(2000), width, spread[2000:], 0.01)
    rest, narrow = truth[2000:], spread[2000:] < 0.5
    assert coverage(rest, low, high) == pytest.approx(0.9, abs=0.025)
    assert coverage(rest[narrow], low[narrow], high[narrow]) == pytest.approx(0.9, abs=0.04)
    flat = half_width(np.abs(truth[:2000]), 0.9)
    low, high = bounds(np.zeros(2000), flat, None, 0.01)
    assert coverage(rest[narrow], low[narrow], high[narrow]) > 0.99  # wide where no need is


def test_what_has_no_label_is_not_counted():
    assert coverage(np.array([np.nan, 1.0]), np.zeros(2), np.ones(2)) == 1.0
    assert math.isnan(coverage(np.array([np.nan]), np.zeros(1), np.ones(1)))
