"""Intervals hold as often as they say, whatever the errors look like."""

from __future__ import annotations

import math

import numpy as np
import pytest

from screenkit.models.intervals import WINDOW, Usual, coverage, half_width, usual_apart


def test_the_width_is_the_order_statistic_of_the_paper():
    errors = np.arange(1.0, 20.0)  # 19 of them: ceil(20 * 0.9) = 18
    assert half_width(errors[::-1], 0.9) == 18.0
    assert half_width(errors, 0.95) == 19.0
    assert half_width(errors, 0.96) == math.inf
    assert half_width(np.append(errors, np.nan), 0.9) == 18.0


def test_the_width_is_that_of_mapie():
    regression = pytest.importorskip("mapie.regression")
    dummy = pytest.importorskip("sklearn.dummy")
    random = np.random.default_rng(3)
    labels = random.standard_normal(137)
    model = dummy.DummyRegressor(strategy="constant", constant=0.0).fit(np.zeros((2, 1)), [0, 0])
    other = regression.SplitConformalRegressor(model, confidence_level=0.9, prefit=True)
    other.conformalize(np.zeros((137, 1)), labels)
    _, ends = other.predict_interval(np.zeros((1, 1)))
    assert half_width(np.abs(labels), 0.9) == pytest.approx(float(ends[0, 1, 0]))


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


def test_the_usual_error_is_the_mean_over_the_nearest_by_rank():
    random = np.random.default_rng(0)
    places, errors = random.permutation(300).astype(float), random.random(300)
    sorted_errors = errors[np.argsort(places)]
    found = Usual.of(places, errors).at(np.array([150.0, -5.0, 999.0]))
    little = 0.2 * errors.mean()
    assert found[0] == pytest.approx(sorted_errors[100:200].mean() + little)
    assert found[1] == pytest.approx(sorted_errors[: WINDOW // 8].mean() + little)
    assert found[2] == pytest.approx(sorted_errors[-(WINDOW // 8) :].mean() + little)


def test_few_structures_have_one_usual_error():
    errors = np.array([1.0, 2.0, 6.0])
    found = Usual.of(np.array([3.0, 1.0, 2.0]), errors).at(np.array([0.0, 5.0]))
    assert found == pytest.approx(3.0 * 1.2)


def test_what_is_usual_for_a_group_is_said_by_others():
    random = np.random.default_rng(1)
    groups = np.repeat(np.arange(50), 8)
    places, errors = random.random(400), random.random(400)
    found = usual_apart(places, errors, groups)
    changed = errors.copy()
    changed[groups == 7] *= 1000
    again = usual_apart(places, changed, groups)
    np.testing.assert_array_equal(again[groups == 7], found[groups == 7])
    assert (again[groups == 8] > found[groups == 8]).all()


def test_the_interval_is_wide_where_errors_are_large_and_holds_there_and_elsewhere():
    random = np.random.default_rng(7)
    size = random.uniform(0.1, 2.0, 4000)
    errors = np.abs(random.standard_normal(4000)) * size
    first, rest = slice(0, 2000), slice(2000, 4000)
    own = usual_apart(size[first], errors[first], np.arange(2000))
    width = half_width(errors[first] / own, 0.9)
    wide = width * Usual.of(size[first], errors[first]).at(size[rest])
    small = size[rest] < 0.5
    held = errors[rest] <= wide
    assert held.mean() == pytest.approx(0.9, abs=0.025)
    assert 0.9 < held[small].mean() < 0.99
    assert wide[small].mean() < 0.5 * wide.mean()


def test_what_has_no_label_is_not_counted():
    assert coverage(np.array([np.nan, 1.0]), np.zeros(2), np.ones(2)) == 1.0
    assert math.isnan(coverage(np.array([np.nan]), np.zeros(1), np.ones(1)))
