"""Channels: which cavities of a crystal a sphere can pass between, and how large it may be.

Each point of a `Grid` belongs to the cavity that one reaches by climbing to ever wider places.
Where two cavities touch, or one touches an image of itself, there is a door; its width is refined
from the spheres around it, since the widest point of a door is equally far from three of them. A
sphere passes through the crystal where doors lead from a cavity to another image of the same one
(union-find that keeps track of images; the same test as that for periodic nets).

Not covered: the number of separate channels and their dimensions; two doors of different width
between the same two cavities count as the one that is wider on the grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from screenkit.crystal.grid import Grid, Surfaces, look
from screenkit.crystal.kernel import kernel

NARROWEST = -0.5
"""Å. Points deeper inside atoms belong to no cavity."""

_KEY_BITS = 21  # of a cavity's number in the key of a door
_MOST_DOORS = 1 << 16
_CLIMB = (60, 0.9)  # steps of a climb, and how they shrink from one to the next
_LONG_CLIMB = (300, 0.97)
_NEAR = 12  # spheres around a door that are tried in threes


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """Cavities, and what leads through them."""

    cavity: np.ndarray
    """(na, nb, nc) int64. Cavity of each grid point, widest first; -1 deep inside atoms."""
    heights: np.ndarray
    """(cavities,) float64, Å. Radius of the largest sphere in each, at its widest place; refined
    for those that matter to the probe and to the largest free sphere."""
    free_radius: float
    """Å. Of the largest sphere that passes through the crystal; `NARROWEST` if none does."""
    open: np.ndarray
    """(cavities,) bool. Whether a probe passes from here through the crystal."""


def find_channels(grid: Grid, atoms: Surfaces, probe: float) -> Channels:
    """Return the cavities of a grid, and which of them a sphere of radius `probe` (Å) traverses."""
    flat = grid.distances.ravel()
    order = np.argsort(-flat, kind="stable")
    order = order[: np.searchsorted(-flat[order], -NARROWEST)]
    shape = np.array(grid.distances.shape, dtype=np.int64)
    cavity, tops, doors, levels = _cavities(flat, order, shape)
    by_level = np.argsort(-levels, kind="stable")
    doors, levels = doors[by_level], levels[by_level]
    rough, _ = _traverse(len(tops), doors, levels, probe)
    step = grid.spacing
    low, high = min(rough, probe) - step, max(rough, probe) + step
    heights = flat[tops]
    wide = heights > low
    places = np.stack(np.unravel_index(tops[wide], shape), axis=1) / shape
    corner = grid.origin @ grid.lattice
    places = places @ grid.lattice + corner
    heights[wide] = _climb(atoms, places, heights[wide], step, *_CLIMB)
    best = heights > heights.max(initial=low) - 0.3 * step
    heights[best] = _climb(atoms, places[best[wide]], heights[best], step, *_LONG_CLIMB)
    near = (levels > low) & (levels < high)
    levels = levels.copy()
    levels[near] = _refine(atoms, corner, shape, doors[near], levels[near], heights, step)
    by_level = np.argsort(-levels, kind="stable")
    radius, open_ = _traverse(len(tops), doors[by_level], levels[by_level], probe)
    return Channels(cavity.reshape(shape), heights, float(radius), open_)


@kernel
def _climb(atoms, places, levels, step, steps, shrink):
    """Return the largest distance from the surfaces near each place, at least the given ones.

    Away from the nearest surface with ever shorter steps; the distance is a minimum of distances
    and so has edges, on which steepest ascents would stop.
    """
    near = np.empty((2048, 4), np.float64)
    highest = levels.copy()
    here = np.empty(3, np.float64)
    for p in range(places.shape[0]):
        here[:] = places[p]
        reach = levels[p] + 3.0 * step
        _, found = look(atoms, here[0], here[1], here[2], reach, near)
        stride = 0.5 * step
        for _ in range(steps):
            least, nearest, away = 1e9, 0, 1.0
            for m in range(found):
                d2 = 0.0
                for axis in range(3):
                    d2 += (here[axis] - near[m, axis]) ** 2
                gap = math.sqrt(d2) - near[m, 3]
                if gap < least:
                    least, nearest, away = gap, m, math.sqrt(d2)
            moved = math.sqrt(((here - places[p]) ** 2).sum())
            if least > reach - moved:  # farther than the atoms at hand can tell
                break
            highest[p] = max(highest[p], least)
            for axis in range(3):
                if away > 0.0:
                    here[axis] += stride * (here[axis] - near[nearest, axis]) / away
            stride *= shrink
    return highest


@kernel
def _wrap(index, size):
    """Return an index within the cell, and in which cell it was; steps of one at most."""
    if index < 0:
        return index + size, -1
    if index >= size:
        return index - size, 1
    return index, 0


@kernel
def _cavities(flat, order, shape):
    """Return the cavity of each point, their tops, and the doors with their levels.

    A door is a row (A, B, image of B next to A's home, one point, its neighbour's step).
    """
    na, nb, nc = shape
    cavity = np.full(flat.shape[0], -1, np.int64)
    image = np.zeros((flat.shape[0], 3), np.int64)
    tops = np.empty(order.shape[0], np.int64)
    table = np.full(4 * _MOST_DOORS, -1, np.int64)
    doors = np.empty((_MOST_DOORS, 9), np.int64)
    levels = np.empty(_MOST_DOORS, np.float64)
    keys = np.empty(_MOST_DOORS, np.int64)
    count, found = 0, 0
    touched = np.empty((26, 7), np.int64)  # point, its image, the step that leads there
    for p in order:
        a, b, c = p // (nb * nc), (p // nc) % nb, p % nc
        known, best = 0, -1
        for da in range(-1, 2):
            qa, wa = _wrap(a + da, na)
            for db in range(-1, 2):
                qb, wb = _wrap(b + db, nb)
                for dc in range(-1, 2):
                    qc, wc = _wrap(c + dc, nc)
                    q = (qa * nb + qb) * nc + qc
                    if cavity[q] < 0:
                        continue
                    touched[known, 0] = q
                    touched[known, 1] = image[q, 0] + wa
                    touched[known, 2] = image[q, 1] + wb
                    touched[known, 3] = image[q, 2] + wc
                    touched[known, 4], touched[known, 5], touched[known, 6] = da, db, dc
                    if best < 0 or flat[q] > flat[touched[best, 0]]:
                        best = known
                    known += 1
        if best < 0:
            cavity[p] = found
            tops[found] = p
            found += 1
            continue
        cavity[p] = cavity[touched[best, 0]]
        image[p] = touched[best, 1:4]
        for t in range(known):
            mine, other = cavity[p], cavity[touched[t, 0]]
            ia = touched[t, 1] - image[p, 0]
            ib = touched[t, 2] - image[p, 1]
            ic = touched[t, 3] - image[p, 2]
            if mine == other and ia == 0 and ib == 0 and ic == 0:
                continue
            if mine > other or (mine == other and (ia, ib, ic) < (0, 0, 0)):
                mine, other, ia, ib, ic = other, mine, -ia, -ib, -ic
            if count == _MOST_DOORS or max(abs(ia), abs(ib), abs(ic)) > 15:
                continue
            key = (mine << _KEY_BITS) | other
            key = (((key << 5 | (ia + 16)) << 5) | (ib + 16)) << 5 | (ic + 16)
            slot = ((key * 0x9E3779B97F4A7C1) >> 20) % table.shape[0]
            new = True
            while table[slot] >= 0:
                d = table[slot]
                new = keys[d] != key
                if not new:
                    break
                slot = (slot + 1) % table.shape[0]
            if new:
                table[slot] = count
                doors[count, 0], doors[count, 1] = mine, other
                doors[count, 2], doors[count, 3], doors[count, 4] = ia, ib, ic
                doors[count, 5] = p
                doors[count, 6:9] = touched[t, 4:7]
                keys[count], levels[count] = key, flat[p]
                count += 1
    return cavity, tops[:found].copy(), doors[:count].copy(), levels[:count].copy()


@kernel
def _root(parent, shift, node, moved):
    """Return the root of a cavity; `moved` becomes the image of it that the cavity belongs to."""
    moved[:] = 0
    while parent[node] != node:
        for axis in range(3):
            moved[axis] += shift[node, axis]
        node = parent[node]
    return node


@kernel
def _traverse(cavities, doors, levels, probe):
    """Open the doors, widest first; return the level that first leads to an image of itself.

    And for each cavity, whether one does that is at least as wide as `probe`.
    """
    parent = np.arange(cavities)
    size = np.ones(cavities, np.int64)
    shift = np.zeros((cavities, 3), np.int64)
    through = np.zeros(cavities, np.bool_)
    is_open = np.zeros(cavities, np.bool_)
    one, two = np.zeros(3, np.int64), np.zeros(3, np.int64)
    radius = NARROWEST
    settled = False
    for d in range(doors.shape[0] + 1):
        if not settled and (d == doors.shape[0] or levels[d] < probe):
            settled = True
            for node in range(cavities):
                is_open[node] = through[_root(parent, shift, node, one)]
        if d == doors.shape[0] or (settled and radius > NARROWEST):
            break
        a = _root(parent, shift, doors[d, 0], one)
        b = _root(parent, shift, doors[d, 1], two)
        two += doors[d, 2:5]
        if a == b:
            if (one != two).any():
                through[a] = True
                if radius == NARROWEST:
                    radius = levels[d]
            continue
        if size[a] < size[b]:
            a, b = b, a
            one, two = two, one
        parent[b] = a
        size[a] += size[b]
        shift[b] = one - two
        through[a] = through[a] or through[b]
    return radius, is_open


@kernel
def _refine(atoms, origin, shape, doors, levels, heights, step):
    """Return the width of each door: that of the hole between three spheres around it."""
    na, nb, nc = shape
    sa, sb, sc = atoms.lattice[0] / na, atoms.lattice[1] / nb, atoms.lattice[2] / nc
    near = np.empty((512, 4), np.float64)
    refined = levels.copy()
    for d in range(doors.shape[0]):
        p = doors[d, 5]
        a, b, c = p // (nb * nc), (p // nc) % nb, p % nc
        place = (
            origin
            + (a + 0.5 * doors[d, 6]) * sa
            + (b + 0.5 * doors[d, 7]) * sb
            + (c + 0.5 * doors[d, 8]) * sc
        )
        _, found = look(atoms, place[0], place[1], place[2], levels[d] + 3.0 * step, near)
        width = _hole(near[:found], place, levels[d], step)
        if width > -1e9:
            refined[d] = width
        else:
            lower = min(heights[doors[d, 0]], heights[doors[d, 1]])
            # No hole, and hardly a dip: the grid missed the middle of a straight channel.
            if lower - levels[d] < step:
                refined[d] = lower
    return refined


@kernel
def _hole(near, place, level, step):
    """Return the radius of the sphere that just fits between three others, near a place.

    -1e9 if there is none that is empty and has its center in their triangle.
    """
    gaps = np.empty(near.shape[0], np.float64)
    for m in range(near.shape[0]):
        gaps[m] = (
            math.sqrt(
                (near[m, 0] - place[0]) ** 2
                + (near[m, 1] - place[1]) ** 2
                + (near[m, 2] - place[2]) ** 2
            )
            - near[m, 3]
        )
    first = np.argsort(gaps)[:_NEAR]
    best, nearest = -1e9, 2.5 * step
    center = np.empty(3, np.float64)
    for i in range(first.shape[0]):
        for j in range(i):
            for k in range(j):
                radius = _between(near[first[i]], near[first[j]], near[first[k]], center)
                if radius < level - step or radius > level + 1.5 * step:
                    continue
                away = math.sqrt(((center - place) ** 2).sum())
                if away > nearest:
                    continue
                empty = True
                for m in range(near.shape[0]):
                    d2 = 0.0
                    for axis in range(3):
                        d2 += (near[m, axis] - center[axis]) ** 2
                    if math.sqrt(d2) - near[m, 3] < radius - 1e-4:
                        empty = False
                        break
                if empty:
                    best, nearest = radius, away
    return best


@kernel
def _between(one, two, three, center):
    """Return the radius of the sphere in the plane of three others that touches each from outside.

    Its center goes to `center`. -1e9 if it is not within their triangle.
    """
    u, v = two[:3] - one[:3], three[:3] - one[:3]
    uu, uv, vv = (u * u).sum(), (u * v).sum(), (v * v).sum()
    det = uu * vv - uv * uv
    if det <= 1e-6 * uu * vv:  # in one line, or one place
        return -1e9
    # x = s u + t v; |x - c|^2 = (w + r)^2 for each, less the first: linear in s, t and w.
    r = one[3]
    pu, qu = (uu - two[3] ** 2 + r * r) / 2.0, r - two[3]
    pv, qv = (vv - three[3] ** 2 + r * r) / 2.0, r - three[3]
    s0, s1 = (pu * vv - pv * uv) / det, (qu * vv - qv * uv) / det
    t0, t1 = (pv * uu - pu * uv) / det, (qv * uu - qu * uv) / det
    square = s1 * s1 * uu + 2.0 * s1 * t1 * uv + t1 * t1 * vv - 1.0
    half = s0 * s1 * uu + (s0 * t1 + s1 * t0) * uv + t0 * t1 * vv - r
    rest = s0 * s0 * uu + 2.0 * s0 * t0 * uv + t0 * t0 * vv - r * r
    inside = half * half - square * rest
    if inside < 0.0 or abs(square) < 1e-12:
        return -1e9
    for sign in (-1.0, 1.0):
        w = (-half + sign * math.sqrt(inside)) / square
        if w < -min(r, two[3], three[3]):
            continue
        s, t = s0 + s1 * w, t0 + t1 * w
        if s >= -0.02 and t >= -0.02 and s + t <= 1.02:
            center[:] = one[:3] + s * u + t * v
            return w
    return -1e9
