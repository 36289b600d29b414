"""Structures that are unlike each other: farthest point sampling in any space of numbers.

Not covered: what the space is.
"""

from __future__ import annotations

import numpy as np

_BLOCK = 2**20  # numbers that are worked on at once


def farthest(points: np.ndarray, count: int) -> np.ndarray:
    """Return (count,) int64: places of points, the first one first, then always the one that is
    farthest from all that are chosen; of equals the first.

    Gonzalez 1985, Theoretical Computer Science 38, 293: the largest distance of a point to its
    nearest chosen one is at most twice the least possible. Takes n d count steps.

    Args:
        points: (n, d) finite numbers; distances are Euclidean.
        count: how many; n at most.
    """
    chosen = np.zeros(min(count, len(points)), dtype=np.int64)
    nearest = np.full(len(points), np.inf)
    for i in range(1, len(chosen)):
        _approach(nearest, points, int(chosen[i - 1]))
        chosen[i] = int(nearest.argmax())
    return chosen


def _approach(nearest: np.ndarray, points: np.ndarray, new: int) -> None:
    """Lower the squared distances to the nearest chosen point, in blocks, for one more point."""
    rows = max(1, _BLOCK // max(1, points.shape[1]))
    # Of 16 bits a block at a time: squares would not fit, and all of it at once is large.
    exact = np.result_type(points.dtype, np.float32)
    centre = points[new].astype(exact)
    for start in range(0, len(points), rows):
        part = slice(start, start + rows)
        apart = points[part].astype(exact, copy=False) - centre
        np.minimum(nearest[part], np.einsum("ij,ij->i", apart, apart), out=nearest[part])
    nearest[new] = -1.0  # never again, not even where only its equals are left
