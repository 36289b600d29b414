"""EQeq: against a formula, the program of its authors, and what must not change it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from screenkit.adsorption import eqeq
from screenkit.adsorption.eqeq import element_parameters, equilibrate
from screenkit.crystal.cif import read_cif
from screenkit.errors import CrystalError
from tests.crystals import crystal, random_crystal, rock_salt, rotated, supercell

EXAMPLES = Path(__file__).parents[2] / "examples" / "mofs"


def test_ions_far_apart_have_the_charges_that_one_can_do_by_hand():
    # chi + J q + 1.2 * 14.4 / 2 * (potential of all others, -M q / r) is the same on both.
    (chi_na, chi_cl), (j_na, j_cl) = (table[[11, 17]] for table in element_parameters())
    q = (chi_cl - chi_na) / (j_na + j_cl - 1.2 * 14.4 * 1.747564594633 / 24.0)
    found = equilibrate(rock_salt(48.0))
    assert found == pytest.approx([q] * 4 + [-q] * 4, abs=1e-7)


def test_irmof_1_has_the_charges_that_the_program_of_the_method_gives_it():
    # EQeq of github.com/lsmo-epfl/EQeq, in the CIFs of github.com/ConorNCleeton/
    # uncertainty_screening_mofs (CIF_FILES/EQeq/IRMOF-1.cif), to three decimals.
    theirs = {1: [0.054], 6: [-0.064, -0.024, 0.321], 8: [-0.967, -0.482], 30: [1.211]}
    given = read_cif((EXAMPLES / "IRMOF-1.cif").read_bytes(), "IRMOF-1")
    found = equilibrate(given)
    for z, charges in theirs.items():
        own = found[given.numbers == z]
        nearest = np.array([min(charges, key=lambda q: abs(q - mine)) for mine in own])
        assert np.abs(own - nearest).max() < 0.002
        assert {float(q) for q in nearest} == set(charges)


def test_neither_order_nor_turning_nor_the_choice_of_cell_changes_a_charge():
    given = replace(random_crystal(3, 9), numbers=np.array([8, 6, 30, 1, 8, 6, 7, 1, 8], "i2"))
    found = equilibrate(given)
    assert found.sum() == pytest.approx(0.0, abs=1e-12)
    order = np.random.default_rng(1).permutation(9)
    mixed = replace(
        given, numbers=given.numbers[order], positions=given.positions[order], coordinates=None
    )
    assert equilibrate(mixed) == pytest.approx(found[order], abs=1e-9)
    assert equilibrate(rotated(given)) == pytest.approx(found, abs=1e-6)
    larger = supercell(given, (2, 1, 1))
    assert sorted(equilibrate(larger)) == pytest.approx(sorted([*found, *found]), abs=1e-5)


def test_what_has_no_parameters_or_no_room_is_refused(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(CrystalError, match="no parameters for U, W") as caught:
        equilibrate(crystal([8, 74, 92], np.eye(3) / 2, [9.0] * 3))
    assert caught.value.code == "charges_impossible"
    monkeypatch.setattr(eqeq, "MAX_ATOMS", 7)
    with pytest.raises(CrystalError, match="EQeq of 8 atoms, wanted at most 7"):
        equilibrate(rock_salt(10.0))
