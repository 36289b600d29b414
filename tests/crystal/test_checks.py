import numpy as np
import pytest

from screenkit.crystal.checks import CheckSettings, check
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import VAN_DER_WAALS_RADII, atomic_number
from screenkit.crystal.neighbors import find_neighbors
from screenkit.crystal.pores import measure_surface
from screenkit.errors import CrystalError, Outcome
from tests.crystals import crystal, rock_salt, supercell


def verdict(given: Crystal, settings: CheckSettings | None = None) -> str:
    try:
        check(given, find_neighbors(given, 12), settings or CheckSettings())
    except CrystalError as error:
        assert error.outcome is Outcome.FILTERED
        return error.code
    return "ok"


def pair(first: str, second: str, distance: float) -> Crystal:
    numbers = [atomic_number(first), atomic_number(second)]
    return crystal(numbers, [[0.5, 0.5, 0.5], [0.5 + distance / 10, 0.5, 0.5]], [10, 10, 10])


@pytest.mark.parametrize(
    ("first", "second", "distance", "code"),
    [
        ("C", "C", 0.79, "overlap"),
        ("C", "C", 0.81, "ok"),
        ("O", "H", 0.69, "overlap"),
        ("O", "H", 0.71, "ok"),
        ("H", "H", 0.59, "overlap"),
        ("H", "H", 0.74, "ok"),  # the bond of H2
        ("Zn", "Zn", 1.21, "overlap"),  # 0.5 (1.22 + 1.22)
        ("Zn", "Zn", 1.23, "ok"),
    ],
)
def test_a_pair_overlaps_below_the_limit_of_its_elements(first, second, distance, code):
    assert verdict(pair(first, second, distance)) == code


def test_the_order_of_the_two_atoms_does_not_matter():
    assert verdict(pair("H", "O", 0.71)) == verdict(pair("O", "H", 0.71)) == "ok"
    assert verdict(pair("H", "O", 0.69)) == verdict(pair("O", "H", 0.69)) == "overlap"


def test_an_atom_may_overlap_its_own_image():
    assert verdict(crystal([6], [[0, 0, 0]], [0.7, 8, 8])) == "overlap"


def test_atoms_may_overlap_across_the_boundary():
    assert verdict(crystal([6, 7], [[0.001, 0, 0], [0.995, 0, 0]], [10, 10, 10])) == "overlap"


def test_the_message_names_the_closest_pair():
    with pytest.raises(CrystalError) as caught:
        given = pair("Zn", "O", 0.3)
        check(given, find_neighbors(given, 4), CheckSettings())
    assert "0.300 Å" in caught.value.message
    assert "Zn" in caught.value.message and "O" in caught.value.message


def test_rock_salt_passes():
    assert verdict(rock_salt()) == "ok"


def test_a_cell_larger_than_asked_for_is_left_out():
    assert verdict(rock_salt(), CheckSettings(max_atoms=7)) == "too_many_atoms"
    assert verdict(rock_salt(), CheckSettings(max_atoms=8)) == "ok"


def test_strict_leaves_out_what_is_doubtful():
    salt = rock_salt()
    doubtful = Crystal(
        salt.name, salt.numbers, salt.positions, salt.lattice, None, ("formula_mismatch",)
    )
    assert verdict(doubtful) == "ok"
    assert verdict(doubtful, CheckSettings(strict=True)) == "formula_mismatch"


def test_both_rules_can_be_turned_off():
    off = CheckSettings(min_distance=0.0, radius_fraction=0.0)
    assert verdict(pair("C", "C", 0.2), off) == "ok"


def helium_box(edge: float) -> Crystal:
    return crystal([2], [[0, 0, 0]], [edge, edge, edge])


def test_the_surface_of_one_atom_is_that_of_a_sphere_a_probe_larger():
    radius = VAN_DER_WAALS_RADII[2] + 1.84
    sphere = 4.0 * np.pi * radius**2
    box = helium_box(4.0 * radius)
    assert verdict(box, CheckSettings(min_surface_area=0.99 * sphere)) == "ok"
    assert verdict(box, CheckSettings(min_surface_area=1.01 * sphere)) == "surface_too_small"


def test_the_surface_is_that_of_the_cell_as_it_was_given():
    twice = CheckSettings(min_surface_area=1.5 * 4.0 * np.pi * 3.24**2)
    assert verdict(helium_box(13.0), twice) == "surface_too_small"
    assert verdict(supercell(helium_box(13.0), (2, 1, 1)), twice) == "ok"


def cage() -> Crystal:
    """Carbons on a sphere of 5.5 Å, too near each other for the probe: a pocket in each cell."""
    n = np.arange(80)
    height = 1.0 - (2.0 * n + 1.0) / 80
    turn = n * np.pi * (3.0 - np.sqrt(5.0))
    ring = np.sqrt(1.0 - height**2)
    places = 5.5 * np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
    return crystal([6] * 80, places / 12.4 + 0.5, [12.4, 12.4, 12.4])


def test_the_surface_of_pockets_counts_unless_the_recipe_says_otherwise():
    whole = CheckSettings(min_surface_area=10.0)
    assert verdict(cage(), whole) == "ok"
    accessible = whole.model_copy(update={"surface": "accessible"})
    assert verdict(cage(), accessible) == "surface_too_small"


def test_a_larger_probe_finds_less_room():
    settings = CheckSettings(min_surface_area=1.0)
    assert verdict(cage(), settings) == "ok"
    larger = settings.model_copy(update={"probe_radius": 4.0})
    assert verdict(cage(), larger) == "surface_too_small"


def test_an_overlap_is_told_before_a_small_surface():
    assert verdict(rock_salt(1.2), CheckSettings(min_surface_area=50.0)) == "overlap"
    assert verdict(rock_salt(), CheckSettings(min_surface_area=50.0)) == "surface_too_small"
    assert verdict(rock_salt()) == "ok"


def test_a_crowd_of_atoms_in_one_place_leaves_no_room_for_a_probe():
    assert measure_surface(rock_salt(1.6)) == 0.0
