"""Numbers at a glance, against what `screenkit label` computes with care, and by hand."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from screenkit.adsorption.axes import orient
from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.adsorption.eqeq import equilibrate
from screenkit.adsorption.force_field import find_force_field
from screenkit.adsorption.glance import NAMES, glance
from screenkit.adsorption.henry import measure_henry, mol_per_kg_pa
from screenkit.adsorption.landscape import Landscape, surround_points, survey
from screenkit.crystal.cif import read_cif
from screenkit.crystal.grid import lay_points, surfaces
from screenkit.crystal.sphere import even_directions
from screenkit.errors import CrystalError
from tests.crystals import (
    crystal,
    permuted,
    random_crystal,
    rock_salt,
    rotated,
    supercell,
    translated,
)

EXAMPLES = Path(__file__).parents[2] / "examples" / "mofs"
UFF = find_force_field("uff")


def numbers(given) -> dict[str, float]:
    return dict(zip(NAMES, glance(given).tolist(), strict=True))


def landscape_of_co2(given, charges: np.ndarray, spacing: float) -> Landscape:
    origin, shape = lay_points(given, surfaces(given), spacing, 10**6)
    co2 = UFF.gas("CO2")
    probes, atoms = [co2.sites[1], co2.sites[0]], surround_points(given, shape)
    return survey(given, atoms, charges.astype(np.float32), probes, UFF, origin, shape)


def example(name: str):
    return read_cif((EXAMPLES / f"{name}.cif").read_bytes(), name)


@pytest.mark.parametrize("name", ["IRMOF-1", "ZIF-7", "Mg-DOBDC", "MAQRAA_clean"])
def test_henry_coefficients_are_near_those_of_a_label(name):
    given = example(name)
    charged = dataclasses.replace(given, charges=equilibrate(given))
    settings = AdsorptionSettings(cutoff=12.8, truncation="shifted", tolerance=0.05)
    gases = [UFF.gas(gas) for gas in ("CH4", "H2", "Xe", "CO2")]
    measured = measure_henry(charged, gases, (298.0,), UFF, settings)
    found = numbers(given)
    for g, (gas, allowed) in enumerate([("CH4", 0.1), ("H2", 0.05), ("Xe", 0.2), ("CO2", 0.5)]):
        wanted = measured.log10_coefficient[g, 0] + np.log10(
            mol_per_kg_pa(np.ones(1), np.array([298.0]), given.density)[0]
        )
        assert found[f"log10_henry_{gas}"] == pytest.approx(wanted, abs=allowed), gas
        heat = 8.314462618e-3 * 298.0 * (1.0 - found[f"energy_{gas}_kT"])
        assert heat == pytest.approx(measured.heat[g, 0], abs=6.0 if gas == "CO2" else 1.5), gas


def test_an_open_framework_takes_up_what_its_henry_coefficient_says():
    found = numbers(example("IRMOF-1"))
    wanted = 10 ** found["log10_henry_CO2"] * 0.01e5
    assert found["lattice_CO2_0.01_bar_mol_kg"] == pytest.approx(wanted, rel=0.05)


def test_uptake_grows_with_pressure_and_ends_where_the_room_ends():
    for name in ("IRMOF-1", "ZIF-7", "Mg-DOBDC"):
        given = example(name)
        found = numbers(given)
        co2 = [found[f"lattice_CO2_{bar}_bar_mol_kg"] for bar in ("0.01", "0.15", "1", "16")]
        ch4 = [found[f"lattice_CH4_{bar}_bar_mol_kg"] for bar in ("1", "5.8", "65")]
        assert co2 == sorted(co2) and ch4 == sorted(ch4)
        # Molecules of 62 Å3 in what is in no atom, over the mass of the cell.
        most = found["open_fraction"] / 62.0 / (given.density * 0.602214) * 1000.0
        assert co2[-1] < most


@pytest.mark.parametrize("given", [rock_salt(), random_crystal(1, 25, 13.0), example("ZIF-7")])
def test_shares_add_up_to_the_whole_cell(given):
    found = numbers(given)
    for kind in ("A_from_surface", *(f"{gas}_at" for gas in ("CH4", "H2", "Xe", "CO2"))):
        shares = [v for k, v in found.items() if k.startswith("share") and kind in k]
        assert sum(shares) == pytest.approx(1.0)
    assert np.isfinite(list(found.values())).all()


def test_a_crystal_without_room_has_the_least_numbers():
    found = numbers(rock_salt(4.0))
    assert found["open_fraction"] == 0.0
    assert found["largest_clearance_A"] == -1.0
    assert found["lattice_CO2_16_bar_mol_kg"] == 0.0
    assert found["share_of_cell_CO2_at_4_kJ_mol"] == 1.0


def test_a_molecule_far_from_all_atoms_turns_freely():
    helium = crystal([2], [(0, 0, 0)], [[24.0, 0, 0], [5.0, 23.0, 0], [3.0, -4.0, 25.0]])
    co2 = UFF.gas("CO2")
    land = landscape_of_co2(helium, np.zeros(1), 0.9)
    turned = orient(land, 0, 1, co2, 298.0)
    far = land.clearance == land.clearance.max()
    energy = (land.energies[0] + 2.0 * land.energies[1])[far].mean() / 298.0
    assert turned.weight[far].mean() == pytest.approx(np.exp(-energy), rel=1e-3)
    assert (turned.energy[far] / turned.weight[far]).mean() == pytest.approx(energy, abs=1e-3)


def test_a_quadrupole_turns_towards_the_field():
    """Beside a positive and a negative ion."""
    pair = crystal([2, 2], [(0.5, 0.5, 0.2), (0.5, 0.5, 0.8)], np.eye(3) * 24.0)
    co2 = UFF.gas("CO2")
    land = landscape_of_co2(pair, np.array([0.8, -0.8]), 0.75)
    neutral = landscape_of_co2(pair, np.zeros(2), 0.75)
    with_charges = orient(land, 0, 1, co2, 298.0).weight
    without = orient(neutral, 0, 1, co2, 298.0).weight
    near = (land.clearance > 1.5) & (land.clearance < 2.5)
    assert (with_charges[near] / without[near]).max() > 3.0
    assert with_charges[near].mean() > 1.2 * without[near].mean()


def test_weights_are_near_those_of_all_directions():
    """Beside two ions, against sums over sites, atoms and 2 000 directions."""
    pair = crystal([2, 2], [(0.5, 0.5, 0.2), (0.5, 0.5, 0.8)], np.eye(3) * 24.0)
    charges = np.array([0.8, -0.8])
    land = landscape_of_co2(pair, charges, 0.75)
    origin, shape = lay_points(pair, surfaces(pair), 0.75, 10**6)
    turned = orient(land, 0, 1, UFF.gas("CO2"), 298.0)
    places = np.argwhere((land.clearance > 2.0) & (land.clearance < 3.0))[::40]
    rest = [float(np.median(land.energies[probe])) for probe in (0, 1)]  # nothing within 10 Å
    wanted = []
    for place in places:
        energy = np.zeros(2000)
        for site in UFF.gas("CO2").sites:
            at = (origin + place / shape) @ pair.lattice + site.place * even_directions(2000)
            away = (at @ np.linalg.inv(pair.lattice))[:, None] - pair.fractional
            r = np.linalg.norm((away - np.round(away)) @ pair.lattice, axis=2)
            sigma, epsilon = (table[2] for table in UFF.pairs(site))
            near = 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)
            near += 167_100.947 * site.charge * charges * (1 / r + r / 100 - 2 / 10)
            energy += np.where(r < 10, near, 0.0).sum(axis=1) + rest[site.place != 0]
        wanted.append(np.exp(-energy / 298.0).mean())
    found = turned.weight[tuple(places.T)] / np.array(wanted)
    assert len(places) > 10 and max(wanted) > 1.5 * min(wanted)
    assert np.median(np.abs(found - 1.0)) < 0.1
    assert found.mean() == pytest.approx(1.0, abs=0.15)


def test_the_numbers_belong_to_the_crystal_and_not_to_its_file():
    given = random_crystal(2, atoms=25, edge=13.0)
    for same in (
        permuted(given, np.random.default_rng(0).permutation(25)),
        rotated(given),
        translated(given, (0.37, 0.81, 0.12)),
        supercell(given, (1, 2, 1)),
    ):
        # Charges are a few 1e-4 e off: their iteration ends early, in single precision.
        np.testing.assert_allclose(glance(same), glance(given), rtol=0.01, atol=0.01)


def test_an_element_without_parameters_is_refused():
    strange = crystal([118], [(0, 0, 0)], np.eye(3) * 9.0)
    with pytest.raises(CrystalError, match="no parameters for Og"):
        glance(strange)
