"""What read_cif makes of small CIFs; the corpus of bad files has its own test."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screenkit.crystal.cif import read_cif
from screenkit.errors import CrystalError, Outcome

DATA = Path(__file__).parents[1] / "data" / "cif"

NACL_SITES = """Na1 Na 0 0 0
Na2 Na 0 0.5 0.5
Na3 Na 0.5 0 0.5
Na4 Na 0.5 0.5 0
Cl1 Cl 0.5 0.5 0.5
Cl2 Cl 0.5 0 0
Cl3 Cl 0 0.5 0
Cl4 Cl 0 0 0.5"""


def text(
    sites=NACL_SITES,
    symmetry="_symmetry_space_group_name_H-M 'P 1'",
    cell=(5.64, 5.64, 5.64, 90, 90, 90),
    columns="label type_symbol fract_x fract_y fract_z",
    extra="",
):
    tags = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = ["data_x", *(f"_cell_{t} {v}" for t, v in zip(tags, cell, strict=True)), symmetry]
    lines += [extra, "loop_", *(f"_atom_site_{c}" for c in columns.split()), sites, ""]
    return "\n".join(lines).encode()


def code_of(data):
    with pytest.raises(CrystalError) as caught:
        read_cif(data, "x")
    return caught.value.code


def operators(*triplets):
    return "\n".join(["loop_", "_symmetry_equiv_pos_as_xyz", *(f"'{t}'" for t in triplets)])


def test_a_p1_file_becomes_the_atoms_it_lists():
    crystal = read_cif(text(), "salt")
    assert crystal.name == "salt"
    assert crystal.formula() == {"Cl": 4, "Na": 4}
    assert crystal.warnings == ()
    np.testing.assert_allclose(crystal.positions[1], [0, 2.82, 2.82])
    assert crystal.density == pytest.approx(2.163, abs=0.01)  # halite, g/cm3


@pytest.mark.parametrize(
    "symmetry",
    [
        "_symmetry_space_group_name_H-M 'F m -3 m'",
        "_symmetry_space_group_name_H-M Fm3m",
        "_symmetry_space_group_name_H-M F_m_-3_m",
        "_space_group_IT_number 225",
        "_space_group_name_Hall '-F 4 2 3'",
    ],
)
def test_a_named_group_fills_the_cell(symmetry):
    crystal = read_cif(text("Na1 Na 0 0 0\nCl1 Cl 0.5 0.5 0.5", symmetry), "x")
    assert crystal.formula() == {"Cl": 4, "Na": 4}
    assert crystal.warnings == ()


def test_a_name_in_no_table_is_never_taken_for_p1():
    assert code_of(text(symmetry="_symmetry_space_group_name_H-M 'Z z z'")) == "unknown_space_group"


def test_name_and_number_that_disagree_decide_nothing():
    both = "_symmetry_space_group_name_H-M 'P 1'\n_symmetry_Int_Tables_number 225"
    assert code_of(text(symmetry=both)) == "symmetry_ambiguous"


def test_two_settings_of_one_group_decide_nothing():
    both = "_space_group_name_H-M_alt 'C 1 2/c 1'\n_space_group_name_Hall '-I 2ya'"
    assert code_of(text("C1 C .1 .2 .3", both, (7, 9, 11, 90, 103, 90))) == "symmetry_ambiguous"


def test_a_hall_symbol_in_no_table_beside_a_good_name_warns():
    both = "_space_group_name_H-M_alt 'P 1 21/c 1'\n_space_group_name_Hall '-Q 9'"
    crystal = read_cif(text("C1 C .1 .2 .3", both, (7, 9, 11, 90, 103, 90)), "x")
    assert len(crystal) == 4
    assert crystal.warnings == ("symmetry_conflict",)


def test_listed_operators_win_over_the_name_and_say_so():
    both = "_symmetry_space_group_name_H-M 'F m -3 m'\n" + operators("x,y,z")
    crystal = read_cif(text(symmetry=both), "x")
    assert len(crystal) == 8
    assert crystal.warnings == ("symmetry_conflict",)


def test_another_setting_of_the_named_group_is_no_conflict():
    both = "_symmetry_space_group_name_H-M 'P 1 21/c 1'\n" + operators(
        "x,y,z", "-x,-y,-z", "1/2+x,1/2-y,1/2+z", "1/2-x,1/2+y,1/2-z"
    )
    crystal = read_cif(text("C1 C .1 .2 .3", both, (7, 9, 11, 90, 103, 90)), "x")
    assert len(crystal) == 4
    assert crystal.warnings == ()


def test_copies_a_hair_off_a_special_position_are_one_atom_where_the_file_puts_it():
    inversion = operators("x,y,z", "-x,-y,-z")
    crystal = read_cif(text("C1 C 0.501 0.5 0.5", inversion, (10, 10, 10, 90, 90, 90)), "x")
    assert crystal.fractional.tolist() == [[0.501, 0.5, 0.5]]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0.3333", 1 / 3),
        ("0.66667", 2 / 3),
        ("-0.3333", 1 - 1 / 3),
        ("1.333333", 1 / 3),
        ("0.333", 0.333),
        ("0.6666", 0.6666),
        ("0.33335", 0.33335),
        ("0.333301", 0.333301),
    ],
)
def test_a_third_to_four_decimals_or_more_is_a_third_and_nothing_else_is(written, read):
    crystal = read_cif(text(f"C1 C {written} 0.5 0.5", "", (10, 10, 10, 90, 90, 90)), "x")
    assert crystal.fractional[0, 0] == pytest.approx(read, abs=1e-15)


def test_an_atom_on_a_threefold_axis_is_on_it_though_no_decimal_says_so():
    threefold = operators("x,y,z", "-y,x-y,z", "-x+y,-x,z")
    cell = (10, 10, 10, 90, 90, 120)
    crystal = read_cif(text("C1 C 0.3333 0.6667 0.2", threefold, cell), "x")
    np.testing.assert_allclose(crystal.fractional, [[1 / 3, 2 / 3, 0.2]], atol=1e-15)


def test_copies_near_but_not_on_a_special_position_stay_two_atoms():
    inversion = operators("x,y,z", "-x,-y,-z")
    crystal = read_cif(text("C1 C 0.51 0.5 0.5", inversion, (10, 10, 10, 90, 90, 90)), "x")
    assert len(crystal) == 2


def test_charges_go_with_their_atoms_through_the_symmetry():
    crystal = read_cif(
        text(
            "Na1 Na 0 0 0 0.9\nCl1 Cl 0.5 0.5 0.5 -0.9",
            "_symmetry_space_group_name_H-M 'F m -3 m'",
            columns="label type_symbol fract_x fract_y fract_z charge",
        ),
        "x",
    )
    assert crystal.charges is not None
    np.testing.assert_array_equal(crystal.charges, np.where(crystal.numbers == 11, 0.9, -0.9))


def test_a_column_of_zero_charges_counts_as_none():
    columns = "label type_symbol fract_x fract_y fract_z charge"
    assert read_cif(text("Na1 Na 0 0 0 0.000", columns=columns), "x").charges is None


@pytest.mark.parametrize("number", ["nan", "inf", "5_6", "0x5", "1/2", "5,6", "5.6(", "５", "--5"])
def test_what_python_or_a_person_calls_a_number_need_not_be_one(number):
    assert code_of(text(cell=(number, 5.64, 5.64, 90, 90, 90))) == "bad_number"
    assert code_of(text(f"Na1 Na {number} 0 0")) == "bad_number"


@pytest.mark.parametrize("number", ["0.25", "+.25", "2.5e-1", "0.25(3)", "'0.25'", "1.25", "-.75"])
def test_each_way_to_write_a_quarter_is_a_quarter(number):
    crystal = read_cif(text(f"Na1 Na {number} 0 0"), "x")
    assert crystal.fractional[0, 0] == pytest.approx(0.25, abs=1e-12)


@pytest.mark.parametrize(
    ("alpha", "beta", "gamma"), [(90, 90, 90), (90, 103.4, 90), (90, 90, 120), (81.5, 95.2, 103.7)]
)
def test_the_lattice_has_the_lengths_and_angles_of_the_file(alpha, beta, gamma):
    lattice = read_cif(text(cell=(6.1, 7.2, 8.3, alpha, beta, gamma)), "x").lattice
    np.testing.assert_allclose(np.linalg.norm(lattice, axis=1), [6.1, 7.2, 8.3])
    a, b, c = lattice / np.linalg.norm(lattice, axis=1)[:, None]
    angles = np.degrees(np.arccos([b @ c, a @ c, a @ b]))
    np.testing.assert_allclose(angles, [alpha, beta, gamma], atol=1e-10)


@pytest.mark.parametrize(
    ("label", "element"),
    [("Zn1A", "Zn"), ("O1W", "O"), ("C_12", "C"), ("H12A", "H"), ("Ho2", "Ho")],
)
def test_a_label_names_an_element_where_it_has_one_reading(label, element):
    crystal = read_cif(text(f"{label} 0 0 0", columns="label fract_x fract_y fract_z"), "x")
    assert crystal.formula() == {element: 1}
    assert crystal.warnings == ()


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("CO1", "ambiguous_element"),
        ("X1", "dummy_atom"),
        ("Du", "dummy_atom"),
        ("Qq", "unknown_element"),
    ],
)
def test_a_label_with_two_readings_or_none_stops_the_crystal(label, code):
    assert code_of(text(f"{label} 0 0 0", columns="label fract_x fract_y fract_z")) == code


def test_a_label_that_goes_on_after_its_element_warns():
    crystal = read_cif(text("OW1 0 0 0", columns="label fract_x fract_y fract_z"), "x")
    assert crystal.formula() == {"O": 1}
    assert crystal.warnings == ("element_guessed",)


@pytest.mark.parametrize(
    "line", ["_symmetry_space_group_name_H-M P 1", "_citation_author_name 'O. M. Yaghi',"]
)
def test_a_slip_with_one_reading_is_mended_and_said(line):
    crystal = read_cif(text(symmetry=line, extra="_space_group_IT_number 1"), "x")
    assert len(crystal) == 8
    assert crystal.warnings == ("syntax_repaired",)


@pytest.mark.parametrize(
    "line",
    [
        "_symmetry_space_group_name_H-M 'P 1",
        "_cell_volume 179 _cell_formula_units_Z",
        "stray",
        "<<<<<<< HEAD",
        ";\nnever closed",
        "loop_\n_symmetry_equiv_pos_site_id\n_symmetry_equiv_pos_as_xyz\n1 x,y,z 2",
    ],
)
def test_what_could_mean_two_things_is_not_mended(line):
    assert code_of(text(extra=line)) == "parse_error"


def test_too_many_atoms_are_counted_before_they_are_made():
    steps = (0.8191725, 0.6710436, 0.5497005)  # spread evenly over the cell
    many = "\n".join(
        f"C{i} C " + " ".join(f"{i * step % 1:.6f}" for step in steps) for i in range(5000)
    )
    with pytest.raises(CrystalError) as caught:
        read_cif(text(many, "_space_group_IT_number 225", (300, 300, 300, 90, 90, 90)), "x")
    assert (caught.value.code, caught.value.outcome) == ("too_many_atoms", Outcome.FILTERED)


def test_a_message_names_the_place_and_never_the_content():
    with pytest.raises(CrystalError) as caught:
        read_cif(text("Na1 Na 0 0 0\nNa2 Na secret 0 0"), "x")
    assert "_atom_site_fract_x of atom site 2" in caught.value.message
    assert "secret" not in caught.value.message


def test_irmof_13_has_twelve_units_of_its_formula():
    # Zn4O(pyrene-2,7-dicarboxylate)3 = Zn4 C54 H24 O13, from a file with RASPA's comma.
    crystal = read_cif((DATA / "IRMOF-13.cif").read_bytes(), "IRMOF-13")
    assert crystal.formula() == {"C": 12 * 54, "H": 12 * 24, "O": 12 * 13, "Zn": 12 * 4}
    assert crystal.warnings == ("syntax_repaired",)


# ---------------------------------------------------------------- any bytes at all


def reads_or_says_why(data: bytes) -> None:
    try:
        crystal = read_cif(data, "x")
    except CrystalError as error:
        assert len(error.message) <= 200
        return
    assert np.isfinite(crystal.positions).all()
    assert crystal.volume > 0


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_a_crystal_or_a_crystal_error(data):
    reads_or_says_why(data)


WORDS = [
    b"data_", b"loop_", b"_cell_length_a", b"_atom_site_fract_x", b"'", b'"', b"\n;", b"?", b".",
    b"nan", b"1e999", b"-", b"\x00", b"\xff", b"x,y,z", b"-x,-y,-z", b"\r", b"#", b"(3)", b"save_",
    b"'R -3 m'", b"Zn", b"_symmetry_equiv_pos_as_xyz", b" ", b"9" * 400, b"180", b"1e-300", b"$",
]  # fmt: skip


def mutate(data: bytes, source: random.Random) -> bytes:
    broken = bytearray(data)
    for _ in range(source.randint(1, 6)):
        place = source.randrange(len(broken) + 1)
        kind = source.randrange(5)
        if kind == 0:
            broken[place:place] = source.choice(WORDS)
        elif kind == 1:
            del broken[place : place + source.randint(1, 30)]
        elif kind == 2 and place < len(broken):
            broken[place] = source.randrange(256)
        elif kind == 3:
            other = source.randrange(len(broken) + 1)
            broken[place:place] = broken[other : other + 40]
        else:
            broken[place : place + 4] = source.choice(WORDS)
    return bytes(broken)


def fuzz(rounds: int) -> None:
    seeds = [text(), (DATA / "IRMOF-13.cif").read_bytes(), (DATA / "ZnHBDC.cif").read_bytes()]
    seeds.append(text("Na1 Na 0 0 0 1 . 0.5", operators("x,y,z", "-x,-y,-z"),
                      columns="label type_symbol fract_x fract_y fract_z occupancy "
                              "disorder_group charge"))  # fmt: skip
    source = random.Random(20260801)
    for _ in range(rounds):
        reads_or_says_why(mutate(source.choice(seeds), source))


def test_a_thousand_broken_files_give_a_crystal_or_a_crystal_error():
    fuzz(1_000)


@pytest.mark.slow
def test_a_hundred_thousand_broken_files_give_a_crystal_or_a_crystal_error():
    fuzz(100_000)
