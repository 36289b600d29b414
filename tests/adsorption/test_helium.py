"""Helium: an empty cell, a full one, and what the paper of the convention leaves as plain sense."""

from __future__ import annotations

import pytest

from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.adsorption.force_field import find_force_field
from screenkit.adsorption.helium import helium_void_fraction
from screenkit.adsorption.henry import measure_henry
from tests.crystals import crystal, supercell


def test_a_cell_that_is_nearly_empty_is_void():
    assert helium_void_fraction(crystal([6], [[0, 0, 0]], [30.0] * 3)) == pytest.approx(1, abs=0.01)


def test_a_cell_full_of_atoms_has_no_room():
    assert helium_void_fraction(crystal([6], [[0, 0, 0]], [2.0] * 3)) < 1e-6


def test_it_is_within_two_percent_of_a_fine_grid_and_of_the_crystal_alone():
    given = crystal([6, 8], [[0, 0, 0], [0.5, 0.4, 0.6]], [8.0, 9.0, 10.0])
    field = find_force_field("uff")
    fine = AdsorptionSettings(spacing=0.3, tolerance=1e-3)
    wanted = measure_henry(given, [field.gas("He")], [298.15], field, fine).coefficient[0, 0]
    assert 0.5 < wanted < 1.0
    assert helium_void_fraction(given) == pytest.approx(wanted, rel=0.02)
    assert helium_void_fraction(supercell(given, (2, 1, 1))) == pytest.approx(wanted, rel=0.02)
