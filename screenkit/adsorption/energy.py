"""Energy: what a probe without orientation feels at each point of a grid through a crystal.

Lennard-Jones, summed over all atoms and images within the cutoff. The points go block by block:
those of a block share one list of atoms, sorted by element, and per point and element two sums are
taken, of r^-6 and r^-12, from which the energies of all probes follow. Points inside an
atom, where no probe can be, are left out.

Not covered: molecules with an orientation or charges (`molecule.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from screenkit.adsorption.force_field import ForceField, Site
from screenkit.adsorption.surroundings import Surroundings, within
from screenkit.crystal.grid import half_diagonal
from screenkit.crystal.kernel import kernel, kernel_of_sums

Truncation = Literal["truncated", "shifted", "tail"]
"""At the cutoff: the energy ends there, it is shifted to be 0 there, or it ends there and what a
uniform framework would add beyond is added."""

NEAREST = 0.1
"""Å. No distance counts as shorter, so that an energy is always finite."""

BLOCK_WIDTH = 3.0
"""Å. Of the points that share a list of atoms, along each lattice vector, where a CPU sums."""

_WELL = 100.0  # pairs in a well
_LANES = 32  # points that the vector unit takes at once, unrolled
_FAR = 1e6  # Å, beyond all atoms


class Potential(NamedTuple):
    """Lennard-Jones coefficients of G probes and K elements."""

    c6: np.ndarray
    """(G, K) float64, K Å^6. 4 epsilon sigma^6."""
    c12: np.ndarray
    """(G, K) float64, K Å^12."""
    shift: np.ndarray
    """(G, K) float64, K. Energy at the cutoff, taken off every pair; 0 where it is not."""
    tail: np.ndarray
    """(G,) float64, K. Added everywhere."""
    hard: np.ndarray
    """(K,) float64, Å. Nearer to an atom than this, no probe is."""


def potential(
    sites: Sequence[Site],
    field: ForceField,
    atoms: Surroundings,
    volume: float,
    truncation: Truncation,
    highest: float,
) -> Potential:
    """Return the coefficients of some probes in a crystal.

    Args:
        sites: G of them.
        field: has parameters for all elements of the crystal.
        atoms: of the crystal.
        volume: Å^3, of its cell.
        truncation: what happens at the cutoff.
        highest: K. Where an atom alone has more energy than this for every probe, none can be;
            infinite to look at all points.
    """
    pairs = [field.pairs(site) for site in sites]
    sigma = np.array([pair[0][atoms.elements] for pair in pairs])
    epsilon = np.array([pair[1][atoms.elements] for pair in pairs])
    c6, c12 = 4.0 * epsilon * sigma**6, 4.0 * epsilon * sigma**12
    shift, tail = np.zeros_like(c6), np.zeros(len(sites))
    if truncation == "shifted":
        shift = c12 / atoms.cutoff**12 - c6 / atoms.cutoff**6
    if truncation == "tail":
        density = atoms.counts / volume
        tail = 4.0 * np.pi * (c12 / 9.0 / atoms.cutoff**9 - c6 / 3.0 / atoms.cutoff**3) @ density
    # Where 4 epsilon (x^2 - x) with x = (sigma / r)^6 is `highest`.
    with np.errstate(divide="ignore"):
        x = (1.0 + np.sqrt(1.0 + highest / epsilon)) / 2.0
    hard = (sigma * x ** (-1.0 / 6.0)).min(axis=0, initial=np.inf)
    return Potential(c6, c12, shift, tail, hard)


def deepest_well(sites: Sequence[Site], field: ForceField, atoms: Surroundings) -> float:
    """K, positive. A depth that no framework reaches: a hundred of its deepest pairs."""
    return _WELL * float(max(np.nanmax(field.pairs(site)[1][atoms.elements]) for site in sites))


def probe(
    atoms: Surroundings,
    pairs: Potential,
    lattice: np.ndarray,
    origin: np.ndarray,
    shape: np.ndarray,
) -> np.ndarray:
    """Return (G, na, nb, nc) float64, K: the energy of each probe at each point of a grid.

    Args:
        atoms: of the crystal.
        pairs: of G probes.
        lattice: (3, 3) float64, Å.
        origin: (3,) float64, Å. Point [0, 0, 0].
        shape: (3,) int64. Points along each lattice vector, evenly.

    Returns:
        Infinite where an atom is nearer than `pairs.hard`.
    """
    steps = lattice / shape[:, None]
    inverse = np.linalg.inv(lattice)
    return _probe(atoms, pairs, inverse, lattice, origin, steps, shape, blocks_of(atoms, steps))


def blocks_of(atoms: Surroundings, steps: np.ndarray) -> np.ndarray:
    """Return (3,) int64: points along each edge of a block, for (3, 3) steps of a grid."""
    return np.maximum(atoms.block_width // np.linalg.norm(steps, axis=1), 1).astype(np.int64)


@kernel
def _probe(atoms, pairs, inverse, lattice, origin, steps, shape, blocks):
    na, nb, nc = shape
    probes, kinds = pairs.c6.shape
    energies = np.empty((probes, na, nb, nc), np.float64)
    size = blocks[0] * blocks[1] * blocks[2]
    points = np.empty((3, size + _LANES), np.float64)
    sums = np.empty((3, size + _LANES), np.float64)
    places = np.empty((size, 3), np.int64)
    near = np.empty((3, atoms.centers.shape[0] + 2 * kinds), np.float64)
    found, begin = np.empty(atoms.owners.shape[0], np.int64), np.empty(kinds + 1, np.int64)
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    for first[0] in range(0, na, blocks[0]):
        for first[1] in range(0, nb, blocks[1]):
            for first[2] in range(0, nc, blocks[2]):
                for axis in range(3):
                    last[axis] = min(first[axis] + blocks[axis], shape[axis])
                middle, radius = _bounds(first, last, origin, steps)
                # The block stands in the cell that the surroundings are of.
                home = np.floor(middle @ inverse) @ lattice
                middle -= home
                _gather(atoms, middle, radius + pairs.hard.max(), found, near, begin)
                alive = 0
                for a in range(first[0], last[0]):
                    for b in range(first[1], last[1]):
                        for c in range(first[2], last[2]):
                            for axis in range(3):
                                points[axis, alive] = (
                                    origin[axis]
                                    + a * steps[0, axis]
                                    + b * steps[1, axis]
                                    + c * steps[2, axis]
                                    - home[axis]
                                )
                            if _inside_an_atom(points[:, alive], near, begin, pairs.hard):
                                energies[:, a, b, c] = np.inf
                                continue
                            energies[:, a, b, c] = pairs.tail
                            places[alive, 0], places[alive, 1], places[alive, 2] = a, b, c
                            alive += 1
                if alive == 0:
                    continue
                # Copies of the last point fill the lanes of the vector unit.
                full = (alive + _LANES - 1) // _LANES * _LANES
                for p in range(alive, full):
                    points[:, p] = points[:, alive - 1]
                _gather(atoms, middle, radius + atoms.cutoff, found, near, begin)
                for kind in range(kinds):
                    _add_up(points, near, begin[kind], begin[kind + 1], atoms.cutoff, full, sums)
                    for p in range(alive):
                        a, b, c = places[p]
                        for g in range(probes):
                            energies[g, a, b, c] += (
                                pairs.c12[g, kind] * sums[1, p]
                                - pairs.c6[g, kind] * sums[0, p]
                                - pairs.shift[g, kind] * sums[2, p]
                            )
    return energies


@kernel
def _bounds(first, last, origin, steps):
    """Return the middle of a block of points, and the radius of the sphere around it."""
    middle = origin.copy()
    for axis in range(3):
        middle += 0.5 * (first[axis] + last[axis] - 1) * steps[axis]
    return middle, half_diagonal(steps * (last - first - 1).reshape(3, 1))


@kernel
def _gather(atoms, middle, reach, found, near, begin):
    """Write the atoms within reach of a place into the columns of `near`, sorted by kind.

    Each kind fills an even number of columns, if need be with an atom that is far from all.
    """
    count = within(atoms, middle, reach, found)
    begin[:] = 0
    for m in range(count):
        begin[atoms.kinds[found[m]] + 1] += 1
    for kind in range(1, begin.shape[0]):
        begin[kind] += begin[kind] % 2 + begin[kind - 1]
        near[:, begin[kind] - 1] = _FAR
    for m in range(count):
        kind = atoms.kinds[found[m]]
        near[:, begin[kind]] = atoms.centers[found[m]]
        begin[kind] += 1
    # Each entry has moved on to where its kind ends, but for the atom that makes it even.
    for kind in range(begin.shape[0] - 1, 0, -1):
        begin[kind] = begin[kind - 1] + begin[kind - 1] % 2
    begin[0] = 0


@kernel
def _inside_an_atom(place, near, begin, hard):
    for kind in range(hard.shape[0]):
        for t in range(begin[kind], begin[kind + 1]):
            dx, dy, dz = near[0, t] - place[0], near[1, t] - place[1], near[2, t] - place[2]
            if dx * dx + dy * dy + dz * dz < hard[kind] ** 2:
                return True
    return False


@kernel_of_sums
def _add_up(points, near, start, stop, cutoff, full, sums):
    """Write the sums of r^-6, of r^-12 and of 1 over some atoms within the cutoff of each point."""
    limit, least = cutoff * cutoff, NEAREST * NEAREST
    x, y, z = points[0], points[1], points[2]
    s6, s12, within = sums[0], sums[1], sums[2]
    sums[:] = 0.0
    # Two atoms at a time, so that the sums are fetched and put back half as often.
    for t in range(start, stop, 2):
        ax, ay, az = near[0, t], near[1, t], near[2, t]
        bx, by, bz = near[0, t + 1], near[1, t + 1], near[2, t + 1]
        for p in range(full):
            dx, dy, dz = x[p] - ax, y[p] - ay, z[p] - az
            d2 = dx * dx + dy * dy + dz * dz
            one = 1.0 if d2 < limit else 0.0
            inverse = one / max(d2, least)
            first = inverse * inverse * inverse
            dx, dy, dz = x[p] - bx, y[p] - by, z[p] - bz
            d2 = dx * dx + dy * dy + dz * dz
            two = 1.0 if d2 < limit else 0.0
            inverse = two / max(d2, least)
            second = inverse * inverse * inverse
            s6[p] += first + second
            s12[p] += first * first + second * second
            within[p] += one + two
