"""Features: names and widths, compositions that one can do by hand, symmetries."""

from __future__ import annotations

import numpy as np
import pytest

from screenkit.crystal.elements import ELECTRONEGATIVITIES, GROUPS, IS_METAL, PERIODS, SYMBOLS
from screenkit.graph.features import describe, feature_names
from tests.crystals import permuted, random_crystal, rock_salt, rotated, supercell, translated

KINDS = ("cell", "composition", "density", "energies", "landscape", "pores")


def named(crystal, kinds) -> dict[str, float]:
    return dict(zip(feature_names(kinds), describe(crystal, kinds).tolist(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_one_name_for_each_number(kind):
    names = feature_names([kind])
    assert len(set(names)) == len(names) == len(describe(rock_salt(), [kind]))


def test_kinds_come_in_the_order_that_was_asked_for():
    both = describe(rock_salt(), ["density", "cell"])
    assert both.dtype == np.float32
    np.testing.assert_array_equal(both[:2], describe(rock_salt(), ["density"]))
    np.testing.assert_array_equal(both[2:], describe(rock_salt(), ["cell"]))


def test_the_composition_of_rock_salt():
    found = named(rock_salt(), ["composition"])
    shares = {name: value for name, value in found.items() if name.startswith("fraction_")}
    assert {name for name, value in shares.items() if value} == {"fraction_Na", "fraction_Cl"}
    assert sum(shares.values()) == 1.0
    assert found["electronegativity_mean"] == pytest.approx((0.93 + 3.16) / 2)
    assert found["electronegativity_deviation"] == pytest.approx((3.16 - 0.93) / 2)
    assert (found["group_min"], found["group_max"]) == (1, 17)
    assert found["period_deviation"] == 0.0
    assert found["metal_fraction"] == 0.5


def test_the_density_of_rock_salt():
    """2.165 g/cm3 (CRC Handbook), from a = 5.64 Å; 8 atoms in the cell."""
    found = named(rock_salt(), ["density"])
    assert found["density_g_cm3"] == pytest.approx(2.165, abs=0.01)
    assert found["volume_per_atom_A3"] == pytest.approx(5.64**3 / 8)


def test_features_belong_to_the_crystal_and_not_to_its_file():
    given = random_crystal(1, atoms=25, edge=13.0)
    kinds = ("composition", "density", "energies", "pores")
    wanted = describe(given, kinds)
    for same in (
        permuted(given, np.random.default_rng(0).permutation(25)),
        rotated(given),
        translated(given, (0.37, 0.81, 0.12)),
        supercell(given, (2, 1, 1)),
        supercell(given, (1, 2, 2)),
    ):
        np.testing.assert_allclose(describe(same, kinds), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("symbol", "group", "period", "metal"),
    [
        ("H", 1, 1, False), ("He", 18, 1, False), ("C", 14, 2, False), ("Cl", 17, 3, False),
        ("Fe", 8, 4, True), ("Zn", 12, 4, True), ("Zr", 4, 5, True), ("Ce", 3, 6, True),
        ("Hf", 4, 6, True), ("Pb", 14, 6, True), ("U", 3, 7, True), ("Rf", 4, 7, True),
    ],
)  # fmt: skip
def test_places_in_the_periodic_table(symbol, group, period, metal):
    z = SYMBOLS.index(symbol)
    assert (GROUPS[z], PERIODS[z], IS_METAL[z]) == (group, period, metal)


def test_fluorine_is_the_most_electronegative():
    assert SYMBOLS[int(ELECTRONEGATIVITIES.argmax())] == "F"
    assert ELECTRONEGATIVITIES.max() == 3.98
