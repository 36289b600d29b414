"""Histograms: shares that one can do by hand, a sum over points of our own, symmetries."""

from __future__ import annotations

import numpy as np
import pytest

from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.adsorption.force_field import find_force_field
from screenkit.adsorption.henry import GAS_CONSTANT
from screenkit.adsorption.histograms import LEVELS, energy_shares, levels
from screenkit.errors import CrystalError
from tests.crystals import crystal, permuted, random_crystal, rotated, supercell, translated

UFF = find_force_field("uff")
NAMES, WIDTHS = ("H2", "CH4"), (1.0, 3.0)


def shares(given, **settings) -> np.ndarray:
    probes = [UFF.gas(name) for name in NAMES]
    return energy_shares(given, probes, WIDTHS, UFF, AdsorptionSettings(**settings))


def energies(given, points: np.ndarray, name: str, cutoff: float) -> np.ndarray:
    """(m,) kJ/mol: the plain sum over images, in numpy."""
    sigma, epsilon = UFF.pairs(UFF.gas(name).sites[0])
    images = np.array(list(np.ndindex(7, 7, 7))) - 3
    total = np.zeros(len(points))
    for number, place in zip(given.numbers, given.positions, strict=True):
        d = np.linalg.norm(points[:, None] - place - images @ given.lattice, axis=2)
        x = (sigma[number] / d) ** 6
        total += np.where(d < cutoff, 4 * epsilon[number] * (x**2 - x), 0.0).sum(axis=1)
    return total * GAS_CONSTANT / 1000.0


def test_levels_go_down_from_one_width_above_zero():
    assert levels(3.0)[:3].tolist() == [3.0, 0.0, -3.0]
    assert levels(3.0)[-1] == -30.0
    assert len(levels(1.0)) == LEVELS


def test_shares_are_of_the_whole_cell():
    found = shares(random_crystal(3))
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert found.min() >= 0.0


def test_far_from_an_atom_there_is_no_energy():
    found = shares(crystal([6], [[0, 0, 0]], [40.0] * 3))
    assert (found[:, 1] > 0.99).all()


def test_where_atoms_are_everywhere_all_is_above_zero():
    found = shares(crystal([6], [[0, 0, 0]], [2.0] * 3))
    np.testing.assert_array_equal(found[:, 0], 1.0)


def test_shares_are_those_of_random_points_and_a_plain_sum():
    given = crystal([6, 8, 30], [[0, 0, 0], [0.1, 0.1, 0.1], [0.2, 0, 0.3]], [9.0, 10.0, 11.0])
    points = np.random.default_rng(0).random((4000, 3)) @ given.lattice
    found = shares(given, spacing=0.4, cutoff=10.0)
    for row, name, width in zip(found, NAMES, WIDTHS, strict=True):
        energy = np.clip(energies(given, points, name, 10.0), -10 * width, width)
        # A hat of one width around each level, which is what a point gives to it.
        hats = np.maximum(1 - abs(energy[:, None] - levels(width)) / width, 0).mean(axis=0)
        np.testing.assert_allclose(row, hats, atol=0.02)


def test_origin_order_rotation_and_doubling_do_not_matter():
    given = random_crystal(1, atoms=25, edge=16.0)
    wanted = shares(given, spacing=1.0)
    assert wanted[1, 2:].sum() > 0.2
    for same in (
        permuted(given, np.random.default_rng(0).permutation(25)),
        rotated(given),
        translated(given, (0.37, 0.81, 0.12)),
        supercell(given, (1, 2, 2)),
    ):
        np.testing.assert_allclose(shares(same, spacing=1.0), wanted, atol=1e-6)
    tripled = supercell(given, (3, 1, 1))
    np.testing.assert_allclose(shares(tripled, spacing=1.0), wanted, atol=0.02)


def test_an_element_without_parameters_is_said():
    with pytest.raises(CrystalError, match="Rf"):
        shares(crystal([104], [[0, 0, 0]], [5.0] * 3))
