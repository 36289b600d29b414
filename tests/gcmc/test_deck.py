"""Decks of small crystals, against numbers that one can do by hand."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from screenkit.adsorption.force_field import ForceField, find_force_field
from screenkit.errors import CrystalError, UsageError
from screenkit.gcmc import graspa, raspa2, raspa3
from screenkit.gcmc.conditions import GcmcSettings, pascals
from screenkit.gcmc.deck import Deck, box_mass, folder_of, lint, repeats_of, seed_of
from screenkit.gcmc.fugacity import CRITICAL, fugacity_coefficient
from tests.crystals import rock_salt

FIELD = find_force_field("uff")
CO2 = FIELD.gas("CO2")


def salt(charge: float | None = 1.0):
    """Rock salt of 8 atoms in a cell of 10 Å, with charges."""
    crystal = rock_salt(10.0)
    if charge is None:
        return crystal
    return replace(crystal, charges=np.array([charge] * 4 + [-charge] * 4))


def deck(**said) -> Deck:
    usual = {
        "name": "NaCl", "folder": "decks/0001-NaCl/CO2_298K_15000Pa", "engine": "raspa3",
        "gas": "CO2", "temperature": 298.0, "pressure": 15_000.0, "fugacity_coefficient": 0.999,
        "repeats": (3, 3, 3), "atoms": 216, "mass": 6312.6, "charges": "cif", "cutoff": 12.0,
        "truncation": "truncated", "cycles": 100, "initialization": 50, "blocks": 5, "seed": 7,
        "files": {},
    }  # fmt: skip
    return Deck(**{**usual, **said})


@pytest.mark.parametrize(
    ("text", "pressure"),
    [("0.15bar", 15_000.0), ("16 bar", 1.6e6), ("15kPa", 15_000.0), ("1e5Pa", 1e5), ("2MPa", 2e6)],
)
def test_a_pressure_has_a_unit(text: str, pressure: float):
    assert pascals(text) == pressure


@pytest.mark.parametrize("text", ["1", "1atm", "bar", "-1bar", "1 BAR", "1,5bar", "nanbar", "0bar"])
def test_a_pressure_without_a_known_unit_is_refused(text: str):
    with pytest.raises(ValueError, match="wanted"):
        pascals(text)
    with pytest.raises(ValueError, match="wanted"):
        GcmcSettings(pressures=(text,))


def test_a_cube_of_10_angstrom_is_repeated_three_times_for_a_cutoff_of_12():
    assert repeats_of(np.diag([10.0, 10.0, 24.0]), 12.0) == (3, 3, 1)


def test_a_slanted_cell_is_repeated_by_its_width_and_not_by_its_edges():
    # b leans by 60 degrees: edges of 24 Å, but only 24 sin 60 = 20.8 Å between the faces.
    slanted = np.array([[24.0, 0, 0], [12.0, 24 * np.sqrt(0.75), 0], [0, 0, 24.0]])
    assert repeats_of(slanted, 12.0) == (2, 2, 1)


def test_the_mass_of_the_box_is_that_of_all_its_cells():
    # 4 NaCl a cell, 58.44 g/mol each.
    assert box_mass(salt(), (3, 3, 3)) == pytest.approx(27 * 4 * 58.44, rel=1e-3)


def test_each_simulation_has_a_seed_of_its_own():
    seeds = {seed_of(s, n, t) for s in (1, 2) for n in ("a", "b") for t in ("x", "y")}
    assert len(seeds) == 8
    assert seed_of(1, "a", "x") == seed_of(1, "a", "x") < 2**31


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "", "x" * 5000, "é\n=cmd", "."])
def test_a_folder_stays_below_decks_whatever_the_structure_is_called(name: str):
    assert re.fullmatch(r"decks/0001-[A-Za-z0-9_-]{1,60}", folder_of(1, name))


def test_the_lint_names_what_is_wrong():
    def code(crystal, charged=True, most=100):
        with pytest.raises(CrystalError) as caught:
            lint(crystal, CO2, FIELD, charged, most)
        return caught.value.code

    lint(salt(), CO2, FIELD, True, 100)
    lint(salt(None), CO2, FIELD, False, 100)
    lint(salt(None), FIELD.gas("CH4"), FIELD, True, 100)
    assert code(salt(None)) == "charges_missing"
    assert code(replace(salt(), charges=np.full(8, 0.5))) == "framework_charged"
    assert code(salt(), most=7) == "too_many_atoms"
    strange = replace(salt(), numbers=np.full(8, 110, dtype=np.int16))
    assert code(strange) == "element_without_parameters"


def test_a_raspa3_deck_says_what_was_asked():
    files = raspa3.deck_files(salt(), CO2, FIELD, deck())
    assert sorted(files) == ["CO2.json", "force_field.json", "framework.cif", "simulation.json"]
    said = json.loads(files["simulation.json"])
    assert said["NumberOfCycles"] == 100
    assert said["RandomSeed"] == 7
    (system,), (gas,) = said["Systems"], said["Components"]
    assert system["NumberOfUnitCells"] == [3, 3, 3]
    assert (system["ExternalTemperature"], system["ExternalPressure"]) == (298.0, 15_000.0)
    assert system["ChargeMethod"] == "Ewald"
    assert gas["FugacityCoefficient"] == 0.999
    field = json.loads(files["force_field.json"])
    pairs = {pair["name"]: pair["parameters"] for pair in field["SelfInteractions"]}
    # UFF sodium: depth 0.03 kcal/mol, distance of the minimum 2.983 Å.
    assert pairs["Na"] == pytest.approx([0.03 * 503.22, 2.983 / 2 ** (1 / 6)], rel=1e-6)
    assert field["CutOffVDW"] == 12.0
    assert isinstance(field["CutOffVDW"], float)  # RASPA3 passes over a whole number
    sites = json.loads(files["CO2.json"])["pseudoAtoms"]
    charges = {atom["name"]: atom["charge"] for atom in field["PseudoAtoms"]}
    assert sum(charges[name] for name, _ in sites) == pytest.approx(0.0, abs=1e-9)
    assert {name for name, _ in sites}.isdisjoint({"Na", "Cl"})


def test_the_label_of_an_atom_is_what_its_parameters_are_called():
    files = raspa3.deck_files(salt(), CO2, FIELD, deck())
    rows = [line.split() for line in files["framework.cif"].splitlines()]
    atoms = [row for row in rows if len(row) == 6]
    assert [row[0] for row in atoms] == ["Na"] * 4 + ["Cl"] * 4
    assert sum(float(row[5]) for row in atoms) == 0.0
    assert files["framework.cif"].isascii()


def test_without_charges_there_are_none_anywhere():
    files = raspa3.deck_files(salt(), CO2, FIELD, deck(charges="none"))
    field = json.loads(files["force_field.json"])
    assert not any(atom["charge"] for atom in field["PseudoAtoms"])
    assert json.loads(files["simulation.json"])["Systems"][0]["ChargeMethod"] == "None"
    atoms = [line.split() for line in files["framework.cif"].splitlines() if "Na" in line[:3]]
    assert all(row[-1] == "0" for row in atoms if len(row) == 6)


def test_the_decks_of_all_engines_have_the_same_parameters():
    of_raspa3 = json.loads(raspa3.deck_files(salt(), CO2, FIELD, deck())["force_field.json"])
    numbers = {p["name"]: p["parameters"] for p in of_raspa3["SelfInteractions"]}
    for writer in (raspa2, graspa):
        files = writer.deck_files(salt(), CO2, FIELD, deck())
        rules = files["force_field_mixing_rules.def"]
        rows = [line.split() for line in rules.splitlines() if "lennard-jones" in line]
        assert {row[0] for row in rows} == set(numbers)
        for name, _, *pair in rows:
            assert [float(number) for number in pair] == pytest.approx(numbers[name], rel=1e-8)
        assert str(len(rows)) in rules.splitlines()
        said = files["simulation.input"]
        assert re.search(r"UnitCells +(0 )?3 3 3\n", said)
        assert "FugacityCoefficient" in said
        assert files["framework.cif"] == raspa3.framework_cif(salt(), deck())


@pytest.mark.parametrize(
    ("said", "field"),
    [({"truncation": "tail"}, FIELD), ({}, replace(FIELD, mixing="geometric"))],
)
def test_graspa_is_not_asked_for_what_it_would_do_otherwise(said: dict, field: ForceField):
    with pytest.raises(UsageError, match="Lorentz-Berthelot mixing alone, and no tail"):
        graspa.deck_files(salt(), CO2, field, deck(**said))


def test_a_sphere_does_not_rotate():
    methane = FIELD.gas("CH4")
    said = raspa3.deck_files(salt(), methane, FIELD, deck(gas="CH4"))["simulation.json"]
    assert "RotationProbability" not in said
    said = raspa2.deck_files(salt(), methane, FIELD, deck(gas="CH4"))["simulation.input"]
    assert "Rotation" not in said


def test_a_thin_gas_is_ideal():
    assert fugacity_coefficient("CO2", 298.0, 1.0) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("gas", "virial", "pressure"),
    [("CO2", -123e-6, 1e5), ("CO2", -123e-6, 1.6e6), ("CH4", -43e-6, 3.5e6), ("N2", -4.7e-6, 1e6)],
)
def test_fugacities_follow_the_second_virial_coefficient(gas: str, virial: float, pressure: float):
    # ln phi = B p / RT. Source of B at 298 K, m3/mol: Dymond et al., The Virial Coefficients of
    # Pure Gases. Peng-Robinson is off by 18 cm3/mol at most.
    found = fugacity_coefficient(gas, 298.0, pressure)
    slip = 18e-6 * pressure / (8.314 * 298.0)
    assert np.log(found) == pytest.approx(virial * pressure / (8.314 * 298.0), abs=slip)


CONSTANTS = {
    "H2": (33.145, 1296400.0, -0.219), "He": (5.1953, 228320.0, -0.3836),
    "Ne": (44.4, 2661630.0, -0.0355), "Ar": (150.687, 4863000.0, -0.00219),
    "Kr": (209.48, 5525000.0, -0.000894), "Xe": (289.733, 5842000.0, 0.00363),
    "CH4": (190.564, 4599200.0, 0.01142), "C2H4": (282.35, 5041800.0, 0.0866),
    "C2H6": (305.322, 4872200.0, 0.0995), "N2": (126.192, 3395800.0, 0.0372),
    "O2": (154.581, 5043000.0, 0.0222), "CO2": (304.1282, 7377300.0, 0.22394),
}  # fmt: skip
"""Tc, Pc and omega of the package chemicals 1.5.2, its first choice of each. CoolProp 8.0.0 has the
same to 1e-4, but for the omega of C2H6 (0.099) and Pc of O2 (0.07% more)."""


def test_critical_constants_are_those_of_chemicals():
    assert set(CRITICAL) == set(CONSTANTS)
    for gas, constants in CONSTANTS.items():
        assert CRITICAL[gas] == pytest.approx(constants, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(
    ("gas", "temperature", "pressure", "theirs"),
    [
        ("CO2", 298.0, 1e5, 0.994536), ("CO2", 298.0, 16e5, 0.914291),
        ("CO2", 298.0, 50e5, 0.740923), ("CO2", 273.0, 30e5, 0.793962),
        ("N2", 298.0, 100e5, 0.971755), ("CH4", 298.0, 65e5, 0.87297),
        ("H2", 77.0, 100e5, 0.797535), ("Xe", 298.0, 50e5, 0.719379),
        ("He", 298.0, 100e5, 1.019578), ("Ne", 77.0, 50e5, 0.876365),
    ],
)  # fmt: skip
def test_fugacities_are_those_of_another_peng_robinson(
    gas: str, temperature: float, pressure: float, theirs: float
):
    # Of the package thermo 0.6.1, which has more digits in the constants of the equation.
    assert fugacity_coefficient(gas, temperature, pressure) == pytest.approx(theirs, rel=3e-5)


def test_a_fugacity_is_the_one_that_raspa2_prints():
    # Of RASPA 2.0.4, where the deck says none: CO2, 298 K, 16 bar.
    assert fugacity_coefficient("CO2", 298.0, 16e5) == pytest.approx(0.9142909083, abs=1e-10)


def test_a_gas_without_critical_constants_has_no_fugacity():
    with pytest.raises(UsageError, match="critical constants of XY"):
        fugacity_coefficient("XY", 298.0, 1e5)
