"""Decks for RASPA3: `simulation.json`, `force_field.json`, a molecule and the structure.

The form is that of RASPA3 3.1. `raspalib_child.py` reads the same files, so that what is simulated
here is what the deck says.

Not covered: reading what the program `raspa3` prints; through raspalib there is nothing to parse.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from screenkit.adsorption.force_field import ForceField, Gas, Site
from screenkit.crystal.cif_out import cif_text
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import ATOMIC_MASSES, SYMBOLS
from screenkit.gcmc.conditions import MOVES
from screenkit.gcmc.deck import FRAMEWORK, Deck
from screenkit.gcmc.fugacity import critical

MIXING = {"lorentz-berthelot": "Lorentz-Berthelot", "geometric": "Jorgensen"}
"""What the RASPA programs call a mixing rule of ours."""
_CARRIER = 6
"""Atomic number of a gas site: no energy depends on it, nor does its mass play a part."""


def deck_files(crystal: Crystal, gas: Gas, field: ForceField, deck: Deck) -> dict[str, str]:
    """Return the texts of a deck by the names of their files."""
    return {
        "simulation.json": _dump(_simulation(gas, deck)),
        "force_field.json": _dump(_force_field(crystal, gas, field, deck)),
        f"{gas.name}.json": _dump(_molecule(gas)),
        FRAMEWORK: framework_cif(crystal, deck),
    }


def framework_cif(crystal: Crystal, deck: Deck) -> str:
    """Return the structure in P1; the label of an atom is its element, its charge stands beside."""
    charges = crystal.charges if deck.charged and crystal.charges is not None else None
    column = np.zeros(len(crystal)) if charges is None else charges
    return cif_text(crystal, {"_atom_site_charge": column}, (), plain_labels=True)


def site_name(gas: Gas, place: int) -> str:
    """Return what a site of a gas is called: no element is called so. Equal sites share a name."""
    first = next(i for i, site in enumerate(gas.sites) if _kind(site) == _kind(gas.sites[place]))
    return f"{gas.name.replace('-', '_')}_site{first + 1}"


def site_kinds(gas: Gas) -> dict[str, Site]:
    """Return the sites of a gas that differ in more than their place, by name."""
    return {site_name(gas, i): site for i, site in reversed(list(enumerate(gas.sites)))}


def elements_of(crystal: Crystal) -> list[int]:
    """Return the atomic numbers in a crystal, ascending."""
    return [int(z) for z in np.unique(crystal.numbers)]


def _kind(site: Site) -> tuple[float, float, float]:
    return site.sigma, site.epsilon, site.charge


def _simulation(gas: Gas, deck: Deck) -> dict[str, Any]:
    moves = {f"{name.title()}Probability": chance for name, chance in MOVES.items()}
    if len(gas.sites) == 1:
        del moves["RotationProbability"]
    return {
        "SimulationType": "MonteCarlo",
        "NumberOfCycles": deck.cycles,
        "NumberOfInitializationCycles": deck.initialization,
        "NumberOfBlocks": deck.blocks,
        "PrintEvery": max(1, deck.cycles // 10),
        "RandomSeed": deck.seed,
        "Systems": [
            {
                "Type": "Framework",
                "Name": FRAMEWORK.removesuffix(".cif"),
                "NumberOfUnitCells": list(deck.repeats),
                "UseChargesFrom": "CIF_File",
                "ChargeMethod": "Ewald" if deck.charged else "None",
                "ExternalTemperature": deck.temperature,
                "ExternalPressure": deck.pressure,
            }
        ],
        "Components": [
            {
                "Name": gas.name,
                "FugacityCoefficient": deck.fugacity_coefficient,
                "CreateNumberOfMolecules": 0,
                **moves,
            }
        ],
    }


def _force_field(crystal: Crystal, gas: Gas, field: ForceField, deck: Deck) -> dict[str, Any]:
    atoms = [
        _atom(SYMBOLS[z], True, SYMBOLS[z], float(ATOMIC_MASSES[z]), 0.0)
        for z in elements_of(crystal)
    ]
    pairs = [
        _pair(SYMBOLS[z], float(field.epsilon[z]), float(field.sigma[z]), field.source)
        for z in elements_of(crystal)
    ]
    for name, site in site_kinds(gas).items():
        charge = site.charge if deck.charged else 0.0
        atoms.append(_atom(name, False, SYMBOLS[_CARRIER], float(ATOMIC_MASSES[_CARRIER]), charge))
        # A bare charge has no size; with epsilon 0 its sigma plays no part, but may not be 0.
        pairs.append(_pair(name, site.epsilon, site.sigma or 1.0, gas.source))
    return {
        "PseudoAtoms": atoms,
        "SelfInteractions": pairs,
        "MixingRule": MIXING[field.mixing],
        "TruncationMethod": "shifted" if deck.truncation == "shifted" else "truncated",
        "TailCorrections": deck.truncation == "tail",
        "CutOffVDW": float(deck.cutoff),
        "CutOffCoulomb": float(deck.cutoff),
    }


def _atom(name: str, framework: bool, element: str, mass: float, charge: float) -> dict[str, Any]:
    shown = {"print_to_output": True, "element": element, "print_as": element}
    return {"name": name, "framework": framework, **shown, "mass": mass, "charge": charge}


def _pair(name: str, epsilon: float, sigma: float, source: str) -> dict[str, Any]:
    kind = {"name": name, "type": "lennard-jones"}
    return {**kind, "parameters": [epsilon, sigma], "source": source}


def _molecule(gas: Gas) -> dict[str, Any]:
    t_c, p_c, omega = critical(gas.name) or (0.0, 0.0, 0.0)
    sites = [[site_name(gas, i), [0.0, 0.0, site.place]] for i, site in enumerate(gas.sites)]
    facts = {"CriticalTemperature": t_c, "CriticalPressure": p_c, "AcentricFactor": omega}
    return {**facts, "Type": "rigid", "pseudoAtoms": sites}


def _dump(facts: dict[str, Any]) -> str:
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
