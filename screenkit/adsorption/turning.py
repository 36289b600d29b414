"""Turning: what a linear molecule feels as it turns about the points of a grid.

What a site feels is known at the points of the grid. A site beside the point that the molecule
turns about lies between points, and what it feels there is interpolated. Its Lennard-Jones energy
is so as a logarithm, since that has no steep walls; the electrostatic potential as it is. For one
direction the way from point to site is the same everywhere, so that interpolation is a sum of
shifted grids, axis by axis.

Not covered: which directions and how many (`molecule.py`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.adsorption.energy import BLOCK_WIDTH, potential, probe
from screenkit.adsorption.ewald import electrostatic_potential
from screenkit.adsorption.force_field import ForceField, Gas, Site
from screenkit.adsorption.surroundings import surround
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.kernel import kernel_of_sums

TAPS = 6
"""Points along each lattice vector that an interpolation takes."""
_SOFT = 1000.0
"""K. So far above the deepest well, the logarithm of an energy takes over."""


class Fields(NamedTuple):
    """What the sites of a gas feel at the points of a grid; sites beside the center number S."""

    center: np.ndarray
    """(na, nb, nc) float64, K. Of the sites at the point that the molecule turns about; infinite
    where an atom forbids them."""
    walls: np.ndarray
    """(K, na, nb, nc) float64. Of each kind of Lennard-Jones site, ln(1 + (U - least) / soft)."""
    least: np.ndarray
    """(K,) float64, K. The least U of each kind."""
    potential: np.ndarray
    """(na, nb, nc) float64, K/e."""
    places: np.ndarray
    """(S,) float64, Å. Along the axis of the molecule, none at 0."""
    kinds: np.ndarray
    """(S,) int64. Which of the K; -1 where there is a charge alone."""
    charges: np.ndarray
    """(S,) float64, e."""
    slack: float
    """K. No more than this can the sites beside the center win."""


def feel(
    crystal: Crystal,
    gas: Gas,
    field: ForceField,
    settings: AdsorptionSettings,
    grid: tuple[np.ndarray, np.ndarray],
    highest: float,
) -> Fields:
    """Return what the sites of a gas feel at the points of a grid.

    Args:
        crystal: with charges, if the gas has them.
        gas: with at least one Lennard-Jones site.
        field: with parameters for every element of the crystal.
        settings: cutoff and truncation.
        grid: origin (3,), fractional, and shape (3,) int64.
        highest: K. Where one atom alone has more energy than this for every site, none can be;
            infinite to look at all points.
    """
    origin, shape = grid
    kinds = list(dict.fromkeys((site.sigma, site.epsilon) for site in gas.sites if site.epsilon))
    atoms = surround(crystal, settings.cutoff, BLOCK_WIDTH)
    probes = [Site(0.0, *kind) for kind in kinds]
    pairs = potential(probes, field, atoms, crystal.volume, settings.truncation, highest)
    energies = probe(atoms, pairs, crystal.lattice, origin @ crystal.lattice, shape)
    volts = np.zeros(tuple(shape))
    if gas.is_charged:
        volts = electrostatic_potential(
            crystal, origin, (int(shape[0]), int(shape[1]), int(shape[2]))
        )

    center = np.zeros(tuple(shape))
    for site in gas.sites:
        if site.place == 0.0:
            center += site.charge * volts
            if site.epsilon:
                center += energies[kinds.index((site.sigma, site.epsilon))]
    beside = [site for site in gas.sites if site.place != 0.0]
    allowed = np.isfinite(energies[0])
    least = energies.min(axis=(1, 2, 3))
    least[~np.isfinite(least)] = 0.0
    top = max(float(energies[:, allowed].max(initial=0.0)), 0.0)
    walls = np.log1p((np.minimum(energies, top) - least[:, None, None, None]) / _SOFT)
    which = [kinds.index((s.sigma, s.epsilon)) if s.epsilon else -1 for s in beside]
    charges = np.array([site.charge for site in beside])
    wells = [max(float((-q * volts[allowed]).max(initial=0.0)), 0.0) for q in charges]
    return Fields(
        center=center,
        walls=walls,
        least=least,
        potential=volts,
        places=np.array([site.place for site in beside]),
        kinds=np.array(which, dtype=np.int64),
        charges=charges,
        slack=sum(wells) - sum(float(least[k]) for k in which if k >= 0),
    )


def turn(
    fields: Fields, direction: np.ndarray, start: np.ndarray, limit: float, taps: int = TAPS
) -> np.ndarray:
    """Return the energies of a molecule in one direction, at every second point.

    Args:
        fields: of the gas; the grid has even numbers of points.
        direction: (3,) float64, fractional per Å. Of the axis of the molecule.
        start: (3,) int64, 0 or 1. The first point along each lattice vector.
        limit: K. An energy that is higher may as well be infinite.
        taps: points that an interpolation takes along each lattice vector, 4 or 6.

    Returns:
        (na / 2, nb / 2, nc / 2) float64, K.
    """
    shape = np.array(fields.potential.shape)
    way = fields.places[:, None] * direction * shape
    first = np.floor(way)
    weights = _weights(way - first, taps)
    first = (first.astype(np.int64) + 1 - TAPS // 2 + start) % shape
    center = fields.center[start[0] :: 2, start[1] :: 2, start[2] :: 2]
    return _turn(fields, center, first, weights, limit + fields.slack)


def _weights(between: np.ndarray, taps: int) -> np.ndarray:
    """Return (S, 3, 6): of points around a place that is 0 to 1 of the way on from the third."""
    points = np.arange(TAPS) - (TAPS // 2 - 1)
    weights = np.zeros((*between.shape, TAPS))
    used = range((TAPS - taps) // 2, (TAPS + taps) // 2)
    for i in used:
        weights[..., i] = 1.0
        for j in used:
            if j != i:
                weights[..., i] *= (between - points[j]) / (points[i] - points[j])
    return weights


@kernel_of_sums
def _turn(fields, center, first, weights, limit):
    na, nb, nc = center.shape
    full_b, full_c = fields.potential.shape[1:]
    sites = fields.kinds.shape[0]
    planes = np.empty((sites, 2, full_b, full_c), np.float64)
    line = np.empty(2 * full_c + TAPS, np.float64)
    energies = np.empty((na, nb, nc), np.float64)
    energies[:] = center
    for a in range(na):
        for s in range(sites):
            if fields.kinds[s] >= 0:
                walls = fields.walls[fields.kinds[s]]
                _add_planes(walls, 2 * a + first[s, 0], weights[s, 0], planes[s, 0])
            if fields.charges[s] != 0.0:
                _add_planes(fields.potential, 2 * a + first[s, 0], weights[s, 0], planes[s, 1])
        for b in range(nb):
            row = energies[a, b]
            if not row.min() < limit:
                row[:] = np.inf
                continue
            for s in range(sites):
                if fields.kinds[s] < 0:
                    continue
                least = fields.least[fields.kinds[s]]
                _add_rows(planes[s, 0], 2 * b + first[s, 1], weights[s, 1], line)
                for c in range(nc):
                    if row[c] < limit:
                        value = _along(line, 2 * c + first[s, 2], weights[s, 2])
                        row[c] += least + _SOFT * (math.exp(value) - 1.0)
            for s in range(sites):
                if fields.charges[s] == 0.0:
                    continue
                _add_rows(planes[s, 1], 2 * b + first[s, 1], weights[s, 1], line)
                for c in range(nc):
                    if row[c] < limit:
                        value = _along(line, 2 * c + first[s, 2], weights[s, 2])
                        row[c] += fields.charges[s] * value
            for c in range(nc):
                if not row[c] < limit:
                    row[c] = np.inf
    return energies


@kernel_of_sums
def _add_planes(field, first, w, plane):
    """Write the weighted sum of six planes of a periodic field, the first of them given."""
    n = field.shape[0]
    f0, f1, f2 = field[first % n], field[(first + 1) % n], field[(first + 2) % n]
    f3, f4, f5 = field[(first + 3) % n], field[(first + 4) % n], field[(first + 5) % n]
    for b in range(plane.shape[0]):
        for c in range(plane.shape[1]):
            plane[b, c] = (
                (w[0] * f0[b, c] + w[1] * f1[b, c])
                + (w[2] * f2[b, c] + w[3] * f3[b, c])
                + (w[4] * f4[b, c] + w[5] * f5[b, c])
            )


@kernel_of_sums
def _add_rows(plane, first, w, line):
    """Write the weighted sum of six rows of a periodic plane, and then the same again."""
    nb, nc = plane.shape
    r0, r1, r2 = plane[first % nb], plane[(first + 1) % nb], plane[(first + 2) % nb]
    r3, r4, r5 = plane[(first + 3) % nb], plane[(first + 4) % nb], plane[(first + 5) % nb]
    for c in range(nc):
        line[c] = (
            (w[0] * r0[c] + w[1] * r1[c])
            + (w[2] * r2[c] + w[3] * r3[c])
            + (w[4] * r4[c] + w[5] * r5[c])
        )
    for c in range(nc, line.shape[0]):
        line[c] = line[c - nc]


@kernel_of_sums
def _along(line, first, w):
    return (
        (w[0] * line[first] + w[1] * line[first + 1])
        + (w[2] * line[first + 2] + w[3] * line[first + 3])
        + (w[4] * line[first + 4] + w[5] * line[first + 5])
    )
