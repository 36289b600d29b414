"""Sites -> atoms of the full cell: copies by symmetry, and listed sites that are one atom.

Not covered: finding overlaps between different atoms; `crystal/checks.py` does.
"""

from __future__ import annotations

import math

import numpy as np

from screenkit.crystal.kernel import kernel
from screenkit.crystal.nearest import cell_heights, search_divisions, sort_into_cells
from screenkit.crystal.symmetry import Operators
from screenkit.errors import CrystalError, Outcome

SPECIAL_POSITION_TOLERANCE = 0.1
"""Å. Copies of one site closer than this are one atom, which stays where the file puts it."""
SAME_POINT_TOLERANCE = 0.05
"""Å. Two sites of one element closer than this are one atom listed twice."""


def expand_sites(
    fractional: np.ndarray, operators: Operators, lattice: np.ndarray, max_atoms: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the atoms of the full cell and the site that each comes from.

    Copies of one site within `SPECIAL_POSITION_TOLERANCE` are one atom, the first: beside the
    special position by what the file's rounding missed it. Copies further apart stay, and overlap.

    Args:
        fractional: (n, 3) float64, the listed sites, in whichever cell: wrapping them first would
            cost a negative coordinate its last bit.
        lattice: (3, 3) float64, Å, rows.
        max_atoms: more than these is an error, and no more than these are ever made.

    Returns:
        (atoms, 3) float64 fractional in [0, 1), and (atoms,) int64 row of `fractional`.

    Raises:
        CrystalError: too_many_atoms.
    """
    atoms, owners, count = _expand(
        fractional,
        operators.rotations,
        operators.translations,
        lattice,
        SPECIAL_POSITION_TOLERANCE,
        max_atoms,
    )
    if count > max_atoms:
        raise too_many_atoms(max_atoms)
    return atoms[:count], owners[:count]


@kernel
def wrapped(fractional):
    """Return (n, 3) float64 in [0, 1): the same sites in the home cell."""
    inside = np.empty_like(fractional)
    for i in range(len(fractional)):
        for axis in range(3):
            place = fractional[i, axis] - np.floor(fractional[i, axis])
            inside[i, axis] = place if place < 1.0 else 0.0
    return inside


def too_many_atoms(max_atoms: int) -> CrystalError:
    """Return the error of a cell that is too large to screen."""
    return CrystalError(
        "too_many_atoms", f"more than {max_atoms} atoms in the cell", Outcome.FILTERED
    )


@kernel
def _expand(fractional, rotations, translations, lattice, tolerance, max_atoms):
    n, m = fractional.shape[0], rotations.shape[0]
    room = min(n * m, max_atoms + 1)
    atoms = np.empty((room, 3))
    owners = np.empty(room, np.int64)
    image = np.empty(3)
    shift = np.empty(3)
    limit = tolerance * tolerance
    count = 0
    for i in range(n):
        first = count
        for o in range(m):
            for axis in range(3):
                value = 0.0
                for b in range(3):
                    value += rotations[o, axis, b] * fractional[i, b]
                value += translations[o, axis]  # last: half a cell on keeps the last bit
                value -= np.floor(value)
                image[axis] = value if value < 1.0 else 0.0
            is_new = True
            for j in range(first, count):
                for axis in range(3):
                    delta = image[axis] - atoms[j, axis]
                    shift[axis] = delta - np.rint(delta)
                square = 0.0
                for axis in range(3):
                    length = (
                        shift[0] * lattice[0, axis]
                        + shift[1] * lattice[1, axis]
                        + shift[2] * lattice[2, axis]
                    )
                    square += length * length
                if square < limit:
                    is_new = False
                    break
            if not is_new:
                continue
            if count > max_atoms - 1:
                return atoms, owners, max_atoms + 1
            atoms[count] = image
            owners[count] = i
            count += 1
    return atoms, owners, count


@kernel
def find_coincident(fractional, numbers, lattice):
    """Return for each atom the first atom of the same element on the same point.

    Args:
        fractional: (n, 3) float64 in [0, 1).
        numbers: (n,) int16.
        lattice: (3, 3) float64, Å, rows.

    Returns:
        (n,) int64, `arange(n)` where no two coincide; and how many are not the first.
    """
    n = len(numbers)
    heights = cell_heights(lattice)
    width = (heights[0] * heights[1] * heights[2] / (4 * n)) ** (1.0 / 3.0)  # most have one or none
    divisions = search_divisions(heights, max(width, 4.0 * SAME_POINT_TOLERANCE), n)
    order, begin = sort_into_cells(fractional, divisions)
    na, nb, nc = divisions
    leaders = np.arange(n)
    for i in range(n):
        a0, a1 = _cells_near(fractional[i, 0], heights[0], na)
        b0, b1 = _cells_near(fractional[i, 1], heights[1], nb)
        c0, c1 = _cells_near(fractional[i, 2], heights[2], nc)
        for a in range(a0, a1 + 1):
            for b in range(b0, b1 + 1):
                for c in range(c0, c1 + 1):
                    cell = (_home(a, na) * nb + _home(b, nb)) * nc + _home(c, nc)
                    for place in range(begin[cell], begin[cell + 1]):
                        j = order[place]
                        if j <= i or numbers[i] != numbers[j]:
                            continue
                        if _on_one_point(fractional, lattice, i, j):
                            first, second = _leader(leaders, i), _leader(leaders, j)
                            leaders[max(first, second)] = min(first, second)
    others = 0
    for i in range(n):
        leaders[i] = _leader(leaders, i)
        others += leaders[i] != i
    return leaders, others


@kernel
def _cells_near(place, height, count):
    """Return the first and last of `count` cells that the tolerance reaches; each once."""
    if count == 1:
        return 0, 0
    reach = 1.01 * SAME_POINT_TOLERANCE / height
    first = math.floor((place - reach) * count)
    return first, min(math.floor((place + reach) * count), first + count - 1)


@kernel
def _home(cell, count):
    """Return which cell of the home cell a neighbour of one is."""
    if cell < 0:
        return cell + count
    return cell - count if cell >= count else cell


@kernel
def _on_one_point(fractional, lattice, i, j):
    dx = fractional[j, 0] - fractional[i, 0]
    dy = fractional[j, 1] - fractional[i, 1]
    dz = fractional[j, 2] - fractional[i, 2]
    dx, dy, dz = dx - np.rint(dx), dy - np.rint(dy), dz - np.rint(dz)
    square = 0.0
    for axis in range(3):
        length = dx * lattice[0, axis] + dy * lattice[1, axis] + dz * lattice[2, axis]
        square += length * length
    return square < SAME_POINT_TOLERANCE * SAME_POINT_TOLERANCE


@kernel
def _leader(leaders, i):
    while leaders[i] != i:
        i = leaders[i]
    return i
