"""Neighbours against a KD-tree over explicit images, pymatgen, and shells counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from screenkit.crystal.neighbors import TIE_TOLERANCE, find_neighbors
from tests.crystals import crystal, permuted, random_crystal, rock_salt, supercell


def explicit_distances(given, k, reach=3):
    steps = range(-reach, reach + 1)
    cells = np.array([[a, b, c] for a in steps for b in steps for c in steps])
    points = (given.fractional[None] + cells[:, None]).reshape(-1, 3) @ given.lattice
    distances, _ = cKDTree(points).query(given.positions, k + 1)
    return distances[:, 1:]


@pytest.mark.parametrize("ties", ["index", "environment", "published"])
@pytest.mark.parametrize("k", [1, 4, 12, 32])
def test_distances_are_those_of_a_kd_tree_over_all_images(k, ties):
    given = random_crystal(3)
    found = find_neighbors(given, k, ties)
    exact = TIE_TOLERANCE if ties == "environment" else 1e-9  # a shell may be in another order
    np.testing.assert_allclose(found.distances, explicit_distances(given, k), atol=exact)


def test_a_flat_skewed_cell_is_searched_far_enough():
    given = crystal([6, 8], [[0.1, 0.2, 0.3], [0.6, 0.1, 0.9]],
                    [[4.0, 0, 0], [3.5, 2.5, 0], [7.0, 3.0, 3.2]])  # fmt: skip
    found = find_neighbors(given, 12)
    np.testing.assert_allclose(found.distances, explicit_distances(given, 12, 6), atol=1e-9)


@pytest.mark.parametrize("ties", ["index", "environment", "published"])
def test_index_offset_vector_and_distance_describe_the_same_image(ties):
    given = random_crystal(1)
    found = find_neighbors(given, 12, ties)
    image = given.positions[found.indices] + found.offsets @ given.lattice
    np.testing.assert_allclose(image - given.positions[:, None], found.vectors, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=2), found.distances, atol=1e-9)


def test_a_crowd_is_searched_whole_however_many_of_it_are_kept():
    places = 0.5 + np.random.default_rng(0).uniform(-0.08, 0.08, (90, 3))
    given = crystal([6] * 90, places, [20.0, 20.0, 20.0])
    found = find_neighbors(given, 4, "index")
    np.testing.assert_allclose(found.distances, explicit_distances(given, 4, 1), atol=1e-9)


def test_rock_salt_has_six_unlike_then_twelve_like_neighbours():
    given = rock_salt(5.64)
    found = find_neighbors(given, 18)
    np.testing.assert_allclose(found.distances[:, :6], 2.82)
    np.testing.assert_allclose(found.distances[:, 6:], 5.64 / np.sqrt(2))
    own = given.numbers[:, None]
    assert (given.numbers[found.indices[:, :6]] != own).all()
    assert (given.numbers[found.indices[:, 6:]] == own).all()


def test_a_single_atom_sees_its_own_images():
    found = find_neighbors(crystal([2], [[0, 0, 0]], [3.0, 4.0, 5.0]), 4)
    np.testing.assert_allclose(found.distances[0], [3, 3, 4, 4])
    assert (found.indices == 0).all()


def test_a_nearly_empty_cell_still_gives_k_neighbours():
    found = find_neighbors(crystal([2, 2], [[0, 0, 0], [0.5, 0, 0]], [300.0, 400.0, 900.0]), 12)
    assert np.isfinite(found.distances).all()
    np.testing.assert_allclose(found.distances[0, :2], 150.0)


@pytest.mark.parametrize("ties", ["index", "environment"])
def test_tied_neighbours_stand_in_the_order_that_was_asked_for(ties):
    # Around the atom at the origin stand, each at 2 Å, three different elements and two alike.
    given = crystal(
        [26, 8, 30, 7, 8],
        [[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1], [-0.1, 0, 0]],
        [20.0, 20.0, 20.0],
    )
    found = find_neighbors(given, 4, ties)
    wanted = {"index": [1, 2, 3, 4], "environment": [2, 1, 4, 3]}[ties]
    assert found.indices[0].tolist() == wanted
    if ties == "environment":
        assert found.tied[0].tolist() == [False, True, True, False]


def test_the_published_order_is_one_of_the_orders_of_equals():
    given = rock_salt()
    found = find_neighbors(given, 18, "published")
    for i, row in enumerate(find_neighbors(given, 18, "index").indices):
        for shell in (slice(0, 6), slice(6, 18)):
            assert sorted(found.indices[i, shell]) == sorted(row[shell])
    assert found.tied.all()


def test_the_environment_order_does_not_depend_on_the_order_of_the_atoms():
    given = supercell(random_crystal(2, atoms=12), (2, 1, 1))
    order = np.random.default_rng(5).permutation(len(given))
    vectors = find_neighbors(given, 12).vectors
    np.testing.assert_allclose(
        find_neighbors(permuted(given, order), 12).vectors, vectors[order], atol=1e-9
    )


def test_noise_below_the_tolerance_does_not_change_the_environment_order():
    given = rock_salt()
    noisy = crystal(
        given.numbers,
        given.fractional + np.random.default_rng(0).normal(0, 2e-6, (8, 3)),
        given.lattice,
    )
    first, second = find_neighbors(given, 6), find_neighbors(noisy, 6)
    assert (given.numbers[first.indices] == noisy.numbers[second.indices]).all()
    np.testing.assert_allclose(first.distances, second.distances, atol=1e-3)


def test_distances_are_those_of_pymatgen():
    given = random_crystal(7, atoms=15)
    theirs = given.to_pymatgen().get_all_neighbors(8.0)
    nearest = [sorted(n.nn_distance for n in site)[:12] for site in theirs]
    np.testing.assert_allclose(find_neighbors(given, 12).distances, nearest, atol=1e-8)


def test_asking_for_no_neighbours_is_an_error():
    with pytest.raises(ValueError, match="k >= 1"):
        find_neighbors(rock_salt(), 0)
