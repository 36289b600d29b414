"""AE-CGCNN: the contract along its ladder, the equations written out, and its parameters."""

from __future__ import annotations

import itertools
from typing import ClassVar

import pytest
import torch
from torch import nn

from screenkit.crystal.neighbors import find_neighbors
from screenkit.graph.batch import collate
from screenkit.graph.build import build_graph
from screenkit.models.aecgcnn import LADDER, AeCgcnn, AeCgcnnSettings, AttentionConvolution
from screenkit.models.layers import Standardised, mean_pool, pair_linear, segment_softmax
from tests.crystals import random_crystal
from tests.models.contract import ModelContract

SMALL: dict[str, object] = {
    "k": 6,
    "width": 12,
    "edge_width": 10,
    "heads": 2,
    "layers": 2,
    "head_width": 12,
}


class TestAeCgcnn(ModelContract):
    model = "aecgcnn"
    settings: ClassVar[dict[str, object]] = SMALL


class TestAttentionPooling(ModelContract):
    model = "aecgcnn"
    settings: ClassVar[dict[str, object]] = {**SMALL, "pool": "attention", "combine": "extra"}


class TestTheFirstRungOfTheLadder(ModelContract):
    model = "aecgcnn"
    settings: ClassVar[dict[str, object]] = {**SMALL, **LADDER["CGCNN"]}


class TestHeadsAndNeighboursUnderOneSoftmax(ModelContract):
    model = "aecgcnn"
    settings: ClassVar[dict[str, object]] = {
        **SMALL,
        "softmax_axis": "jkm",
        "combine": "mean",
        "charges": True,
        "edge_input": "linear",
        "residual": False,
    }


def batch_for(settings: AeCgcnnSettings, count: int = 4):
    graphs = []
    asked = AeCgcnn.graph_settings(settings)
    for seed in range(count):
        given = random_crystal(seed, atoms=6 + seed)
        graphs.append(build_graph(given, find_neighbors(given, asked.k, asked.ties), asked))
    return collate(graphs)


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_number_of_parameters_is_that_of_the_paper():
    network = AeCgcnn(AeCgcnnSettings(norm=False), targets=1)
    assert parameters(network) == 306_233
    layer = network.convolutions[0]
    assert parameters(layer.gates) + parameters(layer.cores) == 65_664
    assert parameters(layer.edges) == 7_182
    assert parameters(network.embedding) == 6_400
    assert parameters(network.hidden) + parameters(network.output) == 8_449


@pytest.mark.parametrize("attention", ["softmax", "sigmoid"])
def test_a_convolution_is_the_equations_written_out(attention):
    """Eq. 5, Eq. 6 for each head, and heads combined by the softmax of themselves."""
    torch.manual_seed(0)
    settings = AeCgcnnSettings(width=4, edge_width=3, heads=2, attention=attention, norm=False)
    layer = AttentionConvolution(settings, width=4, changes_edges=True)
    atoms, edges = torch.randn(5, 4), torch.randn(5, 3, 3)
    neighbors = torch.randint(0, 5, (5, 3))
    total, new_edges = layer(atoms, edges, neighbors)
    for i in range(5):
        z = torch.stack(
            [
                torch.cat([atoms[i], atoms[j], edges[i, place]])
                for place, j in enumerate(neighbors[i])
            ]
        )
        scores, cores = layer.gates(z), torch.relu(layer.cores(z))
        shares = torch.softmax(scores, 0) if attention == "softmax" else torch.sigmoid(scores)
        heads = (shares * cores).sum(0).view(2, 4)
        wanted = atoms[i] + (torch.softmax(heads, 0) * heads).sum(0)
        torch.testing.assert_close(total[i], wanted)
        torch.testing.assert_close(new_edges[i], torch.relu(layer.edges(z)))


def test_attention_of_equal_scores_is_the_mean_over_the_atoms():
    torch.manual_seed(0)
    settings = AeCgcnnSettings.model_validate({**SMALL, "pool": "attention"})
    network = AeCgcnn(settings, targets=2).eval()
    batch = batch_for(settings)
    before = network(batch)
    norm = network.convolutions[-1].norm
    norm.weight.data[-1] = 0.0  # the scores are then the norm's bias, for every atom
    norm.bias.data[-1] = 0.7
    atoms, _ = network._atoms(batch)
    wanted = network.output(torch.relu(network.hidden(mean_pool(atoms, batch))))
    torch.testing.assert_close(network(batch), wanted)
    assert (before - wanted).abs().max() > 1e-4


def test_shares_survive_scores_that_no_exponential_does():
    batch = batch_for(AeCgcnnSettings(k=3), count=3)
    scores = torch.randn(21, 2) * 1e4
    shares = segment_softmax(scores, batch)
    parts = scores.split(batch.counts.tolist())
    torch.testing.assert_close(shares, torch.cat([torch.softmax(part, 0) for part in parts]))


def test_a_linear_map_in_parts_is_that_of_the_concatenation():
    torch.manual_seed(0)
    linear = nn.Linear(2 * 4 + 3, 5)
    atoms, edges, neighbors = torch.randn(6, 4), torch.randn(6, 2, 3), torch.randint(0, 6, (6, 2))
    z = torch.cat([atoms[:, None].expand(-1, 2, -1), atoms[neighbors], edges], dim=2)
    torch.testing.assert_close(pair_linear(linear, atoms, edges, neighbors), linear(z))


def test_one_crystal_alone_can_be_trained_with_its_cell():
    values = torch.randn(1, 6)
    torch.testing.assert_close(Standardised(6)(values), values, rtol=1e-4, atol=1e-4)
    settings = AeCgcnnSettings.model_validate({**SMALL, "cell": True})
    assert torch.isfinite(AeCgcnn(settings, 1).train()(batch_for(settings, 1))).all()


def test_every_rung_of_the_ladder_is_another_network_that_learns():
    assert len(LADDER) == 6
    for name, step in LADDER.items():
        settings = AeCgcnnSettings.model_validate({"k": 4, "width": 8, "layers": 2, **step})
        network = AeCgcnn(settings, targets=1)
        network(batch_for(settings)).square().mean().backward()
        grad = network.embedding.weight.grad
        assert grad is not None and grad.abs().max() > 0, name
    assert all(a != b for a, b in itertools.combinations(LADDER.values(), 2))


@pytest.mark.parametrize("rung", ["CGCNN", "+ attention III"])
def test_a_prediction_in_pieces_is_the_one_with_gradients(rung, monkeypatch):
    torch.manual_seed(0)
    settings = AeCgcnnSettings.model_validate(
        {**SMALL, **LADDER[rung], "charges": False, "cell": False}
    )
    network, batch = AeCgcnn(settings, 2).eval(), batch_for(settings)
    whole = network(batch).detach()
    monkeypatch.setattr("screenkit.models.aecgcnn._PIECE", 7)
    with torch.inference_mode():
        torch.testing.assert_close(network(batch), whole, rtol=1e-5, atol=1e-6)
