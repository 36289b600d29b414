"""Acquisition against SciPy's normal distribution, integrals and hand values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from screenkit.ranking.acquire import draw, log_expected_improvement, upper_bound


def test_the_expected_improvement_is_the_integral_that_it_is_called_after():
    for mean, deviation, best in [(1.0, 0.5, 1.2), (3.0, 1.0, 1.0), (0.0, 2.0, 3.0)]:
        belief = norm(mean, deviation)
        wanted, _ = quad(lambda f, b=belief, k=best: (f - k) * b.pdf(f), best, best + 40)
        found = log_expected_improvement(np.array([mean]), np.array([deviation]), best)
        assert np.exp(found[0]) == pytest.approx(wanted, rel=1e-9)


def test_the_expected_improvement_is_the_formula_of_jones_near_the_best():
    z = np.linspace(-5, 5, 101)
    wanted = 0.3 * (z * norm.cdf(z) + norm.pdf(z))
    found = np.exp(log_expected_improvement(2.0 + 0.3 * z, np.full(101, 0.3), 2.0))
    assert found == pytest.approx(wanted, rel=1e-7)


def test_the_expected_improvement_keeps_the_order_where_it_is_far_too_small_for_a_number():
    # Of the tail: phi(z) / z^2 (1 - 3 / z^2 + 15 / z^4 - ...), Abramowitz and Stegun 26.2.12.
    z = -np.geomspace(30, 1e7, 400)
    found = log_expected_improvement(z, np.ones(400), 0.0)
    wanted = norm.logpdf(z) - 2 * np.log(-z) + np.log1p(-3 / z**2 + 15 / z**4 - 105 / z**6)
    assert found - norm.logpdf(z) == pytest.approx(wanted - norm.logpdf(z), rel=1e-6)
    assert (np.diff(found) < 0).all()


def test_what_is_certain_improves_by_what_it_is_above_the_best():
    found = log_expected_improvement(np.array([3.0, 1.0, 2.0]), np.zeros(3), 2.0)
    assert np.exp(found).tolist() == [1.0, 0.0, 0.0]


def test_the_upper_bound_done_by_hand():
    found = upper_bound(np.array([1.0, 2.0]), np.array([1.0, 0.25]), 2.0)
    assert found.tolist() == [3.0, 2.5]


def test_samples_have_the_means_and_deviations_of_the_beliefs():
    normal = np.random.default_rng(0).standard_normal(200_000)
    found = draw(np.full(200_000, 3.0), np.full(200_000, 0.5), normal)
    assert (found.mean(), found.std()) == pytest.approx((3.0, 0.5), abs=0.005)
