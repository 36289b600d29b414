"""Splits."""

from __future__ import annotations

import numpy as np
import pytest

from screenkit.learn.split import folds_by_group, split_by_group

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


def test_each_row_is_in_the_test_set_of_one_fold_and_no_group_is_on_two_sides():
    splits = folds_by_group(GROUPS, 5, 0.1, seed=0)
    assert sorted(np.concatenate([split.test for split in splits]).tolist()) == list(range(500))
    for split in splits:
        sides = [split.train, split.valid, split.test]
        assert sorted(np.concatenate(sides).tolist()) == list(range(500))
        groups = [{GROUPS[row] for row in side} for side in sides]
        assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]


def test_folds_are_about_equal_and_hang_on_the_seed():
    sizes = [len(split.test) for split in folds_by_group(GROUPS, 5, 0.1, seed=0)]
    assert max(sizes) - min(sizes) <= 14  # the largest group
    first, again, other = (folds_by_group(GROUPS, 5, 0.1, seed)[0].test for seed in (3, 3, 4))
    assert (first == again).all()
    assert set(first) != set(other)


def test_more_folds_than_groups_cannot_be():
    with pytest.raises(ValueError, match="3 groups"):
        folds_by_group(["a", "b", "c"] * 4, 4, 0.1, seed=0)
