"""GeoCgnn: the contract, and its number of parameters by hand."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch

from screenkit.crystal.neighbors import find_neighbors
from screenkit.graph.batch import collate
from screenkit.graph.build import build_graph
from screenkit.models.geocgnn import (
    GeoCgnn,
    GeoCgnnConvolution,
    GeoCgnnSettings,
    monkhorst_pack,
    physnet_gaussians,
    plane_waves,
)
from tests.crystals import crystal, random_crystal
from tests.models.contract import ModelContract


class TestGeoCgnn(ModelContract):
    model = "geocgnn"
    settings: ClassVar[dict[str, object]] = {
        "k": 6,
        "width": 8,
        "gaussians": 8,
        "k_points": 3,
        "blocks": 2,
    }


def test_the_number_of_parameters_by_hand():
    width, gaussians, waves, targets = 128, 64, 32, 3
    pair = 3 * width * 2 * width + 2 * 2 * width
    weights = gaussians * width + waves * waves + 2 * waves + waves * width
    pool = width * 2 * width + 2 * 2 * width
    after = width * width + 2 * width
    head = 2 * (width * width + width) + width * targets + targets
    wanted = 119 * width + 6 * (pair + weights + pool + after) + head
    network = GeoCgnn(GeoCgnnSettings(), targets)
    assert sum(p.numel() for p in network.parameters()) == wanted


@pytest.mark.parametrize(("points", "count"), [(1, 1), (2, 4), (3, 14), (4, 32)])
def test_a_grid_keeps_one_point_of_each_pair(points, count):
    grid = monkhorst_pack(points)
    assert len(grid) == count
    rows = {tuple(row) for row in (grid * 2 * points).round().int().tolist()}
    assert len(rows) == count
    for row in rows - {(0, 0, 0)}:
        assert tuple(-x for x in row) not in rows


def test_the_grid_of_two_points_is_at_a_quarter():
    assert monkhorst_pack(2).abs().unique().tolist() == [0.25]


def batch_of(given, network):
    settings = network.graph_settings(network.settings)
    return collate([build_graph(given, find_neighbors(given, settings.k), settings)])


def test_plane_waves_of_a_box_by_hand():
    """Lattice 3, 4, 5 Å: k = 2 pi (1/4)(±1/3, ±1/4, ±1/5), so a step of 3 Å along a is pi / 2."""
    network = GeoCgnn(GeoCgnnSettings(k=2, width=4, k_points=2), 1)
    batch = batch_of(crystal([6], [[0, 0, 0]], [3.0, 4.0, 5.0]), network)
    found = plane_waves(batch, network.fractions)
    torch.testing.assert_close(found, torch.zeros(1, 2, 4), atol=1e-6, rtol=0)
    wanted = torch.full((1, 2, 1), 1 / np.sqrt(60.0)).float()
    torch.testing.assert_close(plane_waves(batch, torch.zeros(1, 3)), wanted)


def test_gaussians_of_a_distance_by_hand():
    distances, count, cutoff = torch.tensor([[1.0, 8.0, 9.0]]), 3, 8.0
    found = physnet_gaussians(distances, count, cutoff)
    x, end = 1 / 8, np.exp(-8.0)
    fade = 1 - 6 * x**5 + 15 * x**4 - 10 * x**3
    centres = np.array([end, (1 + end) / 2, 1.0])
    beta = (2 / 3 * (1 - end)) ** -2
    wanted = fade * np.exp(-beta * (np.exp(-1.0) - centres) ** 2)
    torch.testing.assert_close(found[0, 0], torch.from_numpy(wanted).float())
    assert (found[0, 1:] == 0).all()


def test_a_convolution_is_the_sum_over_pairs_written_out():
    torch.manual_seed(0)
    settings = GeoCgnnSettings(k=3, width=4, gaussians=5, k_points=2)
    network, layer = GeoCgnn(settings, 1), GeoCgnnConvolution(settings).eval()
    batch = batch_of(random_crystal(0, atoms=4), network)
    atoms = torch.randn(4, 4)
    basis, waves = torch.rand(4, 3, 5), plane_waves(batch, network.fractions)
    inverse = 1.0 / batch.distances
    inverse[1, 2] = 0.0  # beyond the cutoff
    wanted = atoms.clone()
    for i in range(4):
        for m, j in enumerate(batch.neighbors[i]):
            if inverse[i, m] == 0:
                continue
            slope = (atoms[i] - atoms[j]) / batch.distances[i, m]
            pair = layer.norm(layer.pair(torch.cat([atoms[i], atoms[j], slope]))[None])[0]
            p = waves[i, m]
            gate = torch.sigmoid(layer.wave_norm(layer.wave_gate(p)[None]))[0]
            z = layer.gaussians(basis[i, m]) + layer.waves(p * gate)
            wanted[i] += torch.sigmoid(pair[:4]) * torch.nn.functional.elu(pair[4:]) * z
    torch.testing.assert_close(layer(atoms, basis, waves, inverse, batch.neighbors), wanted)
