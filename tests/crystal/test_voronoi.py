"""Bonded neighbours, against hand counts and pymatgen's Voronoi cells."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from screenkit.crystal.cif import read_cif
from screenkit.crystal.elements import COVALENT_RADII
from screenkit.crystal.neighbors import find_neighbors
from screenkit.crystal.voronoi import keep_bonded, solid_angle
from screenkit.graph.batch import collate
from screenkit.graph.build import build_graph
from screenkit.graph.graph import GraphSettings
from tests.crystals import crystal, permuted, random_crystal, rock_salt, rotated, supercell

FCC = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
DIAMOND = crystal([6, 6], [[0, 0, 0], [0.25, 0.25, 0.25]], FCC * 3.567, "diamond")
IRON = crystal([26], [[0, 0, 0]], np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]) * 1.433, "Fe")


def bonds(given, k=16):
    """Return the bonded (i, j, image) of a crystal."""
    found = keep_bonded(given, find_neighbors(given, k))
    return {
        (i, int(found.indices[i, m]), *found.offsets[i, m].tolist())
        for i, m in zip(*np.nonzero(np.isfinite(found.distances)), strict=True)
    }


@pytest.mark.parametrize(
    ("given", "each"),
    [(rock_salt(), 6), (DIAMOND, 4), (IRON, 14)],
    ids=lambda x: getattr(x, "name", ""),
)
def test_textbook_structures_have_their_coordination_number(given, each):
    found = keep_bonded(given, find_neighbors(given, 16))
    assert (np.isfinite(found.distances).sum(axis=1) == each).all()


@pytest.mark.parametrize("name", ["Cu-BTC", "MIL-47"])
def test_copper_of_a_paddle_wheel_sees_four_oxygens_and_copper(name, request):
    path = request.config.rootpath / "examples" / "mofs" / f"{name}.cif"
    given = read_cif(path.read_bytes(), name)
    found = keep_bonded(given, find_neighbors(given, 12))
    degree = np.isfinite(found.distances).sum(axis=1)
    assert (degree[given.numbers == 1] == 1).all()
    assert (degree[given.numbers == 6] == 3).all()
    metal, coordination = (29, 5) if name == "Cu-BTC" else (23, 6)
    assert (degree[given.numbers == metal] == coordination).all()


@pytest.mark.parametrize("given", [rock_salt(), DIAMOND, random_crystal(3, atoms=30, edge=6.0)],
                         ids=lambda given: given.name)  # fmt: skip
def test_pymatgen_sees_the_same_bonds(given):
    from pymatgen.analysis.local_env import VoronoiNN

    structure = given.to_pymatgen()
    wanted = set()
    finder = VoronoiNN(cutoff=6.0, allow_pathological=True, compute_adj_neighbors=False)
    for i in range(len(given)):
        faces = finder.get_voronoi_polyhedra(structure, i).values()
        largest = max(face["solid_angle"] for face in faces)
        for face in faces:
            j = face["site"].index
            reach = COVALENT_RADII[given.numbers[[i, j]]].sum() + 0.25
            if face["solid_angle"] > 1e-3 * largest and 2 * face["face_dist"] < reach:
                image = [round(x) for x in face["site"].image]
                wanted |= {(i, j, *image), (j, i, *(-x for x in image))}
    assert bonds(given) == wanted


def test_connections_go_both_ways_and_do_not_hang_on_order_turn_or_cell():
    given = random_crystal(5, atoms=40, edge=7.0)
    found = bonds(given, k=24)
    assert len(found) > 40
    assert all((j, i, -a, -b, -c) in found for i, j, a, b, c in found)
    degree = np.bincount([bond[0] for bond in found], minlength=40)
    order = np.random.default_rng(0).permutation(40)
    for other, wanted in (
        (permuted(given, order), degree[order]),
        (rotated(given), degree),
        (supercell(given, (2, 1, 1)), np.tile(degree, 2)),
    ):
        made = np.bincount([bond[0] for bond in bonds(other, k=24)], minlength=len(other))
        np.testing.assert_array_equal(made, wanted)


def test_a_molecule_alone_in_a_box_keeps_its_bonds():
    """No cell closes within 6 or 12 Å."""
    water = [[0, 0, 0], [0.0239, 0.0188, 0], [-0.0239, 0.0188, 0]]
    given = crystal([8, 1, 1], water, [40.0, 40.0, 40.0])
    assert {bond[:2] for bond in bonds(given, k=4)} == {(0, 1), (0, 2), (1, 0), (2, 0)}


def test_empty_places_come_last_and_are_marked():
    settings = GraphSettings(k=8, neighbors="voronoi")
    graph = build_graph(DIAMOND, find_neighbors(DIAMOND, 8), settings)
    batch = collate([graph])
    assert batch.filled.tolist() == [[True] * 4 + [False] * 4] * 2
    assert batch.neighbors[:, 4:].tolist() == [[0] * 4, [1] * 4]
    assert (batch.vectors[:, 4:] == 0).all()
    np.testing.assert_allclose(batch.distances[:, :4], 3.567 * np.sqrt(3) / 4, rtol=1e-6)


def test_the_faces_of_a_cube_share_the_whole_sphere():
    corners = np.array([[1, -1, -1], [1, 1, -1], [1, 1, 1], [1, -1, 1]], dtype=float)
    assert solid_angle(corners) == pytest.approx(4 * np.pi / 6)
    for turn in itertools.permutations(range(3)):
        assert solid_angle(corners[:, turn] * 0.1) == pytest.approx(4 * np.pi / 6)
