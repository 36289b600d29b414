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

_HOME = IMAGE_ORIGIN << 2 * IMAGE_BITS | IMAGE_ORIGIN << IMAGE_BITS | IMAGE_ORIGIN
_SPARE = 24  # candidates kept beyond k, so that a shell cut at place k is seen whole
_MARGIN = 1e-6  # Å, far beyond round-off


@kernel
def cell_heights(lattice):
    """Return the distances between opposite faces of a cell, (3,) float64, Å."""
    heights = np.empty(3, np.float64)
    for axis in range(3):
        u, v, w = lattice[axis], lattice[(axis + 1) % 3], lattice[(axis + 2) % 3]
        x, y, z = v[1] * w[2] - v[2] * w[1], v[2] * w[0] - v[0] * w[2], v[0] * w[1] - v[1] * w[0]
        heights[axis] = abs(u[0] * x + u[1] * y + u[2] * z) / math.sqrt(x * x + y * y + z * z)
    return heights


@kernel
def search_divisions(heights, radius, n):
    """(3,) int64. Search cells along each axis, about a radius wide; few more than atoms."""
    divisions = np.maximum(1.0, np.floor(heights / radius))
    excess = divisions[0] * divisions[1] * divisions[2] / (4.0 * n + 27.0)
    if excess > 1.0:
        divisions = np.maximum(1.0, np.floor(divisions / excess ** (1.0 / 3.0)))
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
    cartesian = np.empty((3, n), np.float64)
    for s in range(n):
        i = order[s]
        for x in range(3):
            cartesian[x, s] = (
                fractional[i, 0] * lattice[0, x]
                + fractional[i, 1] * lattice[1, x]
                + fractional[i, 2] * lattice[2, x]
            )
    best = np.empty((n, room), np.float64)
    codes = np.empty((n, room), np.int64)
    found = np.zeros(n, np.int64)
    waiting, values = np.empty(n, np.int64), np.empty(room, np.float64)
    around, image = np.empty((6, 0), np.float64), np.empty(0, np.int64)
    squares, near = np.empty(0, np.float64), np.empty(0, np.int64)
    for cell in range(len(begin) - 1):
        left = 0
        for s in range(begin[cell], begin[cell + 1]):
            waiting[left] = s
            left += 1
        radius = first_radius
        while left:
            runs, most = _runs(cell, begin, heights, divisions, radius)
            if most > len(image):
                around, image = np.empty((6, 2 * most), np.float64), np.empty(2 * most, np.int64)
                squares, near = np.empty(2 * most, np.float64), np.empty(2 * most, np.int64)
            size = _lay_out(runs, waiting, left, order, cartesian, lattice, radius, around, image)
            again = 0
            for w in range(left):
                s = waiting[w]
                i = order[s]
                own = (i << (3 * IMAGE_BITS)) | _HOME
                place = cartesian[0, s], cartesian[1, s], cartesian[2, s]
                count = _within(around, image, size, place, own, radius * radius, squares, near)
                if count <= room:
                    _sort(squares, image, near, count, values, best, codes, i)
                else:
                    count = _sort_nearest(squares, image, near[:count], best[i], codes[i])
                found[i] = count
                if not _is_whole(best, i, count, k, radius, gap):
                    waiting[again] = s
                    again += 1
            left = again
            radius *= 1.3
    for i in range(n):
        for m in range(found[i]):
            best[i, m] = math.sqrt(best[i, m])
    return best, codes, found


@kernel
def _runs(cell, begin, heights, divisions, radius):
    """Return the cells around a cell, as runs of atoms that stand side by side in one image.

    Returns:
        (m, 5) int64, the first of each run, that after its last, and the image; and one more than
        how many atoms they have.
    """
    na, nb, nc = divisions
    a, b, c = cell // (nb * nc), cell // nc % nb, cell % nc
    ra = math.ceil(radius * na / heights[0])
    rb = math.ceil(radius * nb / heights[1])
    rc = math.ceil(radius * nc / heights[2])
    first, last = _image(c - rc, nc), _image(c + rc, nc)
    runs = np.empty(((2 * ra + 1) * (2 * rb + 1) * (last - first + 1), 5), np.int64)
    r, most = 0, 1
    for ia in range(a - ra, a + ra + 1):
        ma = _image(ia, na)
        for ib in range(b - rb, b + rb + 1):
            mb = _image(ib, nb)
            row = ((ia - ma * na) * nb + (ib - mb * nb)) * nc
            for mc in range(first, last + 1):
                runs[r, 0] = begin[row + max(c - rc - mc * nc, 0)]
                runs[r, 1] = begin[row + min(c + rc + 1 - mc * nc, nc)]
                runs[r, 2], runs[r, 3], runs[r, 4] = ma, mb, mc
                most += runs[r, 1] - runs[r, 0]
                r += 1
    return runs, most


@kernel
def _lay_out(runs, waiting, left, order, cartesian, lattice, radius, around, image):
    """Put the atoms of runs that may be within a radius of those waiting in a row.

    Args:
        around: (6, m) float64, Å: takes the position and the translation of each.
        image: (m,) int64: takes its packed index and image.

    Returns:
        How many they are.
    """
    x0, x1 = _extent(cartesian[0], waiting, left)
    y0, y1 = _extent(cartesian[1], waiting, left)
    z0, z1 = _extent(cartesian[2], waiting, left)
    limit = (2.0 * (radius + _MARGIN)) ** 2
    size = 0
    for r in range(len(runs)):
        ma, mb, mc = runs[r, 2], runs[r, 3], runs[r, 4]
        u = ma * lattice[0, 0] + mb * lattice[1, 0] + mc * lattice[2, 0]
        v = ma * lattice[0, 1] + mb * lattice[1, 1] + mc * lattice[2, 1]
        w = ma * lattice[0, 2] + mb * lattice[1, 2] + mc * lattice[2, 2]
        code = (
            ((ma + IMAGE_ORIGIN) << (2 * IMAGE_BITS))
            | ((mb + IMAGE_ORIGIN) << IMAGE_BITS)
            | (mc + IMAGE_ORIGIN)
        )
        for s in range(runs[r, 0], runs[r, 1]):
            x, y, z = cartesian[0, s], cartesian[1, s], cartesian[2, s]
            dx, dy, dz = abs(x + u - x0) - x1, abs(y + v - y0) - y1, abs(z + w - z0) - z1
            dx, dy, dz = dx + abs(dx), dy + abs(dy), dz + abs(dz)  # twice the way to all of them
            # Written in any case: a branch would be guessed wrong every third time.
            around[0, size], around[1, size], around[2, size] = x, y, z
            around[3, size], around[4, size], around[5, size] = u, v, w
            image[size] = (order[s] << (3 * IMAGE_BITS)) | code
            size += dx * dx + dy * dy + dz * dz <= limit
    return size


@kernel
def _extent(values, places, count):
    """Return the middle of some values and half of their extent."""
    low, high = math.inf, -math.inf
    for m in range(count):
        low, high = min(low, values[places[m]]), max(high, values[places[m]])
    return 0.5 * (low + high), 0.5 * (high - low)


@kernel
def _image(place, count):
    """Return in which image of a cell that is divided into `count` a place lies."""
    return 0 if 0 <= place < count else place // count


@kernel
def _within(around, image, size, place, own, limit, squares, near):
    """Fill in squared distances, and which others are no more than a limit; return how many."""
    x0, y0, z0 = place
    for m in range(size):
        dx = around[0, m] + (around[3, m] - x0)
        dy = around[1, m] + (around[4, m] - y0)
        dz = around[2, m] + (around[5, m] - z0)
        squares[m] = dx * dx + dy * dy + dz * dz
    count = 0
    for m in range(size):
        near[count] = m
        count += (squares[m] <= limit) & (image[m] != own)
    return count


@kernel
def _sort(squares, image, near, count, values, best, codes, i):
    """Put the nearest in order: each after as many as are nearer, equals as they were found.

    All are compared with all, several at a time: for twenty that takes half the time of a sort,
    whose every second branch is guessed wrong.
    """
    for m in range(count):
        values[m] = squares[near[m]]
        best[i, m] = -1.0
    for m in range(count):
        value = values[m]
        place = 0
        for other in range(count):
            place += values[other] < value
        while best[i, place] == value:
            place += 1
        best[i, place], codes[i, place] = value, image[near[m]]


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
def _is_whole(squares, i, count, k, radius, gap):
    """Tell whether there are k, and the shell at place k is whole: its order hangs on all of it."""
    if count < k:
        return False
    last = k - 1
    while last + 1 < count and math.sqrt(squares[i, last + 1]) - math.sqrt(squares[i, last]) <= gap:
        last += 1
    if last + 1 < count or count == squares.shape[1]:
        return True
    return radius - math.sqrt(squares[i, last]) > gap
