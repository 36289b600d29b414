"""A CIF of ours, read by programs that are not ours."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest

from screenkit.crystal.cif import read_cif
from screenkit.crystal.cif_out import cif_text
from tests.crystals import random_crystal, rotated

TAG = "_atom_site_screenkit_weight_co2_uptake_0.15bar_298K"


def text(seed: int = 0) -> str:
    given = random_crystal(seed)
    return cif_text(given, {TAG: np.arange(len(given)) / 7}, ["a comment", "two\nlines µ"])


def test_our_reader_gives_the_same_crystal_back():
    given = random_crystal()
    back = read_cif(text().encode(), given.name)
    assert back.numbers.tolist() == given.numbers.tolist()
    assert back.warnings == ()
    away = back.fractional - given.fractional
    assert np.abs(away - np.round(away)).max() < 1e-7
    assert back.volume == pytest.approx(given.volume, rel=1e-6)


def test_gemmi_reads_the_extra_column():
    block = gemmi.cif.read_string(text()).sole_block()
    assert [float(value) for value in block.find_values(TAG)] == pytest.approx(
        [i / 7 for i in range(20)], rel=1e-8
    )
    small = gemmi.make_small_structure_from_block(block)
    assert len(small.sites) == 20


def test_pymatgen_reads_it():
    from pymatgen.io.cif import CifParser

    structure = CifParser.from_str(text()).parse_structures(primitive=False)[0]
    given = random_crystal()
    # It gathers the elements.
    assert sorted(site.specie.Z for site in structure) == sorted(given.numbers.tolist())
    lengths = np.linalg.norm(given.lattice, axis=1)
    assert structure.lattice.abc == pytest.approx(lengths, abs=1e-5)


def test_a_comment_stays_a_comment_and_plain():
    head = text().splitlines()[:2]
    assert head == ["# a comment", "# two\\nlines \\xb5"]


def test_a_turned_crystal_has_the_same_text_but_for_rounding():
    ours = read_cif(cif_text(random_crystal(), {}).encode(), "x")
    turned = read_cif(cif_text(rotated(random_crystal()), {}).encode(), "x")
    assert turned.positions == pytest.approx(ours.positions, abs=1e-4)
