"""Pores: lattices that one can do by hand, symmetries, and what Zeo++ found in real MOFs."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from screenkit.crystal.channels import find_channels
from screenkit.crystal.cif import read_cif
from screenkit.crystal.elements import VAN_DER_WAALS_RADII
from screenkit.crystal.grid import lay_grid, surfaces
from screenkit.crystal.library import Library
from screenkit.crystal.pores import PoreSettings, measure_pores
from tests.crystals import crystal, permuted, random_crystal, rotated, supercell, translated

CARBON = 1.70
TEST_DATA = Path(__file__).parent.parent / "data"
PROBE = PoreSettings().probe_radius


def simple_cubic(a: float, number: int = 6):
    return crystal([number], [[0.1, 0.2, 0.3]], [a, a, a])


def as_array(given, **settings) -> np.ndarray:
    found = measure_pores(given, PoreSettings(**settings))
    return np.array(
        [
            found.void_fraction,
            found.accessible_volume,
            found.accessible_surface_area / 1000,
            found.largest_included_sphere,
            found.largest_free_sphere,
        ]
    )


@pytest.mark.parametrize("a", [5.0, 7.3, 11.0])
@pytest.mark.parametrize("spacing", [0.5, 1.0])
def test_spheres_in_a_simple_cubic_lattice(a, spacing):
    """The widest place is the middle of the cube, the narrowest the middle of its face."""
    found = measure_pores(simple_cubic(a), PoreSettings(spacing=spacing))
    assert found.largest_included_sphere == pytest.approx(a * math.sqrt(3) - 2 * CARBON, abs=2e-3)
    assert found.largest_free_sphere == pytest.approx(a * math.sqrt(2) - 2 * CARBON, abs=2e-3)


@pytest.mark.parametrize("a", [7.5, 9.0, 14.0])
def test_area_and_volume_of_bare_spheres_in_a_simple_cubic_lattice(a):
    """Below a = 2 (r + probe) neighbouring spheres cut off a cap of height r + probe - a / 2."""
    found = measure_pores(simple_cubic(a))
    radius = CARBON + PROBE
    height = max(radius - a / 2, 0.0)
    area = 4 * math.pi * radius**2 - 6 * 2 * math.pi * radius * height
    cap = math.pi * height**2 * (3 * radius - height) / 3
    centers = a**3 - (4 / 3 * math.pi * radius**3 - 6 * cap)
    grams = 12.011 * 1.66053906660e-24
    assert found.accessible_surface_area == pytest.approx(1e4 * area / a**3, rel=0.02)
    assert found.accessible_volume == pytest.approx(centers * 1e-24 / grams, rel=0.01)


@pytest.mark.parametrize("a", [3.5, 6.0, 14.0])
def test_the_geometric_void_is_the_room_outside_the_atoms(a):
    wanted = 1 - 4 / 3 * math.pi * CARBON**3 / a**3
    found = measure_pores(simple_cubic(a), PoreSettings(spacing=0.3))
    assert found.geometric_void_fraction == pytest.approx(wanted, abs=2e-3)


def test_one_area_in_three_units():
    given = simple_cubic(9.0)
    found, twice = measure_pores(given), measure_pores(supercell(given, (2, 1, 1)))
    per_cell = found.accessible_surface_area_per_cell
    assert found.accessible_surface_area == pytest.approx(1e4 * per_cell / 9.0**3)
    grams_per_mole = 12.011
    m2_per_gram = per_cell * 1e-20 * 6.02214076e23 / grams_per_mole
    assert found.accessible_surface_area_per_mass == pytest.approx(m2_per_gram)
    assert twice.accessible_surface_area_per_cell == pytest.approx(2 * per_cell)
    assert found.density == given.density


def test_a_probe_covers_all_but_the_atoms_where_it_passes_everywhere():
    a = 14.0
    wanted = 1 - 4 / 3 * math.pi * CARBON**3 / a**3
    assert measure_pores(simple_cubic(a)).void_fraction == pytest.approx(wanted, abs=2e-3)


def test_a_cage_without_a_door_is_included_but_not_accessible():
    """In a cube of 4.6 Å the middle holds a sphere of 4.57 Å; the faces let one of 3.11 Å pass."""
    a = 4.6
    found = measure_pores(simple_cubic(a))
    assert found.largest_included_sphere > 2 * PROBE > found.largest_free_sphere
    assert found.void_fraction == found.accessible_volume == found.accessible_surface_area == 0.0
    small = measure_pores(simple_cubic(a), PoreSettings(probe_radius=1.0))
    assert small.void_fraction > 0.1


def test_a_channel_along_one_axis_only():
    """Walls of atoms, 3 Å apart, around a square tunnel along c."""
    n = 5
    wall = [[x, y, 0.0] for x in range(n) for y in range(n) if 0 in (x, y)]
    places = np.array(wall) / [n, n, 1]
    given = crystal([6] * len(wall), places, [3.0 * n, 3.0 * n, 3.0])
    found = measure_pores(given)
    # The middle is 7.5 Å from each wall and half a step from its atoms; so it is along z.
    free, included = math.hypot(7.5, 1.5), math.hypot(7.5, 1.5, 1.5)
    assert found.largest_free_sphere == pytest.approx(2 * (free - CARBON), abs=2e-3)
    assert found.largest_included_sphere == pytest.approx(2 * (included - CARBON), abs=2e-3)


def test_a_crystal_without_room_has_no_pores():
    given = crystal([6], [[0, 0, 0]], [2.0, 2.0, 2.0])
    found = measure_pores(given)
    assert found.largest_included_sphere == pytest.approx(2 * math.sqrt(3) - 2 * CARBON, abs=1e-3)
    assert found.largest_free_sphere == found.void_fraction == 0.0


@pytest.mark.parametrize("edge", [9.0, 12.0, 16.0])
def test_origin_order_rotation_and_doubling_do_not_matter(edge):
    given = random_crystal(1, atoms=25, edge=edge)
    wanted = as_array(given)
    assert edge == 9.0 or wanted[2] > 0.5
    for same in (
        permuted(given, np.random.default_rng(0).permutation(25)),
        rotated(given),
        translated(given, (0.37, 0.81, 0.12)),
        supercell(given, (2, 1, 1)),
        supercell(given, (1, 2, 2)),
    ):
        np.testing.assert_allclose(as_array(same), wanted, atol=1e-6)


def test_tripling_changes_little():
    given = random_crystal(1, atoms=25, edge=16.0)
    difference = as_array(supercell(given, (3, 1, 1))) - as_array(given)
    assert np.abs(difference).max() < 0.01


def test_a_huge_cell_gets_a_coarser_grid_and_says_so():
    given = crystal([6, 8], [[0, 0, 0], [0.5, 0.5, 0.5]], [200.0, 200.0, 200.0])
    atoms = surfaces(given)
    grid = lay_grid(given, atoms, spacing=0.6, max_points=50_000)
    assert grid.distances.size <= 50_000
    assert grid.spacing > 4.0
    assert grid.distances.max() <= 60.0
    assert measure_pores(given, PoreSettings(max_points=20_000)).spacing > 6.0


def test_radii_are_those_of_bondi_with_the_hydrogen_of_neutron_data():
    assert VAN_DER_WAALS_RADII[[1, 6, 7, 8, 30]].tolist() == [1.09, 1.70, 1.55, 1.52, 1.39]
    assert VAN_DER_WAALS_RADII[40] == 2.0


def zeo_table() -> dict[tuple[str, str], dict[str, float]]:
    """What Zeo++ found, by library and name; `python -m benchmarks.zeo pores`, `docs/pores.md`."""
    with (TEST_DATA / "zeo.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    keys = {(row.pop("library"), row.pop("name")): row for row in rows}
    return {key: {name: float(x) for name, x in row.items()} for key, row in keys.items()}


def test_zeo_finds_the_same_pores_in_irmof_13():
    row = zeo_table()["raspa2", "IRMOF-13"]
    path = TEST_DATA / "cif" / "IRMOF-13.cif"
    found = measure_pores(read_cif(path.read_bytes(), path.stem))
    assert found.accessible_surface_area_per_cell == pytest.approx(row["area_A2"], rel=0.015)
    assert found.geometric_void_fraction == pytest.approx(row["void_fraction"], abs=0.003)
    share = row["volume_A3"] / row["cell_A3"]
    assert found.accessible_volume * found.density == pytest.approx(share, abs=0.005)
    assert found.largest_included_sphere == pytest.approx(row["included_A"], abs=0.01)
    assert found.largest_free_sphere == pytest.approx(row["free_A"], abs=0.01)


@pytest.mark.slow
def test_zeo_finds_the_same_pores_in_50_mofs(data: Path):
    """40 of CoRE MOF 2019 and 10 classics.

    Areas and volumes within what Monte Carlo and accessibility leave open. Its diameters are exact
    where all atoms have one size, and off by some 0.1 Å elsewhere.
    """
    table = zeo_table()
    assert len(table) == 50
    found, even, wanted = [], [], []
    for library in ("core2019", "raspa2"):
        source = Library.open([data / library / f"{library}.tar.xz"])
        for document in (d for ds in source.deliver([(0, len(source.names))]) for d in ds):
            if (library, document.name) not in table:
                continue
            given = read_cif(document.read(), document.name)
            row = table[library, document.name]
            pores = measure_pores(given)
            found.append(
                [
                    pores.accessible_surface_area_per_cell / row["cell_A3"] * 1e4,
                    pores.accessible_volume * pores.density,
                    pores.geometric_void_fraction,
                    pores.largest_included_sphere,
                    pores.largest_free_sphere,
                ]
            )
            share = row["volume_A3"] / row["cell_A3"]
            area = row["area_A2"] / row["cell_A3"] * 1e4
            spheres = [row["included_A"], row["free_A"]]
            wanted.append([area, share, row["void_fraction"], *spheres])
            atoms = surfaces(given, np.full(119, 1.5))
            channels = find_channels(lay_grid(given, atoms, 0.3, 100_000), atoms, PROBE)
            even.append(
                [
                    2 * channels.heights.max() - row["included_one_size_A"],
                    2 * channels.free_radius - row["free_one_size_A"],
                ]
            )
    error = abs(np.array(found) - np.array(wanted))
    assert (np.median(error, axis=0) < [15.0, 0.002, 0.003, 0.1, 0.12]).all()
    assert (np.mean(error, axis=0) < [40.0, 0.003, 0.004, 0.2, 0.2]).all(), error.mean(axis=0)
    for ours, theirs in zip(np.transpose(found), np.transpose(wanted), strict=True):
        assert spearmanr(ours, theirs).statistic > 0.99
    assert (np.median(abs(np.array(even)), axis=0) < 1e-4).all()
    assert (np.mean(abs(np.array(even)), axis=0) < 0.01).all()


@pytest.mark.slow
def test_real_mofs_have_the_pores_that_zeo_found(data: Path):
    """CoRE MOF 2019: geometry by Zeo++ in Moosavi et al. 2020, nitrogen probe.

    Its diameters are up to 0.06 Å larger where there is hydrogen: in its accurate mode, Zeo++ puts
    small spheres in the place of large atoms. A 0 in the table is a calculation that failed.
    """
    with (data / "core2019" / "labels.csv").open(newline="") as file:
        table = {row["name"]: row for row in csv.DictReader(file)}
    columns = (
        "largest_included_sphere_diameter_A",
        "largest_free_sphere_diameter_A",
        "accessible_surface_area_m2_cm3",
        "probe_occupiable_void_fraction",
    )
    library = Library.open([data / "core2019" / "core2019.tar.xz"])
    found, wanted = [], []
    for documents in library.deliver([(0, 80)]):
        for document in documents:
            row = table[document.name]
            if float(row[columns[0]]) == 0.0 or not all(row[column] for column in columns):
                continue
            given = read_cif(document.read(), document.name)
            pores = measure_pores(given, PoreSettings(probe_radius=1.86))
            found.append(
                [
                    pores.largest_included_sphere,
                    pores.largest_free_sphere,
                    pores.accessible_surface_area,
                    pores.void_fraction,
                ]
            )
            wanted.append([float(row[column]) for column in columns])
    ours, theirs = np.array(found), np.array(wanted)
    assert len(ours) > 40
    error = np.abs(ours - theirs)
    median, most = np.median(error, axis=0), np.quantile(error, 0.95, axis=0)
    assert (median < [0.04, 0.04, 25.0, 0.015]).all(), median
    assert (most < [0.08, 0.15, 100.0, 0.05]).all(), most
    for column in range(4):
        assert spearmanr(ours[:, column], theirs[:, column]).statistic > 0.98
