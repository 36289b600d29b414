"""Splits."""

from __future__ import annotations

import numpy as np
import pytest

from screenkit.learn.split import split_by_group

GROUPS = [f"g{i % 37}" for i in range(500)]


def test_every_row_is_on_one_side_and_no_group_on_two():
    split = split_by_group(GROUPS, 0.1, 0.2, seed=0)
    sides = [split.train, split.valid, split.test]
    assert sorted(np.concatenate(sides).tolist()) == list(range(500))
    groups = [{GROUPS[row] for row in side} for side in sides]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]


def test_sides_have_about_the_size_asked_for():
    split = split_by_group(GROUPS, 0.1, 0.2, seed=0)
    assert 100 <= len(split.test) < 100 + 14
    assert 50 <= len(split.valid) < 50 + 14


def test_the_split_hangs_on_the_seed_alone():
    first, again = (split_by_group(GROUPS, 0.1, 0.1, seed=3) for _ in range(2))
    assert (first.test == again.test).all()
    assert set(first.test) != set(split_by_group(GROUPS, 0.1, 0.1, seed=4).test)


def test_one_group_cannot_be_split():
    with pytest.raises(ValueError, match="1 groups"):
        split_by_group(["a"] * 10, 0.1, 0.1, seed=0)
