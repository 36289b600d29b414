"""Sites -> atoms of the full cell: copies by symmetry, and listed sites that are one atom.

Not covered: finding overlaps between different atoms; `crystal/checks.py` does.
"""

from __future__ import annotations

import numpy as np

from screenkit.crystal.kernel import kernel
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


def wrapped(fractional: np.ndarray) -> np.ndarray:
    """Return (n, 3) float64 in [0, 1): the same sites in the home cell."""
    inside = fractional - np.floor(fractional)
    inside[inside >= 1.0] = 0.0
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
def _leaders(fractional, order, numbers, lattice, tolerance):
    """Return for each atom the first atom of its element on its point (itself if alone)."""
    n = len(numbers)
    reach = np.empty(3)  # fractional length of the tolerance across the cell
    for axis in range(3):
        u, v = lattice[(axis + 1) % 3], lattice[(axis + 2) % 3]
        x = u[1] * v[2] - u[2] * v[1]
        y = u[2] * v[0] - u[0] * v[2]
        z = u[0] * v[1] - u[1] * v[0]
        volume = abs(lattice[axis, 0] * x + lattice[axis, 1] * y + lattice[axis, 2] * z)
        reach[axis] = tolerance * np.sqrt(x * x + y * y + z * z) / volume
    leaders = np.arange(n)
    limit = tolerance * tolerance
    for p in range(n):
        i = order[p]
        for step in range(1, n):
            q = p + step
            turn = 0.0
            if q >= n:
                q -= n
                turn = 1.0
            j = order[q]
            dx = fractional[j, 0] + turn - fractional[i, 0]
            if dx > reach[0]:
                break
            if numbers[i] != numbers[j]:
                continue
            dy = fractional[j, 1] - fractional[i, 1]
            dy -= np.rint(dy)
            if abs(dy) > reach[1]:
                continue
            dz = fractional[j, 2] - fractional[i, 2]
            dz -= np.rint(dz)
            if abs(dz) > reach[2]:
                continue
            dx -= np.rint(dx)
            square = 0.0
            for axis in range(3):
                length = dx * lattice[0, axis] + dy * lattice[1, axis] + dz * lattice[2, axis]
                square += length * length
            if square < limit:
                a, b = i, j
                while leaders[a] != a:
                    a = leaders[a]
                while leaders[b] != b:
                    b = leaders[b]
                leaders[max(a, b)] = min(a, b)
    for i in range(n):
        a = i
        while leaders[a] != a:
            a = leaders[a]
        leaders[i] = a
    return leaders


def find_coincident(
    fractional: np.ndarray,
    numbers: np.ndarray,
    lattice: np.ndarray,
    tolerance: float = SAME_POINT_TOLERANCE,
) -> np.ndarray:
    """Return for each atom the first atom of the same element on the same point.

    Args:
        fractional: (n, 3) float64 in [0, 1).
        numbers: (n,) int16.
        lattice: (3, 3) float64, Å, rows.
        tolerance: Å; closer is the same point.

    Returns:
        (n,) int64, `arange(n)` where no two coincide.
    """
    return _leaders(fractional, np.argsort(fractional[:, 0]), numbers, lattice, tolerance)
