"""Packing and collating."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch

from screenkit.crystal.neighbors import find_neighbors
from screenkit.graph.batch import collate, load, pack
from screenkit.graph.build import build_graph
from screenkit.graph.graph import GraphSettings, stack, unstack
from tests.crystals import random_crystal

SETTINGS = GraphSettings(k=6, frames=True)


def graph(seed, atoms):
    given = random_crystal(seed, atoms)
    return build_graph(given, find_neighbors(given, 6), SETTINGS)


def test_no_edge_leads_from_one_crystal_to_another():
    batch = collate([graph(0, 5), graph(1, 9), graph(2, 7)])
    assert batch.counts.tolist() == [5, 9, 7]
    assert (batch.owner[batch.neighbors] == batch.owner[:, None]).all()


def test_a_batch_is_what_one_puts_together_atom_by_atom():
    graphs = [graph(0, 5), graph(1, 9), graph(2, 7)]
    batch = collate(graphs)
    first = [0, 5, 14]
    neighbors = [g.neighbors.astype(int) + start for g, start in zip(graphs, first, strict=True)]
    assert batch.neighbors.tolist() == np.concatenate(neighbors).tolist()
    assert batch.owner.tolist() == [0] * 5 + [1] * 9 + [2] * 7
    assert batch.species.tolist() == [z for g in graphs for z in g.species.tolist()]
    for name in ("distances", "vectors", "frames"):
        expected = np.concatenate([getattr(g, name) for g in graphs])
        assert torch.equal(getattr(batch, name), torch.from_numpy(expected))
    assert {batch.species.dtype, batch.neighbors.dtype, batch.owner.dtype} == {torch.int64}


def test_what_travels_is_narrow_and_the_graphs_stay_as_they_were():
    graphs = [graph(0, 5), graph(1, 9)]
    before = graphs[1].neighbors.copy()
    cargo = load(graphs)
    assert {name: array.dtype for name, array in cargo.arrays.items()} == {
        "species": torch.int16,
        "neighbors": torch.int32,
        "distances": torch.float32,
        "vectors": torch.float32,
        "frames": torch.float32,
    }
    assert (graphs[1].neighbors == before).all()


def test_half_precision_is_that_of_vectors_alone():
    whole = graph(0, 9)
    half = whole.halved()
    cargo = load([half])
    assert cargo.arrays["vectors"].dtype == torch.float16
    batch = cargo.unload("cpu")
    assert batch.vectors.dtype == torch.float32
    assert torch.equal(batch.distances, collate([whole]).distances)
    error = np.abs(batch.vectors.numpy() - whole.vectors)
    assert 0 < error.max() <= 2**-11 * np.abs(whole.vectors).max()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
@pytest.mark.parametrize("pinned", [False, True])
def test_a_cuda_device_unpacks_the_batch_that_the_cpu_does(pinned):
    graphs = [graph(seed, 5 + seed) for seed in range(40)]
    here, there = collate(graphs), load(graphs, pinned).unload("cuda")
    for field in fields(here):
        ours, theirs = getattr(here, field.name), getattr(there, field.name)
        assert ours is theirs is None or torch.equal(ours, theirs.cpu())


def test_what_is_put_side_by_side_comes_apart_again():
    graphs = [graph(0, 5), graph(1, 9)]
    fractions = [g.frame_ambiguous_fraction for g in graphs]
    again = unstack(stack(graphs), [g.name for g in graphs], [5, 9], fractions)
    for before, after in zip(graphs, again, strict=True):
        for field in fields(before):
            np.testing.assert_array_equal(getattr(before, field.name), getattr(after, field.name))


def test_packing_keeps_order_and_budget_and_gives_a_giant_its_own_batch():
    graphs = [graph(seed, atoms) for seed, atoms in enumerate([5, 5, 5, 14, 5])]
    runs = [[len(g) for g in run] for run in pack(graphs, batch_atoms=10)]
    assert runs == [[5, 5], [5], [14], [5]]


def test_local_coordinates_keep_the_distances():
    batch = collate([graph(0, 8)])
    np.testing.assert_allclose(batch.local.norm(dim=2), batch.distances, atol=1e-5)


def test_moving_a_batch_leaves_the_first_as_it_was():
    batch = collate([graph(0, 5)])
    assert batch.to("meta").species.device.type == "meta"
    assert batch.species.device.type == "cpu"


def test_graphs_with_and_without_frames_do_not_mix():
    given = random_crystal(3, 5)
    bare = build_graph(given, find_neighbors(given, 6), GraphSettings(k=6))
    with pytest.raises(ValueError, match="all or none"):
        collate([graph(0, 5), bare])
    with pytest.raises(ValueError, match="frames=True"):
        _ = collate([bare]).local


def test_a_graph_of_other_settings_than_its_neighbours_is_refused():
    given = random_crystal(3, 5)
    with pytest.raises(ValueError, match="wanted"):
        build_graph(given, find_neighbors(given, 4), SETTINGS)
