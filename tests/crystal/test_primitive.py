"""The primitive cell: whose it is does not depend on how the file was written."""

from __future__ import annotations

import numpy as np
import pytest

from screenkit.crystal.primitive import primitive_lattice
from tests.crystals import crystal, random_crystal, rock_salt, rotated, supercell, translated


def test_rock_salt_has_a_quarter_of_its_cubic_cell():
    lattice = primitive_lattice(rock_salt(5.64))
    assert abs(np.linalg.det(lattice)) == pytest.approx(5.64**3 / 4)
    np.testing.assert_allclose(np.linalg.norm(lattice, axis=1), 5.64 / np.sqrt(2))


@pytest.mark.parametrize("repeats", [(2, 1, 1), (1, 2, 2), (1, 1, 3)])
def test_a_supercell_has_the_cell_it_is_made_of(repeats):
    given = random_crystal(0)
    wanted = primitive_lattice(given)
    found = primitive_lattice(supercell(given, repeats))
    assert min(abs(found - wanted).max(), abs(found + wanted).max()) < 1e-6


def test_the_vectors_turn_with_the_crystal_and_not_with_its_origin():
    given = random_crystal(0)
    turned = rotated(given)
    turn = np.linalg.inv(given.lattice) @ turned.lattice
    wanted = primitive_lattice(given)
    np.testing.assert_allclose(primitive_lattice(turned), wanted @ turn, atol=1e-6)
    moved = translated(given, (0.3, 0.1, 0.7))
    np.testing.assert_allclose(primitive_lattice(moved), wanted, atol=1e-6)


def test_a_skewed_cell_of_the_same_lattice_is_the_same():
    given = random_crystal(0)
    shear = np.array([[1, 0, 0], [2, 1, 0], [-1, 1, 1]])
    other = crystal(given.numbers, given.fractional @ np.linalg.inv(shear), shear @ given.lattice)
    found, wanted = primitive_lattice(other), primitive_lattice(given)
    assert min(abs(found - wanted).max(), abs(found + wanted).max()) < 1e-6
