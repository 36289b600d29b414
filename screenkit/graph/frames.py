"""Local frames of k-NAGCN: rotation-invariant coordinates of an atom's neighbours.

Algorithm 1 of Zhang et al. 2021 turns the nearest neighbour onto z and the second into the yz
plane. The same frame is built here from vectors, e3 along the first neighbour and e2 along what
the first neighbour not collinear with it has across e3, because the paper's Rodrigues rotation is
0/0 where the nearest neighbour lies at -z. The paper leaves the sign of y open; here y > 0.

The frame is a proper rotation: a crystal and its mirror image differ in the sign of x.

Not covered: what to do where neighbours tie (`ambiguous` says for which atoms).
"""

from __future__ import annotations

import numba
import numpy as np

from screenkit.crystal.neighbors import Neighbors

_COLLINEAR = 1e-3  # sine of the angle to e3 below which a neighbour gives no second direction


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


@numba.njit(cache=True, nogil=True)
def _frames(vectors, tied):
    n, k = tied.shape
    frames = np.empty((n, 3, 3), np.float64)
    ambiguous = np.empty(n, np.bool_)
    e2 = np.empty(3, np.float64)
    e3 = np.empty(3, np.float64)
    for i in range(n):
        e3[:] = vectors[i, 0]
        e3 /= np.sqrt((e3 * e3).sum())
        second = -1
        for m in range(1, k):
            v = vectors[i, m]
            along = v[0] * e3[0] + v[1] * e3[1] + v[2] * e3[2]
            square = 0.0
            for x in range(3):
                e2[x] = v[x] - along * e3[x]
                square += e2[x] * e2[x]
            if square > _COLLINEAR * _COLLINEAR * (along * along + square):
                second = m
                break
        if second < 0:  # all on one line: any direction across it serves
            flattest = np.argmin(np.abs(e3))
            e2[:] = -e3[flattest] * e3
            e2[flattest] += 1.0
            square = (e2 * e2).sum()
        e2 /= np.sqrt(square)
        frames[i, 0, 0] = e2[1] * e3[2] - e2[2] * e3[1]
        frames[i, 0, 1] = e2[2] * e3[0] - e2[0] * e3[2]
        frames[i, 0, 2] = e2[0] * e3[1] - e2[1] * e3[0]
        frames[i, 1] = e2
        frames[i, 2] = e3
        ambiguous[i] = tied[i, 0] or (second > 0 and tied[i, second])
    return frames, ambiguous
