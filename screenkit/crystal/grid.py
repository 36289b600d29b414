"""Grid: points along the lattice vectors of a crystal, and how far each is from its atoms.

The grid hangs on an atom, chosen by what surrounds it, and its numbers of points are 4 to 7 times
a power of two. So it does not depend on the origin of the file, on the order of its atoms, or on
doublings of the cell (from 8 points on); between symmetry-equivalent atoms the order of the file
decides. The numbers are even: so centrings of the cell put points on points, and grids that stand
between them are others.

Not covered: grids along other axes than the lattice vectors; tripled cells get other points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import VAN_DER_WAALS_RADII
from screenkit.crystal.kernel import kernel
from screenkit.crystal.nearest import search_divisions, sort_into_cells

FARTHEST = 60.0
"""Å. Distances from surfaces are cut there: no crystal has a pore of 120 Å."""

_CELL_WIDTH = 3.0  # Å, of the search cells
_BLOCK = 4  # grid points along an edge of those that share their atoms
_ANCHOR_REACH = 6.0  # Å, around an atom, by which the anchor is chosen


class Surfaces(NamedTuple):
    """The atoms of a crystal as spheres, sorted into search cells; what the kernels take."""

    centers: np.ndarray
    """(n, 3) float64, Å. Within the cell, in the order of the search cells."""
    radii: np.ndarray
    """(n,) float64, Å."""
    largest: float
    """Å. The largest of them."""
    begin: np.ndarray
    """Where each search cell begins."""
    divisions: np.ndarray
    """(3,) int64. Search cells along each lattice vector."""
    heights: np.ndarray
    """(3,) float64, Å. Of the cell, across each pair of lattice vectors."""
    lattice: np.ndarray
    """(3, 3) float64, Å."""
    inverse: np.ndarray
    """(3, 3) float64, 1/Å."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Points of one crystal, periodic in all directions."""

    lattice: np.ndarray
    """(3, 3) float64, Å. Rows are a, b, c."""
    origin: np.ndarray
    """(3,) float64, fractional. Point [0, 0, 0]."""
    distances: np.ndarray
    """(na, nb, nc) float64, Å. From each point to the nearest atom's surface; negative inside."""

    @property
    def step(self) -> float:
        """Å. Edge of a cube as large as the space of one point."""
        volume = abs(float(np.linalg.det(self.lattice)))
        return float((volume / self.distances.size) ** (1.0 / 3.0))

    @property
    def spacing(self) -> float:
        """Å. The largest distance between neighbours along a lattice vector."""
        lengths = np.linalg.norm(self.lattice, axis=1)
        return float((lengths / self.distances.shape).max())


def surfaces(crystal: Crystal, radii: np.ndarray = VAN_DER_WAALS_RADII) -> Surfaces:
    """Return the atoms of a crystal as spheres.

    Args:
        radii: (119,) float64, Å. By atomic number.
    """
    lattice = np.ascontiguousarray(crystal.lattice, dtype=np.float64)
    inverse = np.linalg.inv(lattice)
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    fractional = crystal.positions @ inverse
    fractional -= np.floor(fractional)
    divisions = search_divisions(heights, _CELL_WIDTH, len(crystal))
    order, begin = sort_into_cells(fractional, divisions)
    own = radii[crystal.numbers[order]]
    return Surfaces(
        centers=fractional[order] @ lattice,
        radii=own,
        largest=float(own.max()),
        begin=begin,
        divisions=divisions,
        heights=heights,
        lattice=lattice,
        inverse=inverse,
    )


def lay_grid(crystal: Crystal, atoms: Surfaces, spacing: float, max_points: int) -> Grid:
    """Return a grid of points at most `spacing` Å apart along each lattice vector.

    In a cell that would need more than `max_points`, they are farther apart (`Grid.spacing`).
    """
    origin, shape = lay_points(crystal, atoms, spacing, max_points)
    distances = _distances(atoms, origin @ atoms.lattice, shape, FARTHEST)
    return Grid(atoms.lattice, origin, distances)


def lay_points(
    crystal: Crystal, atoms: Surfaces, spacing: float, max_points: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the origin (3,), fractional, and the shape (3,) int64 of the grid of `lay_grid`."""
    lengths = np.linalg.norm(atoms.lattice, axis=1)
    shape = _shape(lengths, spacing)
    while np.prod(shape.astype(np.float64)) > max_points and (shape > 4).any():
        spacing *= 1.1
        shape = _shape(lengths, spacing)
    return _anchor(crystal, atoms), shape


def clearances(atoms: Surfaces, grid: Grid) -> np.ndarray:
    """(na, nb, nc) float64, Å. From each point of a grid to the nearest of other surfaces."""
    shape = np.array(grid.distances.shape, dtype=np.int64)
    return _distances(atoms, grid.origin @ grid.lattice, shape, FARTHEST)


def _shape(lengths: np.ndarray, spacing: float) -> np.ndarray:
    """(3,) int64. At least as many points as wanted: 4, 5, 6 or 7 times a power of two, even."""
    wanted = np.maximum(lengths / spacing, 4.0)
    power = np.maximum(2.0 ** (np.floor(np.log2(wanted)) - 2.0), 2.0)
    # Less a hair: the edge of a doubled cell is not to the last bit twice the edge.
    return (np.ceil(wanted / power - 1e-6) * power).astype(np.int64)


def _anchor(crystal: Crystal, atoms: Surfaces) -> np.ndarray:
    """(3,) float64, fractional. The place of the rarest kind of atom that is most surrounded."""
    counts = np.bincount(crystal.numbers)
    kinds = np.flatnonzero(counts)
    rarest = kinds[np.lexsort((-kinds, counts[kinds]))[0]]
    places = crystal.positions[crystal.numbers == rarest]
    crowding = _crowding(atoms, np.ascontiguousarray(places), _ANCHOR_REACH)
    first = int(np.flatnonzero(crowding >= crowding.max() * (1.0 - 1e-7))[0])
    return places[first] @ atoms.inverse


@kernel
def look(atoms, x, y, z, reach, near):
    """Look for the atoms, images included, whose surface is within `reach` of a point.

    Return the distance to the nearest surface, `reach` if none is nearer, and how many were
    found; their centers and radii go to the rows of `near`, as far as it has any. Without rows,
    only the nearest is looked for, which is faster.
    """
    room = near.shape[0]
    least = reach
    found = 0
    na, nb, nc = atoms.divisions
    lattice, inverse = atoms.lattice, atoms.inverse
    fa = (x * inverse[0, 0] + y * inverse[1, 0] + z * inverse[2, 0]) * na
    fb = (x * inverse[0, 1] + y * inverse[1, 1] + z * inverse[2, 1]) * nb
    fc = (x * inverse[0, 2] + y * inverse[1, 2] + z * inverse[2, 2]) * nc
    span = reach + atoms.largest
    ra = span * na / atoms.heights[0]
    rb = span * nb / atoms.heights[1]
    rc = span * nc / atoms.heights[2]
    limit = span * span
    for ia in range(math.floor(fa - ra), math.floor(fa + ra) + 1):
        ma = ia // na
        for ib in range(math.floor(fb - rb), math.floor(fb + rb) + 1):
            mb = ib // nb
            row = ((ia - ma * na) * nb + (ib - mb * nb)) * nc
            for ic in range(math.floor(fc - rc), math.floor(fc + rc) + 1):
                mc = ic // nc
                cell = row + ic - mc * nc
                if atoms.begin[cell] == atoms.begin[cell + 1]:
                    continue
                tx = ma * lattice[0, 0] + mb * lattice[1, 0] + mc * lattice[2, 0]
                ty = ma * lattice[0, 1] + mb * lattice[1, 1] + mc * lattice[2, 1]
                tz = ma * lattice[0, 2] + mb * lattice[1, 2] + mc * lattice[2, 2]
                for t in range(atoms.begin[cell], atoms.begin[cell + 1]):
                    cx = atoms.centers[t, 0] + tx
                    cy = atoms.centers[t, 1] + ty
                    cz = atoms.centers[t, 2] + tz
                    d2 = (cx - x) ** 2 + (cy - y) ** 2 + (cz - z) ** 2
                    if d2 > limit:
                        continue
                    gap = math.sqrt(d2) - atoms.radii[t]
                    if gap < least:
                        least = gap
                        if room == 0:
                            limit = (max(least, -atoms.largest) + atoms.largest) ** 2
                    if room > 0 and gap <= reach and found < room:
                        near[found, 0] = cx
                        near[found, 1] = cy
                        near[found, 2] = cz
                        near[found, 3] = atoms.radii[t]
                        found += 1
    return least, found


@kernel
def _distances(atoms, origin, shape, farthest):
    """Return the distance of each point; block by block, since neighbours have the same atoms."""
    na, nb, nc = shape
    values = np.empty((na, nb, nc), np.float64)
    near = np.empty((512, 4), np.float64)
    sa, sb, sc = atoms.lattice[0] / na, atoms.lattice[1] / nb, atoms.lattice[2] / nc
    half = (_BLOCK - 1) * half_diagonal(atoms.lattice / shape.reshape(3, 1))
    guess = 4.0
    for a0 in range(0, na, _BLOCK):
        for b0 in range(0, nb, _BLOCK):
            for c0 in range(0, nc, _BLOCK):
                x, y, z = (
                    origin
                    + (a0 + 0.5 * (_BLOCK - 1)) * sa
                    + (b0 + 0.5 * (_BLOCK - 1)) * sb
                    + (c0 + 0.5 * (_BLOCK - 1)) * sc
                )
                while True:
                    middle, _ = look(atoms, x, y, z, guess, near[:0])
                    if middle < guess or guess >= farthest:
                        break
                    guess = min(guess * 1.6, farthest)
                # Whoever is nearest to a point of the block is no farther from its middle.
                _, found = look(atoms, x, y, z, middle + 2.0 * half + 1e-9, near)
                while found == near.shape[0]:
                    near = np.empty((2 * found, 4), np.float64)
                    _, found = look(atoms, x, y, z, middle + 2.0 * half + 1e-9, near)
                guess = min(max(middle, 0.0) + 2.0 * half + 1.0, farthest)
                for a in range(a0, min(a0 + _BLOCK, na)):
                    for b in range(b0, min(b0 + _BLOCK, nb)):
                        for c in range(c0, min(c0 + _BLOCK, nc)):
                            px = origin[0] + a * sa[0] + b * sb[0] + c * sc[0]
                            py = origin[1] + a * sa[1] + b * sb[1] + c * sc[1]
                            pz = origin[2] + a * sa[2] + b * sb[2] + c * sc[2]
                            least = farthest
                            for m in range(found):
                                dx, dy, dz = near[m, 0] - px, near[m, 1] - py, near[m, 2] - pz
                                gap = math.sqrt(dx * dx + dy * dy + dz * dz) - near[m, 3]
                                least = min(least, gap)
                            values[a, b, c] = least
    return values


@kernel
def half_diagonal(edges):
    """Return half the longest diagonal of a box whose edges are the rows (3, 3)."""
    longest = 0.0
    for i in (-1.0, 1.0):
        for j in (-1.0, 1.0):
            diagonal = edges[0] + i * edges[1] + j * edges[2]
            longest = max(longest, math.sqrt((diagonal * diagonal).sum()))
    return longest / 2.0


@kernel
def _crowding(atoms, places, reach):
    """Return a sum over the surroundings of each place that tells unlike ones apart."""
    sums = np.zeros(places.shape[0], np.float64)
    near = np.empty((4096, 4), np.float64)
    for i in range(places.shape[0]):
        _, found = look(atoms, places[i, 0], places[i, 1], places[i, 2], reach, near)
        for m in range(found):
            d2 = 0.0
            for axis in range(3):
                d2 += (near[m, axis] - places[i, axis]) ** 2
            # Fades out at the reach: an atom just there must not decide.
            fade = max(0.0, 1.0 - d2 / reach**2)
            sums[i] += near[m, 3] * fade * fade / (1.0 + d2)
    return sums
