"""iCGCNN: the contract with and without triplets, its sums written out, and its parameters."""

from __future__ import annotations

import itertools
from typing import ClassVar

import pytest
import torch

from screenkit.graph.batch import GraphBatch
from screenkit.models.icgcnn import Gate, ICgcnn, ICgcnnSettings, TripletConvolution
from tests.models.contract import ModelContract

SMALL: dict[str, object] = {"k": 4, "width": 8, "step": 1.0, "layers": 2, "head_width": 8}


class TestICgcnn(ModelContract):
    model = "icgcnn"
    settings: ClassVar[dict[str, object]] = SMALL


class TestWithoutTriplets(ModelContract):
    model = "icgcnn"
    settings: ClassVar[dict[str, object]] = {**SMALL, "triplets": False, "edge_update": False}


class TestVoronoiNeighbours(ModelContract):
    model = "icgcnn"
    settings: ClassVar[dict[str, object]] = {**SMALL, "k": 6, "neighbors": "voronoi"}


def written_out(gate: Gate, z: torch.Tensor) -> torch.Tensor:
    one, two = gate.norm(gate.linear(z[None]))[0].chunk(2)
    return torch.sigmoid(one) * torch.log1p(two.exp())


def softplus(values: torch.Tensor) -> torch.Tensor:
    return torch.log1p(values.exp())


@pytest.mark.parametrize("empty", [False, True])
def test_a_convolution_is_the_two_sums_written_out(empty):
    torch.manual_seed(0)
    settings = ICgcnnSettings(width=3)
    layer = TripletConvolution(settings, edge_width=2, changes_edges=True).eval()
    atoms, edges, neighbors = torch.randn(5, 3), torch.randn(5, 3, 2), torch.randint(0, 5, (5, 3))
    distances = torch.rand(5, 3)
    if empty:
        distances[2, 1] = torch.inf
    batch = GraphBatch(
        torch.ones(5, dtype=torch.int64), neighbors, distances, torch.zeros(5, 3, 3), None,
        torch.zeros(5, dtype=torch.int64), torch.tensor([5]),
    )  # fmt: skip
    new_atoms, new_edges = layer(atoms, edges, batch)

    def pair(i, j):
        return torch.cat([atoms[i], atoms[neighbors[i, j]], edges[i, j]])

    def triplet(i, j, m):
        others = [atoms[neighbors[i, j]], atoms[neighbors[i, m]], edges[i, j], edges[i, m]]
        return torch.cat([atoms[i], *others])

    for i in range(5):
        places = [j for j in range(3) if torch.isfinite(distances[i, j])]
        total = sum(written_out(layer.for_atoms.pairs, pair(i, j)) for j in places)
        for j, m in itertools.combinations(places, 2):
            total = total + written_out(layer.for_atoms.triplets, triplet(i, j, m))
        wanted = softplus(atoms[i] + layer.norm(total[None])[0])
        torch.testing.assert_close(new_atoms[i], wanted)
        for j in places:
            said = written_out(layer.for_edges.pairs, pair(i, j))
            for m in set(places) - {j}:
                said = said + written_out(layer.for_edges.triplets, triplet(i, j, m))
            wanted = softplus(edges[i, j] + layer.edge_norm(said[None])[0])
            torch.testing.assert_close(new_edges[i, j], wanted)


@pytest.mark.parametrize("filled", [0, 1, 2])
def test_atoms_with_too_few_neighbours_for_a_triplet_can_be_trained(filled):
    torch.manual_seed(0)
    network = ICgcnn(ICgcnnSettings.model_validate(SMALL), targets=1).train()
    distances = torch.full((1, 4), torch.inf)
    distances[0, :filled] = 2.0
    batch = GraphBatch(
        torch.tensor([6]), torch.zeros(1, 4, dtype=torch.int64), distances, torch.zeros(1, 4, 3),
        None, torch.tensor([0]), torch.tensor([1]),
    )  # fmt: skip
    output = network(batch)
    output.sum().backward()
    grad = network.embedding.weight.grad
    assert torch.isfinite(output).all() and grad is not None and torch.isfinite(grad).all()


def test_the_number_of_parameters_is_that_of_the_equations():
    """z2 has 169 numbers, z3 has 274; each gate two maps and a batch norm; no last edges."""
    network = ICgcnn(ICgcnnSettings(), targets=1)
    atoms = (170 + 275) * 128 + 2 * 2 * 128 + 2 * 64
    edges = (170 + 275) * 82 + 2 * 2 * 82 + 2 * 41
    head = 119 * 64 + 65 * 128 + 129
    count = sum(p.numel() for p in network.parameters())
    assert count == 3 * atoms + 2 * edges + head == 262_665
