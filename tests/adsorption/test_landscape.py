"""The landscape of a crystal, against the sums of `energy.py`, of the grid, and of numpy."""

from __future__ import annotations

import numpy as np
import pytest

from screenkit.adsorption.energy import BLOCK_WIDTH, potential, probe
from screenkit.adsorption.force_field import find_force_field
from screenkit.adsorption.landscape import (
    CUTOFF,
    FARTHEST,
    Landscape,
    surround_points,
    survey,
)
from screenkit.adsorption.surroundings import surround
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import VAN_DER_WAALS_RADII
from screenkit.crystal.grid import lay_grid, lay_points, surfaces
from tests.crystals import crystal, random_crystal

UFF = find_force_field("uff")
PROBES = [UFF.gas(name).sites[0] for name in ("CH4", "H2", "Xe")]


def landscape_of(given: Crystal, charges: np.ndarray, spacing: float) -> Landscape:
    origin, shape = lay_points(given, surfaces(given), spacing, 50_000)
    atoms = surround_points(given, shape)
    return survey(given, atoms, charges.astype(np.float32), PROBES, UFF, origin, shape)


def sparse(seed: int) -> Crystal:
    return random_crystal(seed, atoms=20, edge=16.0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_energies_are_those_of_pairs_within_the_cutoff_and_an_even_rest(seed):
    given = sparse(seed)
    land = landscape_of(given, np.zeros(20), 0.9)
    origin, shape = lay_points(given, surfaces(given), 0.9, 50_000)
    atoms = surround(given, FARTHEST, BLOCK_WIDTH)
    pairs = potential(PROBES, UFF, atoms, given.volume, "truncated", np.inf)
    wanted = probe(atoms, pairs, given.lattice, origin @ given.lattice, shape)
    free = np.isfinite(land.energies[0])
    assert 0.3 < free.mean() < 0.95
    beyond = land.energies[:, free] - wanted[:, free]
    scale = 1.0 + np.abs(wanted[:, free])
    rest = np.median(beyond, axis=1, keepdims=True)
    assert (np.abs(beyond - rest) / scale).max() < 1e-3
    # What numpy makes of an even framework between the two cutoffs, and of a shift to 0.
    density = np.bincount(given.numbers, minlength=119) / given.volume
    for g, site in enumerate(PROBES):
        sigma, epsilon = UFF.pairs(site)
        r = np.linspace(FARTHEST, CUTOFF, 2001)[:, None]
        shell = 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6) * 4 * np.pi * r**2
        end = 4 * epsilon * ((sigma / CUTOFF) ** 12 - (sigma / CUTOFF) ** 6)
        even = np.trapezoid(np.nan_to_num(shell), r[:, 0], axis=0)
        even -= np.nan_to_num(end) * 4 / 3 * np.pi * CUTOFF**3
        assert rest[g, 0] == pytest.approx(even @ density, rel=0.02)


@pytest.mark.parametrize("seed", [0, 1])
def test_clearances_are_those_of_the_grid(seed):
    given = sparse(seed)
    land = landscape_of(given, np.zeros(20), 0.9)
    grid = lay_grid(given, surfaces(given), 0.9, 50_000)
    free = np.isfinite(land.energies[0])
    wanted = np.minimum(grid.distances, FARTHEST)[free]
    np.testing.assert_allclose(land.clearance[free], wanted, atol=1e-4)
    assert (land.clearance[~free] == -1.0).all()


def test_the_potential_is_that_of_shifted_charges():
    given = sparse(0)
    charges = np.random.default_rng(0).normal(0.0, 0.5, 20)
    land = landscape_of(given, charges, 1.5)
    origin, shape = lay_points(given, surfaces(given), 1.5, 50_000)
    places = np.stack(np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij"), -1)
    away = (places + origin)[..., None, :] - given.fractional
    wanted = np.zeros(tuple(shape))
    for image in np.ndindex(3, 3, 3):
        r = np.linalg.norm((away - np.round(away) + np.array(image) - 1) @ given.lattice, axis=-1)
        r[r == 0] = np.inf  # the points on an atom are inside it
        energy = 1 / r + r / FARTHEST**2 - 2 / FARTHEST
        wanted += np.where(r < FARTHEST, energy, 0.0) @ charges
    free = np.isfinite(land.energies[0])
    np.testing.assert_allclose(land.potential[free], wanted[free], atol=2e-5)


def test_no_probe_is_where_one_atom_alone_forbids_all():
    argon = crystal([18], [(0, 0, 0)], np.eye(3) * 12.0)
    land = landscape_of(argon, np.zeros(1), 0.5)
    inside = ~np.isfinite(land.energies[0])
    # A sphere of the smallest distance at which one of them has 25 kT at 298 K.
    sigma, epsilon = (np.array([UFF.pairs(site)[i][18] for site in PROBES]) for i in (0, 1))
    r = np.linspace(1.0, 4.0, 3001)[:, None]
    walls = 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)
    radius = min(r[np.argmax(walls[:, g] < 25 * 298), 0] for g in range(3))
    assert inside.mean() == pytest.approx(4 / 3 * np.pi * radius**3 / 12.0**3, rel=0.05)
    assert land.clearance.max() == pytest.approx(6 * 3**0.5 - VAN_DER_WAALS_RADII[18], abs=1e-4)
