"""Local frames against the paper's own construction and the symmetries that define them."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from screenkit.crystal.neighbors import find_neighbors
from screenkit.graph.frames import local_frames
from tests.crystals import crystal, mirrored, random_crystal, rock_salt, rotated


def local(given, k=12):
    neighbors = find_neighbors(given, k)
    frames, _ = local_frames(neighbors)
    return np.einsum("nkx,nax->nka", neighbors.vectors, frames)


def algorithm_1(vectors: np.ndarray) -> np.ndarray:
    """Algorithm 1 of the paper, with scipy's rotations: v_1 onto z, then v_2 onto the yz plane."""
    axis = np.cross(vectors[0], [0, 0, 1])
    angle = np.arccos(vectors[0, 2] / np.linalg.norm(vectors[0]))
    turned = Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle).apply(vectors)
    about_z = np.arctan2(turned[1, 0], turned[1, 1])
    return Rotation.from_rotvec([0, 0, about_z]).apply(turned)


def test_frames_are_those_of_algorithm_1_built_from_rotations():
    given = random_crystal(4)
    neighbors = find_neighbors(given, 12)
    wanted = np.array([algorithm_1(vectors) for vectors in neighbors.vectors])
    np.testing.assert_allclose(local(given), wanted, atol=1e-6)


def test_the_nearest_lies_on_z_and_the_second_in_the_yz_plane():
    coordinates = local(random_crystal(0))
    np.testing.assert_allclose(coordinates[:, 0, :2], 0, atol=1e-12)
    assert (coordinates[:, 0, 2] > 0).all()
    np.testing.assert_allclose(coordinates[:, 1, 0], 0, atol=1e-12)
    assert (coordinates[:, 1, 1] > 0).all()


def test_frames_are_proper_rotations():
    frames, _ = local_frames(find_neighbors(random_crystal(0), 12))
    np.testing.assert_allclose(frames @ frames.transpose(0, 2, 1), np.eye(3)[None].repeat(20, 0),
                               atol=1e-12)  # fmt: skip
    np.testing.assert_allclose(np.linalg.det(frames), 1.0)


def test_local_coordinates_do_not_turn_with_the_crystal():
    given = random_crystal(6)
    np.testing.assert_allclose(local(rotated(given)), local(given), atol=1e-9)


def test_a_mirror_image_changes_the_sign_of_x_alone():
    given = random_crystal(6)
    np.testing.assert_allclose(local(mirrored(given)), local(given) * [-1, 1, 1], atol=1e-9)


def test_a_second_neighbour_on_the_line_of_the_first_is_passed_over():
    # Along x: images at ±3 Å; then the atom across.
    given = crystal([6], [[0, 0, 0]], [3.0, 4.0, 5.0])
    coordinates = local(given, k=4)[0]
    np.testing.assert_allclose(np.abs(coordinates[:2]), [[0, 0, 3], [0, 0, 3]], atol=1e-12)
    np.testing.assert_allclose(coordinates[2], [0, 4, 0], atol=1e-12)


def test_neighbours_all_on_one_line_still_give_a_frame():
    frames, _ = local_frames(find_neighbors(crystal([6], [[0, 0, 0]], [3.0, 40.0, 50.0]), 2))
    np.testing.assert_allclose(np.linalg.det(frames[0]), 1.0)


def test_equal_neighbours_make_every_frame_of_rock_salt_ambiguous_and_none_of_a_random_crystal():
    assert local_frames(find_neighbors(rock_salt(), 12))[1].all()
    assert not local_frames(find_neighbors(random_crystal(0), 12))[1].any()
