"""The atoms around each atom: sorted into cells, searched, and the nearest kept in order.

The hot loop of reading. Cells are about one search radius wide; the atoms of one share their
surroundings, which are laid out once in a row, so that distances are computed several at a time.
Atoms that find too few search again with a larger radius. Work and memory grow linearly with the
number of atoms.

Not covered: the order of neighbours at one distance (`neighbors.py`).
"""

from __future__ import annotations

import math

import numpy as np

from screenkit.crystal.kernel import kernel

IMAGE_BITS = 12
"""Bits of each of the three numbers of cells, in a code that packs an atom and its image."""
IMAGE_ORIGIN = 1 << (IMAGE_BITS - 1)
"""The number of the cell itself."""

_SPARE = 24  # candidates kept beyond k, so that a shell cut at place k is seen whole


def search_divisions(heights: np.ndarray, radius: float, n: int) -> np.ndarray:
    """(3,) int64. Search cells along each axis, about a radius wide; few more than atoms."""
    divisions = np.maximum(1, np.floor(heights / radius))
    excess = float(np.prod(divisions)) / (4.0 * n + 27.0)
    if excess > 1.0:
        divisions = np.maximum(1, np.floor(divisions / excess ** (1.0 / 3.0)))
    return divisions.astype(np.int64)


@kernel
def sort_into_cells(fractional, divisions):
    """Return each atom's cell, the atoms in order of cell, and where each cell begins."""
    n = fractional.shape[0]
    na, nb, nc = divisions
    cell = np.empty(n, np.int64)
    begin = np.zeros(na * nb * nc + 1, np.int64)
    for i in range(n):
        a = min(int(fractional[i, 0] * na), na - 1)
        b = min(int(fractional[i, 1] * nb), nb - 1)
        c = min(int(fractional[i, 2] * nc), nc - 1)
        cell[i] = (a * nb + b) * nc + c
        begin[cell[i] + 1] += 1
    for m in range(na * nb * nc):
        begin[m + 1] += begin[m]
    order = np.empty(n, np.int64)
    fill = begin[:-1].copy()
    for i in range(n):
        order[fill[cell[i]]] = i
        fill[cell[i]] += 1
    return order, begin


@kernel
def nearest(fractional, lattice, heights, divisions, k, first_radius, gap):
    """Return distances and packed (index, image) of the nearest of each atom, k at least.

    Atoms of one cell share their surroundings, which are laid out once in a row.
    """
    n = fractional.shape[0]
    room = k + _SPARE
    order, begin = sort_into_cells(fractional, divisions)
    cartesian = np.empty((n, 3), np.float64)
    for s in range(n):
        i = order[s]
        for x in range(3):
            cartesian[s, x] = (
                fractional[i, 0] * lattice[0, x]
                + fractional[i, 1] * lattice[1, x]
                + fractional[i, 2] * lattice[2, x]
            )
    best = np.empty((n, room), np.float64)
    codes = np.empty((n, room), np.int64)
    found = np.zeros(n, np.int64)
    waiting = np.empty(n, np.int64)
    for cell in range(len(begin) - 1):
        left = 0
        for s in range(begin[cell], begin[cell + 1]):
            waiting[left] = s
            left += 1
        radius = first_radius
        while left:
            around, image, home = _surroundings(
                cell, order, begin, cartesian, lattice, heights, divisions, radius
            )
            squares = np.empty(len(image), np.float64)
            near = np.empty(len(image), np.int64)
            again = 0
            for w in range(left):
                s = waiting[w]
                i = order[s]
                self = home + s - begin[cell]
                count = _within(around, cartesian[s], self, radius * radius, squares, near)
                count = _sort_nearest(squares, image, near[:count], best[i], codes[i])
                found[i] = count
                if not _is_whole(best[i], count, k, radius, gap):
                    waiting[again] = s
                    again += 1
            left = again
            radius *= 1.3
    for i in range(n):
        for m in range(found[i]):
            best[i, m] = math.sqrt(best[i, m])
    return best, codes, found


@kernel
def _surroundings(cell, order, begin, cartesian, lattice, heights, divisions, radius):
    """Return the atoms within a radius of any place in a cell, in a row, and others beside them.

    Returns:
        (6, m) float64, Å: position and translation of each; (m,) int64, packed index and image; and
        where the row of the cell's own atoms begins.
    """
    na, nb, nc = divisions
    a, b, c = cell // (nb * nc), cell // nc % nb, cell % nc
    ra = math.ceil(radius * na / heights[0])
    rb = math.ceil(radius * nb / heights[1])
    rc = math.ceil(radius * nc / heights[2])
    size = 0
    for pass_ in range(2):
        if pass_:
            around = np.empty((6, size), np.float64)
            codes = np.empty(size, np.int64)
        size, home = 0, 0
        for ia in range(a - ra, a + ra + 1):
            ma = ia // na
            for ib in range(b - rb, b + rb + 1):
                mb = ib // nb
                row = ((ia - ma * na) * nb + (ib - mb * nb)) * nc
                for ic in range(c - rc, c + rc + 1):
                    mc = ic // nc
                    there = row + ic - mc * nc
                    if ia == a and ib == b and ic == c:
                        home = size
                    count = begin[there + 1] - begin[there]
                    if pass_ and count:
                        image = (
                            ((ma + IMAGE_ORIGIN) << (2 * IMAGE_BITS))
                            | ((mb + IMAGE_ORIGIN) << IMAGE_BITS)
                            | (mc + IMAGE_ORIGIN)
                        )
                        for x in range(3):
                            shift = ma * lattice[0, x] + mb * lattice[1, x] + mc * lattice[2, x]
                            for m in range(count):
                                around[x, size + m] = cartesian[begin[there] + m, x]
                                around[3 + x, size + m] = shift
                        for m in range(count):
                            codes[size + m] = (order[begin[there] + m] << (3 * IMAGE_BITS)) | image
                    size += count
    return around, codes, home


@kernel
def _within(around, place, self, limit, squares, near):
    """Fill in squared distances, and which are no more than a limit; return how many."""
    x0, y0, z0 = place[0], place[1], place[2]
    for m in range(len(squares)):
        dx = around[0, m] + (around[3, m] - x0)
        dy = around[1, m] + (around[4, m] - y0)
        dz = around[2, m] + (around[5, m] - z0)
        squares[m] = dx * dx + dy * dy + dz * dz
    squares[self] = math.inf
    count = 0
    for m in range(len(squares)):
        near[count] = m
        count += squares[m] <= limit
    return count


@kernel
def _sort_nearest(squares, image, near, mine, code):
    """Put the nearest in order, as many as there is room for; return how many."""
    room, count = len(mine), 0
    for m in near:
        square = squares[m]
        if count < room:
            place = count
            count += 1
        elif square < mine[room - 1]:
            place = room - 1
        else:
            continue
        while place > 0 and mine[place - 1] > square:
            mine[place], code[place] = mine[place - 1], code[place - 1]
            place -= 1
        mine[place], code[place] = square, image[m]
    return count


@kernel
def _is_whole(squares, count, k, radius, gap):
    """Tell whether there are k, and the shell at place k is whole: its order hangs on all of it."""
    if count < k:
        return False
    last = k - 1
    while last + 1 < count and math.sqrt(squares[last + 1]) - math.sqrt(squares[last]) <= gap:
        last += 1
    return last + 1 < count or count == len(squares) or radius - math.sqrt(squares[last]) > gap
