"""The graph hash against symmetries, nets that chemists tell apart, and refcode families."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from screenkit.crystal.cif import read_cif
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.environments import MOST_BONDS
from screenkit.crystal.graph_hash import HASH_BITS, graph_hash
from screenkit.crystal.neighbors import find_neighbors
from tests.crystals import (
    crystal,
    mirrored,
    permuted,
    random_crystal,
    rock_salt,
    rotated,
    supercell,
    translated,
)

EXAMPLES = Path(__file__).parents[2] / "examples" / "mofs"
SMALL = sorted(EXAMPLES.glob("*_clean*.cif"), key=lambda path: path.stat().st_size)[:8]


def hash_of(given: Crystal) -> int:
    return graph_hash(given, find_neighbors(given, MOST_BONDS))


def read(path: Path) -> Crystal:
    return read_cif(path.read_bytes(), path.stem)


def diamond(a: float = 3.567) -> Crystal:
    places = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    return crystal([6] * 8, [*places, *(np.array(places) + 0.25)], [a, a, a])


def lonsdaleite() -> Crystal:
    """Carbon, four bonds of 1.54 Å each as in diamond, but rings in the form of boats, too."""
    a, c, z = 2.52, 4.12, 1 / 16
    lattice = [[a, 0, 0], [-a / 2, a * 3**0.5 / 2, 0], [0, 0, c]]
    places = [[1 / 3, 2 / 3, z], [2 / 3, 1 / 3, 0.5 + z], [1 / 3, 2 / 3, 0.5 - z],
              [2 / 3, 1 / 3, 1 - z]]  # fmt: skip
    return crystal([6] * 4, places, lattice)


def cubic_net(edge: float = 8.0, nets: int = 1) -> Crystal:
    """Oxygen between copper on a cubic lattice; a second net stands in the middle of the first."""
    places = [[0, 0, 0], *(np.eye(3) / 6), *(np.eye(3) * 2 / 6), *(np.eye(3) / 2),
              *(np.eye(3) * 4 / 6), *(np.eye(3) * 5 / 6)]  # fmt: skip
    numbers = [29] + [6] * 15
    both = [*places, *(np.array(places) + 0.5)][: nets * len(places)]
    return crystal(numbers * nets, both, [edge, edge, edge])


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
def test_it_knows_a_structure_however_it_is_written_down(path: Path):
    given = read(path)
    order = np.random.default_rng(0).permutation(len(given))
    ways = [
        permuted(given, order),
        rotated(given),
        translated(given, (0.13, 0.27, 0.41)),
        supercell(given, (2, 1, 1)),
        supercell(given, (1, 2, 2)),
        permuted(rotated(supercell(given, (1, 1, 3))), np.arange(3 * len(given))[::-1]),
    ]
    assert {hash_of(way) for way in ways} == {hash_of(given)}


def test_different_structures_have_different_hashes():
    found = [hash_of(read(path)) for path in SMALL]
    assert len(set(found)) == len(SMALL)
    assert all(0 <= number < 2**HASH_BITS for number in found)


def test_another_element_in_one_place_is_another_hash():
    given = read(SMALL[0])
    numbers = given.numbers.copy()
    numbers[0] += 1
    other = Crystal(given.name, numbers, given.positions, given.lattice)
    assert hash_of(other) != hash_of(given)


def test_nets_whose_atoms_all_have_alike_neighbours_differ_by_their_rings():
    one, other = (find_neighbors(given, 4).distances for given in (diamond(), lonsdaleite()))
    assert one.max() < 1.6 and other.max() < 1.6  # four bonds each
    assert hash_of(diamond()) == hash_of(supercell(diamond(), (1, 2, 1)))
    assert hash_of(diamond()) != hash_of(lonsdaleite())


def test_interpenetrated_nets_are_not_one_net():
    single, double = cubic_net(), cubic_net(nets=2)
    assert hash_of(single) == hash_of(supercell(single, (2, 1, 1)))
    assert hash_of(double) == hash_of(supercell(double, (2, 1, 1)))
    assert hash_of(single) != hash_of(double)


def test_two_nets_that_are_images_of_each_other_count_as_two():
    # The same two nets in a cell of half the volume: one connected part, whose rings lead to every
    # second image.
    double = cubic_net(nets=2)
    edge = 8.0
    lattice = edge / 2 * np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
    half = len(double) // 2
    cell = Crystal("half", double.numbers[:half], double.positions[:half], lattice)
    wrapped = crystal(cell.numbers, cell.fractional, lattice)
    assert hash_of(wrapped) == hash_of(double)


def test_it_does_not_see_which_hand_a_structure_has():
    given = random_crystal(3)
    assert hash_of(mirrored(given)) == hash_of(given)


def test_it_does_not_see_how_far_a_framework_is_open():
    assert hash_of(rock_salt(5.6)) == hash_of(rock_salt(5.5))


def test_atoms_without_bonds_and_a_single_atom_have_hashes():
    gas = crystal([2], [[0, 0, 0]], [9, 9, 9])
    assert hash_of(gas) == hash_of(supercell(gas, (2, 2, 1)))
    assert hash_of(gas) != hash_of(crystal([10], [[0, 0, 0]], [9, 9, 9]))


@pytest.mark.slow
def test_it_agrees_with_what_is_known_of_zeolitic_imidazolates(data: Path):
    with tarfile.open(data / "raspa2" / "raspa2.tar.xz") as archive:
        found = {
            Path(member.name).stem: hash_of(read_cif(archive.extractfile(member).read(), "x"))
            for member in archive
            if Path(member.name).stem in {"ZIF-1", "ZIF-2", "ZIF-3", "ZIF-4", "ZIF-6", "ZIF-10"}
        }
    # All are Zn(imidazolate)2. Park et al. 2006 (PNAS 103, 10186): ZIF-1 and -2 have the net crb,
    # ZIF-3 dft, ZIF-4 cag, ZIF-6 gis, ZIF-10 mer.
    assert found.pop("ZIF-1") == found["ZIF-2"]
    assert len(set(found.values())) == 5
