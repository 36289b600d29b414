"""The energy of a probe on a grid: against pair sums by hand, and device against device."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from screenkit.adsorption.energy import BLOCK_WIDTH as ON_CPU
from screenkit.adsorption.energy import NEAREST, potential, probe
from screenkit.adsorption.energy_cuda import BLOCK_WIDTH, probe_on
from screenkit.adsorption.force_field import find_force_field
from screenkit.adsorption.surroundings import surround
from tests.crystals import random_crystal

UFF = find_force_field("uff")
SITES = [UFF.gas(name).sites[0] for name in ("H2", "CH4", "Xe")]
SHAPE = np.array([5, 7, 6])
CUTOFF = 9.5
"""Å. More than the cell is thick."""


def by_hand(crystal, origin, site, truncation):
    """Sum all pairs of 7 x 7 x 7 cells, at each point."""
    sigma, epsilon = (table[crystal.numbers] for table in UFF.pairs(site))
    images = np.array(list(np.ndindex(7, 7, 7))) - 3
    atoms = crystal.positions[None] + (images @ crystal.lattice)[:, None]
    energies = np.zeros(SHAPE)
    for place in np.ndindex(*SHAPE):
        point = origin + (np.array(place) / SHAPE) @ crystal.lattice
        point = point - np.floor(point @ np.linalg.inv(crystal.lattice)) @ crystal.lattice
        r = np.maximum(np.linalg.norm(atoms - point, axis=-1), NEAREST)
        x6, c6 = (sigma / r) ** 6, (sigma / CUTOFF) ** 6
        at_cutoff = c6**2 - c6 if truncation == "shifted" else 0.0
        energies[place] = np.where(r < CUTOFF, 4 * epsilon * (x6**2 - x6 - at_cutoff), 0.0).sum()
    if truncation == "tail":
        beyond = 16 * np.pi * epsilon * sigma**3
        beyond *= (sigma / CUTOFF) ** 9 / 9 - (sigma / CUTOFF) ** 3 / 3
        energies += beyond.sum() / crystal.volume
    return energies


@pytest.mark.parametrize("truncation", ["truncated", "shifted", "tail"])
def test_an_energy_is_the_sum_of_its_pairs(truncation):
    crystal = random_crystal(3)
    origin = np.array([0.4, -31.0, 77.7])
    atoms = surround(crystal, CUTOFF, ON_CPU)
    pairs = potential(SITES, UFF, atoms, crystal.volume, truncation, np.inf)
    found = probe(atoms, pairs, crystal.lattice, origin, SHAPE)
    for one, site in zip(found, SITES, strict=True):
        np.testing.assert_allclose(one, by_hand(crystal, origin, site, truncation), rtol=1e-9)


def test_a_point_is_left_out_only_where_no_probe_can_be():
    crystal = random_crystal(4)
    atoms = surround(crystal, CUTOFF, ON_CPU)
    everywhere = potential(SITES, UFF, atoms, crystal.volume, "truncated", np.inf)
    outside = potential(SITES, UFF, atoms, crystal.volume, "truncated", 2e4)
    shape = np.array([20, 20, 20])
    whole = probe(atoms, everywhere, crystal.lattice, np.zeros(3), shape)
    rest = probe(atoms, outside, crystal.lattice, np.zeros(3), shape)
    there = np.isfinite(rest)
    assert 0.05 < there.mean() < 0.95
    np.testing.assert_allclose(rest[there], whole[there], rtol=1e-12)
    # Every pair's well is shallower than 200 K, and there are some twenty in reach.
    assert whole[~there].min() > 1e4


@pytest.mark.parametrize("truncation", ["truncated", "shifted", "tail"])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_torch_gives_the_same_energies(device, truncation):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    crystal = random_crystal(5, atoms=40, edge=14.0)
    atoms = surround(crystal, 12.9, BLOCK_WIDTH)
    pairs = potential(SITES, UFF, atoms, crystal.volume, truncation, 2e4)
    shape, origin = np.array([17, 18, 33]), np.array([3.0, 50.0, -20.0])
    ours = probe(atoms, pairs, crystal.lattice, origin, shape)
    theirs = probe_on(device, atoms, pairs, crystal.lattice, origin, shape)
    np.testing.assert_allclose(theirs, ours, rtol=1e-8, atol=1e-8)
