"""pymatgen is the oracle: it reads the same CIFs by its own code."""

import tarfile
import warnings

import numpy as np
import pytest

from screenkit.crystal.cif import read_cif
from screenkit.crystal.crystal import Crystal
from screenkit.errors import CrystalError
from tests.crystals import random_crystal, rock_salt

pymatgen = pytest.importorskip("pymatgen.core")


def test_there_and_back_is_the_same_crystal():
    there = random_crystal()
    back = Crystal.from_pymatgen(there.to_pymatgen())
    assert back.name == there.name
    np.testing.assert_array_equal(back.numbers, there.numbers)
    np.testing.assert_allclose(back.positions, there.positions, atol=1e-10)
    np.testing.assert_allclose(back.lattice, there.lattice)
    assert back.charges is None


def test_charges_are_a_site_property():
    salt = rock_salt()
    charges = np.where(salt.numbers == 11, 0.9, -0.9)
    charged = Crystal(salt.name, salt.numbers, salt.positions, salt.lattice, charges)
    structure = charged.to_pymatgen()
    assert structure.site_properties["charge"] == charges.tolist()
    np.testing.assert_array_equal(Crystal.from_pymatgen(structure).charges, charges)


def test_pymatgen_sees_the_density_that_we_see():
    salt = rock_salt()
    assert salt.to_pymatgen().density == pytest.approx(salt.density, rel=1e-3)


def test_oxidation_states_do_not_change_the_elements():
    structure = rock_salt().to_pymatgen()
    structure.add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    assert Crystal.from_pymatgen(structure).formula() == {"Cl": 4, "Na": 4}


@pytest.mark.parametrize(
    ("species", "code"),
    [
        ({"Na": 0.5, "K": 0.5}, "partial_occupancy"),
        ({"Na": 0.5}, "partial_occupancy"),
        ("X", "dummy_atom"),
    ],
)
def test_a_site_that_is_not_one_element_is_refused(species, code):
    structure = pymatgen.Structure(np.eye(3) * 5, [species], [[0, 0, 0]])
    with pytest.raises(CrystalError) as caught:
        Crystal.from_pymatgen(structure, "x")
    assert caught.value.code == code


RASPA = ["IRMOF-1.cif", "Cu-BTC.cif", "ZIF-8.cif", "MIL-47.cif", "Zn-DOBDC.cif", "MIL-140A-DFT.cif",
         "ZIF-9.cif", "MIL-53(Cr)lt.cif", "IRMOF-16.cif"]  # fmt: skip


@pytest.mark.parametrize("file", RASPA)
def test_space_groups_unfold_as_in_pymatgen(data, tmp_path, file):
    with tarfile.open(data / "raspa2" / "raspa2.tar.xz") as archive:
        names = [name for name in archive.getnames() if name.endswith("/" + file)]
        if not names:
            pytest.skip(f"raspa2 has no {file}")
        member = archive.extractfile(names[0])
        assert member is not None
        content = member.read()
    from pymatgen.io.cif import CifParser

    (tmp_path / "x.cif").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen rounds fractions and says so
        theirs = CifParser(tmp_path / "x.cif").parse_structures(primitive=False)[0]
    ours = read_cif(content, file).to_pymatgen()
    assert ours.composition.element_composition == theirs.composition.element_composition
    mine, yours = (np.sort(s.distance_matrix, axis=None) for s in (ours, theirs))
    np.testing.assert_allclose(mine, yours, atol=1e-6)
