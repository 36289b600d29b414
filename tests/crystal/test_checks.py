import pytest

from screenkit.crystal.checks import CheckSettings, check
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import atomic_number
from screenkit.crystal.neighbors import find_neighbors
from screenkit.errors import CrystalError, Outcome
from tests.crystals import crystal, rock_salt


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
