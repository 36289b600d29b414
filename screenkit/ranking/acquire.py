"""Acquisition: how much a structure is worth simulating next, from a prediction and its spread.

Each function returns (n,) float64, larger is better, of means mu (n,) and standard deviations
sigma (n,) of a value that is to be large; for one that is to be small, negate the means. They are
those of MolPAL (Graff, Shakhnovich and Coley 2021, Chem. Sci. 12, 7866).

Not covered: batches whose members know of each other, and costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Acquisition = Literal["greedy", "ucb", "ei", "thompson"]

_FAR = 1e4  # deviations; from here on the first term of the tail is the better one


@dataclass(frozen=True, slots=True)
class Appetite:
    """What the scores depend on beside means and deviations."""

    beta: float
    """Standard deviations that `ucb` adds."""
    best: float
    """What `ei` must improve on; as the means, to be large."""
    normal: np.ndarray
    """(n,) one number of a standard normal per structure, for `thompson`."""


def scores(
    kind: Acquisition, mean: np.ndarray, deviation: np.ndarray, appetite: Appetite
) -> np.ndarray:
    """Return (n,) how much each structure is worth, by one of the functions below.

    `greedy` is the mean, and looks at nothing else.
    """
    if kind == "ucb":
        return upper_bound(mean, deviation, appetite.beta)
    if kind == "ei":
        return log_expected_improvement(mean, deviation, appetite.best)
    return draw(mean, deviation, appetite.normal) if kind == "thompson" else mean


def upper_bound(mean: np.ndarray, deviation: np.ndarray, beta: float) -> np.ndarray:
    """Return mu + beta sigma (Auer 2002, J. Mach. Learn. Res. 3, 397; Srinivas et al. 2010)."""
    return mean + beta * deviation


def log_expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
    """Return log E[max(f - best, 0)] for f normal: log(sigma (z Phi(z) + phi(z))) with
    z = (mu - best) / sigma (Jones, Schonlau and Welch 1998, J. Glob. Optim. 13, 455, eq. 15).

    The logarithm keeps the order where the number itself would be 0: for z < -1 it is
    log phi(z) + log(1 - |z| Q), Q = Phi(z) / phi(z) = sqrt(pi/2) erfcx(|z| / sqrt 2) (Ament et al.
    2023, NeurIPS 36, LogEI), and far out, where that cancels, log phi(z) - 2 log|z|. Where sigma is
    0 the improvement is certain: log max(mu - best, 0).
    """
    from scipy.special import erfcx, ndtr

    with np.errstate(all="ignore"):
        z = (mean - best) / deviation
        log_density = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
        near = np.log(z * ndtr(z) + np.exp(log_density))
        size = np.abs(z)
        behind = np.log1p(-size * np.sqrt(np.pi / 2) * erfcx(size / np.sqrt(2)))
        behind = np.where(size > _FAR, -2 * np.log(size), behind)
        value = np.where(z > -1, near, log_density + behind) + np.log(deviation)
        certain = np.log(np.maximum(mean - best, 0.0))
    return np.where(deviation > 0, value, certain)


def draw(mean: np.ndarray, deviation: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Return mu + sigma e, e standard normal: one sample of each structure's own belief (Thompson
    1933, Biometrika 25, 285; independent between structures).

    Args:
        mean: (n,).
        deviation: (n,).
        normal: (n,) e.
    """
    return mean + deviation * normal


def deviation_within(low: np.ndarray, high: np.ndarray, level: float) -> np.ndarray:
    """Return the standard deviation of a normal distribution that has `level` of itself between
    `low` and `high`, (n,) each."""
    from scipy.special import ndtri

    return (high - low) / (2 * float(ndtri(0.5 + level / 2)))
