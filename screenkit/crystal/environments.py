"""What surrounds an atom: its bonds, its coordination environment, its place in a perovskite.

Two atoms are bonded where they are closer than the sum of their covalent radii (Cordero et al.
2008) and 0.25 Å, the rule of Xie and Grossman's supplement (2018).

Not covered: bond orders, agostic and hydrogen bonds, coordination numbers above 16. Alkali metals
have large radii, so that they may count more neighbours than a chemist would.
"""

from __future__ import annotations

import itertools

import numpy as np

from screenkit.crystal.cell import lattice_parameters
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import COVALENT_RADII, SYMBOLS
from screenkit.crystal.neighbors import Neighbors

BOND_TOLERANCE = 0.25
"""Å beyond the sum of the covalent radii."""
MOST_BONDS = 16
"""Neighbours to ask `find_neighbors` for: as many as atoms have in Frank-Kasper phases."""

_ANIONS = " F O N Cl S Br I Se Te "
"""The most anionic first: of more than three in a perovskite, the first three are X."""
_PLACES = np.array([(0, 0, 0), (1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0)]) / 2
"""Fractional places of A, B and three X."""
_FARTHEST = 1 / 3  # of an edge
_SKEW = 15.0  # degrees


def bonded(numbers: np.ndarray, neighbors: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Return (n, k) bool: which neighbours of each atom are bonded to it.

    Args:
        numbers: (n,) atomic numbers.
        neighbors: (n, k) indices into them.
        distances: (n, k), Å.
    """
    radii = COVALENT_RADII[numbers]
    return distances <= radii[:, None] + radii[neighbors] + BOND_TOLERANCE


def environments(crystal: Crystal, neighbors: Neighbors) -> list[str]:
    """Return each atom's element and what is bonded to it, such as `Zn-O4` or `C-C2H`.

    Elements stand in the order of their symbols; one that is bonded once has no number. An atom
    without bonds is its symbol alone.
    """
    bonds = bonded(crystal.numbers, neighbors.indices, neighbors.distances)
    known: dict[tuple[int, bytes], str] = {}
    found = []
    for number, row, near in zip(crystal.numbers, bonds, neighbors.indices, strict=True):
        around = np.sort(crystal.numbers[near[row]])
        key = int(number), around.tobytes()
        if key not in known:
            known[key] = _written(int(number), around)
        found.append(known[key])
    return found


def _written(number: int, around: np.ndarray) -> str:
    parts = sorted((SYMBOLS[z], int((around == z).sum())) for z in np.unique(around))
    shell = "".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in parts)
    return f"{SYMBOLS[number]}-{shell}" if shell else SYMBOLS[number]


def perovskite_sites(crystal: Crystal) -> list[str]:
    """Return `A`, `B` or `X` of each atom in a perovskite ABX3 of 5 atoms; empty texts in all else.

    The X are three anions. Of the other two, A is the one seen from which the X are the middles of
    faces and the other one is the middle of the cell; both ways are tried, and the one with the
    smaller displacements counts. The cell must be nearly a cube, and no displacement above a third
    of an edge on average (root mean square). Supercells are not recognised.

    Source: Xie and Grossman 2018, Fig. 3a.
    """
    nothing = [""] * len(crystal)
    if len(crystal) != len(_PLACES):
        return nothing
    lengths, angles = lattice_parameters(crystal.lattice)
    if np.ptp(lengths) > lengths.min() / 3 or np.abs(angles - 90).max() > _SKEW:
        return nothing
    kinds = [_ANIONS.find(f" {SYMBOLS[z]} ") % len(_ANIONS) for z in crystal.numbers]
    first = np.argsort(kinds, kind="stable")
    anions, others = first[:3], first[3:]
    if kinds[anions[2]] == len(_ANIONS) - 1 or kinds[anions[2]] == kinds[others[0]]:
        return nothing
    ways = [(_displacement(crystal, ab, anions), ab.tolist()) for ab in (others, others[::-1])]
    displacement, (a, b) = min(ways)
    if displacement > _FARTHEST:
        return nothing
    return ["A" if i == a else "B" if i == b else "X" for i in range(len(crystal))]


def _displacement(crystal: Crystal, cations: np.ndarray, anions: np.ndarray) -> float:
    """Return how far the atoms are from their places, in edges; the best order of the anions."""
    smallest = np.inf
    for order in itertools.permutations(anions.tolist()):
        away = crystal.fractional[[*cations, *order]] - _PLACES
        away -= away[2]
        away -= np.round(away)
        away -= away.mean(axis=0)
        smallest = min(smallest, float(np.sqrt((away**2).sum(axis=1).mean())))
    return smallest
