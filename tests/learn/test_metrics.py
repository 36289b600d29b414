"""Figures against cases done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from screenkit.learn.metrics import (
    baselines,
    class_baselines,
    classification_metrics,
    regression_metrics,
)


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


def test_figures_of_a_class_done_by_hand():
    inside, probability = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.2, 0.6, 0.5, 0.9])
    found = classification_metrics(inside, probability)
    assert (found["n"], found["share"], found["accuracy"]) == (4, 0.5, 0.75)
    # Of the four pairs of a member and another, three are in order.
    assert found["roc_auc"] == pytest.approx(3 / 4)
    assert found["log_loss"] == pytest.approx(-np.log(0.8 * 0.4 * 0.5 * 0.9) / 4)


def test_the_roc_auc_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(0)
    inside = (rng.random(200) < 0.3).astype(float)
    probability = np.round(rng.random(200) * 0.7 + inside * 0.2, 1)  # with ties
    pairs = probability[inside == 1][:, None] - probability[inside == 0][None, :]
    expected = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
    assert classification_metrics(inside, probability)["roc_auc"] == pytest.approx(expected)


def test_a_class_of_one_kind_has_no_roc_auc_and_a_certain_mistake_costs_much_but_not_all():
    found = classification_metrics(np.array([1.0, 1.0, np.nan]), np.array([1.0, 0.0, 0.5]))
    assert np.isnan(found["roc_auc"])
    assert found["n"] == 2
    assert 15 < found["log_loss"] < 40


def test_the_share_comes_from_the_training_set_and_orders_nothing():
    train, test = np.array([1.0, 0.0, 0.0, 0.0]), np.array([1.0, 0.0])
    found = class_baselines(train, np.arange(4.0), test, np.array([0.0, 3.0]))
    assert found["share"]["roc_auc"] == 0.5
    assert found["share"]["log_loss"] == pytest.approx(-np.log(0.25 * 0.75) / 2)


def test_the_line_on_density_parts_a_class_that_density_parts():
    density = np.array([0.5, 0.7, 0.9, 1.5, 1.7, 2.0])
    inside = (density < 1).astype(float)
    found = class_baselines(inside, density, inside, density)
    assert found["logistic_density"]["roc_auc"] == 1.0
    assert class_baselines(np.ones(6), density, inside, density) == {}
