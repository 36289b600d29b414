"""The Pareto front against its definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from screenkit.ranking.pareto import front


def by_definition(values: np.ndarray, better: list[str]) -> list[bool]:
    """Return who is dominated by nobody, by comparing everyone with everyone."""
    large = values * [1 if end == "max" else -1 for end in better]
    return [
        not any((other >= one).all() and (other > one).any() for other in large) for one in large
    ]


@st.composite
def tables(draw):
    columns = draw(st.integers(2, 6))
    # Few different values, so that there are many ties and equals.
    cell = st.sampled_from([-1.5, 0.0, 1.0, 2.0, 1e300])
    rows = draw(st.lists(st.lists(cell, min_size=columns, max_size=columns), max_size=12))
    better = draw(st.lists(st.sampled_from(["max", "min"]), min_size=columns, max_size=columns))
    return np.array(rows, dtype=float).reshape(-1, columns), better


@settings(max_examples=300, deadline=None)
@given(tables())
def test_the_front_is_that_of_the_definition(case):
    values, better = case
    assert front(values, better).tolist() == by_definition(values, better)


def test_the_front_of_many_points_is_that_of_the_definition():
    rng = np.random.default_rng(0)
    for columns in (2, 3, 4, 5):
        values = np.round(rng.normal(size=(400, columns)), 1)
        better = ["max", "min", "max", "min", "max"][:columns]
        assert front(values, better).tolist() == by_definition(values, better)


def test_equals_are_on_the_front_together():
    values = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0], [1.0, 1.0]])
    assert front(values, ["max", "max"]).tolist() == [True, True, True, False]
