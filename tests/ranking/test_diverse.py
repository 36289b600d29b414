"""Farthest point sampling against a plain one, and scikit-matter's where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screenkit.farthest import farthest
from screenkit.ranking.diverse import standardise


def plainly(points: np.ndarray, count: int) -> list[int]:
    """Return what the definition says, from the table of all distances."""
    apart = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    chosen = [0][: len(points)]
    while len(chosen) < min(count, len(points)):
        rest = [i for i in range(len(points)) if i not in chosen]
        chosen.append(max(rest, key=lambda i: (min(apart[i, j] for j in chosen), -i)))
    return chosen


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(*[st.integers(-3, 3)] * 3), min_size=1, max_size=15), st.integers(1, 20))
def test_it_chooses_what_the_definition_says_with_all_its_ties(points, count):
    array = np.array(points, dtype=float)
    assert farthest(array, count).tolist() == plainly(array, count)


def test_blocks_do_not_change_what_is_chosen(monkeypatch: pytest.MonkeyPatch):
    points = np.random.default_rng(1).normal(size=(300, 7))
    whole = farthest(points, 40).tolist()
    assert whole == plainly(points, 40)
    monkeypatch.setattr("screenkit.farthest._BLOCK", 50)
    assert farthest(points, 40).tolist() == whole


SCIKIT_MATTER = [
    *(0, 46, 119, 5, 94, 73, 144, 145, 187, 63, 140, 15, 188, 166, 152),
    *(153, 44, 58, 148, 12, 158, 173, 85, 13, 124, 189, 175, 99, 48, 88),
]
"""`skmatter.sample_selection.FPS(n_to_select=30, initialize=0)` of scikit-matter 0.4.1."""


def test_it_chooses_what_scikit_matter_chose():
    points = np.random.default_rng(2).normal(size=(200, 5))
    assert farthest(points, 30).tolist() == SCIKIT_MATTER


def test_it_chooses_what_scikit_matter_chooses():
    skmatter = pytest.importorskip("skmatter.sample_selection")
    points = np.random.default_rng(2).normal(size=(200, 5))
    selector = skmatter.FPS(n_to_select=30, initialize=0).fit(points)
    assert farthest(points, 30).tolist() == selector.selected_idx_.tolist()


def test_of_equals_none_is_chosen_twice():
    assert farthest(np.zeros((4, 2)), 9).tolist() == [0, 1, 2, 3]


def test_a_column_without_spread_says_nothing():
    points = np.array([[0.0, 0.1, 5.0], [1.0, 0.1, 7.0], [2.0, 0.1, 9.0]])
    found = standardise(points)
    assert found.mean(axis=0) == pytest.approx(0)
    assert found.std(axis=0) == pytest.approx([1, 0, 1])
    assert standardise(np.empty((0, 3))).shape == (0, 3)
