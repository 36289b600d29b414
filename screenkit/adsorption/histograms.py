"""Histograms: how much of a cell has which energy for a probe, as numbers for trees and networks.

The idea is that of Bucior et al. 2019, Mol. Syst. Des. Eng. 4, 162, whose probe was H2 and whose
bins were 1 kJ/mol wide. Here a point shares itself between the two levels that its energy lies
between, so that the numbers change smoothly with the atoms.

Not covered: probes with an orientation or charges.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.adsorption.energy import deepest_well, potential, probe, surround
from screenkit.adsorption.force_field import ForceField, Gas
from screenkit.adsorption.henry import GAS_CONSTANT
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.grid import lay_points, surfaces

LEVELS = 12
"""Levels of a probe: one width above zero, zero, and downwards."""


def levels(width: float) -> np.ndarray:
    """(LEVELS,) float64. Energies of the levels, highest first, in the unit of their width.

    What is above the highest counts there, as points inside atoms do; and what is below the lowest.
    """
    return width * (1.0 - np.arange(LEVELS))


def energy_shares(
    crystal: Crystal,
    probes: Sequence[Gas],
    widths: Sequence[float],
    field: ForceField,
    settings: AdsorptionSettings,
) -> np.ndarray:
    """Return (G, LEVELS) float64: for each probe, which share of the cell is at each level.

    Args:
        crystal: with atoms.
        probes: G spheres.
        widths: kJ/mol, from level to level; one for each probe.
        field: with parameters for every element of the crystal.
        settings: cutoff, truncation, spacing of the grid and its most points.

    Raises:
        CrystalError: `element_without_parameters`.
    """
    field.refuse_strangers(crystal.numbers)
    sites = [gas.sites[0] for gas in probes]
    kelvin = np.array(widths) * 1000.0 / GAS_CONSTANT
    atoms = surround(crystal, settings.cutoff)
    highest = float(kelvin.max()) + deepest_well(sites, field, atoms)
    pairs = potential(sites, field, atoms, crystal.volume, settings.truncation, highest)
    origin, shape = lay_points(crystal, surfaces(crystal), settings.spacing, settings.max_points)
    energies = probe(atoms, pairs, crystal.lattice, origin @ crystal.lattice, shape)
    return np.stack([_shares(*pair) for pair in zip(energies, kelvin, strict=True)])


def _shares(energies: np.ndarray, width: float) -> np.ndarray:
    """(LEVELS,) float64. Share of the points at each level."""
    place = np.clip(1.0 - energies.ravel() / width, 0.0, LEVELS - 1.0)
    upper = np.minimum(place.astype(np.int64), LEVELS - 2)
    part = place - upper
    counts = np.bincount(upper, 1.0 - part, LEVELS) + np.bincount(upper + 1, part, LEVELS)
    return counts / len(place)
