"""Real CIFs: 35 that trip parsers, and whole libraries with labels that know better."""

import csv
import tarfile

import numpy as np
import pytest

from screenkit.crystal.cif import read_cif
from screenkit.errors import CrystalError

ODD = {
    # file: (outcome code or "ok", atoms, warnings)
    "mof_tda__SOTXEG_neutral.cif": ("ok", 180, "syntax_repaired"),  # P 1 without quotes
    "xtals__str_m1_o3_o20_pcu_sym.22.cif": ("ok", 996, "syntax_repaired"),  # fapswitch 2.2
    "xtals__SBMOF-1_bad_labels.cif": ("parse_error", 0, ""),  # no data_ line
    "xtals__SBMOF-1_overlap_diff_atom.cif": ("parse_error", 0, ""),  # no data_ line
    "xtals__non_P1_no_symmetry.cif": ("ok", 120, ""),  # the name is enough
    "xtals__symmetry_test_structure_cartn.cif": ("no_fract_coords", 0, ""),  # Cartesian only
    "xtals__test_structure2B.cif": ("ok", 3, "duplicate_sites_merged"),  # Ca listed twice
    "xtals__HKUST-1_P1.cif": ("no_fract_coords", 0, ""),  # Cartesian only
    "raspa2__IRMOF-5.cif": ("ok", 999, "syntax_repaired"),  # comma after a quote
    "raspa2__IRMOF-13.cif": ("ok", 1140, "syntax_repaired"),
    "raspa2__IRMOF-16.cif": ("ok", 904, "syntax_repaired"),
    "raspa2__ZnHBDC.cif": ("ok", 196, "syntax_repaired"),
    "raspa2__MOF-177.cif": (
        "ok",
        808,
        "duplicate_sites_merged",
    ),  # sites 0.0x Å from another's copy
    "raspa2__COF-202.cif": ("ok", 1052, ""),  # Si on C: an overlap, found by checks.py
    "raspa2__Co(2,6-NDP).cif": ("ok", 124, ""),
    "raspa2__MOF-210.cif": ("ok", 5562, ""),
    "raspa2__NaX.cif": ("missing_coords", 0, ""),  # cations without coordinates
    "graspa__box.cif": ("no_structure", 0, ""),  # an empty atom loop
    "moformer__hMOF-1000268.cif": ("ok", 120, ""),  # coordinates far outside the cell
    "pymatgen__bad_occu.cif": ("partial_occupancy", 0, ""),
    "pymatgen__OneLineSymmP1.cif": ("ok", 14, ""),  # the operator is not in a loop
    "pymatgen__ICSD59959.cif": ("missing_coords", 0, ""),  # a hydrogen not located
    "pymatgen__PF_sd_1002871.cif": ("multiple_structures", 0, ""),
    "pymatgen__PF_sd_1928405.cif": ("multiple_structures", 0, ""),
    "pymatgen__Cod_2100513.cif": ("partial_occupancy", 0, ""),
    "pymatgen__site_type_symbol_test.cif": ("partial_occupancy", 0, ""),
    "pymatgen__Cu7Te5.cif": ("partial_occupancy", 0, ""),
    "gemmi__eol-test.cif": ("no_structure", 0, ""),
    "gemmi__HEM.cif": ("no_structure", 0, ""),  # a dictionary entry
    "gemmi__SO3.cif": ("no_structure", 0, ""),  # a monomer library
    "mofchecker__overvalent_h.cif": ("ok", 31, ""),  # chemistry is not judged here
    "mofchecker__missing_h_on_c.cif": ("ok", 32, ""),
    "mofchecker__floating_check.cif": ("ok", 429, ""),
    "mofchecker__046_flu+N131+126_charge.cif": ("ok", 404, ""),
    "mofchecker__BTC.cif": ("ok", 18, ""),
}


def members(data, library):
    """Yield name without .cif and bytes of each structure of a library."""
    with tarfile.open(data / library / f"{library}.tar.xz", "r|xz") as archive:
        for member in archive:
            if member.isfile():
                file = archive.extractfile(member)
                assert file is not None
                yield member.name.split("/", 1)[1], file.read()


def outcome(content):
    try:
        crystal = read_cif(content, "x")
    except CrystalError as error:
        return error.code, 0, ""
    return "ok", len(crystal), " ".join(crystal.warnings)


def test_each_odd_file_has_a_sensible_outcome(data):
    assert {name: outcome(content) for name, content in members(data, "odd")} == ODD


def test_all_of_raspa_reads(data):
    assert sum(1 for _, content in members(data, "raspa2") if read_cif(content, "x")) == 108


def test_cells_with_charges_are_neutral_after_symmetry(data):
    # RASPA's files with a column of zeros (78 of 91) count as files without charges.
    charged = [
        crystal
        for name, content in members(data, "raspa2")
        if (crystal := read_cif(content, name)).charges is not None
    ]
    assert len(charged) == 13
    for crystal in charged:
        assert abs(crystal.charges.sum()) < 0.005 * len(crystal), crystal.name


def labels_of(data, library):
    with open(data / library / "labels.csv", newline="", encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def compare_core(data, every):
    """Read each `every`th structure of CoRE MOF 2019 and compare with its label."""
    labels, read = labels_of(data, "core2019"), 0
    for index, (name, content) in enumerate(members(data, "core2019")):
        if index % every:
            continue
        crystal = read_cif(content, name)
        row = labels[name.removesuffix(".cif")]
        assert len(crystal) == int(row["n_atoms"]), name
        assert crystal.volume == pytest.approx(float(row["cell_volume_A3"]), rel=1e-5), name
        counts = np.array(list(crystal.formula().values()))
        reduced = counts // np.gcd.reduce(counts)
        ours = dict(zip(crystal.formula(), reduced.tolist(), strict=True))
        assert ours == formula_of(row["formula"]), name
        read += 1
    return read


def formula_of(text):
    import re

    return {s: int(n) for s, n in re.findall(r"([A-Z][a-z]?)(\d+)", text)}


def test_core_mofs_have_the_atoms_volume_and_formula_of_their_labels(data):
    assert compare_core(data, every=40) == 195


@pytest.mark.slow
def test_all_core_mofs_have_the_atoms_volume_and_formula_of_their_labels(data):
    assert compare_core(data, every=1) == 7794


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "count"),
    [("pormake", 1098), ("tobacco", 214), ("crafted", 675), ("mp_gap", 3000), ("perov5", 7572)],
)
def test_whole_libraries_read_without_a_warning(data, library, count):
    outcomes = [outcome(content) for _, content in members(data, library)]
    assert len(outcomes) == count
    assert {(code, warnings) for code, _, warnings in outcomes} == {("ok", "")}
