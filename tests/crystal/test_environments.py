"""What surrounds an atom, against structures whose chemistry is in every textbook."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.environments import MOST_BONDS, environments, perovskite_sites
from screenkit.crystal.neighbors import find_neighbors
from tests.crystals import crystal, permuted, random_crystal, rock_salt, supercell, translated

BARIUM, TITANIUM, OXYGEN = 56, 22, 8
PLACES = [[0, 0, 0], [0.5, 0.5, 0.5], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]


def perovskite(shift: float = 0.0) -> Crystal:
    """BaTiO3, cubic at 4.0 Å; `shift` moves Ti along z, in edges."""
    places = np.array(PLACES)
    places[1, 2] += shift
    return crystal([BARIUM, TITANIUM, OXYGEN, OXYGEN, OXYGEN], places, [4.0] * 3, "BaTiO3")


def around(given: Crystal) -> list[str]:
    return environments(given, find_neighbors(given, MOST_BONDS, "index"))


def test_every_ion_of_rock_salt_has_six_of_the_other_kind():
    assert Counter(around(rock_salt())) == {"Na-Cl6": 4, "Cl-Na6": 4}


def test_an_atom_far_from_all_others_is_its_symbol_alone():
    assert around(crystal([18], [[0, 0, 0]], [9.0] * 3)) == ["Ar"]


def test_diamond_has_four_neighbours_however_large_the_cell():
    cell = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    places = [*cell, *(np.array(cell) + 0.25)]
    diamond = crystal([6] * 8, places, [3.567] * 3)
    assert set(around(diamond)) == set(around(supercell(diamond, (2, 1, 1)))) == {"C-C4"}


def test_an_environment_does_not_depend_on_the_order_of_the_atoms():
    given = random_crystal(seed=3)
    order = np.random.default_rng(0).permutation(len(given))
    assert [around(given)[i] for i in order] == around(permuted(given, order))


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.1])
def test_barium_titanate_has_barium_on_a_and_titanium_on_b(shift: float):
    assert perovskite_sites(perovskite(shift)) == ["A", "B", "X", "X", "X"]


def test_sites_do_not_depend_on_origin_and_order():
    order = np.array([3, 1, 4, 0, 2])
    moved = translated(permuted(perovskite(0.02), order), (0.3, 0.77, 0.5))
    assert perovskite_sites(moved) == ["X", "B", "X", "A", "X"]


def test_exchanging_the_places_of_two_cations_exchanges_their_sites():
    antisite = crystal([TITANIUM, BARIUM, 8, 8, 8], PLACES, [4.0] * 3)
    assert perovskite_sites(antisite) == ["A", "B", "X", "X", "X"]


@pytest.mark.parametrize(
    "given",
    [
        rock_salt(),
        supercell(perovskite(), (2, 1, 1)),
        crystal([56, 22, 8, 8, 8], PLACES, [4.0, 4.0, 7.0]),
        crystal([56, 22, 26, 26, 26], PLACES, [4.0] * 3),
        crystal([56, 22, 8, 8, 26], PLACES, [4.0] * 3),
    ],
    ids=["rock salt", "supercell", "long cell", "no anions", "two anions"],
)
def test_what_is_no_perovskite_of_five_atoms_has_no_sites(given: Crystal):
    assert set(perovskite_sites(given)) == {""}
