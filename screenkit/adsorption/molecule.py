"""Means over a rigid linear molecule in a crystal, with charges or without, such as CO2 and N2.

The mean runs over all places and all directions of the molecule; `turning.py` has the energies.
Each direction is looked at from every second point of the grid along each lattice vector, in turn
from one of the eight grids that these make.

The error has two parts: what more directions change, and what another order of interpolation does.

Not covered: molecules that bend or are not linear, gases that feel each other.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.adsorption.ewald import refuse_without_charges
from screenkit.adsorption.force_field import ForceField, Gas
from screenkit.adsorption.quadrature import LEAST, Mean, boltzmann
from screenkit.adsorption.turning import TAPS, Fields, feel, turn
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.grid import lay_points, surfaces

_HIGHEST = 1000.0
"""Times the temperature: where an atom alone has more energy than this for each site, none is."""
_HOPELESS = 45.0
"""Times the temperature, above the best place so far: exp(-45) is 3e-20."""
_RINGS = (6, 8, 12, 16, 24)
"""Rings of directions from pole to pole; exact for polynomials of a degree below twice as many."""
_WORK = 20
"""So many times `max_points`, places times directions, are looked at in one grid."""
_SHARP = 16
"""A grid for which so many rings are too much work is not worth while."""
_FINER = 0.7
"""Spacing of the next grid, as a share of the last one's."""
_BLUR = 0.5
"""Error of an interpolation over its difference from one with two points less: it is at most."""


def measure_molecule(
    crystal: Crystal,
    gas: Gas,
    temperatures: np.ndarray,
    field: ForceField,
    settings: AdsorptionSettings,
) -> tuple[Mean, np.ndarray]:
    """Return the mean of a gas over the cell and its directions, and its relative error, (1, T).

    Args:
        crystal: with partial charges, if the gas has charges.
        gas: neutral as a whole, with at least one Lennard-Jones site.
        temperatures: (T,) float64, K.
        field: with parameters for every element of the crystal.
        settings: cutoff, truncation and accuracy; `spacing` is that of every second point.

    Raises:
        CrystalError: `charges_missing`, `framework_charged`.
        ValueError: the gas is not neutral, or has no Lennard-Jones site.
    """
    if abs(sum(site.charge for site in gas.sites)) > 1e-6:
        raise ValueError(f"{gas.name} must be neutral")
    if not any(site.epsilon for site in gas.sites):
        raise ValueError(f"{gas.name} needs a site with sigma and epsilon")
    if not len(crystal):
        nothing = np.zeros((1, len(temperatures)))
        return Mean(nothing, nothing), nothing
    if gas.is_charged:
        refuse_without_charges(crystal)
    # In the crystal's own frame: a along x, b in the plane of x and y.
    axes = np.linalg.inv(np.linalg.cholesky(crystal.lattice @ crystal.lattice.T))
    highest = _HIGHEST * temperatures.max()
    half, before = _is_alike(gas), None
    for grid in _grids(crystal, settings):
        fields = feel(crystal, gas, field, settings, grid, highest)
        mean, error = _converge(fields, axes, temperatures, half, settings)
        if mean.log.min() < LEAST and np.isfinite(highest):
            highest = np.inf
            fields = feel(crystal, gas, field, settings, grid, highest)
            mean, error = _converge(fields, axes, temperatures, half, settings)
        if ((error <= settings.tolerance) | (mean.log < LEAST)).all():
            break
        # Where two grids agree, it is directions that lack.
        if before and (_change(mean, before) <= settings.tolerance / 2.0).all():
            break
        before = mean
    return mean, error


def _grids(
    crystal: Crystal, settings: AdsorptionSettings
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield origin and shape of grids with even numbers of points, each finer than the last."""
    atoms, spacing, last = surfaces(crystal), settings.spacing, None
    while last is None or np.prod(last / _FINER) <= min(
        settings.max_points / 8, _WORK * settings.max_points / _SHARP**2
    ):
        origin, last = lay_points(crystal, atoms, spacing, max(settings.max_points // 8, 64))
        yield origin, 2 * last
        spacing *= _FINER


def _is_alike(gas: Gas) -> bool:
    """Tell whether the two ends of a gas are alike, so that half of all directions will do."""
    sites = sorted((s.place, s.sigma, s.epsilon, s.charge) for s in gas.sites)
    return sites == sorted((-s.place, s.sigma, s.epsilon, s.charge) for s in gas.sites)


def _converge(
    fields: Fields,
    axes: np.ndarray,
    temperatures: np.ndarray,
    half: bool,
    settings: AdsorptionSettings,
) -> tuple[Mean, np.ndarray]:
    """Return the mean over directions, and its error; arguments as for `_mean`."""
    directions = 1 if half else 2  # for each ring, times rings
    affordable = 8 * _WORK * settings.max_points / fields.potential.size
    mean = _mean(fields, axes, temperatures, _RINGS[0], half)
    other = _mean(fields, axes, temperatures, _RINGS[0], half, TAPS - 2)
    blur = _BLUR * _change(mean, other)
    means = [mean]
    for rings in _RINGS[1:]:
        if len(means) > 2 and directions * rings**2 > affordable:
            break
        means.append(_mean(fields, axes, temperatures, rings, half))
        if len(means) < 3:
            continue
        # Two rules of directions may agree by chance; the one before counts by half.
        change = np.maximum(_change(means[-1], means[-2]), _change(means[-1], means[-3]) / 2.0)
        enough = np.maximum(settings.tolerance - blur, settings.tolerance / 2.0)
        if ((change <= enough) | (means[-1].log < LEAST)).all():
            break
    return means[-1], change + blur


def _change(mean: Mean, other: Mean) -> np.ndarray:
    """(1, T). How far two means are apart, relative to one of them; infinite where both are 0."""
    change = np.full(mean.log.shape, np.inf)
    np.subtract(mean.log, other.log, out=change, where=np.isfinite(mean.log))
    return np.abs(change)


def _mean(
    fields: Fields,
    axes: np.ndarray,
    temperatures: np.ndarray,
    rings: int,
    half: bool,
    taps: int = TAPS,
) -> Mean:
    """Return the mean over the points of a grid and over directions, (1, T).

    Args:
        fields: of the gas.
        axes: (3, 3) float64, 1/Å. From the frame of the directions to fractions of the cell.
        temperatures: (T,), K.
        rings: of directions.
        half: whether to leave out the lower half of them.
        taps: points that an interpolation takes.
    """
    directions, shares = _directions(rings, half)
    starts = np.array(list(np.ndindex(2, 2, 2)))
    whose = np.random.default_rng(rings).permutation(len(directions)) % len(starts)
    best, hopeless = np.inf, _HOPELESS * temperatures.max()
    means = []
    for direction, start in zip(directions @ axes, starts[whose], strict=True):
        energies = turn(fields, direction, start, best + hopeless, taps)
        best = min(best, float(energies.min()))
        means.append(boltzmann(energies[None], temperatures))
    logs = np.array([mean.log for mean in means]) + np.log(shares)[:, None, None]
    highest = logs.max(axis=0)
    if not np.isfinite(highest).all():
        return means[0]
    weights = np.exp(logs - highest)
    total = weights.sum(axis=0)
    energies = np.array([mean.energy for mean in means])
    return Mean(highest + np.log(total), (weights * energies).sum(axis=0) / total)


def _directions(rings: int, half: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, 3) unit vectors all over the sphere, and (N,) how much each counts."""
    heights, shares = np.polynomial.legendre.leggauss(rings)
    if half:
        heights, shares = heights[rings // 2 :], 2.0 * shares[rings // 2 :]
    place = np.arange(2 * rings) + 0.5 * np.arange(len(heights))[:, None]
    angles = np.pi * place / rings
    radii = np.sqrt(1.0 - heights**2)[:, None]
    z = np.broadcast_to(heights[:, None], angles.shape)
    vectors = np.stack([radii * np.cos(angles), radii * np.sin(angles), z], axis=-1)
    return vectors.reshape(-1, 3), np.repeat(shares, 2 * rings) / (4.0 * rings)
