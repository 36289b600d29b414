"""Quadrature: means over a crystal's cell from even grids, refined until they are accurate enough.

The integrand is periodic and smooth, so that even points are the best there are. A grid is refined
by grids of the same shape that stand between its points; how far these disagree says how far their
mean may be off. Two would not do: a symmetry of the crystal may make them equal, and both wrong.

Not covered: what is averaged (`henry.py`, `molecule.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

_BETWEEN = np.array(list(np.ndindex(2, 2, 2)))[[0, 3, 5, 6, 7, 1, 2, 4]] / 2.0
"""(8, 3). Grids between the points of a grid, in steps: four are face-centred, eight a grid that is
twice as fine."""
_ENOUGH = (4, 8)
"""How many of them are looked at before the error is judged."""


LEAST = -27.0
"""ln of a mean (2e-12) below which places inside atoms count, and accuracy is of no use."""


class Mean(NamedTuple):
    """Of G gases at T temperatures over some points."""

    log: np.ndarray
    """(G, T) float64. ln of the mean of exp(-U / kT)."""
    energy: np.ndarray
    """(G, T) float64, K. Mean of U, weighted by exp(-U / kT)."""


def boltzmann(energies: np.ndarray, temperatures: np.ndarray) -> Mean:
    """Return the means over some points.

    Args:
        energies: (G, ...) float64, K; infinite where no probe can be.
        temperatures: (T,), K.
    """
    flat = energies.reshape(len(energies), -1)
    least = flat.min(axis=1, keepdims=True)
    shape = (len(flat), len(temperatures))
    log, energy = np.full(shape, -np.inf), np.zeros(shape)
    for g in np.flatnonzero(np.isfinite(least[:, 0])):
        above = flat[g][np.isfinite(flat[g])] - least[g]
        for t, temperature in enumerate(temperatures):
            weights = np.exp(-above / temperature)
            total = weights.sum()
            log[g, t] = np.log(total / flat.shape[1]) - least[g, 0] / temperature
            energy[g, t] = least[g, 0] + (weights @ above) / total
    return Mean(log, energy)


def combine(means: Sequence[Mean]) -> tuple[Mean, np.ndarray]:
    """Return the mean over grids of equal size, and its relative error, (G, T).

    The error is the standard error of the grids' own means, as if they were independent.
    """
    logs = np.stack([mean.log for mean in means])
    energies = np.stack([mean.energy for mean in means])
    highest = logs.max(axis=0)
    weights = np.exp(logs - np.where(np.isfinite(highest), highest, 0.0))
    total = weights.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = highest + np.log(total / len(means))
        energy = (weights * energies).sum(axis=0) / total
        error = weights.std(axis=0, ddof=1) * np.sqrt(len(means)) / total
    return Mean(log, energy), error


def refine(
    look: Callable[[np.ndarray, np.ndarray], Mean],
    origin: np.ndarray,
    shape: np.ndarray,
    tolerance: float,
    max_points: int,
) -> tuple[Mean, np.ndarray]:
    """Return the mean over a cell, and its relative error, (G, T).

    Args:
        look: the mean over a grid, of its origin (3,), fractional, and its shape (3,) int64.
        origin: of the first grid.
        shape: of the first grid.
        tolerance: relative; refined until every error is below, or its mean below `LEAST`.
        max_points: or until so many points have been looked at.
    """
    means = [look(origin, shape)]
    while True:
        for enough in _ENOUGH:
            for between in _BETWEEN[len(means) : enough]:
                means.append(look(origin + between / shape, shape))
            mean, error = combine(means)
            if ((error <= tolerance) | (mean.log < LEAST)).all():
                return mean, error
        means, shape = [mean], 2 * shape
        if 4 * np.prod(shape) > max_points:
            return mean, error
