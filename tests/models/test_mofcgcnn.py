"""MOF-CGCNN: the contract, which atoms count, and its parameters."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.neighbors import find_neighbors
from screenkit.graph.batch import collate
from screenkit.graph.build import build_graph
from screenkit.graph.features import feature_names
from screenkit.models.mofcgcnn import MetalConvolution, MofCgcnn, MofCgcnnSettings
from tests.crystals import crystal, random_crystal
from tests.models.contract import ModelContract

SMALL: dict[str, object] = {"width": 8, "layers": 2, "head_width": 12, "metal_neighbors": 12}


class TestMofCgcnn(ModelContract):
    model = "mofcgcnn"
    settings: ClassVar[dict[str, object]] = {**SMALL, "pores": False}


class TestWithPores(ModelContract):
    model = "mofcgcnn"
    settings: ClassVar[dict[str, object]] = SMALL


def with_numbers(given: Crystal, numbers: list[int]) -> Crystal:
    return Crystal(given.name, np.array(numbers, np.int16), given.positions, given.lattice)


def graph_of(network: MofCgcnn, given: Crystal):
    asked = network.graph_settings(network.settings)
    return build_graph(given, find_neighbors(given, asked.k, asked.ties), asked)


def small(**changes: object) -> MofCgcnn:
    torch.manual_seed(0)
    settings = MofCgcnnSettings.model_validate({**SMALL, "pores": False, **changes})
    return MofCgcnn(settings, targets=1).eval()


def test_the_number_of_parameters_is_that_of_the_published_program():
    """Atoms 2 -> 64; five times 159 -> 128 -> 64 and a batch norm; 68 -> 480 -> 1."""
    count = sum(p.numel() for p in MofCgcnn(MofCgcnnSettings(), targets=1).parameters())
    assert count == 3 * 64 + 5 * (160 * 128 + 129 * 64 + 2 * 64) + 69 * 480 + 481 == 178_113


def test_a_metal_and_its_nearest_count_once_each():
    """A chain along x; the second zinc has one neighbour at 1.5 Å and the next at 6 Å."""
    places = [[x / 40, 0.5, 0.5] for x in (0.0, 1.5, 3.0, 4.5, 6.0, 7.5, 13.5, 15.0)]
    given = crystal([1, 6, 6, 30, 6, 6, 30, 1], places, [40.0, 40.0, 40.0])
    for radius, wanted in ((8.0, [2, 3, 4, 5, 6, 7]), (2.0, [2, 3, 4, 6, 7])):
        network = small(k=2, metal_neighbors=2, metal_radius=radius)
        chosen = network.pooled_atoms(collate([graph_of(network, given)]))
        assert chosen.nonzero()[:, 0].tolist() == wanted


def test_a_crystal_without_metal_takes_all_of_its_atoms():
    network = small()
    given = random_crystal(0, atoms=9)
    organic = with_numbers(given, [6, 1, 8, 7, 6, 1, 6, 6, 1])
    batch = collate([graph_of(network, organic), graph_of(network, with_numbers(given, [30] * 9))])
    assert network.pooled_atoms(batch).all()
    assert torch.isfinite(network(batch)).all()


def test_the_nearer_half_speaks_by_relu_and_the_farther_by_softplus():
    torch.manual_seed(0)
    layer = MetalConvolution(MofCgcnnSettings(width=4), edge_width=3).eval()
    atoms, edges, neighbors = torch.randn(6, 4), torch.randn(6, 4, 3), torch.randint(0, 6, (6, 4))
    z = torch.cat([atoms[:, None].expand(-1, 4, -1), atoms[neighbors], edges], dim=2)
    said = layer.messages(z)
    total = said[:, :2].clamp(min=0).sum(1) + torch.log1p(said[:, 2:].exp()).sum(1)
    wanted = torch.log1p((atoms + layer.norm(layer.sums(total))).exp())
    torch.testing.assert_close(layer(atoms, edges, neighbors), wanted)


def test_pores_are_standardised_and_move_the_prediction():
    network = MofCgcnn(MofCgcnnSettings.model_validate(SMALL), targets=1).train()
    given = [random_crystal(seed, atoms=8, edge=10.0 + seed) for seed in range(3)]
    batch = collate([graph_of(network, one) for one in given])
    assert batch.features is not None
    assert batch.features.shape == (3, len(feature_names(("pores",))))
    kept = network.pores(batch.features[:, network.columns])
    torch.testing.assert_close(kept.mean(dim=0), torch.zeros(4), atol=1e-5, rtol=0)
    network.eval()
    before = network(batch)
    batch.features[:, network.columns] += 1.0
    assert (network(batch) - before).abs().min() > 1e-4
