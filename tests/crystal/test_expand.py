"""Sites that are one atom, against all pairs and images."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from screenkit.crystal.expand import SAME_POINT_TOLERANCE, find_coincident, wrapped

CELLS = {
    "cubic": np.diag([9.0, 9.0, 9.0]),
    "thin": np.diag([0.2, 14.0, 3.0]),
    "skew": np.array([[6.0, 0, 0], [5.0, 3.0, 0], [2.0, 8.0, 4.0]]),
}


def pairs_of_all_images(fractional, numbers, lattice):
    """Return whether two atoms of one element are on one point, (n, n)."""
    apart = fractional[None] - fractional[:, None]
    apart -= np.rint(apart)
    steps = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    lengths = np.linalg.norm((apart[:, :, None] + steps) @ lattice, axis=-1).min(axis=-1)
    return (lengths < SAME_POINT_TOLERANCE) & (numbers[None] == numbers[:, None])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("seed", range(6))
def test_the_first_atom_on_a_point_leads_the_others_across_the_boundary_too(cell, seed):
    lattice = CELLS[cell]
    random = np.random.default_rng(seed)
    first = np.vstack([random.random((40, 3)), [[0.0, 0.0, 0.0], [0.999, 0.5, 0.0]]])
    numbers = random.integers(6, 8, len(first)).astype(np.int16)
    shift = random.uniform(-0.02, 0.02, first.shape) @ np.linalg.inv(lattice)
    fractional = wrapped(np.vstack([first, first + shift]))
    numbers = np.tile(numbers, 2)

    leaders, others = find_coincident(fractional, numbers, lattice)

    same = pairs_of_all_images(fractional, numbers, lattice)
    for _ in range(6):  # a point of a point is a point
        same = (same.astype(int) @ same) > 0
    np.testing.assert_array_equal(leaders, same.argmax(axis=1))
    assert others == (leaders != np.arange(len(leaders))).sum() >= len(first)


def test_all_of_a_crystal_that_has_no_two_on_one_point_lead_themselves():
    fractional = np.stack(np.meshgrid(*[np.arange(5) / 5] * 3), axis=-1).reshape(-1, 3)
    leaders, others = find_coincident(fractional, np.full(125, 6, np.int16), 9.0 * np.eye(3))
    assert others == 0
    np.testing.assert_array_equal(leaders, np.arange(125))


def test_a_place_just_below_zero_is_in_the_home_cell():
    inside = wrapped(np.array([[-1e-20, 1.0, -0.25]]))
    np.testing.assert_array_equal(inside, [[0.0, 0.0, 0.75]])
