"""CGCNN: the contract in each of its forms, the supplement's worked example, the numbers."""

from __future__ import annotations

import json
from typing import ClassVar

import numpy as np
import pytest
import torch

from screenkit.crystal.elements import SYMBOLS
from screenkit.crystal.neighbors import find_neighbors
from screenkit.errors import DataError
from screenkit.graph.batch import collate
from screenkit.graph.build import build_graph
from screenkit.graph.graph import GraphSettings
from screenkit.models.atom_tables import AtomTable, bin_of, published_table, supplement_table
from screenkit.models.cgcnn import (
    Cgcnn,
    CgcnnSettings,
    Distances,
    GatedConvolution,
    SumConvolution,
)
from screenkit.models.layers import gaussians, mean_pool, softplus_
from tests.crystals import crystal, random_crystal, rock_salt
from tests.models.contract import ModelContract

SMALL: dict[str, object] = {"k": 6, "width": 16, "head_width": 16, "pool_width": 8}


class TestCgcnn(ModelContract):
    model = "cgcnn"
    settings: ClassVar[dict[str, object]] = SMALL


class TestEquation5AsPrinted(ModelContract):
    model = "cgcnn"
    settings: ClassVar[dict[str, object]] = {**SMALL, "convolution": "eq5", "atoms": "learned"}


class TestEquation4WithSoftmaxOverAllLayers(ModelContract):
    model = "cgcnn"
    settings: ClassVar[dict[str, object]] = {
        **SMALL,
        "convolution": "eq4",
        "pool": "multilayer_softmax",
        "atoms": "si93",
    }


class TestSitePooling(ModelContract):
    model = "cgcnn"
    settings: ClassVar[dict[str, object]] = {
        **SMALL,
        "pool": "site",
        "head_layers": 2,
        "distances": "onehot",
    }


class TestVoronoiNeighbours(ModelContract):
    model = "cgcnn"
    settings: ClassVar[dict[str, object]] = {**SMALL, "neighbors": "voronoi"}


class TestThePublishedForm(ModelContract):
    model = "cgcnn"
    settings: ClassVar[dict[str, object]] = {
        **SMALL,
        "ties": "index",
        "padding": "compat",
        "dropout": 0.5,
    }


def batch_of(*crystals, **settings):
    settings = GraphSettings(**settings)
    return collate(
        [build_graph(c, find_neighbors(c, settings.k, settings.ties), settings) for c in crystals]
    )


def parameters(**settings) -> int:
    return sum(p.numel() for p in Cgcnn(CgcnnSettings(**settings), 1).parameters())


def test_the_published_network_has_96_641_parameters_and_the_programs_default_80_833():
    assert parameters(layers=4, head_width=32) == 96_641
    assert parameters() == 80_833


def test_a_layer_of_equation_4_has_the_36_992_parameters_that_the_knagcn_paper_counts():
    layer = SumConvolution(width=128, edge_width=32, k=12)
    assert sum(p.numel() for p in layer.parameters()) == 36_992


def test_the_worked_example_of_the_supplement():
    """S1 to S10: one convolution of Eq. 4, g(x) = x, b = 0, mean over the atoms."""
    chlorine, sodium, potassium = np.eye(3, dtype=np.float32)
    table = np.zeros((119, 3), np.float32)
    table[[17, 11, 19]] = chlorine, sodium, potassium
    layer = SumConvolution(width=3, edge_width=0, k=6)
    kcl = crystal([19, 17], [[0, 0, 0], [0.5, 0.5, 0.5]], [3.6, 3.6, 3.6], "KCl")
    wanted = []
    for given, k, halves in ((rock_salt(), 6, (3, 3, 0)), (kcl, 8, (4, 0, 4))):
        batch = batch_of(given, k=k)
        atoms = AtomTable(table)(batch.species)
        with torch.no_grad():
            layer.neighbors[:, 0] = torch.tensor([0.1, -0.7, 0.4])
            layer.own[:, 0] = torch.tensor([1.3, 0.2, -0.9])
            edges = torch.zeros(len(atoms) * k, 0)
            made = mean_pool(layer.linear(atoms, edges, batch, masked=False), batch)[0, 0]
            other = 1 if given.name == "NaCl" else 2
            expected = float(torch.tensor(halves, dtype=torch.float32) @ layer.neighbors[:, 0])
            expected += 0.5 * float(layer.own[0, 0] + layer.own[other, 0])
        assert made.item() == pytest.approx(expected, abs=1e-6)
        wanted.append([*halves, 0.5, 0.5 * (other == 1), 0.5 * (other == 2)])
    weights = np.linalg.lstsq(np.array(wanted), np.array([1.0, -1.0]), rcond=None)[0]
    np.testing.assert_allclose(np.array(wanted) @ weights, [1.0, -1.0])


@pytest.mark.parametrize("normed", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_the_three_parts_and_the_folded_norm_are_equation_5(normed, training):
    torch.manual_seed(0)
    batch = batch_of(random_crystal(0, atoms=7), k=4)
    layer = GatedConvolution(5, 3, normed).double()
    if layer.gate_norm is not None:
        for norm in (layer.gate_norm, layer.sum_norm):
            norm.weight.data.uniform_(0.5, 2.0)
            norm.bias.data.normal_()
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2.0)
    layer.train(training)
    atoms, edges = torch.randn(7, 5).double(), torch.randn(28, 3).double()
    here = atoms[:, None].expand(-1, 4, -1).flatten(0, 1)
    there = atoms[batch.neighbors].flatten(0, 1)
    z = torch.cat([here, there, edges], 1) @ torch.cat([layer.own, layer.neighbors, layer.edges])
    z = z + layer.bias
    if normed:
        z = layer.gate_norm(z)
    total = (torch.sigmoid(z[:, :5]) * torch.log1p(torch.exp(z[:, 5:]))).view(7, 4, 5).sum(1)
    wanted = atoms + total
    if normed:
        wanted = torch.log1p(torch.exp(atoms + layer.sum_norm(total)))
    torch.testing.assert_close(layer(atoms, edges, batch, masked=False), wanted)


@pytest.mark.parametrize("layer", [GatedConvolution(4, 3, True), SumConvolution(4, 3, 5)])
def test_empty_places_say_nothing(layer):
    """The same bonds in lists of 3 and of 5 places give the same vectors, in training too."""
    torch.manual_seed(0)
    batch = batch_of(random_crystal(0, atoms=6), k=5)
    far = torch.arange(5).expand(6, 5) >= 3
    holes = type(batch)(
        species=batch.species,
        neighbors=torch.where(far, torch.arange(6)[:, None], batch.neighbors),
        distances=batch.distances.masked_fill(far, torch.inf),
        vectors=batch.vectors,
        frames=None,
        owner=batch.owner,
        counts=batch.counts,
    )
    short = batch_of(random_crystal(0, atoms=6), k=3)
    atoms, edges = torch.randn(6, 4), torch.randn(6, 5, 3)
    wanted = layer(atoms, edges[:, :3].flatten(0, 1), short, False)
    torch.testing.assert_close(layer(atoms, edges.flatten(0, 1), holes, True), wanted)


def test_a_neighbour_beyond_the_radius_becomes_the_first_atom_at_9_angstrom():
    """As coded in CIFData: indices padded with 0, distances with radius + 1."""
    lonely = crystal([6, 8], [[0, 0, 0], [0.1, 0, 0]], [12.0, 12.0, 12.0])
    batch = batch_of(rock_salt(), lonely, k=3)
    padded = Cgcnn(CgcnnSettings(k=3, padding="compat"), 1)._padded(batch)
    assert padded.neighbors[8:].tolist() == [[9, 8, 8], [8, 8, 8]]
    np.testing.assert_allclose(padded.distances[8:], [[1.2, 9.0, 9.0]] * 2, rtol=1e-6)
    assert (padded.distances[:8] == batch.distances[:8]).all()
    strict = Cgcnn(CgcnnSettings(k=3), 1)
    assert strict._padded(batch) is batch


def test_distances_are_41_gaussians_of_width_a_fifth_without_a_factor_2():
    made = Distances(CgcnnSettings())(torch.tensor([[1.7]]))[0]
    centres = np.arange(41) * 0.2
    np.testing.assert_allclose(made, np.exp(-((1.7 - centres) ** 2) / 0.04), atol=1e-6)
    assert Distances(CgcnnSettings(radius=6.0)).width == 31


@pytest.mark.parametrize(
    ("distance", "place"), [(0.7, 0), (1.16, 1), (5.19, 9), (0.3, 0), (9.0, 9)]
)
def test_distances_of_table_iii_are_ten_classes(distance, place):
    made = Distances(CgcnnSettings(distances="onehot"))(torch.tensor([[distance]]))
    assert made[0].nonzero().item() == place and made.sum() == 1


def test_hydrogen_of_the_supplement_has_elements_1_and_19():
    assert np.flatnonzero(supplement_table()[1, :27]).tolist() == [0, 18]


def test_the_supplements_table_has_93_columns_with_lanthanides_in_period_8():
    table = supplement_table()
    assert table.shape == (119, 93)
    assert table[92, :18].sum() == 0 and table[92, 18 + 8] == 1  # U: period 9
    assert table[58, 18 + 7] == 1  # Ce: period 8
    assert table[6, 37 + bin_of(76.0, 25.0, 250.0, 10)] == 1  # C: 76 pm
    assert set(np.unique(table.sum(axis=1)[1:101])) <= {6.0, 7.0, 8.0, 9.0}


def test_the_published_table_is_made_to_the_last_bit(data):
    published = json.loads((data / "cgcnn" / "atom_init.json").read_text())
    table = published_table()
    assert {z for z in range(119) if table[z].any()} == {int(z) for z in published}
    for z, row in published.items():
        assert table[int(z)].tolist() == row, SYMBOLS[int(z)]


def test_an_element_outside_the_table_is_refused_by_its_name():
    network = Cgcnn(CgcnnSettings(**SMALL), 1).eval()
    assert network.elements == frozenset(range(1, 101))
    nobelium = crystal([102, 8], [[0, 0, 0], [0.5, 0.5, 0.5]], [3.0, 3.0, 3.0])
    with pytest.raises(DataError, match="no row for No"):
        network(batch_of(nobelium, k=6))
    assert Cgcnn(CgcnnSettings(**SMALL, atoms="learned"), 1).elements is None


def test_gradients_reach_every_weight():
    for settings in (
        TestCgcnn,
        TestEquation5AsPrinted,
        TestEquation4WithSoftmaxOverAllLayers,
        TestSitePooling,
    ):
        torch.manual_seed(0)
        network = Cgcnn(CgcnnSettings(**settings.settings), 1).train()
        network(batch_of(random_crystal(0), random_crystal(1), k=6)).sum().backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name


@pytest.mark.parametrize("neighbors", ["nearest", "voronoi"])
def test_a_batch_of_one_atom_without_bonds_can_be_learned_from(neighbors):
    """Its batch norms have one row or none."""
    network = Cgcnn(CgcnnSettings(**SMALL, neighbors=neighbors), 1).train()
    argon = crystal([18], [[0, 0, 0]], [5.3, 5.3, 5.3])
    output = network(batch_of(argon, k=6, neighbors=neighbors))
    output.sum().backward()
    assert torch.isfinite(output).all()


def test_atoms_in_pieces_say_what_they_say_together():
    torch.manual_seed(5)
    network = Cgcnn(CgcnnSettings(k=6, width=8), targets=2).eval()
    one = random_crystal(seed=3)
    graph = build_graph(one, find_neighbors(one, 6), GraphSettings(k=6))
    batch = collate([graph] * 30)  # 600 atoms: more than two pieces
    with torch.no_grad():
        in_pieces = network(batch)
    torch.testing.assert_close(in_pieces, network(batch).detach())


def test_gaussians_of_far_centres_are_nothing_to_speak_of():
    distances, centres = torch.tensor([[0.8, 4.0]]), torch.arange(0.0, 8.2, 0.2)
    exact = torch.exp(-(((distances.double()[..., None] - centres.double()) / 0.2) ** 2))
    assert (gaussians(distances, centres, 0.2) - exact).abs().max() < 1e-6


@pytest.mark.parametrize("largest", [1.0, 79.0, 81.0, 1e4, float("nan")])
def test_softplus_is_that_of_float64(largest):
    values = torch.cat([torch.linspace(-200.0, 60.0, 999), torch.tensor([0.0, largest])])
    values = values[values <= largest] if largest == 1.0 else values
    wanted = torch.logaddexp(values.double(), torch.zeros(1).double())
    made = softplus_(values.clone()).double()
    torch.testing.assert_close(made, wanted, rtol=1e-5, atol=1e-7, equal_nan=True)
    assert softplus_(torch.zeros(0, 4)).shape == (0, 4)


def test_a_prediction_in_pieces_is_the_one_with_gradients(monkeypatch):
    torch.manual_seed(0)
    network = Cgcnn(CgcnnSettings(k=6, width=16), 2).eval()
    batch = batch_of(*(random_crystal(seed, atoms=9 + seed) for seed in range(4)), k=6)
    whole = network(batch).detach()
    monkeypatch.setattr("screenkit.models.cgcnn._PIECE", 7)
    with torch.inference_mode():
        torch.testing.assert_close(network(batch), whole, rtol=1e-5, atol=1e-6)
