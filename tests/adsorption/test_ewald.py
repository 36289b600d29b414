"""Electrostatic potential: Madelung constants, Coulomb's law, and what must not change it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from screenkit.adsorption.ewald import COULOMB, electrostatic_potential, refuse_without_charges
from screenkit.crystal.crystal import Crystal
from screenkit.errors import CrystalError
from tests.crystals import crystal, random_crystal, rock_salt, rotated, supercell

AT_ORIGIN = np.zeros(3)


def charged(given: Crystal, charges) -> Crystal:
    return dataclasses.replace(given, charges=np.asarray(charges, dtype=float))


def random_charges(seed: int = 0, **sizes) -> Crystal:
    given = random_crystal(seed, **sizes)
    charges = np.random.default_rng(seed).normal(size=len(given))
    return charged(given, charges - charges.mean())


def potential_at_the_first_atom(given: Crystal, reach: float) -> float:
    """e/Å. Of all other charges, from the mean over six points `reach` Å away.

    Their potential has no sources there, so that its mean over a sphere is that in the middle; in
    a cubic crystal, six points leave terms of the fourth order alone.
    """
    steps = reach * np.concatenate([np.eye(3), -np.eye(3)]) @ np.linalg.inv(given.lattice)
    shape = (48, 48, 48)
    values = [electrostatic_potential(given, step, shape)[0, 0, 0] for step in steps]
    return float(np.mean(values)) / COULOMB - given.charges[0] / reach


def madelung(given: Crystal, unit: float) -> float:
    """Of the first atom, referred to a length; without the fourth order, by a second distance."""
    near, far = (-unit * potential_at_the_first_atom(given, reach) for reach in (2.0, 2.5))
    return near + (near - far) / ((2.5 / 2.0) ** 4 - 1.0)


def test_rock_salt_has_its_madelung_constant():
    given = charged(rock_salt(a=48.0), [1.0] * 4 + [-1.0] * 4)
    assert madelung(given, 24.0) == pytest.approx(1.747564594633, abs=2e-6)


def test_caesium_chloride_has_its_madelung_constant():
    given = charged(crystal([55, 17], [[0, 0, 0], [0.5, 0.5, 0.5]], [48.0] * 3), [1.0, -1.0])
    assert madelung(given, 24.0 * math.sqrt(3.0)) == pytest.approx(1.762674773070, abs=2e-6)


def plain_ewald(given: Crystal, points: np.ndarray, splitting: float = 0.5) -> np.ndarray:
    """K/e. The textbook's sums, over so many cells and waves that more do not matter."""
    erfc = np.vectorize(math.erfc)
    images = np.array(list(np.ndindex(7, 7, 7))) - 3
    centers = given.positions[:, None] + images @ given.lattice
    separations = points[:, None, None] - centers
    r = np.linalg.norm(separations, axis=-1)
    near = (given.charges[None, :, None] * erfc(splitting * r) / r).sum(axis=(1, 2))
    waves = np.array(list(np.ndindex(15, 15, 15))) - 7
    k = 2.0 * np.pi * waves[(waves != 0).any(axis=1)] @ np.linalg.inv(given.lattice).T
    square = (k**2).sum(axis=1)
    strength = 4.0 * np.pi / given.volume * np.exp(-square / (4.0 * splitting**2)) / square
    structure = np.exp(-1j * k @ given.positions.T) @ given.charges
    far = (np.exp(1j * points @ k.T) * strength * structure).sum(axis=1).real
    return COULOMB * (near + far)


def test_a_crystal_without_symmetry_is_as_the_textbook_has_it():
    given = random_charges(atoms=6)
    shape = (16, 18, 20)
    origin = np.array([0.1, 0.2, 0.3])
    found = electrostatic_potential(given, origin, shape)
    cells = np.stack(np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij"), axis=-1)
    points = (cells.reshape(-1, 3) + origin) @ given.lattice
    chosen = np.random.default_rng(1).choice(len(points), 200, replace=False)
    images = np.array(list(np.ndindex(3, 3, 3))) - 1
    away = points[chosen, None, None] - given.positions[:, None] - images @ given.lattice
    clear = np.linalg.norm(away, axis=-1).min(axis=(1, 2)) > 1.6
    assert clear.sum() > 20
    expected = plain_ewald(given, points[chosen][clear])
    assert found.reshape(-1)[chosen][clear] == pytest.approx(expected, abs=2.0)
    assert np.abs(expected).max() > 1e4


@pytest.mark.parametrize("splitting", [0.5, 0.7, 1.0])
def test_it_does_not_depend_on_how_charges_are_split(splitting):
    given = random_charges()
    usual = electrostatic_potential(given, AT_ORIGIN, (40, 40, 40))
    other = electrostatic_potential(given, AT_ORIGIN, (40, 40, 40), splitting)
    assert other == pytest.approx(usual, abs=0.05)


def test_a_finer_grid_has_the_same_potential():
    given = random_charges()
    coarse = electrostatic_potential(given, AT_ORIGIN, (24, 28, 24))
    fine = electrostatic_potential(given, AT_ORIGIN, (48, 56, 48))
    assert fine[::2, ::2, ::2] == pytest.approx(coarse, abs=0.05)


def test_two_charges_in_a_large_box_obey_coulomb():
    edge = 48.0
    given = charged(crystal([11, 17], [[0, 0, 0], [1 / 48, 0, 0]], [edge] * 3), [1.0, -1.0])
    found = electrostatic_potential(given, AT_ORIGIN, (96, 96, 96))
    for x in (4.0, 5.0, 8.0):  # beyond the second charge
        expected = COULOMB * (1.0 / x - 1.0 / (x - 1.0))
        assert found[int(2 * x), 0, 0] == pytest.approx(expected, rel=0.02)


def test_it_does_not_turn_with_the_crystal():
    given = random_charges()
    turned = charged(rotated(given), given.charges)
    found = electrostatic_potential(turned, AT_ORIGIN, (24, 24, 24))
    expected = electrostatic_potential(given, AT_ORIGIN, (24, 24, 24))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-3)


def test_eight_cells_have_the_same_potential_as_one():
    given = random_charges()
    doubled = charged(supercell(given, (2, 2, 2)), np.tile(given.charges, 8))
    found = electrostatic_potential(doubled, AT_ORIGIN, (48, 48, 48))
    expected = electrostatic_potential(given, AT_ORIGIN, (24, 24, 24))
    assert found == pytest.approx(np.tile(expected, (2, 2, 2)), rel=1e-6, abs=1e-3)


def test_what_rounding_leaves_of_a_charge_moves_the_mean_to_zero():
    given = random_charges()
    rounded = charged(given, given.charges + 5e-4)
    assert abs(electrostatic_potential(rounded, AT_ORIGIN, (64, 64, 64)).mean()) < 0.05


@pytest.mark.parametrize("charges", [None, [0.0] * 8])
def test_no_charges_and_nothing_but_zeros_are_refused(charges):
    given = rock_salt() if charges is None else charged(rock_salt(), charges)
    with pytest.raises(CrystalError, match="_atom_site_charge") as caught:
        refuse_without_charges(given)
    assert caught.value.code == "charges_missing"


def test_a_cell_whose_counter_ions_are_missing_is_refused():
    given = charged(rock_salt(), [1.0] * 4 + [-0.75] * 4)
    with pytest.raises(CrystalError, match=r"\+1\.000 e") as caught:
        refuse_without_charges(given)
    assert caught.value.code == "framework_charged"


def test_a_large_cell_is_no_excuse_for_a_missing_ion():
    given = random_charges(atoms=40)
    large = charged(supercell(given, (4, 4, 2)), np.tile(given.charges, 32) + 0.9 / 1280)
    with pytest.raises(CrystalError, match=r"\+0\.900 e"):
        refuse_without_charges(large)
    refuse_without_charges(charged(large, large.charges - 0.7 / 1280))
