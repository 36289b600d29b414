"""Quick charges are near those of EQeq, belong to the crystal, and exist for every element."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from screenkit.adsorption.eqeq import element_parameters, equilibrate
from screenkit.adsorption.quick_charges import equilibrate_quickly
from screenkit.adsorption.surroundings import surround
from screenkit.crystal.cif import read_cif
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import SYMBOLS
from tests.crystals import crystal, permuted, random_crystal, rock_salt, rotated, supercell

EXAMPLES = Path(__file__).parents[2] / "examples" / "mofs"


def charges_of(given: Crystal) -> np.ndarray:
    return equilibrate_quickly(given, surround(given, 10.0, 0.0))


@pytest.mark.parametrize("name", ["IRMOF-1", "ZIF-7", "Mg-DOBDC", "MIL-47", "MAQRAA_clean"])
def test_they_are_near_those_of_a_full_sum(name):
    given = read_cif((EXAMPLES / f"{name}.cif").read_bytes(), name)
    wanted, found = equilibrate(given), charges_of(given)
    assert np.abs(found - wanted).mean() < 0.12 * np.abs(wanted).mean()
    assert np.corrcoef(found, wanted)[0, 1] > 0.995


def test_ions_far_apart_have_the_charges_that_one_can_do_by_hand():
    # 48 Å apart nothing is within reach but the even rest beyond it, which costs each ion
    # 1.2 * 14.4 / 2 * 2 / 10 V per charge less: chi + (J - 1.728) q is the same on both.
    (chi_na, chi_cl), (j_na, j_cl) = (table[[11, 17]] for table in element_parameters())
    q = (chi_cl - chi_na) / (j_na + j_cl - 2 * 1.728)
    assert charges_of(rock_salt(48.0)) == pytest.approx([q] * 4 + [-q] * 4, rel=1e-3)


def test_they_add_up_to_nothing_and_belong_to_the_crystal():
    given = random_crystal(3, atoms=24, edge=11.0)
    found = charges_of(given)
    order = np.random.default_rng(0).permutation(24)
    assert abs(found.sum()) < 1e-4
    np.testing.assert_allclose(charges_of(permuted(given, order)), found[order], atol=2e-4)
    np.testing.assert_allclose(charges_of(rotated(given)), found, atol=2e-4)
    doubled = charges_of(supercell(given, (2, 1, 1)))
    np.testing.assert_allclose(np.sort(doubled), np.sort(np.tile(found, 2)), atol=2e-4)


@pytest.mark.parametrize("z", range(1, 119))
def test_every_element_has_a_charge(z):
    pair = crystal([z, 8], [(0, 0, 0), (0.5, 0.5, 0.5)], np.eye(3) * 4.0)
    assert np.isfinite(charges_of(pair)).all(), SYMBOLS[z]


def test_atoms_of_one_element_alone_have_none():
    carbon = crystal([6, 6], [(0, 0, 0), (0.25, 0.25, 0.25)], np.eye(3) * 3.57)
    assert np.abs(charges_of(carbon)).max() < 1e-5
