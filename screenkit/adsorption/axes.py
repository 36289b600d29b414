"""Axes: a linear molecule with two equal ends, along the lines through the points of a landscape.

Its center stands on a point, and its axis along one of the 13 lines to the points around (or to
those behind them, where these are too close), each counted by the share of directions that are
nearest to it. What an end feels lies between three points of that line and is interpolated: its
Lennard-Jones energy as a logarithm, since that has no steep walls, the potential as it is. Cheap
and rough: `turning.py` has any direction and any accuracy.

Not covered: other molecules than one like CO2 or N2.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from screenkit.adsorption.ewald import COULOMB
from screenkit.adsorption.force_field import Gas
from screenkit.adsorption.landscape import Landscape
from screenkit.crystal.kernel import kernel_of_sums
from screenkit.crystal.sphere import even_directions

_LINES = np.array(
    [(i, j, k) for i in (0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1) if (i, j, k) > (0, 0, 0)]
)
_LONGER = 1.12  # times the way to the point, an end may be
_FARTHEST = 2.6  # Å. Points that are farther say little of an end
_FEWEST = 3  # lines, however far
_HOPELESS, _DEEPEST = 40.0, -70.0  # kT: where no weight is counted, and where it stops growing
_MADE_UP = 60.0  # kT; no potential wins more over the walls
_STEEP = 1e4  # the logarithm ends there


class Oriented(NamedTuple):
    """What a molecule feels at each point, over all its directions."""

    weight: np.ndarray
    """(na, nb, nc) float64. Mean of exp(-U / kT); 0 inside atoms."""
    energy: np.ndarray
    """(na, nb, nc) float64. Mean of U / kT exp(-U / kT)."""


def orient(land: Landscape, center: int, end: int, gas: Gas, temperature: float) -> Oriented:
    """Return what a gas feels at each point of a landscape.

    Args:
        land: with charges of the framework.
        center: which of its probes is the site of the gas at its center.
        end: which is the site at either end.
        gas: of three sites, two of them equal and equally far from the one between them.
        temperature: K.
    """
    first, middle, _ = sorted(gas.sites, key=lambda site: site.place)
    middle_energy = (
        land.energies[center] + np.float32(COULOMB * middle.charge) * land.potential
    ) / np.float32(temperature)
    walls = land.energies[end] / np.float32(temperature)
    least = float(walls.min())
    least = least if math.isfinite(least) else 0.0
    walls = np.log1p(np.minimum(walls - np.float32(least), np.float32(_STEEP)))
    lines, ways, weights = _lines(land.steps, -first.place)
    found = np.zeros((2, *land.potential.shape), np.float64)
    charge = COULOMB * first.charge / temperature
    _orient(middle_energy, walls, land.potential, lines, ways, weights, least, charge, *found)
    return Oriented(found[0], found[1])


def _lines(steps: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lines (S, 3) int64 as steps along a, b and c to a point; how far along the way to
    it an end is (S,); and which share of all directions each line stands for (S,)."""
    distances = np.linalg.norm(_LINES @ steps, axis=1)
    times = np.maximum(np.ceil(length / (_LONGER * distances)), 1.0)
    distances *= times
    order = np.argsort(distances, kind="stable")
    kept = np.sort(order[: max(np.count_nonzero(distances <= _FARTHEST), _FEWEST)])
    lines = (_LINES * times[:, None]).astype(np.int64)[kept]
    directions = lines @ steps / distances[kept, None]
    nearest = np.abs(_sphere() @ directions.T).argmax(axis=1)
    weights = np.bincount(nearest, minlength=len(kept)) / len(nearest)
    return lines, length / distances[kept], weights


@functools.cache
def _sphere() -> np.ndarray:
    return even_directions(400)


@kernel_of_sums
def _orient(center, walls, potential, lines, ways, weights, least, charge, mean, energy):
    na, nb, nc = center.shape
    # By table: a division for each step would cost more than all else.
    pad = np.abs(lines).max()
    around_a = np.arange(-pad, na + pad) % na
    around_b = np.arange(-pad, nb + pad) % nb
    around_c = np.arange(-pad, nc + pad) % nc
    for a in range(na):
        for b in range(nb):
            for c in range(nc):
                if not center[a, b, c] < _HOPELESS:
                    continue
                base = center[a, b, c] + 2.0 * (least + charge * potential[a, b, c])
                here, volts = walls[a, b, c], potential[a, b, c]
                # What no potential makes up for; most directions end here.
                limit = math.log(max(_HOPELESS + _MADE_UP - base + 2.0, 1.0))
                for s in range(lines.shape[0]):
                    i, j, k = lines[s, 0], lines[s, 1], lines[s, 2]
                    x, y, z = a + pad, b + pad, c + pad
                    ahead = around_a[x + i], around_b[y + j], around_c[z + k]
                    behind = around_a[x - i], around_b[y - j], around_c[z - k]
                    way = ways[s]
                    slope = 0.5 * (walls[ahead] - walls[behind]) * way
                    bend = (0.5 * (walls[ahead] + walls[behind]) - here) * way * way
                    one, other = here + bend + slope, here + bend - slope
                    if one > limit or other > limit:
                        continue
                    lift = (potential[ahead] + potential[behind] - 2.0 * volts) * way * way
                    u = base + math.exp(one) + math.exp(other) - 2.0 + charge * lift
                    if u > _HOPELESS:
                        continue
                    u = max(u, _DEEPEST)
                    weight = weights[s] * math.exp(-u)
                    mean[a, b, c] += weight
                    energy[a, b, c] += weight * u
