"""Henry coefficients against integrals, sums and symmetries that one can write down."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.integrate import quad

from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.adsorption.force_field import ForceField, Gas, Mixing, Site
from screenkit.adsorption.henry import GAS_CONSTANT, Henry, measure_henry, mol_per_kg_pa
from screenkit.crystal.crystal import Crystal
from screenkit.errors import CrystalError
from tests.crystals import (
    crystal,
    mirrored,
    permuted,
    random_crystal,
    rock_salt,
    rotated,
    supercell,
    translated,
)

CUTOFF = 12.9
H2 = Gas("H2", (Site(0.0, 2.96, 34.2),), "test")
CH4 = Gas("CH4", (Site(0.0, 3.73, 148.0),), "test")


def force_field(
    epsilon: float = 50.0,
    sigma: float = 3.0,
    mixing: Mixing = "lorentz-berthelot",
    unknown: int = 0,
) -> ForceField:
    """Return a field whose elements have the same epsilon, and a sigma that grows with Z."""
    numbers = np.arange(119)
    return ForceField(
        name="test",
        sigma=np.where(numbers != unknown, sigma + 0.01 * numbers, np.nan),
        epsilon=np.where(numbers != unknown, epsilon, np.nan),
        gases=(),
        mixing=mixing,
        source="made up",
    )


def henry(
    given: Crystal, gases=(H2,), temperatures=(298.15,), field: ForceField | None = None, **settings
) -> Henry:
    return measure_henry(
        given, gases, temperatures, field or force_field(), AdsorptionSettings(**settings)
    )


def lone_atom(edge: float = 30.0) -> Crystal:
    return crystal([1], [[0.3, 0.4, 0.6]], [edge, edge, edge])


def energy_of(sigma: float, epsilon: float):
    return lambda r: 4.0 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def integral_around_one_atom(sigma, epsilon, temperature, truncation, volume) -> float:
    """Return H of one atom alone in a cell that is wider than twice the cutoff."""
    energy = energy_of(sigma, epsilon)
    shift = energy(CUTOFF) if truncation == "shifted" else 0.0
    gain = 0.0
    for low, high in itertools.pairwise([0.3, 1.0, 2.0, 3.0, 4.0, 6.0, CUTOFF]):
        gain += quad(
            lambda r: np.expm1(-(energy(r) - shift) / temperature) * r**2, low, high, epsabs=1e-10
        )[0]
    gain -= 0.3**3 / 3.0  # nothing can be there
    mean = 1.0 + 4.0 * np.pi * gain / volume
    if truncation == "tail":
        beyond = 4.0 * np.pi / volume * quad(lambda r: energy(r) * r**2, CUTOFF, np.inf)[0]
        mean *= np.exp(-beyond / temperature)
    return mean


def sum_over_images(given: Crystal, gas: Gas, temperature: float, field: ForceField, n: int):
    """Return H by a plain sum over images at n^3 points."""
    reach = np.ceil(CUTOFF * np.linalg.norm(np.linalg.inv(given.lattice), axis=0)).astype(int) + 1
    images = np.array(list(itertools.product(*(range(-k, k + 1) for k in reach)))) @ given.lattice
    atoms = (given.positions + images[:, None]).reshape(-1, 3)
    sigma, epsilon = (np.tile(of[given.numbers], len(images)) for of in field.pairs(gas.sites[0]))
    points = (np.array(list(np.ndindex(n, n, n))) + 0.5) / n @ given.lattice
    total = 0.0
    for block in np.array_split(points, n):
        square = sum((block[:, None, axis] - atoms[:, axis]) ** 2 for axis in range(3))
        x = sigma**6 / square**3
        energies = np.where(square < CUTOFF**2, 4.0 * epsilon * (x**2 - x), 0.0).sum(axis=1)
        total += np.exp(-energies / temperature).sum()
    return total / n**3


def test_an_empty_cell_has_henry_coefficient_one():
    empty = crystal(np.empty(0), np.empty((0, 3)), [9.0, 10.0, 11.0])
    found = henry(empty, (H2, CH4), (77.0, 298.15))
    assert (found.coefficient == 1.0).all()
    assert (found.log10_coefficient == 0.0).all()
    assert (found.error == 0.0).all()


def test_a_gas_that_feels_nothing_gives_up_the_work_of_expansion():
    empty = crystal(np.empty(0), np.empty((0, 3)), [9.0, 10.0, 11.0])
    assert henry(empty).heat[0, 0] == pytest.approx(GAS_CONSTANT * 298.15 / 1000.0)


def test_atoms_without_a_well_are_as_good_as_none():
    found = henry(rock_salt(), field=force_field(epsilon=0.0))
    assert found.coefficient[0, 0] == 1.0


@pytest.mark.parametrize("truncation", ["truncated", "shifted", "tail"])
@pytest.mark.parametrize(("temperature", "epsilon"), [(298.15, 50.0), (77.0, 50.0), (77.0, 400.0)])
def test_one_atom_in_a_large_box_is_an_integral_over_distance(truncation, temperature, epsilon):
    field = force_field(epsilon)
    (sigma,), (depth,) = (of[[1]] for of in field.pairs(H2.sites[0]))
    box = lone_atom()
    found = henry(box, (H2,), (temperature,), field, truncation=truncation, tolerance=1e-5)
    expected = integral_around_one_atom(sigma, depth, temperature, truncation, box.volume)
    assert found.coefficient[0, 0] == pytest.approx(expected, rel=2e-5)
    # What the atom alone adds, too, without the empty box around it.
    assert found.coefficient[0, 0] - 1.0 == pytest.approx(expected - 1.0, rel=5e-3)


def test_geometric_mixing_is_the_root_of_both_sigmas():
    field = force_field(400.0, sigma=4.5, mixing="geometric")
    sigma, epsilon = np.sqrt(4.51 * 2.96), np.sqrt(400.0 * 34.2)
    found = henry(lone_atom(), (H2,), (77.0,), field, tolerance=1e-5)
    expected = integral_around_one_atom(sigma, epsilon, 77.0, "truncated", 30.0**3)
    assert found.coefficient[0, 0] == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("temperature", [298.15, 77.0])
def test_many_atoms_are_a_sum_over_images(temperature):
    given = random_crystal(3, atoms=6)
    expected = sum_over_images(given, H2, temperature, force_field(), n=36)
    found = henry(given, (H2,), (temperature,), tolerance=1e-4)
    assert found.coefficient[0, 0] == pytest.approx(expected, rel=1e-3)


def test_a_cell_thinner_than_the_cutoff_is_a_sum_over_images_too():
    thin = crystal([6], [[0.1, 0.2, 0.3]], [[2.5, 0.0, 0.0], [1.0, 9.0, 0.0], [0.5, -2.0, 8.0]])
    expected = sum_over_images(thin, H2, 298.15, force_field(), n=32)
    assert henry(thin, tolerance=1e-4).coefficient[0, 0] == pytest.approx(expected, rel=1e-3)


def test_a_tail_is_one_factor_for_all_points():
    given = random_crystal(4, atoms=6)
    truncated, tail = (
        henry(given, truncation=of, tolerance=1e-4).log10_coefficient[0, 0]
        for of in ("truncated", "tail")
    )
    sigma, epsilon = (of[given.numbers] for of in force_field().pairs(H2.sites[0]))
    beyond = 4.0 * epsilon * (sigma**12 / 9 / CUTOFF**9 - sigma**6 / 3 / CUTOFF**3)
    expected = -4.0 * np.pi / given.volume * beyond.sum() / 298.15 / np.log(10.0)
    assert tail - truncated == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    "given",
    [rock_salt(7.5), random_crystal(5), crystal([6], [[0.2, 0.1, 0.7]], [3.1, 5.3, 7.7])],
    ids=["NaCl", "triclinic", "thin"],
)
def test_a_supercell_has_the_henry_coefficient_of_its_cell(given):
    one, eight = henry(given), henry(supercell(given, (2, 2, 2)))
    assert eight.coefficient == pytest.approx(one.coefficient, rel=1e-6, abs=0)
    assert eight.heat == pytest.approx(one.heat, rel=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        rotated,
        mirrored,
        lambda c: translated(c, (0.31, 0.17, 0.83)),
        lambda c: permuted(c, np.random.default_rng(0).permutation(len(c))),
        lambda c: crystal(
            c.numbers, c.positions @ np.linalg.inv(_sheared(c)), _sheared(c), "sheared"
        ),
    ],
    ids=["rotated", "mirrored", "other origin", "other order", "other cell"],
)
@pytest.mark.parametrize("seed", range(3))
def test_how_a_crystal_is_written_down_matters_less_than_the_error(change, seed):
    given = random_crystal(seed, atoms=8)
    one, other = (henry(c, (H2, CH4), (77.0, 298.15)) for c in (given, change(given)))
    allowed = one.error * one.coefficient + other.error * other.coefficient
    assert (abs(one.coefficient - other.coefficient) <= allowed + 1e-12).all()


def _sheared(given: Crystal) -> np.ndarray:
    return np.array([[1, 0, 0], [1, 1, 0], [0, -1, 1]]) @ given.lattice


def test_two_gases_at_three_temperatures_in_one_pass_are_six_calls():
    given, gases, temperatures = random_crystal(6, atoms=8), (H2, CH4), (77.0, 160.0, 298.15)
    # So loose that every call ends at the first grid.
    together = henry(given, gases, temperatures, tolerance=1.0)
    for (g, gas), (t, temperature) in itertools.product(enumerate(gases), enumerate(temperatures)):
        alone = henry(given, (gas,), (temperature,), tolerance=1.0)
        assert together.coefficient[g, t] == pytest.approx(alone.coefficient[0, 0], rel=1e-9)
        assert together.heat[g, t] == pytest.approx(alone.heat[0, 0], rel=1e-9)


def test_moles_per_kilogram_and_pascal_by_hand():
    # 1 over 1000 kg/m3, 8.314462618 J/(mol K) and 300 K.
    assert mol_per_kg_pa(np.array([1.0]), np.array([300.0]), 1.0)[0] == pytest.approx(
        4.00907e-7, rel=1e-5
    )


@pytest.mark.parametrize("temperature", [77.0, 298.15])
def test_the_heat_of_adsorption_is_the_slope_of_the_henry_coefficient(temperature):
    given, step = random_crystal(7, atoms=8), 0.05
    at = np.array([temperature - step, temperature, temperature + step])
    found = henry(given, (H2,), tuple(at))
    logs = np.log(mol_per_kg_pa(found.coefficient, at, given.density)[0])
    slope = (logs[2] - logs[0]) / (2.0 * step)
    expected = -GAS_CONSTANT * temperature**2 * slope / 1000.0
    assert found.heat[0, 1] == pytest.approx(expected, rel=1e-4)


def test_the_logarithm_is_finite_where_the_coefficient_is_too_small_for_a_number():
    found = henry(rock_salt(3.0), temperatures=(20.0,))
    assert found.coefficient[0, 0] == 0.0
    assert np.isfinite(found.log10_coefficient).all()
    assert found.log10_coefficient[0, 0] < -300.0
    assert np.isfinite(found.heat).all()


@pytest.mark.slow
@pytest.mark.parametrize("tolerance", [0.1, 0.01, 0.001])
def test_the_error_is_below_its_estimate_in_nineteen_of_twenty(tolerance):
    true, claimed = [], []
    for seed in range(48):
        given = random_crystal(100 + seed, atoms=4 + seed % 9, edge=8.0 + seed % 4)
        found, fine = (
            henry(given, (H2, CH4), (77.0, 298.15), spacing=spacing, tolerance=goal)
            for spacing, goal in ((0.8, tolerance), (0.15, 1e-5))
        )
        assert (found.error <= tolerance).all()
        true.append(abs(found.coefficient / fine.coefficient - 1.0).ravel())
        claimed.append(found.error.ravel())
    assert (np.array(true) <= np.array(claimed) + 1e-5).mean(axis=0).min() >= 0.95


def test_where_the_points_do_not_suffice_the_error_says_so():
    found = henry(random_crystal(8), (CH4,), (77.0,), tolerance=1e-6, max_points=1000)
    assert found.error[0, 0] > 1e-6


def test_an_element_without_parameters_is_named():
    two = crystal([6, 30], [[0, 0, 0], [0.5, 0.5, 0.5]], [6, 6, 6])
    with pytest.raises(CrystalError, match="Zn"):
        henry(two, field=force_field(unknown=30))


@pytest.mark.parametrize("temperature", [0.0, -5.0, float("nan"), float("inf")])
def test_a_temperature_is_above_zero(temperature):
    with pytest.raises(ValidationError, match="temperatures"):
        AdsorptionSettings(temperatures=(temperature,))
