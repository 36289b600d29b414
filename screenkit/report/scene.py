"""A crystal as it is drawn: which atoms and bonds are seen, and where they stand in the picture.

A parallel projection. A small cell shows the atoms of all its faces; in a large one each atom is
drawn once, and a bond that leaves the cell ends at its middle.

Not covered: colours (`structure.py`, `miniature.py`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import COVALENT_RADII
from screenkit.crystal.environments import MOST_BONDS, bonded
from screenkit.crystal.neighbors import find_neighbors

SMALL = 60
"""Atoms; a cell up to that size shows its faces."""
_AT_FACE = 0.01  # fractional
_RADIUS, _RADIUS_SMALL = 0.55, 0.42  # of the covalent one; in small cells symbols tell, not size


def view_of(lattice: np.ndarray) -> np.ndarray:
    """Return a rotation (3, 3) whose rows are right, up and towards the eye.

    The longest cell vector lies across the picture, the shortest one points mostly to the eye, a
    little turned, so that rows of atoms do not hide each other.
    """
    order = np.argsort(np.linalg.norm(lattice, axis=1), kind="stable")
    short, long = lattice[order[0]], lattice[order[2]]
    eye = short / np.linalg.norm(short)
    right = long - (long @ eye) * eye
    right /= np.linalg.norm(right)
    upright = np.stack([right, np.cross(eye, right), eye])
    across, over = np.radians(-17.0), np.radians(11.0)
    turn = np.array(
        [[np.cos(across), 0, np.sin(across)], [0, 1, 0], [-np.sin(across), 0, np.cos(across)]]
    )
    tilt = np.array([[1, 0, 0], [0, np.cos(over), -np.sin(over)], [0, np.sin(over), np.cos(over)]])
    return tilt @ turn @ upright


@dataclass(frozen=True, eq=False)
class Scene:
    """What is drawn: m atoms, those of the cell and their images at its faces, and their bonds."""

    atoms: np.ndarray
    """(m,) int64. Which atom of the crystal each is."""
    places: np.ndarray
    """(m, 3) float64, Å: right, up, towards the eye."""
    radii: np.ndarray
    """(m,) float64, Å."""
    starts: np.ndarray
    """(b,) int64. The drawn atom where each half of a bond begins."""
    halves: np.ndarray
    """(b, 3) float64, Å. From there to the middle of the bond."""


def scene_of(crystal: Crystal, view: np.ndarray) -> Scene:
    """Return what is drawn; bonds that leave a small cell are left out, as it shows its faces."""
    small = len(crystal) <= SMALL
    cells = _images(crystal.fractional) if small else np.zeros((len(crystal), 4), np.int64)
    if not small:
        cells[:, 0] = np.arange(len(crystal))
    drawn = {tuple(cell) for cell in cells.tolist()}
    neighbors = find_neighbors(crystal, MOST_BONDS, "index")
    bonds = bonded(crystal.numbers, neighbors.indices, neighbors.distances)
    starts, halves = [], []
    for place, (i, *offset) in enumerate(cells.tolist()):
        for slot in np.flatnonzero(bonds[i]):
            end = (neighbors.offsets[i, slot] + offset).tolist()
            if not small or (int(neighbors.indices[i, slot]), *end) in drawn:
                starts.append(place)
                halves.append(neighbors.vectors[i, slot] / 2)
    atoms = cells[:, 0]
    scale = _RADIUS_SMALL if small else _RADIUS
    return Scene(
        atoms=atoms,
        places=(crystal.positions[atoms] + cells[:, 1:] @ crystal.lattice) @ view.T,
        radii=np.maximum(COVALENT_RADII[crystal.numbers[atoms]], 0.45) * scale,
        starts=np.array(starts, np.int64),
        halves=np.array(halves).reshape(-1, 3) @ view.T,
    )


def _images(fractional: np.ndarray) -> np.ndarray:
    """Return (m, 4) int64: atom and cell of all that lies in the closed cell."""
    rows = []
    for i, place in enumerate(fractional):
        ways = [
            [0, 1] if abs(x) < _AT_FACE else [0, -1] if abs(x - 1) < _AT_FACE else [0]
            for x in place
        ]
        rows += [(i, *offset) for offset in itertools.product(*ways)]
    return np.array(rows, np.int64)


def cell_edges(lattice: np.ndarray) -> np.ndarray:
    """Return (12, 2, 3): both ends of each edge of the cell."""
    edges = []
    for axis in range(3):
        others = [i for i in range(3) if i != axis]
        for p in (0, 1):
            for q in (0, 1):
                corner = p * lattice[others[0]] + q * lattice[others[1]]
                edges.append((corner, corner + lattice[axis]))
    return np.array(edges)
