"""Packing and collating."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from screenkit.crystal.neighbors import find_neighbors
from screenkit.graph.batch import collate, pack
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
