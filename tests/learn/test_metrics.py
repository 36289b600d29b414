"""Figures against cases done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from screenkit.learn.metrics import baselines, regression_metrics


def test_figures_of_three_points_done_by_hand():
    found = regression_metrics(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0]))
    assert found["mae"] == pytest.approx(2 / 3)
    assert found["rmse"] == pytest.approx(np.sqrt(4 / 3))
    assert found["r2"] == pytest.approx(1 - 4 / 2)
    assert found["spearman"] == pytest.approx(1.0)


def test_rows_without_a_label_or_a_prediction_are_left_out():
    found = regression_metrics(np.array([1.0, np.nan, 3.0]), np.array([1.5, 2.0, np.nan]))
    assert (found["n"], found["mae"]) == (1, 0.5)


def test_the_median_baseline_comes_from_the_training_set_alone():
    train, test = np.array([0.0, 1.0, 8.0]), np.array([100.0, 104.0])
    found = baselines(train, np.array([1.0, 2.0, 3.0]), test, np.array([1.0, 1.0]))
    assert found["median"]["mae"] == pytest.approx(101.0)


def test_the_line_on_density_is_exact_where_the_labels_are_one():
    density = np.array([0.5, 1.0, 1.5, 2.0])
    found = baselines(3 - 2 * density, density, 3 - 2 * density[:2], density[:2])
    assert found["linear_density"]["mae"] == pytest.approx(0.0, abs=1e-12)
