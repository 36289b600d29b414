"""Statistics of atoms, against numbers done by hand and by numpy over all atoms at once."""

from __future__ import annotations

import numpy as np
import pytest

from screenkit.learn.atom_statistics import AtomTally


def test_one_structure_by_hand():
    tally = AtomTally(1)
    tally.add(["Zn", "O", "O", "O"], np.array([[-3.0], [1.0], [1.0], [1.0]]))
    oxygen, zinc = tally.groups()
    assert (oxygen.group, oxygen.atoms, oxygen.structures) == ("O", 3, 1)
    assert oxygen.mean == [1.0] and oxygen.std == [0.0]
    assert zinc.atom_share == 0.25 and zinc.weight_share == [0.5] and zinc.enrichment == [2.0]


def test_a_large_structure_counts_as_much_as_a_small_one():
    tally = AtomTally(1)
    tally.add(["C"] * 1000, np.full((1000, 1), 1e-3))
    tally.add(["C", "H"], np.array([[0.5], [0.5]]))
    carbon = tally.groups()[0]
    assert carbon.atom_share == pytest.approx(0.75)
    assert carbon.weight_share == pytest.approx([0.75])


def test_means_and_deviations_are_those_of_all_atoms_together():
    rng = np.random.default_rng(0)
    tally = AtomTally(2)
    everything: list[tuple[str, np.ndarray]] = []
    for n in (3, 50, 7):
        groups = rng.choice(["C", "H", "O"], n).tolist()
        weights = rng.normal(5.0, 2.0, (n, 2))
        tally.add(groups, weights)
        everything += zip(groups, weights, strict=True)
    for found in tally.groups():
        mine = np.array([weight for group, weight in everything if group == found.group])
        assert found.atoms == len(mine)
        assert found.mean == pytest.approx(mine.mean(axis=0))
        assert found.std == pytest.approx(mine.std(axis=0))


def test_shares_of_all_groups_sum_to_one():
    rng = np.random.default_rng(1)
    tally = AtomTally(3)
    for n in (5, 9):
        tally.add(rng.choice(["a", "b", "c"], n).tolist(), rng.normal(size=(n, 3)))
    assert sum(group.atom_share for group in tally.groups()) == pytest.approx(1.0)
    assert sum(group.weight_share for group in tally.groups()) == pytest.approx(np.ones(3))


def test_atoms_without_a_group_count_in_the_shares_of_the_others_alone():
    tally = AtomTally(1)
    tally.add(["", "A"], np.array([[3.0], [1.0]]))
    (only,) = tally.groups()
    assert (only.group, only.atom_share, only.weight_share) == ("A", 0.5, [0.25])
