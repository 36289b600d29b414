"""k-NAGCN: the contract, the paper's layer written out, and its number of parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.neighbors import find_neighbors
from screenkit.graph.batch import collate
from screenkit.graph.build import build_graph
from screenkit.models.angles import (
    angular_moments,
    frame_coordinates,
    shuffle_ties,
    sort_descending,
    sorted_cosines,
)
from screenkit.models.knagcn import KNagcn, KNagcnConvolution, KNagcnSettings
from tests.crystals import permuted, random_crystal, rock_salt, rotated, translated
from tests.models.contract import ModelContract


class TestKNagcn(ModelContract):
    model = "knagcn"
    settings: ClassVar[dict[str, object]] = {
        "k": 6,
        "width": 16,
        "edge_width": 8,
        "head_width": 16,
        "geometry": "frame",
    }


@pytest.mark.parametrize(
    ("k", "wanted"), [(4, 318_465), (8, 568_833), (12, 819_201), (16, 1_069_569), (32, 2_071_041)]
)
def test_the_number_of_parameters_is_that_of_the_resolved_equations(k, wanted):
    network = KNagcn(KNagcnSettings(k=k, geometry="frame"), targets=1)
    count = sum(p.numel() for p in network.parameters()) - network.embedding.weight.numel()
    assert count == wanted


def test_a_convolution_of_the_paper_has_slightly_over_100_thousand_parameters():
    layer = KNagcnConvolution(KNagcnSettings(k=4, geometry="frame"))
    linear = layer.own.numel() + layer.edges.numel() + layer.neighbors.numel() + layer.bias.numel()
    assert linear == 100_352


def test_the_three_parts_sum_to_one_linear_map_of_the_concatenated_inputs():
    """Zhang et al. 2021, section 3.3: [f_i, X_i, e_i1, f_1, X_1, ...] in one matrix."""
    torch.manual_seed(1)
    settings = KNagcnSettings(k=3, width=5, edge_width=4, geometry="frame")
    layer = KNagcnConvolution(settings).eval().double()
    atoms, edges = torch.randn(7, 5).double(), torch.randn(7, 3, 4 + 3).double()
    neighbors = torch.randint(0, 7, (7, 3))
    rows, weights = [atoms, torch.zeros(7, 3).double()], [layer.own]
    for m in range(3):
        rows += [edges[:, m], atoms[neighbors[:, m]]]
        weights += [layer.edges.view(3, 7, 5)[m], layer.neighbors.view(5, 3, 5)[:, m]]
    linear = torch.cat(rows, dim=1) @ torch.cat(weights) + layer.bias
    wanted = atoms + torch.relu(layer.norm(linear))
    told = [edges[:, :, :4].flatten(1), edges[:, :, 4:].transpose(1, 2).flatten(1)]
    places = torch.cat([torch.arange(7)[:, None], neighbors], dim=1)
    torch.testing.assert_close(layer(atoms, torch.cat(told, dim=1), places), wanted)


def small(geometry="frame", k=6, **more):
    return KNagcnSettings(
        k=k, width=16, edge_width=8, head_width=16, layers=2, geometry=geometry, **more
    )


class TestKNagcnOfCosines(ModelContract):
    model = "knagcn"
    settings: ClassVar[dict[str, object]] = small("cosines").model_dump()


class TestKNagcnOfMoments(ModelContract):
    model = "knagcn"
    settings: ClassVar[dict[str, object]] = small("moments").model_dump()


class TestKNagcnOfTieOrders(ModelContract):
    model = "knagcn"
    settings: ClassVar[dict[str, object]] = small(tie_orders=3, tie_augmentation=True).model_dump()


def graph(given, network):
    settings = network.graph_settings(network.settings)
    return build_graph(given, find_neighbors(given, settings.k, settings.ties), settings)


def network_of(settings) -> KNagcn:
    torch.manual_seed(0)
    network = KNagcn(settings, targets=1)
    batch = collate([graph(random_crystal(seed), network) for seed in range(8)])
    for _ in range(3):
        network(batch)
    return network.eval()


def predict(network, *crystals):
    with torch.no_grad():
        return network(collate([graph(c, network) for c in crystals])).numpy()[:, 0]


@pytest.mark.parametrize("geometry", ["frame", "cosines", "moments"])
@pytest.mark.parametrize("k", [4, 8, 12, 16, 32])
def test_every_k_of_the_paper_works_and_does_not_depend_on_the_orientation(k, geometry):
    network = network_of(small(geometry, k))
    a, b, other = predict(network, random_crystal(0), rotated(random_crystal(0)), random_crystal(1))
    assert abs(a - b) < 1e-5 < 1e-3 < abs(a - other)


@pytest.mark.parametrize(
    ("geometry", "width"), [("frame", 32 + 3), ("cosines", 32 + 11), ("moments", 32 + 12)]
)
def test_the_numbers_of_a_neighbour_are_its_vector_its_distance_and_its_place(geometry, width):
    layer = KNagcnConvolution(KNagcnSettings(k=12, geometry=geometry))
    own = 128 + 3 * (geometry == "frame")
    linear = layer.own.numel() + layer.edges.numel() + layer.neighbors.numel() + layer.bias.numel()
    assert linear == (own + 12 * (128 + width)) * 128 + 128


def disguised(given, seed):
    """The same crystal turned, shifted, listed in another order, and blurred by 1e-4 Å."""
    rng = np.random.default_rng(seed)
    given = permuted(translated(rotated(given, seed), rng.random(3)), rng.permutation(len(given)))
    noise = rng.normal(0.0, 1e-4, given.positions.shape)
    return Crystal(given.name, given.numbers, given.positions + noise, given.lattice)


@pytest.mark.parametrize("k", [6, 12, 18])  # 6 + 12 neighbours in two shells; 12 cuts the second
def test_moments_do_not_see_the_disguise_of_a_symmetric_crystal_and_frames_do(k):
    crystals = [disguised(rock_salt(), seed) for seed in range(6)]
    spread = {
        geometry: np.ptp(predict(network_of(small(geometry, k)), *crystals))
        for geometry in ("frame", "cosines", "moments")
    }
    assert spread["moments"] < 1e-4 and spread["frame"] > 1e-3
    assert k == 12 or spread["cosines"] < 1e-4


def test_a_mean_over_tie_orders_depends_less_on_the_order_of_the_atoms():
    crystals = [disguised(rock_salt(), seed) for seed in range(6)]
    one, many = small(), small(tie_orders=32)
    assert np.ptp(predict(network_of(many), *crystals)) < 0.7 * np.ptp(
        predict(network_of(one), *crystals)
    )


def test_a_mean_over_tie_orders_repeats_to_the_last_bit():
    network = network_of(small(tie_orders=4))
    torch.manual_seed(7)
    first = predict(network, rock_salt())
    torch.manual_seed(8)
    assert (predict(network, rock_salt()) == first).all()


def test_training_draws_the_order_of_ties_anew_and_only_where_there_are_ties():
    network = network_of(small(tie_augmentation=True)).train()
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm1d):
            norm.eval()
    tied = [predict(network, rock_salt())[0] for _ in range(4)]
    free = [predict(network, random_crystal(0))[0] for _ in range(4)]
    assert np.ptp(tied) > 1e-4 and np.ptp(free) == 0


def test_frames_made_of_vectors_are_those_of_the_graph():
    network = network_of(small())
    batch = collate([graph(random_crystal(seed), network) for seed in range(4)])
    torch.testing.assert_close(frame_coordinates(batch.vectors), batch.local, atol=1e-5, rtol=0)


def test_neighbours_on_one_line_have_coordinates_too():
    vectors = torch.tensor([[[0.0, 0.0, -2.0], [0.0, 0.0, 3.0]]])
    wanted = torch.tensor([[[0.0, 0.0, 2.0], [0.0, 0.0, -3.0]]])
    torch.testing.assert_close(frame_coordinates(vectors), wanted)


def test_the_orders_of_ties_stay_within_shells_and_elements():
    network = network_of(small(k=18))
    batch = collate([graph(rock_salt(), network)])
    order = shuffle_ties(batch, torch.rand(8, 18))
    assert (order[:, :6].sort(1).values == torch.arange(6)).all()
    assert (order[:, 6:].sort(1).values == torch.arange(6, 18)).all()
    assert len({tuple(row) for row in order.tolist()}) > 1


def test_cosines_of_rock_salt_are_those_of_an_octahedron():
    network = network_of(small("cosines"))
    cosines = sorted_cosines(collate([graph(rock_salt(), network)]))
    wanted = torch.tensor([0.0, 0.0, 0.0, 0.0, -1.0]).expand(8, 6, 5)
    torch.testing.assert_close(cosines, wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("k", [1, 2, 3, 7, 12, 16, 33, 64])
def test_the_network_of_exchanges_sorts_as_torch_does(k):
    rows = torch.randn(k, 200, generator=torch.Generator().manual_seed(k))
    rows[:, :20] = rows[:, :20].round()  # equals
    assert torch.equal(sort_descending(rows), torch.sort(rows, dim=0, descending=True)[0])


def test_elements_mapped_once_are_atoms_mapped_one_by_one():
    torch.manual_seed(3)
    layer = KNagcnConvolution(KNagcnSettings(k=3, width=5, edge_width=4)).eval().double()
    table, species = torch.randn(4, 5).double(), torch.randint(0, 4, (7,))
    edges, places = torch.randn(7, 3 * (4 + 2)).double(), torch.randint(0, 7, (7, 4))
    torch.testing.assert_close(
        layer(table, edges, places, species), layer(table[species], edges, places)
    )


def test_moments_of_three_neighbours_written_out():
    """Distances 1, 1, 2 along x, y, z: only the first two weigh, and stand at a right angle."""
    network = network_of(small("moments", k=3))
    batch = collate([graph(random_crystal(0, atoms=1), network)])
    vectors = torch.tensor([[[1.0, 0, 0], [0, 1.0, 0], [0, 0, 2.0]]])
    moments = angular_moments(
        replace(batch, vectors=vectors, distances=torch.tensor([[1.0, 1.0, 2.0]]))
    ).view(3, 4, 3)
    weights = torch.exp(-1.0 / torch.tensor([1.5, 2.5, 4.0]) ** 2) * (1 - 0.25) ** 2
    legendre_at_0 = torch.tensor([0.0, -0.5, 0.0, 0.375])
    one = legendre_at_0[:, None] * weights
    torch.testing.assert_close(moments, torch.stack([one, one, 2 * one]))


def test_the_element_vectors_start_from_the_training_set_where_atom2vec_is_asked_for():
    graphs = [graph(rock_salt(), network_of(small()))]
    for elements in ("learned", "atom2vec"):
        network = network_of(small(elements=elements))
        before = network.embedding.weight.clone()
        network.prepare(graphs)
        assert torch.equal(network.embedding.weight, before) == (elements == "learned")
