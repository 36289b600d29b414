"""Figures of the early part of an order, done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screenkit.learn.hits import (
    best,
    early_metrics,
    enrichment,
    hits,
    overlap,
    recall,
    share_of,
    truly_best,
)

TRUTH = np.arange(20.0)  # the best are 19, 18, 17, ...
PREDICTED = np.concatenate([np.arange(16.0), [50, 1, 60, 55]])  # 18, 19 and 16 lead, then 15


def test_hits_recall_and_enrichment_done_by_hand():
    member = truly_best(TRUTH, 4)
    assert np.flatnonzero(member).tolist() == [16, 17, 18, 19]
    assert hits(member, PREDICTED, 4) == 3
    assert recall(member, PREDICTED, 4) == 3 / 4
    # 3 of 4 where chance would find 4 in 20: 0.75 / 0.2.
    assert enrichment(member, PREDICTED, 4) == pytest.approx(3.75)
    assert enrichment(member, PREDICTED, 20) == 1.0


def test_a_perfect_order_finds_all_and_a_reversed_one_nothing():
    truth = np.random.default_rng(0).normal(size=1000)
    found = early_metrics(truth, truth, "max")
    assert (found["hits_at_10"], found["hits_at_100"]) == (10, 100)
    assert found["recall_at_1_percent"] == found["recall_at_10_percent"] == 1
    assert found["enrichment_at_1_percent"] == pytest.approx(100)
    assert early_metrics(truth, -truth, "max")["recall_at_10_percent"] == 0
    assert early_metrics(truth, truth, "min") == found


def test_chance_has_an_enrichment_of_one():
    rng = np.random.default_rng(0)
    found = [
        early_metrics(rng.normal(size=1000), rng.normal(size=1000), "max")[
            "enrichment_at_5_percent"
        ]
        for _ in range(300)
    ]
    assert np.mean(found) == pytest.approx(1.0, abs=0.1)


def test_what_equals_the_last_of_the_best_counts_as_one_of_them():
    truth = np.array([3.0, 2.0, 2.0, 1.0])
    assert truly_best(truth, 2).tolist() == [True, True, True, False]
    assert recall(truly_best(truth, 2), truth, 2) == pytest.approx(2 / 3)


def test_members_of_a_class_are_the_ones_to_find():
    truth = np.zeros(40)
    truth[[3, 4, 5, 6]] = 1
    probability = np.linspace(0.4, 0.0, 40)
    probability[3] = 0.9
    found = early_metrics(truth, probability, "max", is_class=True)
    assert found["hits_at_10"] == 4
    assert found["recall_at_5_percent"] == 1 / 4  # the first two are 3 and 0
    assert found["enrichment_at_5_percent"] == pytest.approx((1 / 2) / (4 / 40))


def test_rows_without_a_label_are_left_out_and_a_shortlist_of_all_says_nothing():
    truth = np.append(np.arange(10.0), np.nan)
    found = early_metrics(truth, np.arange(11.0), "max")
    assert np.isnan(found["hits_at_10"])
    assert found["recall_at_10_percent"] == 1
    assert all(np.isnan(value) for value in early_metrics(truth[:0], truth[:0], "max").values())


@given(st.integers(1, 100), st.integers(0, 10_000))
def test_a_share_is_rounded_up(percent: int, total: int):
    found = share_of(percent, total)
    assert found * 100 >= percent * total > (found - 1) * 100 or found == total == 0


def test_overlap_done_by_hand():
    first, second = np.array([5.0, 4.0, 3.0, 2.0]), np.array([1.0, 9.0, 8.0, 0.0])
    assert best(second, 2).tolist() == [1, 2]
    assert overlap(first, second, 2) == 0.5
    assert overlap(first, second, 1) == 0.0
    assert overlap(first, second, 3) == 1.0
