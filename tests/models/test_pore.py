"""Pore: the contract, both halves and all of their settings, and what is kept of a training set."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from screenkit.crystal.neighbors import find_neighbors
from screenkit.errors import UsageError
from screenkit.graph.batch import GraphBatch, collate
from screenkit.graph.build import build_graph
from screenkit.graph.features import feature_names
from screenkit.models.pore import Bent, Elements, Pore, PoreNetSettings
from tests.crystals import random_crystal
from tests.models.contract import ModelContract

SMALL: dict[str, object] = {
    "k": 6,
    "width": 12,
    "edge_width": 8,
    "layers": 2,
    "features": ["density", "composition"],
    "pore_width": 12,
    "head_width": 16,
}


class TestPore(ModelContract):
    model = "pore"
    settings: ClassVar[dict[str, object]] = SMALL


class TestAtomsAlone(ModelContract):
    model = "pore"
    settings: ClassVar[dict[str, object]] = {**SMALL, "features": []}


class TestElementsAlone(ModelContract):
    model = "pore"
    settings: ClassVar[dict[str, object]] = {**SMALL, "layers": 0, "linear": False}


class TestPoresAlone(ModelContract):
    model = "pore"
    settings: ClassVar[dict[str, object]] = {**SMALL, "atoms": False}

    def test_the_weights_of_the_atoms_say_what_they_are(self, network):
        assert network.atom_weights_are == "none"
        with pytest.raises(UsageError, match="as a whole"):
            network.atom_weights(collate([self.graph(network, random_crystal(0))]))

    def test_the_weights_of_the_atoms_follow_them(self):
        pytest.skip("there are none")


def small(**changes: object) -> Pore:
    torch.manual_seed(0)
    return Pore(PoreNetSettings.model_validate({**SMALL, **changes}), targets=2).eval()


def graphs_of(network: Pore, count: int = 4, **more: int):
    asked = network.graph_settings(network.settings)
    crystals = [random_crystal(seed, edge=8.0 + seed, **more) for seed in range(count)]
    return [build_graph(c, find_neighbors(c, asked.k, asked.ties), asked) for c in crystals]


def changed(batch: GraphBatch, **arrays: torch.Tensor) -> GraphBatch:
    there = {name: getattr(batch, name) for name in GraphBatch.__dataclass_fields__}
    return GraphBatch(**{**there, **arrays})


def test_both_halves_move_the_prediction():
    network = small()
    network.prepare(graphs_of(network))
    batch = collate(graphs_of(network))
    before = network(batch)
    assert batch.features is not None
    for other in (
        changed(batch, features=batch.features * 1.1),
        changed(batch, distances=batch.distances * 1.1),
    ):
        assert (network(other) - before).abs().min() > 1e-5


def test_without_a_half_what_it_looks_at_does_not_matter():
    atoms, pores = small(features=[]), small(atoms=False)
    assert graphs_of(atoms)[0].features is None
    batch = collate(graphs_of(pores))
    moved = changed(batch, distances=batch.distances * 1.1, species=batch.species + 1)
    assert torch.equal(pores(moved), pores(batch))


def test_a_network_that_sees_nothing_is_refused():
    with pytest.raises(ValidationError, match="atoms: true"):
        PoreNetSettings(atoms=False, features=())


def test_numbers_become_deviations_that_end_at_five():
    """Mean 3 and deviation 2: 3, 5 and 1e12 are 0, 1 and far too many deviations."""
    bent = Bent(1)
    bent.learn(np.array([[1.0], [5.0]], np.float32))
    found = bent(torch.tensor([[3.0], [5.0], [1e12], [-1e30]]))[:, 0]
    torch.testing.assert_close(found, torch.tensor([0.0, 1.0 / 1.04**0.5, 5.0, -5.0]))


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6, 1e-12])
def test_a_number_that_is_equal_in_all_of_the_training_set_says_nothing(value):
    bent = Bent(2)
    bent.learn(np.array([[value, 0.0], [value, 1.0], [value, 2.0]], np.float32))
    found = bent(torch.tensor([[value + 7.0, 1.0], [value, 1.0]]))
    assert torch.equal(found, torch.zeros(2, 2))


def test_a_number_whose_spread_is_too_small_for_a_float_says_nothing():
    bent = Bent(1)
    bent.learn(np.array([[0.0], [1e-40], [3e-42]], np.float32))
    assert torch.isfinite(bent.scale).all()
    assert torch.equal(bent(torch.tensor([[1.0]])), torch.zeros(1, 1))


def test_a_rare_element_changes_a_prediction_by_little():
    """One of 500 crystals holds it; a whole crystal of it is still only five deviations away."""
    numbers = np.zeros((500, 1), np.float32)
    numbers[0] = 0.01
    bent = Bent(1)
    bent.learn(numbers)
    assert bent(torch.ones(1, 1)).item() <= 5.0


def test_mean_and_deviation_of_the_training_set_go_with_the_weights():
    network = small()
    graphs = graphs_of(network, 6)
    network.prepare(graphs)
    kept = network.pack(network.state_dict())
    numbers = np.stack([graph.features for graph in graphs]).astype(np.float64)
    density = feature_names(network.settings.features).index("density_g_cm3")
    assert kept["bent.centre"].dtype == kept["bent.scale"].dtype == torch.float32
    assert kept["bent.centre"][density].item() == pytest.approx(numbers[:, density].mean())
    assert kept["bent.scale"][density].item() == pytest.approx(1 / numbers[:, density].std())


def test_a_crystal_of_one_atom_has_a_prediction_and_a_gradient():
    network = small().train()
    outputs = network(collate(graphs_of(network, 2, atoms=1)))
    outputs.square().sum().backward()
    assert torch.isfinite(outputs).all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_an_element_that_was_never_seen_is_what_the_tables_say_of_it():
    praseodymium, neodymium, oxygen = Elements(64)(torch.tensor([59, 60, 8])).detach()
    assert (praseodymium - neodymium).norm() < 0.5 * (praseodymium - oxygen).norm()


def test_every_element_has_a_vector_of_about_length_one():
    table = Elements(64).table().detach()
    assert table.shape == (119, 64) and torch.isfinite(table).all()
    assert 0.7 < table[1:].square().sum(1).mean() < 1.4


@pytest.mark.parametrize("layers", [0, 2])
def test_elements_mapped_once_give_what_atoms_mapped_one_by_one_do(layers):
    network = small(layers=layers)
    batch = collate(graphs_of(network))
    with torch.no_grad():
        quick = network(batch)
    torch.testing.assert_close(quick, network(batch).detach(), atol=1e-5, rtol=1e-5)


def test_numbers_and_angles_are_not_rounded_in_bfloat16():
    network = small()
    network.prepare(graphs_of(network))
    batch = collate(graphs_of(network))
    seen = []
    network.pores.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        half = network(batch)
    with torch.no_grad():
        whole = network(batch)
    assert torch.equal(seen[0], seen[1]) and seen[0].dtype == torch.float32
    torch.testing.assert_close(half.float(), whole, atol=0.03, rtol=0.03)
