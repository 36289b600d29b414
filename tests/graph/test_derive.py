"""Which graphs hold those of another model, and that they do."""

from __future__ import annotations

import pytest

from screenkit.graph.derive import feature_places, kept_arrays, misfit, union
from screenkit.graph.features import feature_names
from screenkit.graph.graph import GraphSettings


@pytest.mark.parametrize(
    ("have", "want", "fault"),
    [
        ({}, {}, ""),
        ({"frames": True, "charges": True, "features": ("cell", "density")}, {}, ""),
        ({"features": ("cell", "density")}, {"features": ("density",)}, ""),
        ({"k": 16}, {"k": 12}, "k 16 there, 12 wanted"),
        ({"ties": "index"}, {}, "ties index there, environment wanted"),
        ({}, {"neighbors": "voronoi"}, "neighbors nearest there, voronoi wanted"),
        ({}, {"frames": True}, "no frames there"),
        ({}, {"charges": True}, "no charges there"),
        ({"features": ("cell",)}, {"features": ("cell", "pores")}, "no features pores there"),
    ],
)
def test_graphs_hold_others_with_the_same_neighbours_and_no_more_beside_them(have, want, fault):
    assert misfit(GraphSettings(**have), GraphSettings(**want)) == fault


def test_a_union_holds_each_of_its_parts():
    parts = [
        GraphSettings(frames=True),
        GraphSettings(features=("cell", "density")),
        GraphSettings(charges=True, features=("pores", "cell")),
    ]
    together = union(parts)
    assert together.features == ("cell", "density", "pores")
    assert [misfit(together, part) for part in parts] == ["", "", ""]


def test_features_are_found_by_their_names_in_any_order():
    have, want = ("cell", "composition", "density"), ("density", "cell")
    names = feature_names(have)
    assert tuple(names[i] for i in feature_places(have, want)) == feature_names(want)


def test_a_model_is_given_what_it_asks_for_and_no_more():
    plain = {"species", "neighbors", "distances", "vectors"}
    assert kept_arrays(GraphSettings()) == plain
    more = GraphSettings(frames=True, charges=True, features=("cell",))
    assert kept_arrays(more) == plain | {"frames", "charges", "features"}
