"""Surroundings: the atoms of a cell and their images within reach of it, sorted by place.

Not covered: what they do to a probe (`energy.py`, `landscape.py`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.kernel import kernel, kernel_of_sums

_CELL_WIDTH = 4.0  # Å, of the search cells


class Surroundings(NamedTuple):
    """The atoms of a cell and all images within a cutoff of it, sorted into search cells."""

    centers: np.ndarray
    """(m, 3) float64, Å. In the order of the search cells."""
    owners: np.ndarray
    """(m,) int64. Which atom of the crystal each is, or is an image of."""
    kinds: np.ndarray
    """(m,) int64. Place of the element in `elements`."""
    elements: np.ndarray
    """(K,) int64. Atomic numbers that the crystal has, ascending."""
    counts: np.ndarray
    """(K,) int64. How many atoms of each the cell has."""
    begin: np.ndarray
    """Where each search cell begins."""
    corner: np.ndarray
    """(3,) float64, Å. Of the first search cell."""
    divisions: np.ndarray
    """(3,) int64. Search cells along x, y and z."""
    cutoff: float
    """Å."""
    block_width: float
    """Å. Of blocks of points; one that begins in the cell may end so far outside."""


def surround(crystal: Crystal, cutoff: float, block_width: float) -> Surroundings:
    """Return the atoms that any point of the cell may feel; the cell may be thinner than `cutoff`.

    Args:
        crystal: may have no atoms.
        cutoff: Å.
        block_width: Å. Of the blocks in which points are looked at.
    """
    counts = np.bincount(crystal.numbers, minlength=1)
    elements = np.flatnonzero(counts)
    kinds = np.searchsorted(elements, crystal.numbers)
    lattice = np.ascontiguousarray(crystal.lattice, dtype=np.float64)
    inverse = np.linalg.inv(lattice)
    inside = crystal.positions @ inverse
    inside -= np.floor(inside)
    # The middle of a block is in the cell, its points may be half a block outside.
    reach = (cutoff + 0.5 * block_width) * np.linalg.norm(inverse, axis=0)
    points, owners, corner, opposite = _images(inside, lattice, reach)
    divisions = np.maximum(np.ceil((opposite - corner) / _CELL_WIDTH), 1).astype(np.int64)
    order, begin = _sort(points, corner, divisions)
    return Surroundings(
        centers=points[order],
        owners=owners[order],
        kinds=kinds[owners[order]],
        elements=elements,
        counts=counts[elements],
        begin=begin,
        corner=corner,
        divisions=divisions,
        cutoff=cutoff,
        block_width=block_width,
    )


@kernel
def _images(inside, lattice, reach):
    """Return places (m, 3) and owners (m,) of all images that are at most `reach` outside, and two
    corners of the box around them."""
    n = inside.shape[0]
    first, last = np.empty((n, 3), np.int64), np.empty((n, 3), np.int64)
    count = 0
    for i in range(n):
        images = 1
        for axis in range(3):
            first[i, axis] = math.ceil(-reach[axis] - inside[i, axis])
            last[i, axis] = math.floor(1.0 + reach[axis] - inside[i, axis])
            images *= last[i, axis] - first[i, axis] + 1
        count += images
    points, owners = np.empty((count, 3), np.float64), np.empty(count, np.int64)
    corner, opposite = np.zeros(3, np.float64), np.zeros(3, np.float64)
    m = 0
    for i in range(n):
        for a in range(first[i, 0], last[i, 0] + 1):
            for b in range(first[i, 1], last[i, 1] + 1):
                for c in range(first[i, 2], last[i, 2] + 1):
                    for axis in range(3):
                        place = (
                            (inside[i, 0] + a) * lattice[0, axis]
                            + (inside[i, 1] + b) * lattice[1, axis]
                            + (inside[i, 2] + c) * lattice[2, axis]
                        )
                        points[m, axis] = place
                        corner[axis] = min(corner[axis], place)
                        opposite[axis] = max(opposite[axis], place)
                    owners[m] = i
                    m += 1
    return points, owners, corner, opposite


@kernel
def _sort(points, corner, divisions):
    """Return the order of the points by search cell, and where each cell begins."""
    n = points.shape[0]
    cells = np.empty(n, np.int64)
    begin = np.zeros(divisions[0] * divisions[1] * divisions[2] + 1, np.int64)
    for m in range(n):
        cell = 0
        for axis in range(3):
            place = int((points[m, axis] - corner[axis]) / _CELL_WIDTH)
            cell = cell * divisions[axis] + min(place, divisions[axis] - 1)
        cells[m] = cell
        begin[cell + 1] += 1
    for cell in range(1, begin.shape[0]):
        begin[cell] += begin[cell - 1]
    free, order = begin[:-1].copy(), np.empty(n, np.int64)
    for m in range(n):
        order[free[cells[m]]] = m
        free[cells[m]] += 1
    return order, begin


@kernel_of_sums
def within(atoms, place, reach, found):
    """Write to `found` which of the atoms are within reach of a place, and return how many are.

    Args:
        atoms: Surroundings.
        place: (3,) float64, Å.
        reach: Å.
        found: int64; has room for all atoms.
    """
    square = reach * reach
    x, y, z = place
    dx, dy, dz = place - atoms.corner
    near = 0
    for a in _cells(dx, reach, atoms.divisions[0]):
        left = square - _gap(dx, a) ** 2
        for b in _cells(dy, math.sqrt(max(left, 0.0)), atoms.divisions[1]):
            rest = math.sqrt(max(left - _gap(dy, b) ** 2, 0.0))
            cells = _cells(dz, rest, atoms.divisions[2])
            row = (a * atoms.divisions[1] + b) * atoms.divisions[2]
            for t in range(atoms.begin[row + cells.start], atoms.begin[row + cells.stop]):
                found[near] = t
                near += (
                    (atoms.centers[t, 0] - x) ** 2
                    + (atoms.centers[t, 1] - y) ** 2
                    + (atoms.centers[t, 2] - z) ** 2
                ) <= square
    return near


@kernel_of_sums
def _cells(place, reach, divisions):
    """Return the search cells along one axis that are within reach of a place."""
    first = max(math.floor((place - reach) / _CELL_WIDTH), 0)
    return range(first, max(min(math.floor((place + reach) / _CELL_WIDTH) + 1, divisions), first))


@kernel_of_sums
def _gap(place, cell):
    """Return how far a place is from a search cell, along one axis."""
    return max(cell * _CELL_WIDTH - place, place - (cell + 1) * _CELL_WIDTH, 0.0)
