"""Topological labels: lattices that one can do by hand, symmetries, pymatgen and Zeo++."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr

from screenkit.crystal.channels import find_channels
from screenkit.crystal.cif import read_cif
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import COVALENT_RADII, IONIC_RADII, VAN_DER_WAALS_RADII
from screenkit.crystal.grid import lay_grid, surfaces
from screenkit.crystal.library import Library
from screenkit.crystal.topology import (
    PROPERTIES,
    TopologySettings,
    largest_li_site,
    measure_topology,
    min_bond_length,
    percolation_radius,
)
from tests.crystals import crystal, permuted, random_crystal, rotated, supercell, translated

CHLORIDE = 1.81
TABLE = Path(__file__).parent.parent / "data" / "zeo-topology.csv"


def lithium_chloride(a: float = 5.14) -> Crystal:
    """LiCl: chloride in a face-centred lattice, lithium amid six of them."""
    faces = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    places = np.concatenate([faces, faces + 0.5])
    return crystal([17] * 4 + [3] * 4, places, [a, a, a])


@pytest.mark.parametrize(
    ("radii", "radius"), [("ionic", 1.40), ("covalent", 0.66), ("van-der-waals", 1.52)]
)
@pytest.mark.parametrize("a", [4.0, 5.5, 8.0])
def test_spheres_in_a_simple_cubic_lattice(a, radii, radius):
    """The widest place is the middle of the cube, the narrowest the middle of its face."""
    given = crystal([8, 3], [[0.1, 0.2, 0.3], [0.55, 0.7, 0.8]], [a, a, a])
    settings = TopologySettings(radii=radii)
    passing, site = percolation_radius(given, settings), largest_li_site(given, settings)
    assert passing == pytest.approx(a * math.sqrt(2) / 2 - radius, abs=2e-3)
    assert site == pytest.approx(a * math.sqrt(3) / 2 - radius, abs=2e-3)


def test_lithium_chloride_by_hand():
    """Nothing but chloride counts: lithium leaves through the triangles between three of them."""
    a = 5.14
    values, missing = measure_topology(lithium_chloride(a), list(PROPERTIES))
    assert missing == ()
    shortest, passing, site = values
    assert shortest == pytest.approx(a / 2)
    assert passing == pytest.approx(a / math.sqrt(6) - CHLORIDE, abs=2e-3)
    assert site == pytest.approx(a / 2 - CHLORIDE, abs=2e-3)


def test_a_lithium_site_is_as_large_as_the_room_that_reaches_it():
    """In the middle, at the edge of the room, and beside an atom, where the room does not reach."""
    a = 6.0
    middle, corner = np.array([0.6, 0.7, 0.8]), np.array([0.1, 0.2, 0.3])
    radius = a * math.sqrt(3) / 2 - CHLORIDE
    toward = corner - middle
    toward -= np.round(toward)
    toward /= np.linalg.norm(toward)
    for away, wanted in ((0.0, radius), (0.98 * radius, radius)):
        given = crystal([17, 3], [corner, middle + away * toward / a], [a, a, a])
        assert largest_li_site(given) == pytest.approx(wanted, abs=2e-3)
    inside = crystal([17, 3], [corner, corner + np.array([0.1, 0, 0])], [a, a, a])
    assert largest_li_site(inside) == 0.0


@pytest.mark.parametrize("seed", [0, *(pytest.param(i, marks=pytest.mark.slow) for i in (1, 2, 3))])
@pytest.mark.slow
def test_no_random_sphere_over_a_lithium_site_is_larger(seed):
    given = random_crystal(seed, atoms=14, edge=7.0)
    numbers = given.numbers.copy()
    numbers[:3] = 3
    given = Crystal(given.name, numbers, given.positions, given.lattice)
    found = largest_li_site(given)
    rng = np.random.default_rng(seed)
    points = rng.random((40_000, 3)) @ given.lattice
    images = (np.array(list(np.ndindex(5, 5, 5))) - 2) @ given.lattice
    room, sites = np.full(len(points), np.inf), np.full(len(points), np.inf)
    for number, place in zip(numbers, given.positions, strict=True):
        for image in images:
            away = np.linalg.norm(points - place - image, axis=1)
            if number == 3:
                sites = np.minimum(sites, away)
            else:
                room = np.minimum(room, away - IONIC_RADII[number])
    sampled = room[sites <= room].max(initial=0.0)
    assert sampled - 1e-6 <= found <= sampled + 0.15


def test_what_a_crystal_does_not_have_is_nan_and_said():
    values, missing = measure_topology(crystal([17], [[0, 0, 0]], [4.0] * 3), list(PROPERTIES))
    assert missing == ("no_lithium",)
    assert np.isnan(values).tolist() == [False, False, True]
    values, missing = measure_topology(crystal([3], [[0, 0, 0]], [3.0] * 3), list(PROPERTIES))
    assert missing == ("no_framework",)
    assert np.isnan(values).tolist() == [False, True, True]


def test_images_of_one_atom_are_two_atoms():
    assert min_bond_length(crystal([29], [[0, 0, 0]], [2.5, 3.0, 4.0])) == pytest.approx(2.5)


def test_a_dense_crystal_lets_nothing_pass():
    assert percolation_radius(crystal([8], [[0, 0, 0]], [1.9] * 3)) == 0.0


def test_origin_order_rotation_and_doubling_do_not_matter():
    given = random_crystal(5, atoms=12, edge=8.0)
    numbers = given.numbers.copy()
    numbers[0] = 3
    given = Crystal(given.name, numbers, given.positions, given.lattice)
    wanted, _ = measure_topology(given, list(PROPERTIES))
    assert (wanted > 0.3).all()
    for same in (
        permuted(given, np.random.default_rng(0).permutation(12)),
        rotated(given),
        translated(given, (0.37, 0.81, 0.12)),
        supercell(given, (2, 1, 1)),
    ):
        found, _ = measure_topology(same, list(PROPERTIES))
        np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_ionic_radii_are_shannons_where_an_element_is_an_ion():
    assert IONIC_RADII[[3, 8, 17, 22, 57]].tolist() == [0.76, 1.40, 1.81, 0.605, 1.032]
    assert IONIC_RADII[[1, 6, 15]].tolist() == COVALENT_RADII[[1, 6, 15]].tolist()
    assert VAN_DER_WAALS_RADII[8] > IONIC_RADII[8] > COVALENT_RADII[8]


def real_crystals(data: Path, names: set[str]) -> dict[str, Crystal]:
    library = Library.open([data / "mp_gap" / "mp_gap.tar.xz"])
    return {
        document.name: read_cif(document.read(), document.name)
        for documents in library.deliver([(0, len(library.names))])
        for document in documents
        if document.name in names
    }


@pytest.mark.slow
def test_zeo_finds_the_same_percolation_radii(data: Path):
    """40 crystals of the Materials Project, lithium out; `python -m benchmarks.zeo topology`.

    With all atoms of one size its Voronoi network is exact. With ionic radii it is a power diagram,
    whose windows are off by some 0.02 Å.
    """
    with TABLE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    crystals = real_crystals(data, {row["name"] for row in rows})
    ionic, even = [], []
    for row in rows:
        given = crystals[row["name"]]
        rest = given.numbers != 3
        frame = Crystal(given.name, given.numbers[rest], given.positions[rest], given.lattice)
        atoms = surfaces(frame, np.full(119, 1.0))
        grid = lay_grid(frame, atoms, 0.3, 100_000)
        even.append((find_channels(grid, atoms, 1.0).free_radius, float(row["one_size_A"]) / 2))
        ionic.append((percolation_radius(given), float(row["ionic_A"]) / 2))
    error = abs(np.subtract(*np.transpose(even)))
    assert len(rows) >= 40
    assert np.median(error) < 1e-4 and np.quantile(error, 0.9) < 0.02, error
    assert pearsonr(*np.transpose(ionic)).statistic > 0.98


@pytest.mark.slow
def test_pymatgen_finds_the_same_shortest_distances(data: Path):
    names = {f"matbench_{number:06d}" for number in range(400)}
    crystals = real_crystals(data, names)
    assert len(crystals) > 5
    for given in crystals.values():
        structure = given.to_pymatgen()
        found = structure.get_all_neighbors(6.0)
        shortest = min(site.nn_distance for sites in found for site in sites)
        assert min_bond_length(given) == pytest.approx(shortest, abs=1e-6)
