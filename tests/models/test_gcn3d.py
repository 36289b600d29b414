"""Gcn3d: the contract, and its number of parameters by hand."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from screenkit.crystal.neighbors import find_neighbors
from screenkit.graph.batch import collate
from screenkit.graph.build import build_graph
from screenkit.graph.graph import GraphSettings
from screenkit.models.gcn3d import Gcn3d, Gcn3dConvolution, Gcn3dSettings, kipf_weights
from tests.crystals import random_crystal, rock_salt, rotated
from tests.models.contract import ModelContract


class TestGcn3d(ModelContract):
    model = "3dgcn"
    settings: ClassVar[dict[str, object]] = {"k": 6, "width": 8, "head_width": 8, "layers": 3}


def test_the_number_of_parameters_by_hand():
    """First layer: 2 maps of pairs, 1 mix of scalars, of vectors, and the gate; then 4 maps."""
    width, head, targets = 128, 128, 3
    pair, mix, gate = 2 * width * width, width * width, width * width + width
    first = 2 * (pair + width) + (mix + width) + mix + gate
    second = 2 * (pair + width) + 2 * pair + (2 * mix + width) + 2 * mix + gate
    readout = (2 * width * head + head) + (head * head + head) + (head * targets + targets)
    wanted = 119 * width + first + second + readout
    network = Gcn3d(Gcn3dSettings(), targets)
    assert sum(p.numel() for p in network.parameters()) == wanted


def batch_of(given, k=6):
    return collate([build_graph(given, find_neighbors(given, k), GraphSettings(k=k))])


def test_vectors_turn_with_the_crystal_and_scalars_do_not():
    torch.manual_seed(0)
    layers = [Gcn3dConvolution(5, first=True), Gcn3dConvolution(5, first=False)]
    given, turned = random_crystal(0), rotated(random_crystal(0))
    turn = torch.from_numpy(np.linalg.inv(given.lattice) @ turned.lattice).float()
    atoms = torch.randn(len(given), 5)
    found = []
    for crystal in (given, turned):
        batch, scalars, vectors = batch_of(crystal), atoms, None
        for layer in layers:
            scalars, vectors = layer(scalars, vectors, batch, kipf_weights(batch))
        found.append((scalars, vectors))
    (scalars, vectors), (turned_scalars, turned_vectors) = found
    torch.testing.assert_close(turned_scalars, scalars, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(turned_vectors, turn.T @ vectors, atol=1e-5, rtol=1e-4)
    assert vectors.norm(dim=1).mean() > 1e-3


def test_an_exchange_is_the_sum_over_pairs_written_out():
    torch.manual_seed(0)
    layer, batch = Gcn3dConvolution(4, first=False), batch_of(random_crystal(0, atoms=3), k=2)
    s, v = torch.randn(3, 4), torch.randn(3, 3, 4)
    weights = kipf_weights(batch)
    sums = [torch.zeros(3, 4), torch.zeros(3, 4), torch.zeros(3, 3, 4), torch.zeros(3, 3, 4)]
    zero = torch.zeros(1, 3)
    for i in range(3):
        others = [*batch.neighbors[i].tolist(), i]
        places = torch.cat([batch.vectors[i], zero])
        shares = torch.cat([weights[0][i], weights[1][i]])
        for j, r, a in zip(others, places, shares, strict=True):
            pair, arrows = torch.cat([s[i], s[j]]), torch.cat([v[i], v[j]], dim=1)
            sums[0][i] += a * torch.relu(layer.scalars_to_scalars(pair))
            sums[1][i] += a * torch.relu(r @ layer.vectors_to_scalars(arrows))
            sums[2][i] += a * r[:, None] * torch.relu(layer.scalars_to_vectors(pair))
            sums[3][i] += a * layer.vectors_to_vectors(arrows)
    scalars = torch.relu(layer.mix_scalars(torch.cat(sums[:2], dim=1)))
    mixed = layer.mix_vectors(torch.cat(sums[2:], dim=2))
    got = layer(s, v, batch, weights)
    torch.testing.assert_close(got[0], scalars)
    torch.testing.assert_close(got[1], mixed * torch.sigmoid(layer.gate(scalars))[:, None])


def test_kipf_weights_where_all_atoms_are_alike():
    edge, itself = kipf_weights(batch_of(rock_salt()))
    torch.testing.assert_close(edge, torch.full((8, 6), 1 / 7))
    torch.testing.assert_close(itself, torch.full((8, 1), 1 / 7))
