"""Sphere: directions that stand evenly about a point (Fibonacci).

Not covered: weights; each direction stands for the same share of the sphere, nearly.
"""

from __future__ import annotations

import math

import numpy as np


def even_directions(count: int) -> np.ndarray:
    """Return (count, 3) float64: unit vectors."""
    height = 1.0 - (2.0 * np.arange(count) + 1.0) / count
    turn = np.arange(count) * np.pi * (3.0 - math.sqrt(5.0))
    ring = np.sqrt(1.0 - height**2)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
