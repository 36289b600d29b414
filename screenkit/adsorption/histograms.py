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
from screenkit.adsorption.energy import BLOCK_WIDTH, deepest_well, potential, probe
from screenkit.adsorption.force_field import ForceField, Gas
from screenkit.adsorption.henry import GAS_CONSTANT
from screenkit.adsorption.surroundings import surround
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.grid import lay_points, surfaces
from screenkit.crystal.kernel import kernel

LEVELS = 12
"""Levels of a probe: one width above zero, zero, and downwards."""


def levels(width: float, count: int = LEVELS) -> np.ndarray:
    """(count,) float64. Values of the levels, in the unit of their width: from one width, which is
    the highest, downwards; from the lowest upwards where the width is negative.

    What is beyond the first counts there, as points inside atoms do, and beyond the last likewise.
    """
    return width * (1.0 - np.arange(count))


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
    atoms = surround(crystal, settings.cutoff, BLOCK_WIDTH)
    highest = float(kelvin.max()) + deepest_well(sites, field, atoms)
    pairs = potential(sites, field, atoms, crystal.volume, settings.truncation, highest)
    origin, shape = lay_points(crystal, surfaces(crystal), settings.spacing, settings.max_points)
    energies = probe(atoms, pairs, crystal.lattice, origin @ crystal.lattice, shape)
    return np.stack(
        [
            shares(e.ravel(), width, LEVELS, e.size)
            for e, width in zip(energies, kelvin, strict=True)
        ]
    )


def shares(values: np.ndarray, width: float, count: int, points: int) -> np.ndarray:
    """Return (count,) float64: which share of the points is at each of the `levels`.

    Args:
        values: (n,), of some points.
        width: from level to level.
        count: of levels.
        points: in all; those that have no value are at the first level.
    """
    counts = _count(values, width, count)
    counts[0] += points - len(values)
    return counts / points


@kernel
def _count(values, width, count):
    counts = np.zeros(count, np.float64)
    for value in values:
        place = min(max(1.0 - value / width, 0.0), count - 1.0)
        upper = min(int(place), count - 2)
        counts[upper] += upper + 1.0 - place
        counts[upper + 1] += place - upper
    return counts
