"""k-NAGCN: the contract, the paper's layer written out, and its number of parameters."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch

from screenkit.models.knagcn import KNagcn, KNagcnConvolution, KNagcnSettings
from tests.models.contract import ModelContract


class TestKNagcn(ModelContract):
    model = "knagcn"
    settings: ClassVar[dict[str, object]] = {
        "k": 6,
        "width": 16,
        "edge_width": 8,
        "head_width": 16,
    }


@pytest.mark.parametrize(
    ("k", "wanted"), [(4, 318_465), (8, 568_833), (12, 819_201), (16, 1_069_569), (32, 2_071_041)]
)
def test_the_number_of_parameters_is_that_of_the_resolved_equations(k, wanted):
    network = KNagcn(KNagcnSettings(k=k), targets=1)
    count = sum(p.numel() for p in network.parameters()) - network.embedding.weight.numel()
    assert count == wanted


def test_a_convolution_of_the_paper_has_slightly_over_100_thousand_parameters():
    layer = KNagcnConvolution(KNagcnSettings(k=4))
    linear = layer.own.numel() + layer.edges.numel() + layer.neighbors.numel() + layer.bias.numel()
    assert linear == 100_352


def test_the_three_parts_sum_to_one_linear_map_of_the_concatenated_inputs():
    """Zhang et al. 2021, section 3.3: [f_i, X_i, e_i1, f_1, X_1, ...] in one matrix."""
    torch.manual_seed(1)
    settings = KNagcnSettings(k=3, width=5, edge_width=4)
    layer = KNagcnConvolution(settings).eval().double()
    atoms, edges = torch.randn(7, 5).double(), torch.randn(7, 3, 4 + 3).double()
    neighbors = torch.randint(0, 7, (7, 3))
    rows, weights = [atoms, torch.zeros(7, 3).double()], [layer.own]
    for m in range(3):
        rows += [edges[:, m], atoms[neighbors[:, m]]]
        weights += [layer.edges.view(3, 7, 5)[m], layer.neighbors.view(5, 3, 5)[:, m]]
    linear = torch.cat(rows, dim=1) @ torch.cat(weights) + layer.bias
    wanted = atoms + torch.relu(layer.norm(linear))
    torch.testing.assert_close(layer(atoms, edges.flatten(1), neighbors), wanted)
