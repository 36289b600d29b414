"""atom2vec: what is counted, and what the vectors say."""

from __future__ import annotations

import numpy as np

from screenkit.crystal.neighbors import find_neighbors
from screenkit.graph.build import build_graph
from screenkit.graph.graph import GraphSettings
from screenkit.models.atom2vec import atom_vectors, count_environments
from tests.crystals import crystal

SETTINGS = GraphSettings(k=8)


def graph(given):
    return build_graph(given, find_neighbors(given, 8), SETTINGS)


def salt(cation, anion, a):
    first = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    second = [[0.5, 0.5, 0.5], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]
    return graph(crystal([cation] * 4 + [anion] * 4, first + second, [a, a, a]))


SALTS = [salt(11, 17, 5.64), salt(19, 17, 6.29), salt(11, 35, 5.97), salt(19, 35, 6.60)]


def test_an_environment_is_the_set_of_bonded_neighbours():
    table = count_environments(
        [salt(11, 17, 5.3)]
    )  # six bonds of 2.65 Å; like atoms are not bonded
    assert table.shape == (119, 2)
    assert sorted(table[11]) == sorted(table[17]) == [0, 4]
    assert table.sum() == 8


def test_an_atom_without_bonds_has_its_nearest_as_environment():
    table = count_environments([graph(crystal([18], [[0, 0, 0]], [9, 9, 9]))])
    assert table[18].tolist() == [1]


def test_elements_of_like_habits_have_like_vectors():
    vectors = atom_vectors(SALTS, 4)
    cations, anions = vectors[[11, 19]], vectors[[17, 35]]
    assert np.linalg.norm(cations[0] - cations[1]) < 0.1 * np.linalg.norm(cations[0] - anions[0])


def test_vectors_keep_the_angles_between_the_rows_of_the_table():
    table = count_environments(SALTS)[[11, 19, 17, 35]]
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    vectors = atom_vectors(SALTS, 119)[[11, 19, 17, 35]]
    np.testing.assert_allclose((vectors @ vectors.T), table @ table.T, atol=0.2)  # noise beyond
    np.testing.assert_allclose(np.linalg.norm(vectors[:, :4], axis=1), 1.0, atol=0.1)


def test_what_the_graphs_do_not_hold_is_small_noise():
    vectors = atom_vectors(SALTS, 64)
    assert np.isfinite(vectors).all() and vectors.shape == (119, 64)
    assert 0.018 < vectors[40:80].std() < 0.022


def test_the_vectors_do_not_depend_on_the_order_of_the_graphs():
    assert (atom_vectors(SALTS, 8) == atom_vectors(SALTS[::-1], 8)).all()
