"""The order in which round-off puts neighbours that are equally far.

The program of the published CGCNN keeps the nearest twelve of what pymatgen finds within 8 Å.
Symmetry makes many distances equal; in float64 they differ by 1e-15 Å, and that decides which of
them is the twelfth. So its predictions hang on the order of its sums, down to the processor: where
the dot product multiplies and adds in one rounding (AVX-512, as the published figures have it),
others win than where it rounds twice. The same sums in the same order are done here, in IEEE
float64 on every machine; what is equal to the last bit stands in the order of pymatgen's search,
which goes through cubes.

Not covered: pymatgen's order of the atoms (by electronegativity); equal to the last bit, neighbours
may stand in another order than there.
"""

from __future__ import annotations

import math

import numpy as np

from screenkit.crystal.cell import lattice_parameters
from screenkit.crystal.kernel import kernel

_CUBE = 8.0  # Å, the program's search radius and the edge of pymatgen's cubes
_MARGIN = 1e-8  # Å, pymatgen's numerical tolerance
_DECIMALS = 9  # of lengths and angles: what a CIF says comes back to the last bit


def order_by_roundoff(
    distances: np.ndarray,
    codes: np.ndarray,
    found: np.ndarray,
    fractional: np.ndarray,
    lattice: np.ndarray,
    image_bits: int,
) -> None:
    """Sort the candidates of each atom, in place, as the published CGCNN has them.

    Args:
        distances: (n, room) float64, Å; replaced by those of the program, which differ by 1e-14 Å.
        codes: (n, room) int64, (index, image) of each candidate, packed.
        found: (n,) int64, how many candidates an atom has.
        fractional: (n, 3) float64 in [0, 1), to the last bit.
        lattice: (3, 3) float64, Å, rows.
        image_bits: bits of each of an image's three numbers in `codes`.
    """
    turned = _lattice(lattice)
    _order(distances, codes, found, fractional, turned, _inverse(turned), image_bits)


def _lattice(lattice: np.ndarray) -> np.ndarray:
    """Return the cell with c along z and a in the xz plane, Å."""
    lengths, angles = lattice_parameters(lattice)
    a, b, c = (round(float(length), _DECIMALS) for length in lengths)
    degrees = [round(float(angle), _DECIMALS) for angle in angles]
    radians = [math.radians(angle) for angle in degrees]
    cosine, sine = [math.cos(angle) for angle in radians], [math.sin(angle) for angle in radians]
    turn = (cosine[0] * cosine[1] - cosine[2]) / (sine[0] * sine[1])
    gamma = math.acos(max(-1.0, min(1.0, turn)))  # of the reciprocal lattice
    if degrees == [90.0, 90.0, 120.0]:
        gamma = math.pi - radians[2]  # the last bit of AVX-512's arccos in a hexagonal cell
    return np.array(
        [
            [a * sine[1], 0.0, a * cosine[1]],
            [-b * sine[0] * math.cos(gamma), b * sine[0] * math.sin(gamma), b * cosine[0]],
            [0.0, 0.0, c],
        ]
    )


@kernel
def _inverse(m):
    """By cofactors: numpy's has other last bits."""
    cofactors = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            p, q, r, s = (j + 1) % 3, (j + 2) % 3, (i + 1) % 3, (i + 2) % 3
            cofactors[i, j] = m[p, r] * m[q, s] - m[q, r] * m[p, s]
    return cofactors * (
        1.0 / (m[0, 0] * cofactors[0, 0] + m[0, 1] * cofactors[1, 0] + m[0, 2] * cofactors[2, 0])
    )


@kernel
def _split(a):
    """Upper and lower half of the digits of a (Veltkamp)."""
    c = 134217729.0 * a
    high = c - (c - a)
    return high, a - high


@kernel
def _fused(a, b, c):
    """a * b + c rounded once: product and sum with their errors (Dekker, Knuth)."""
    product = a * b
    (ah, al), (bh, bl) = _split(a), _split(b)
    lost = ((ah * bh - product) + ah * bl + al * bh) + al * bl
    total = product + c
    back = total - product
    return total + (((product - (total - back)) + (c - back)) + lost)


@kernel
def _order(distances, codes, found, fractional, lattice, inverse, bits):
    n = fractional.shape[0]
    at = np.empty((n, 3))  # the atoms, by fused sums
    home = np.empty((n, 3))  # the same, wrapped into the cell, by plain sums
    turns = np.empty((n, 3), np.int64)
    for i in range(n):
        f = fractional[i]
        for x in range(3):
            first = _fused(f[1], lattice[1, x], f[0] * lattice[0, x])
            at[i, x] = _fused(f[2], lattice[2, x], first)
        wrapped = np.empty(3)
        for x in range(3):
            value = at[i, 0] * inverse[0, x] + at[i, 1] * inverse[1, x] + at[i, 2] * inverse[2, x]
            turns[i, x] = int(np.floor(value))
            wrapped[x] = value - np.floor(value)
        for x in range(3):
            home[i, x] = (
                wrapped[0] * lattice[0, x] + wrapped[1] * lattice[1, x] + wrapped[2] * lattice[2, x]
            )
    corner = np.array([at[:, 0].min(), at[:, 1].min(), at[:, 2].min()]) - _CUBE - _MARGIN
    room = distances.shape[1]
    cubes, finds = np.empty(room, np.int64), np.empty(room, np.int64)
    mask, origin = (1 << bits) - 1, 1 << (bits - 1)
    for i in range(n):
        d, code = distances[i], codes[i]
        for m in range(found[i]):
            j = code[m] >> (3 * bits)
            a = ((code[m] >> (2 * bits)) & mask) - origin + turns[j, 0]
            b = ((code[m] >> bits) & mask) - origin + turns[j, 1]
            c = (code[m] & mask) - origin + turns[j, 2]
            cube, square = 0, 0.0
            for x in range(3):
                far = a * lattice[0, x] + b * lattice[1, x] + c * lattice[2, x] + home[j, x]
                cube = (cube << 20) + int(np.floor((far - corner[x] + _MARGIN) / _CUBE))
                square += (far - at[i, x]) * (far - at[i, x])
            # Cube after cube, each from its last find to its first.
            key, find = math.sqrt(square), -((((a << bits) + b) << bits) + c) * n - j
            own, place = code[m], m
            while place > 0 and (
                d[place - 1] > key
                or (d[place - 1] == key and (cubes[place - 1], finds[place - 1]) > (cube, find))
            ):
                d[place], code[place] = d[place - 1], code[place - 1]
                cubes[place], finds[place] = cubes[place - 1], finds[place - 1]
                place -= 1
            d[place], code[place], cubes[place], finds[place] = key, own, cube, find
