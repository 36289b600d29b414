"""A space in which structures are unlike each other: numbers of different units made comparable.

Not covered: which numbers (`select.py`), and choosing (`screenkit/farthest.py`).
"""

from __future__ import annotations

import numpy as np


def standardise(points: np.ndarray) -> np.ndarray:
    """Return (n, d) points with mean 0 and deviation 1 along each axis, 0 where all are equal."""
    points = np.asarray(points, dtype=np.float64)
    if not len(points):
        return points
    centred = points - points.mean(axis=0)
    spread = centred.std(axis=0)
    # What rounding alone spreads is no spread.
    flat = spread <= 1e-12 * np.abs(points).max(axis=0)
    return np.where(flat, 0.0, centred / np.where(flat, 1.0, spread))
