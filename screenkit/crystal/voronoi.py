"""Which of an atom's nearest neighbours are bonded to it: those behind a face of its Voronoi cell.

Two atoms are connected when their Voronoi cells share a face and they are closer than the sum of
their covalent radii and 0.25 Å (supplement of Xie and Grossman 2018, after Isayev et al. 2017).
The cell is that of the images within 6 Å, or 12 Å where those do not close it. A face counts when
its solid angle is more than a thousandth of the cell's largest: touching corners are no faces. A
pair is connected when either of the two sees the face. It takes about a millisecond an atom.

Not covered: bonds to atoms that are not among the k nearest; faces beyond 12 Å, where a cube stands
in for whatever is there.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import COVALENT_RADII
from screenkit.crystal.environments import BOND_TOLERANCE
from screenkit.crystal.neighbors import Neighbors

_NEAR, _FAR = 6.0, 12.0  # Å
_SMALLEST_FACE = 1e-3  # of the largest, by solid angle

_RADII = COVALENT_RADII.copy()
_RADII[[25, 26, 27]] = 1.61, 1.52, 1.50  # Mn, Fe, Co with high spin (Cordero et al. 2008)
_CORNERS = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))


def keep_bonded(crystal: Crystal, neighbors: Neighbors) -> Neighbors:
    """Return the neighbours that are bonded, in their order; the places left over are empty.

    An empty place has distance inf, the atom itself as neighbour, and vector and offset 0.

    Args:
        neighbors: of this crystal.
    """
    n, k = neighbors.indices.shape
    points = _Images(crystal)
    radii = _RADII[crystal.numbers]
    near = neighbors.distances < radii[:, None] + radii[neighbors.indices] + BOND_TOLERANCE
    seen = np.zeros((n, k), dtype=bool)
    for i in range(n):
        if near[i].any():
            seen[i, near[i]] = _shares_face(points, i, neighbors.vectors[i, near[i]])
    keep = near & (seen | _seen_from_there(neighbors, seen))
    return _compacted(neighbors, keep)


class _Images:
    """The images of a crystal's atoms within some distance of one of them."""

    def __init__(self, crystal: Crystal) -> None:
        self._positions = crystal.positions
        self._lattice = crystal.lattice
        heights = 1.0 / np.linalg.norm(np.linalg.inv(crystal.lattice), axis=0)
        self._shifts = {}
        for radius in (_NEAR, _FAR):
            reach = np.ceil(radius / heights).astype(int)
            steps = [np.arange(-r - 1, r + 2) for r in reach]
            cells = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
            self._shifts[radius] = cells @ crystal.lattice

    def around(self, i: int, radius: float) -> np.ndarray:
        """Return (m, 3), Å: vectors from atom i to every image within `radius`, nearest first."""
        away = self._positions - self._positions[i]
        shifts = self._shifts[radius]
        # Whole cells that are too far are left out before the atoms in them are looked at.
        size = np.linalg.norm(away, axis=1).max()
        shifts = shifts[np.linalg.norm(shifts, axis=1) <= radius + size]
        vectors = (away[None] + shifts[:, None]).reshape(-1, 3)
        lengths = np.linalg.norm(vectors, axis=1)
        inside = np.flatnonzero((lengths <= radius) & (lengths > 1e-8))
        return vectors[inside[np.argsort(lengths[inside], kind="stable")]]


def _shares_face(points: _Images, i: int, wanted: np.ndarray) -> np.ndarray:
    """Return (m,) bool: whether a face of atom i's cell lies between it and the points (m, 3)."""
    angles, vectors = _faces(points.around(i, _NEAR))
    if angles is None:
        angles, vectors = _faces(points.around(i, _FAR))
    if angles is None:
        # Open even so: a cube closes the cell, its corners far outside.
        closed = np.concatenate([points.around(i, _FAR), 2.0 * _FAR * _CORNERS])
        angles, vectors = _faces(closed)
    assert angles is not None
    large = vectors[angles > _SMALLEST_FACE * angles.max()]
    apart = np.linalg.norm(wanted[:, None] - large[None], axis=2)
    return apart.min(axis=1) < 1e-6


def _faces(vectors: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the solid angle of the face towards each point (m, 3), about the origin; 0: none.

    None where the cell of the origin is open.
    """
    if len(vectors) < 4 or np.linalg.matrix_rank(vectors, tol=1e-6) < 3:
        return None, vectors
    from scipy.spatial import Voronoi  # slow to import, and few models ask

    cells = Voronoi(np.concatenate([np.zeros((1, 3)), vectors]))
    if -1 in cells.regions[cells.point_region[0]]:
        return None, vectors
    angles = np.zeros(len(vectors))
    for (a, b), ridge in zip(cells.ridge_points, cells.ridge_vertices, strict=True):
        if min(a, b) == 0:
            angles[max(a, b) - 1] = solid_angle(cells.vertices[ridge])
    return angles, vectors


def solid_angle(corners: np.ndarray) -> float:
    """Return the solid angle, sr, under which a flat polygon (m, 3) is seen from the origin.

    Corners stand in order.

    Source: Van Oosterom and Strackee 1983, IEEE Trans. Biomed. Eng. 30, 125.
    """
    lengths = np.linalg.norm(corners, axis=1)
    a, b, c = corners[0], corners[1:-1], corners[2:]
    la, lb, lc = lengths[0], lengths[1:-1], lengths[2:]
    volume = np.cross(b, c) @ a
    below = la * lb * lc + (b @ a) * lc + (c @ a) * lb + (b * c).sum(axis=1) * la
    return float(np.abs(2.0 * np.arctan2(volume, below).sum()))


def _seen_from_there(neighbors: Neighbors, seen: np.ndarray) -> np.ndarray:
    """Return (n, k) bool: the neighbour has the atom among its own and sees the face."""
    there = {
        (int(neighbors.indices[i, m]), i, *(-neighbors.offsets[i, m]).tolist())
        for i, m in zip(*np.nonzero(seen), strict=True)
    }
    back = np.zeros_like(seen)
    for i, m in zip(*np.nonzero(~seen), strict=True):
        key = (int(i), int(neighbors.indices[i, m]), *neighbors.offsets[i, m].tolist())
        back[i, m] = key in there
    return back


def _compacted(neighbors: Neighbors, keep: np.ndarray) -> Neighbors:
    """Return the kept neighbours moved to the front."""
    n, _ = keep.shape
    order = np.argsort(~keep, axis=1, kind="stable")
    kept = np.take_along_axis(keep, order, axis=1)

    def moved(values: np.ndarray, empty: Sequence[float] | np.ndarray | float) -> np.ndarray:
        wide = (..., None) if values.ndim == 3 else ...
        taken = np.take_along_axis(values, order[wide], axis=1)
        return np.where(kept[wide], taken, empty).astype(values.dtype)

    return Neighbors(
        indices=moved(neighbors.indices, np.arange(n)[:, None]),
        offsets=moved(neighbors.offsets, 0),
        distances=moved(neighbors.distances, np.inf),
        vectors=moved(neighbors.vectors, 0.0),
        tied=moved(neighbors.tied, False),
    )
