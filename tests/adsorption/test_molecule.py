"""Rigid linear molecules: limits that spheres know, sums done plainly, symmetries, and RASPA3."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.adsorption.force_field import ForceField, Gas, Site, find_force_field
from screenkit.adsorption.henry import GAS_CONSTANT, Henry, measure_henry
from screenkit.adsorption.molecule import measure_molecule
from screenkit.adsorption.turning import feel, turn
from screenkit.crystal.crystal import Crystal
from screenkit.errors import CrystalError
from tests.adsorption.test_ewald import charged, plain_ewald, random_charges
from tests.crystals import crystal, permuted, rotated, supercell

FIELD = find_force_field("uff")
CO2, N2, QUADRUPOLE = (FIELD.gas(name) for name in ("CO2", "N2", "H2-quadrupole"))
ROD = Gas("rod", (Site(-0.9, 3.0, 60.0), Site(0.9, 3.0, 60.0)), "a test")
ARROW = Gas("arrow", (Site(-0.4, 3.4, 90.0, -0.2), Site(0.9, 2.6, 40.0, 0.2)), "a test")


def porous(seed: int = 3) -> Crystal:
    """Six charged atoms of a triclinic cell, 11 Å wide: narrow pores."""
    given = random_charges(seed, atoms=6, edge=11.0)
    return charged(given, 0.3 * given.charges)


def henry(given: Crystal, gas: Gas, *temperatures: float, **settings) -> Henry:
    return measure_henry(
        given, [gas], temperatures or (298.15,), FIELD, AdsorptionSettings(**settings)
    )


@pytest.mark.parametrize("place", [0.0, 1.3])
def test_sites_without_depth_and_charge_leave_a_sphere(place):
    """Turned about its only site, or about a point beside it: the mean over the cell is one."""
    sphere = Gas("sphere", (Site(0.0, 3.2, 90.0),), "a test")
    padded = Gas("padded", (Site(-1.0, 3.2, 0.0), Site(place, 3.2, 90.0)), "a test")
    expected = henry(porous(), sphere, 298.15, 120.0, tolerance=1e-3)
    found = henry(porous(), padded, 298.15, 120.0, tolerance=2e-3)
    assert found.log10_coefficient == pytest.approx(expected.log10_coefficient, abs=2e-3)
    assert found.heat == pytest.approx(expected.heat, abs=0.03)


def plain_energy(given: Crystal, gas: Gas, center: np.ndarray, axis: np.ndarray, cutoff: float):
    """K. Every pair one by one, and the potential by the textbook's sums."""
    images = np.array(list(np.ndindex(9, 9, 9))) - 4
    energy = 0.0
    for site in gas.sites:
        place = center + site.place * axis
        centers = given.positions[:, None] + images @ given.lattice
        r = np.linalg.norm(centers - place, axis=-1)
        sigma, epsilon = (pair[given.numbers][:, None] for pair in FIELD.pairs(site))
        x = (sigma / r) ** 6
        energy += np.where(r < cutoff, 4.0 * epsilon * (x * x - x), 0.0).sum()
        if site.charge:
            energy += site.charge * plain_ewald(given, place[None])[0]
    return energy


@pytest.mark.parametrize("gas", [CO2, N2, ARROW])
def test_energies_are_those_of_plain_sums(gas):
    given, settings = porous(), AdsorptionSettings(cutoff=10.0)
    shape, origin = np.array([56, 56, 48]), np.array([0.1, 0.0, 0.2])
    fields = feel(given, gas, FIELD, settings, (origin, shape), 3e5)
    axis = np.array([0.48, -0.6, 0.64])
    start = np.array([1, 0, 1])
    found = turn(fields, axis @ np.linalg.inv(given.lattice), start, np.inf)
    possible = np.argwhere(found < 1000.0)
    assert len(possible) > 500
    chosen = np.random.default_rng(0).choice(len(possible), 25, replace=False)
    for place in possible[chosen]:
        center = (origin + (2 * place + start) / shape) @ given.lattice
        expected = plain_energy(given, gas, center, axis, settings.cutoff)
        assert found[tuple(place)] == pytest.approx(expected, abs=6.0), place


@pytest.mark.slow
@pytest.mark.parametrize("gas", [CO2, ARROW])
def test_the_mean_is_that_of_random_places_and_directions(gas):
    given = porous()
    rng = np.random.default_rng(5)
    axes = rng.normal(size=(300, 3))
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    centers = rng.random((300, 3)) @ given.lattice
    energies = [plain_energy(given, gas, *pair, 12.9) for pair in zip(centers, axes, strict=True)]
    factors = np.exp(-np.array(energies) / 1000.0)
    found = henry(given, gas, 1000.0)
    bar = factors.std() / np.sqrt(len(factors))
    assert abs(found.coefficient[0, 0] - factors.mean()) < 3.0 * bar
    assert bar < 0.15 * factors.mean()


@pytest.mark.slow
@pytest.mark.parametrize("gas", [CO2, N2, QUADRUPOLE, ROD, ARROW])
def test_the_error_is_not_understated(gas):
    rough = henry(porous(), gas, 298.15, 200.0, tolerance=0.05)
    fine = henry(porous(), gas, 298.15, 200.0, tolerance=2e-3, spacing=0.45)
    off = np.abs(rough.coefficient / fine.coefficient - 1.0)
    assert (off <= rough.error + fine.error).all()
    assert (rough.error < 0.05).all()


def test_the_heat_is_the_slope_of_the_logarithm():
    at = np.array([297.0, 298.15, 299.3])
    found = henry(porous(), CO2, *at, tolerance=2e-3)
    slope = np.diff(np.log(10.0) * found.log10_coefficient[0, ::2])[0] / np.diff(1.0 / at[::2])[0]
    # d ln H / d(1/T) = -<U>, in K.
    assert found.heat[0, 1] == pytest.approx(GAS_CONSTANT * (slope + at[1]) / 1000.0, abs=0.02)


def test_it_does_not_change_when_the_crystal_is_turned_or_listed_otherwise():
    given = porous()
    expected = henry(given, CO2, 298.15, 150.0, tolerance=0.1)
    order = np.random.default_rng(0).permutation(len(given))
    others = [rotated(given), permuted(given, order)]
    for other, charges in zip(others, [given.charges, given.charges[order]], strict=True):
        found = henry(charged(other, charges), CO2, 298.15, 150.0, tolerance=0.1)
        assert found.coefficient == pytest.approx(expected.coefficient, rel=1e-6)
        assert found.heat == pytest.approx(expected.heat, rel=1e-6)


def test_eight_cells_are_as_one():
    given = porous()
    doubled = charged(supercell(given, (2, 2, 2)), np.tile(given.charges, 8))
    found, expected = henry(doubled, CO2, tolerance=0.1), henry(given, CO2, tolerance=0.1)
    assert found.coefficient == pytest.approx(expected.coefficient, rel=1e-6)


@pytest.mark.slow
def test_it_makes_no_difference_which_end_of_a_molecule_comes_first():
    turned = dataclasses.replace(
        ARROW, sites=tuple(dataclasses.replace(s, place=-s.place) for s in ARROW.sites)
    )
    found, expected = (
        henry(porous(), turned, tolerance=2e-3),
        henry(porous(), ARROW, tolerance=2e-3),
    )
    assert found.coefficient == pytest.approx(expected.coefficient, rel=1e-2)


def test_a_crystal_without_room_has_a_logarithm():
    packed = crystal([26, 26], [[0, 0, 0], [0.5, 0.5, 0.5]], [2.87] * 3)
    found = henry(charged(packed, [0.3, -0.3]), CO2, 298.15, 77.0)
    assert (found.coefficient < 1e-100).all()
    assert np.isfinite(found.log10_coefficient).all()
    assert (found.log10_coefficient < -100.0).all()


def test_an_empty_cell_gives_exactly_one():
    nothing = crystal(np.empty(0), np.empty((0, 3)), [20.0] * 3)
    found = henry(nothing, CO2, 298.15)
    assert found.coefficient == 1.0
    assert found.heat == pytest.approx(GAS_CONSTANT * 298.15 / 1000.0)


def test_a_gas_with_charges_needs_a_crystal_with_charges():
    bare = dataclasses.replace(porous(), charges=None)
    with pytest.raises(CrystalError) as caught:
        henry(bare, CO2)
    assert caught.value.code == "charges_missing"
    assert henry(bare, ROD).coefficient > 0.0


@pytest.mark.parametrize(
    ("sites", "said"),
    [
        ((Site(0.0, 3.0, 50.0, 0.5), Site(1.0, 0.0, 0.0, -0.4)), "neutral"),
        ((Site(0.0, 0.0, 0.0, 0.5), Site(1.0, 0.0, 0.0, -0.5)), "sigma and epsilon"),
    ],
)
def test_a_gas_that_makes_no_sense_is_refused(sites, said):
    gas = Gas("nonsense", sites, "a test")
    with pytest.raises(ValueError, match=said):
        measure_molecule(porous(), gas, np.array([300.0]), FIELD, AdsorptionSettings())


def test_a_field_without_parameters_for_an_element_is_refused():
    lacking = ForceField("lacking", FIELD.sigma.copy(), FIELD.epsilon.copy(), (), FIELD.mixing, "")
    sigma = lacking.sigma.copy()
    sigma[porous().numbers[0]] = np.nan
    lacking = dataclasses.replace(lacking, sigma=sigma)
    with pytest.raises(CrystalError) as caught:
        measure_henry(porous(), [CO2], (300.0,), lacking, AdsorptionSettings())
    assert caught.value.code == "element_without_parameters"
