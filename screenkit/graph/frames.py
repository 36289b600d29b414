"""Local frames of k-NAGCN: rotation-invariant coordinates of an atom's neighbours.

Algorithm 1 of Zhang et al. 2021 turns the nearest neighbour onto z and the second into the yz
plane. The same frame is built here from vectors, e3 along the first neighbour and e2 along what
the first neighbour not collinear with it has across e3, because the paper's Rodrigues rotation is
0/0 where the nearest neighbour lies at -z. The paper leaves the sign of y open; here y > 0.

The frame is a proper rotation: a crystal and its mirror image differ in the sign of x.

Not covered: what to do where neighbours tie (`ambiguous` says for which atoms).
"""

from __future__ import annotations

import math

import numpy as np

from screenkit.crystal.kernel import kernel
from screenkit.crystal.neighbors import Neighbors

COLLINEAR = 1e-3
"""Sine of the angle to e3 below which a neighbour gives no second direction."""


def local_frames(neighbors: Neighbors) -> tuple[np.ndarray, np.ndarray]:
    """Return each atom's local frame and whether a tie between equals chose it.

    Returns:
        frames: (n, 3, 3) float64. Rows e1, e2, e3; e1 = e2 x e3. A neighbour at v (Å) has the
            local coordinates frames @ v.
        ambiguous: (n,) bool. The neighbour that sets e3, or the one that sets e2, has an equal in
            its shell, so that only its index chose it.

    Source: Zhang et al. 2021, Algorithm 1.
    """
    return _frames(neighbors.vectors, neighbors.tied)


@kernel
def _frames(vectors, tied):
    # Scalars in the place of small arrays: numba compiles them in a tenth of the time.
    n, k = tied.shape
    frames = np.empty((n, 3, 3), np.float64)
    ambiguous = np.empty(n, np.bool_)
    for i in range(n):
        x, y, z = vectors[i, 0, 0], vectors[i, 0, 1], vectors[i, 0, 2]
        length = math.sqrt(x * x + y * y + z * z)
        x, y, z = x / length, y / length, z / length
        second = -1
        u, v, w, square = 0.0, 0.0, 0.0, 0.0
        for m in range(1, k):
            u, v, w = vectors[i, m, 0], vectors[i, m, 1], vectors[i, m, 2]
            along = u * x + v * y + w * z
            u, v, w = u - along * x, v - along * y, w - along * z
            square = u * u + v * v + w * w
            if square > COLLINEAR * COLLINEAR * (along * along + square):
                second = m
                break
        if second < 0:  # all on one line: any direction across it serves
            a, b, c = abs(x), abs(y), abs(z)
            if a <= b and a <= c:
                u, v, w = 1.0 - x * x, -x * y, -x * z
            elif b <= c:
                u, v, w = -y * x, 1.0 - y * y, -y * z
            else:
                u, v, w = -z * x, -z * y, 1.0 - z * z
            square = u * u + v * v + w * w
        length = math.sqrt(square)
        u, v, w = u / length, v / length, w / length
        frames[i, 0, 0], frames[i, 0, 1], frames[i, 0, 2] = (
            v * z - w * y,
            w * x - u * z,
            u * y - v * x,
        )
        frames[i, 1, 0], frames[i, 1, 1], frames[i, 1, 2] = u, v, w
        frames[i, 2, 0], frames[i, 2, 1], frames[i, 2, 2] = x, y, z
        ambiguous[i] = tied[i, 0] or (second > 0 and tied[i, second])
    return frames, ambiguous
