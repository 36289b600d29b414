"""The k nearest periodic images of every atom, in an order that does not hang on the machine.

Every atom gets k neighbours, however empty the crystal (`nearest.py` finds them). Images are
neighbours like any other, those of the atom itself included. The list is directed: each atom keeps
its own nearest.

Not covered: neighbours within a fixed cutoff without a number; which of them are bonded
(`voronoi.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.kernel import kernel
from screenkit.crystal.nearest import (
    IMAGE_BITS,
    IMAGE_ORIGIN,
    cell_heights,
    nearest,
    search_divisions,
)
from screenkit.crystal.roundoff import order_by_roundoff
from screenkit.errors import CrystalError

Ties = Literal["environment", "index", "published"]

TIE_TOLERANCE = 1e-3
"""Å. Sorted neighbours belong to one shell until the next is farther by more than this.

A gap and not a grid: any rounding grid has edges that noise crosses. CIF coordinates of five
decimals place an atom of a 20 Å cell within 2e-4 Å.
"""

_MAX_CELLS_SEARCHED = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """The k nearest images of each of n atoms, nearest first."""

    indices: np.ndarray
    """(n, k) int32. Which atom of the cell the neighbour is an image of."""
    offsets: np.ndarray
    """(n, k, 3) int32. Its lattice translation, in cells, relative to the wrapped positions."""
    distances: np.ndarray
    """(n, k) float64, Å. Ascending from shell to shell; within one, in the order that was asked
    for (`find_neighbors`, `ties`)."""
    vectors: np.ndarray
    """(n, k, 3) float64, Å. From the atom to the neighbour."""
    tied: np.ndarray
    """(n, k) bool. The neighbour has an equal in its shell: only its index gave it its place."""


def find_neighbors(crystal: Crystal, k: int, ties: Ties = "environment") -> Neighbors:
    """Return the k nearest images of every atom.

    Neighbours at one distance need an order that does not depend on the machine:

    - `index`: by (distance rounded to 1e-8 Å, index, image). Changes when the atoms of the file
      are listed in another order.
    - `published`: by round-off, as in the program of the published CGCNN (`roundoff.py`). Changes
      with all that the bits of a coordinate hang on.
    - `environment`: within a shell (`TIE_TOLERANCE`) by atomic number, largest first, then by the
      neighbour's own k distances, then by index and image. Does not depend on the order of the
      file unless the tied neighbours are alike, which `tied` then says.

    Raises:
        CrystalError: the cell is so flat that a search would not end (`bad_cell`).
        ValueError: k is not positive, or the crystal has no atoms.
    """
    n = len(crystal)
    if k < 1 or n < 1:
        raise ValueError(f"{crystal.name}: need k >= 1 and atoms >= 1, got k={k}, {n} atoms")
    lattice = np.ascontiguousarray(crystal.lattice, dtype=np.float64)
    heights = cell_heights(lattice)
    radius = _first_radius(n / crystal.volume, k)
    divisions = search_divisions(heights, radius, n)
    cells = [2.0 * radius * d / h + 2.0 for d, h in zip(divisions, heights, strict=True)]
    if math.prod(cells) > _MAX_CELLS_SEARCHED:
        raise CrystalError(
            "bad_cell",
            f"a cell of heights {heights[0]:.3g}, {heights[1]:.3g}, {heights[2]:.3g} Å holds too "
            "many images to search",
        )
    fractional = crystal.fractional - np.floor(crystal.fractional)
    candidates, codes, found = nearest(
        fractional, lattice, heights, divisions, k, radius, TIE_TOLERANCE
    )
    tied = np.zeros((n, k), dtype=np.bool_)
    if ties == "index":
        _order_by_index(candidates, codes, found)
        _mark_ties(candidates, found, tied, TIE_TOLERANCE)
    elif ties == "published":
        order_by_roundoff(candidates, codes, found, fractional, lattice, IMAGE_BITS)
        _mark_ties(candidates, found, tied, TIE_TOLERANCE)
    else:
        numbers = np.ascontiguousarray(crystal.numbers, dtype=np.int64)
        _order_by_environment(candidates, codes, found, k, numbers, tied, TIE_TOLERANCE)
    indices, offsets, distances, vectors = _unpack(candidates, codes, k, fractional, lattice)
    return Neighbors(indices, offsets, distances, vectors, tied)


def _first_radius(atoms_per_a3: float, k: int) -> float:
    """Å. A sphere that holds k atoms on average, but no more than a framework's usual k need."""
    even = (3.0 * k / (4.0 * math.pi * atoms_per_a3)) ** (1.0 / 3.0)
    # Pores make the mean density a poor guide: linkers have 12 neighbours within 4 Å.
    return min(1.2 * even, 4.6 * (k / 12.0) ** (1.0 / 3.0))


@kernel
def _order_by_index(distances, codes, found):
    for i in range(distances.shape[0]):
        d, c = distances[i], codes[i]
        for m in range(1, found[i]):
            place = m
            dm, cm = d[m], c[m]
            key = np.round(dm * 1e8)
            while place > 0:
                before = np.round(d[place - 1] * 1e8)
                if before < key or (before == key and c[place - 1] < cm):
                    break
                d[place], c[place] = d[place - 1], c[place - 1]
                place -= 1
            d[place], c[place] = dm, cm


@kernel
def _mark_ties(distances, found, tied, tolerance):
    for i in range(tied.shape[0]):
        d = distances[i]
        for m in range(tied.shape[1]):
            tied[i, m] = (m > 0 and d[m] - d[m - 1] <= tolerance) or (
                m + 1 < found[i] and d[m + 1] - d[m] <= tolerance
            )


@kernel
def _compare_atoms(a, b, numbers, profiles, k, tolerance):
    """-1, 0 or 1: by atomic number, largest first, then by their own k distances, nearest first."""
    if numbers[a] != numbers[b]:
        return -1 if numbers[a] > numbers[b] else 1
    if a == b:
        return 0
    for m in range(k):
        gap = profiles[a, m] - profiles[b, m]
        if gap < -tolerance:
            return -1
        if gap > tolerance:
            return 1
    return 0


@kernel
def _order_by_environment(distances, codes, found, k, numbers, tied, tolerance):
    profiles = distances[:, :k].copy()
    shift = 3 * IMAGE_BITS
    for i in range(distances.shape[0]):
        d, c = distances[i], codes[i]
        first = 0
        while first < k:
            last = first + 1
            while last < found[i] and d[last] - d[last - 1] <= tolerance:
                last += 1
            for m in range(first + 1, last):
                place = m
                dm, cm = d[m], c[m]
                while place > first:
                    before = c[place - 1]
                    rank = _compare_atoms(
                        before >> shift, cm >> shift, numbers, profiles, k, tolerance
                    )
                    if rank < 0 or (rank == 0 and before < cm):
                        break
                    d[place], c[place] = d[place - 1], c[place - 1]
                    place -= 1
                d[place], c[place] = dm, cm
            for m in range(first + 1, last):
                if not _compare_atoms(
                    c[m - 1] >> shift, c[m] >> shift, numbers, profiles, k, tolerance
                ):
                    if m - 1 < k:
                        tied[i, m - 1] = True
                    if m < k:
                        tied[i, m] = True
            first = last


@kernel
def _unpack(distances, codes, k, fractional, lattice):
    n = distances.shape[0]
    indices = np.empty((n, k), np.int32)
    offsets = np.empty((n, k, 3), np.int32)
    vectors = np.empty((n, k, 3), np.float64)
    mask = (1 << IMAGE_BITS) - 1
    for i in range(n):
        for m in range(k):
            code = codes[i, m]
            j = code >> (3 * IMAGE_BITS)
            a = ((code >> (2 * IMAGE_BITS)) & mask) - IMAGE_ORIGIN
            b = ((code >> IMAGE_BITS) & mask) - IMAGE_ORIGIN
            c = (code & mask) - IMAGE_ORIGIN
            indices[i, m] = j
            offsets[i, m, 0], offsets[i, m, 1], offsets[i, m, 2] = a, b, c
            da = fractional[j, 0] + a - fractional[i, 0]
            db = fractional[j, 1] + b - fractional[i, 1]
            dc = fractional[j, 2] + c - fractional[i, 2]
            for x in range(3):
                vectors[i, m, x] = da * lattice[0, x] + db * lattice[1, x] + dc * lattice[2, x]
    return indices, offsets, distances[:, :k].copy(), vectors
