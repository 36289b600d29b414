"""Landscape: what small probes feel at the points of a coarse grid through a crystal, quickly.

Lennard-Jones energies as in `energy.py`, the electrostatic potential of the atoms' charges, and the
distance to the nearest surface, in one pass over pairs in single precision. Both kinds of energies
stop earlier than a simulation's; the former are made up for as if the framework were even beyond.
For the numbers that a network reads, at screening speed: labels come from `henry.py`.

Not covered: molecules with an orientation (`axes.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from screenkit.adsorption.force_field import ForceField, Site
from screenkit.adsorption.surroundings import Surroundings, surround, within
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import VAN_DER_WAALS_RADII
from screenkit.crystal.grid import half_diagonal
from screenkit.crystal.kernel import kernel_of_sums

CUTOFF = 12.8
"""Å. Of the Lennard-Jones energies, which are shifted to be 0 there."""
FARTHEST = 10.0
"""Å. Pairs are looked at up to here; larger clearances count as this one."""

_BLOCK = 6  # grid points along an edge of those that share their atoms
_LANES = 16  # points that the vector unit takes at once
_WALL = 25.0 * 298.0  # K: where an atom alone has more for every probe, none can be


@dataclass(frozen=True, slots=True, eq=False)
class Landscape:
    """Points of one crystal, periodic in all directions, and what G probes feel there."""

    lattice: np.ndarray
    """(3, 3) float64, Å. Rows are a, b, c."""
    energies: np.ndarray
    """(G, na, nb, nc) float32, K. Infinite inside atoms."""
    potential: np.ndarray
    """(na, nb, nc) float32, e/Å. 0 inside atoms."""
    clearance: np.ndarray
    """(na, nb, nc) float32, Å. To the nearest atom's van der Waals surface; -1 inside atoms, which
    begin where no probe can be."""

    @property
    def steps(self) -> np.ndarray:
        """(3, 3) float64, Å. From a point to the next along a, b, c."""
        return self.lattice / np.array(self.clearance.shape)[:, None]


def surround_points(crystal: Crystal, shape: np.ndarray) -> Surroundings:
    """Return the atoms that the points of a grid of this shape (3,) look at."""
    width = 2.0 * (_BLOCK - 1) * half_diagonal(crystal.lattice / shape[:, None])
    return surround(crystal, FARTHEST, width)


def survey(
    crystal: Crystal,
    atoms: Surroundings,
    charges: np.ndarray,
    probes: Sequence[Site],
    field: ForceField,
    origin: np.ndarray,
    shape: np.ndarray,
) -> Landscape:
    """Return the landscape of a crystal.

    Args:
        crystal: with atoms.
        atoms: what `surround_points` returns.
        charges: (n,) float32, e. Of its atoms.
        probes: G spheres; what charge they have does not matter.
        field: with parameters for every element of the crystal.
        origin: (3,) float64, fractional. Of point [0, 0, 0].
        shape: (3,) int64. Points along each lattice vector.
    """
    lattice = np.ascontiguousarray(crystal.lattice, dtype=np.float64)
    powers, tail, hard = _coefficients(probes, field, atoms, crystal.volume)
    points = (len(probes), *(int(n) for n in shape))
    energies = np.full(points, np.inf, np.float32)
    potential, clearance = np.zeros(points[1:], np.float32), np.full(points[1:], -1.0, np.float32)
    radii = VAN_DER_WAALS_RADII[atoms.elements].astype(np.float32)
    _survey(
        atoms, charges[atoms.owners], powers, tail, hard, radii, lattice, origin @ lattice,
        lattice / shape[:, None], energies, potential, clearance,
    )  # fmt: skip
    return Landscape(lattice, energies, potential, clearance)


def _coefficients(
    probes: Sequence[Site], field: ForceField, atoms: Surroundings, volume: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return coefficients of r^-6 and r^-12 (2, G, K), K Å^6 and K Å^12; what is added everywhere
    (G,), K; and the distance (K,), Å, from an atom within which no probe can be; float32."""
    pairs = [field.pairs(site) for site in probes]
    sigma = np.array([pair[0][atoms.elements] for pair in pairs])
    epsilon = np.array([pair[1][atoms.elements] for pair in pairs])
    c6, c12 = 4.0 * epsilon * sigma**6, 4.0 * epsilon * sigma**12
    beyond = c6 * (CUTOFF**-3 - FARTHEST**-3)
    shift = (c6 * CUTOFF**-6 - c12 * CUTOFF**-12) * CUTOFF**3
    tail = 4.0 / 3.0 * math.pi * (beyond + shift) @ (atoms.counts / volume)
    # Where 4 epsilon (x^2 - x) with x = (sigma / r)^6 is the wall.
    x = (1.0 + np.sqrt(1.0 + _WALL / epsilon)) / 2.0
    hard = (sigma * x ** (-1.0 / 6.0)).min(axis=0)
    return np.stack([c6, c12]).astype(np.float32), tail.astype(np.float32), hard.astype(np.float32)


@kernel_of_sums
def _survey(
    atoms, charges, powers, tail, hard, radii, lattice, origin, steps, energies, potential,
    clearance,
):  # fmt: skip
    """Write to the last three arguments where no atom is, block by block, since neighbours have the
    same atoms."""
    probes, na, nb, nc = energies.shape
    kinds = hard.shape[0]
    inverse = np.linalg.inv(lattice)
    size = (_BLOCK**3 + _LANES - 1) // _LANES * _LANES
    points, places = np.empty((3, size), np.float32), np.empty((size, 3), np.int64)
    sums, felt = np.empty((4, size), np.float32), np.empty((probes, size), np.float32)
    room = atoms.owners.shape[0]
    found, near = np.empty(room, np.int64), np.empty((4, room), np.float32)
    begin = np.zeros(kinds + 2, np.int64)
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    half = (_BLOCK - 1) * half_diagonal(steps)
    for first[0] in range(0, na, _BLOCK):
        for first[1] in range(0, nb, _BLOCK):
            for first[2] in range(0, nc, _BLOCK):
                for axis in range(3):
                    last[axis] = min(first[axis] + _BLOCK, energies.shape[1 + axis])
                middle = origin + 0.5 * (_BLOCK - 1) * (steps[0] + steps[1] + steps[2])
                for axis in range(3):
                    middle += first[axis] * steps[axis]
                # The block stands in the cell that the surroundings are of.
                middle -= np.floor(middle @ inverse) @ lattice
                _gather(atoms, charges, middle, half + FARTHEST, found, near, begin)
                alive = _free(first, last, steps, near, begin, hard, half, points, places)
                if alive == 0:
                    continue
                full = (alive + _LANES - 1) // _LANES * _LANES
                points[:, alive:full] = 0.0
                sums[2, :full], sums[3, :full] = 0.0, FARTHEST
                for g in range(probes):
                    felt[g, :full] = tail[g]
                for kind in range(kinds):
                    _add_up(points, near, begin[kind], begin[kind + 1], radii[kind], full, sums)
                    for g in range(probes):
                        c6, c12 = powers[0, g, kind], powers[1, g, kind]
                        for p in range(full):
                            felt[g, p] += c12 * sums[1, p] - c6 * sums[0, p]
                for p in range(alive):
                    a, b, c = places[p]
                    potential[a, b, c], clearance[a, b, c] = sums[2, p], sums[3, p]
                    for g in range(probes):
                        energies[g, a, b, c] = felt[g, p]


@kernel_of_sums
def _gather(atoms, charges, middle, reach, found, near, begin):
    """Write the atoms within reach of a place into the columns of `near`, sorted by kind: where
    they are from there, and their charge."""
    count = within(atoms, middle, reach, found)
    begin[:] = 0
    for m in range(count):
        begin[atoms.kinds[found[m]] + 2] += 1
    for kind in range(2, begin.shape[0]):
        begin[kind] += begin[kind - 1]
    for m in range(count):
        t = found[m]
        place = begin[atoms.kinds[t] + 1]
        begin[atoms.kinds[t] + 1] += 1
        for axis in range(3):
            near[axis, place] = atoms.centers[t, axis] - middle[axis]
        near[3, place] = charges[t]


@kernel_of_sums
def _free(first, last, steps, near, begin, hard, half, points, places):
    """Write the points of a block that are in no atom, from its middle, and return how many."""
    middle = 0.5 * (_BLOCK - 1) * (steps[0] + steps[1] + steps[2])
    size = points.shape[1]
    found, where = np.empty((3, size), np.float32), np.empty((size, 3), np.int64)
    free = np.ones(size, np.bool_)
    count = 0
    for a in range(first[0], last[0]):
        for b in range(first[1], last[1]):
            for c in range(first[2], last[2]):
                where[count, 0], where[count, 1], where[count, 2] = a, b, c
                for axis in range(3):
                    found[axis, count] = (
                        (a - first[0]) * steps[0, axis]
                        + (b - first[1]) * steps[1, axis]
                        + (c - first[2]) * steps[2, axis]
                        - middle[axis]
                    )
                count += 1
    for kind in range(hard.shape[0]):
        square, close = hard[kind] * hard[kind], np.float32((half + hard[kind]) ** 2)
        for t in range(begin[kind], begin[kind + 1]):
            x, y, z = near[0, t], near[1, t], near[2, t]
            if x * x + y * y + z * z > close:
                continue
            for p in range(count):
                dx, dy, dz = found[0, p] - x, found[1, p] - y, found[2, p] - z
                free[p] &= dx * dx + dy * dy + dz * dz >= square
    alive = 0
    for p in range(count):
        if free[p]:
            points[:, alive], places[alive] = found[:, p], where[p]
            alive += 1
    return alive


@kernel_of_sums
def _add_up(points, near, start, stop, radius, full, sums):
    """Write the sums of r^-6 and r^-12 over some atoms, add to that of q/r, which is shifted to end
    smoothly, and lessen the clearance."""
    limit, least = np.float32(FARTHEST * FARTHEST), np.float32(0.01)
    level, slope = np.float32(2.0 / FARTHEST), np.float32(1.0 / (FARTHEST * FARTHEST))
    one, nothing = np.float32(1.0), np.float32(0.0)
    x, y, z = points[0], points[1], points[2]
    s6, s12, volts, gaps = sums[0], sums[1], sums[2], sums[3]
    for p in range(full):
        s6[p] = nothing
        s12[p] = nothing
    for t in range(start, stop):
        ax, ay, az, charge = near[0, t], near[1, t], near[2, t], near[3, t]
        for p in range(full):
            dx, dy, dz = x[p] - ax, y[p] - ay, z[p] - az
            d2 = dx * dx + dy * dy + dz * dz
            d2 = d2 if d2 > least else least
            counts = one if d2 < limit else nothing
            r = math.sqrt(d2)
            inverse = one / r
            second = counts * inverse * inverse
            sixth = second * second * second
            s6[p] += sixth
            s12[p] += sixth * sixth
            volts[p] += counts * charge * (inverse - level + slope * r)
            gap = r - radius
            gaps[p] = gap if gap < gaps[p] else gaps[p]
