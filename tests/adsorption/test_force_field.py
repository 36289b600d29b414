from pathlib import Path

import numpy as np
import pytest

from screenkit.adsorption.force_field import ForceField, Site, find_force_field
from screenkit.crystal.elements import SYMBOLS
from screenkit.errors import CrystalError, RecipeError

GUIDE = Path(__file__).parents[2] / "docs" / "force-fields.md"


def read(tmp_path: Path, text: str) -> ForceField:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return find_force_field(str(path))


def of(field: ForceField, symbol: str) -> tuple[float, float]:
    number = SYMBOLS.index(symbol)
    return float(field.epsilon[number]), float(field.sigma[number])


@pytest.mark.parametrize(
    ("symbol", "distance", "depth"),
    [  # Rappe et al. 1992, Table I: x in Å, D in kcal/mol
        ("H", 2.886, 0.044),
        ("C", 3.851, 0.105),
        ("N", 3.660, 0.069),
        ("O", 3.500, 0.060),
        ("F", 3.364, 0.050),
        ("Al", 4.499, 0.505),
        ("Si", 4.295, 0.402),
        ("Ca", 3.399, 0.238),
        ("Cu", 3.495, 0.005),
        ("Zn", 2.763, 0.124),
        ("Zr", 3.124, 0.069),
        ("I", 4.500, 0.339),
        ("Yb", 3.355, 0.228),
        ("U", 3.395, 0.022),
    ],
)
def test_two_atoms_alike_meet_at_the_published_distance(symbol, distance, depth):
    epsilon, sigma = of(find_force_field("uff"), symbol)
    place = 2 ** (1 / 6) * sigma
    energy = 4 * epsilon * ((sigma / place) ** 12 - (sigma / place) ** 6)
    assert place == pytest.approx(distance, abs=1e-8)
    assert energy * 8.314462618 / 4184 == pytest.approx(-depth, rel=2e-6)


@pytest.mark.parametrize(
    ("name", "symbol", "epsilon", "sigma"),
    [  # force field GenericMOFs of RASPA 2: DREIDING for what is organic, UFF for metals
        ("dreiding", "O", 48.1581, 3.03315),
        ("dreiding", "N", 38.9492, 3.26256),
        ("dreiding", "C", 47.8562, 3.47299),
        ("dreiding", "F", 36.4834, 3.0932),
        ("dreiding", "B", 47.8058, 3.58141),
        ("dreiding", "P", 161.03, 3.69723),
        ("dreiding", "S", 173.107, 3.59032),
        ("dreiding", "Cl", 142.562, 3.51932),
        ("dreiding", "Br", 186.191, 3.51905),
        ("dreiding", "H", 7.64893, 2.84642),
        ("dreiding", "Al", 155.998, 3.91105),
        ("dreiding", "Si", 155.998, 3.80414),
        ("uff", "Zn", 62.3992, 2.46155),
        ("uff", "Ti", 8.55473, 2.8286),
        ("uff", "Zr", 34.7221, 2.78317),
        ("uff", "Mg", 55.8574, 2.69141),
        ("uff", "Ag", 18.1159, 2.80455),
        ("uff", "Cd", 114.734, 2.53728),
        ("uff", "Te", 200.281, 3.98232),
    ],
)
def test_the_numbers_are_those_that_raspa_uses(name, symbol, epsilon, sigma):
    assert of(find_force_field(name), symbol) == pytest.approx((epsilon, sigma), rel=4e-6)


def test_uff_ends_with_lawrencium_and_its_columns_sum_as_in_quantum_espresso():
    field = find_force_field("uff")
    assert list(np.flatnonzero(~np.isnan(field.sigma))) == list(range(1, 104))
    assert np.nansum(field.sigma) * 2 ** (1 / 6) == pytest.approx(364.487, abs=1e-6)
    assert np.nansum(field.epsilon) / 503.22 == pytest.approx(13.944, abs=1e-6)


def test_dreiding_refuses_what_it_has_not_and_names_it():
    field = find_force_field("dreiding")
    field.refuse_strangers(np.array([6, 8, 30]))
    with pytest.raises(CrystalError, match=r"dreiding has no parameters for Cu, Zr") as error:
        field.refuse_strangers(np.array([6, 40, 29, 40]))
    assert error.value.code == "element_without_parameters"


def test_dreiding_uff_is_dreiding_with_uff_in_its_gaps():
    both, dreiding, uff = (find_force_field(name) for name in ("dreiding-uff", "dreiding", "uff"))
    there = ~np.isnan(dreiding.sigma)
    assert there.sum() == 25
    np.testing.assert_array_equal(both.sigma, np.where(there, dreiding.sigma, uff.sigma))
    np.testing.assert_array_equal(both.epsilon, np.where(there, dreiding.epsilon, uff.epsilon))


def test_unlike_atoms_mix_by_lorentz_and_berthelot_unless_said_otherwise(tmp_path):
    hydrogen = Site(0.0, 2.96, 34.2)
    text = "elements: {C: {sigma: 3.0, epsilon: 50}}"
    sigma, epsilon = read(tmp_path, text).pairs(hydrogen)
    assert (sigma[6], epsilon[6]) == pytest.approx((2.98, 1710**0.5))
    sigma, epsilon = read(tmp_path, f"{text}\nmixing: geometric").pairs(hydrogen)
    assert (sigma[6], epsilon[6]) == pytest.approx((8.88**0.5, 1710**0.5))


@pytest.mark.parametrize(
    ("gas", "quadrupole"),
    [("H2-quadrupole", 0.662), ("N2", -1.52), ("O2", -0.39), ("CO2", -4.3)],
)
def test_charged_gases_have_about_the_measured_quadrupole_and_no_dipole(gas, quadrupole):
    """Measured: Stogryn and Stogryn 1966, Mol. Phys. 11, 371; in 1e-26 esu, that is Debye Å."""
    sites = find_force_field("uff").gas(gas).sites
    assert sum(site.charge for site in sites) == pytest.approx(0, abs=1e-12)
    assert sum(site.charge * site.place for site in sites) == pytest.approx(0, abs=1e-12)
    moment = 4.80320 * sum(site.charge * site.place**2 for site in sites)
    assert moment == pytest.approx(quadrupole, rel=0.1)


def test_each_gas_says_where_it_is_from_and_spheres_are_told_from_rods():
    gases = find_force_field("uff").gases
    assert all(len(gas.source) > 20 for gas in gases)
    rods = {gas.name: gas.is_charged for gas in gases if not gas.is_sphere}
    charged = dict.fromkeys(("H2-quadrupole", "N2", "O2", "CO2"), True)
    assert rods == {"C2H4": False, "C2H6": False, **charged}


def test_the_hydrogen_of_the_paper_is_found_in_any_capitals():
    (site,) = find_force_field("UFF").gas("h2").sites
    assert site == Site(place=0.0, sigma=2.96, epsilon=34.2, charge=0.0)


def test_a_gas_that_is_not_there_names_its_nearest_and_all():
    with pytest.raises(RecipeError, match=r"uff knows no gas 'CO22'") as error:
        find_force_field("uff").gas("CO22")
    assert error.value.hint.startswith("did you mean CO2? there are H2, ")


def test_a_force_field_that_is_not_there_names_its_nearest():
    with pytest.raises(RecipeError, match=r"no force field 'dreidin'") as error:
        find_force_field("dreidin")
    assert "did you mean dreiding?" in error.value.hint


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"cannot read .*gone\.yaml: No such file"):
        find_force_field(str(tmp_path / "gone.yaml"))


def test_a_file_lies_over_what_it_extends(tmp_path):
    field = read(
        tmp_path,
        "extends: UFF\nelements: {Zn: {sigma: 2.0, epsilon: 60}}\n"
        "gases: {h2: {source: mine, sites: [{sigma: 3, epsilon: 36}]}}\n",
    )
    uff = find_force_field("uff")
    assert of(field, "Zn") == (60, 2)
    assert of(field, "Cu") == of(uff, "Cu")
    assert field.gas("H2").source == "mine"
    assert len(field.gases) == len(uff.gases)


def test_a_file_that_extends_nothing_has_its_own_elements_and_the_gases_of_the_package(tmp_path):
    field = read(tmp_path, "elements: {Si: {sigma: 2.3, epsilon: 0}}")
    assert np.flatnonzero(~np.isnan(field.sigma)).tolist() == [14]
    assert field.gas("CH4").sites == find_force_field("uff").gas("CH4").sites


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("extend: uff", 1, "no key 'extend' (did you mean extends?)"),
        ("extends: ufff", 1, "extends: should be 'uff', 'dreiding' or 'dreiding-uff'"),
        ("mixing: berthelot", 1, "mixing: should be 'lorentz-berthelot' or 'geometric'"),
        ("sigma: 3", 1, "no key 'sigma' (it belongs to elements or gases.sites)"),
        ("elements:\n  Znn: {sigma: 2, epsilon: 3}", 2, "element (did you mean Zn?), found"),
        ("elements:\n  zn: {sigma: 2, epsilon: 3}", 2, "element (did you mean Zn?), found"),
        ("elements:\n  C: {sigma: -2, epsilon: 3}", 2, "elements.C.sigma: should be greater than"),
        ("elements:\n  C: {sigma: true, epsilon: 3}", 2, "elements.C.sigma cannot be true"),
        ("elements:\n  C: {sigma: .inf, epsilon: 3}", 2, "elements.C.sigma: should be a"),
        ("elements:\n  C: {sigma: 2}", 2, "elements.C.epsilon: is missing"),
        ("elements:\n  C: {sigma: 2, epsilo: 3}", 2, "no key 'epsilo' in elements.C (did you mean"),
        ("elements: {}\nelements: {}", 2, "elements stands twice, first in line 1"),
        ("gases:\n  X:\n    sites: []", 3, "gases.X.sites: a gas has at least one site"),
        ("gases:\n  X: {source: me}", 2, "gases.X.sites: is missing"),
        (
            "gases:\n  X:\n    sites: [{sigma: 3, epsilon: 40, charge: 0.5}]",
            3,
            "gases.X.sites: the charges of a gas sum to 0 e, these to +0.5 e",
        ),
        (
            "gases:\n  X:\n    sites: [{charge: 1}, {place: 1, charge: -1}]",
            3,
            "at least one site with sigma and epsilon",
        ),
        (
            "gases:\n  X:\n    sites:\n      - {sigma: 3, epsilon: 40}\n      - {place: 1}",
            5,
            "gases.X.sites.1: a site has sigma and epsilon, or a charge",
        ),
        ("gases:\n  X:\n    sites:\n      - {sigma: 3}", 4, "gases.X.sites.0: sigma and epsilon"),
        ("gases:\n  X:\n    sites:\n      - {sigm: 3}", 4, "'sigm' in gases.X.sites.0 (did you"),
        ("gases:\n  x/y: {sites: []}", 2, "gases.x/y: wanted a name of letters, digits"),
        (
            "gases: {X: {sites: [{sigma: 3, epsilon: 4}]}, x: {sites: [{sigma: 3, epsilon: 4}]}}",
            1,
            "gases: two gases whose names differ in capitals only",
        ),
    ],
)
def test_a_slip_is_told_by_its_line(tmp_path, text, line, said):
    with pytest.raises(RecipeError) as error:
        read(tmp_path, text)
    assert f"mine.yaml, line {line}: " in str(error.value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_the_digest_is_of_numbers_and_of_no_words(tmp_path):
    first = read(tmp_path, "extends: uff\nsource: mine\n")
    assert first.digest == find_force_field("uff").digest
    other = [
        "extends: uff\nmixing: geometric",
        "extends: uff\nelements: {C: {sigma: 3.4, epsilon: 52}}",
        "extends: uff\ngases: {CO2: {sites: [{sigma: 3.3, epsilon: 200}]}}",
        "extends: dreiding",
    ]
    assert len({first.digest, *(read(tmp_path, text).digest for text in other)}) == 5


def test_the_example_of_the_guide_is_read(tmp_path):
    example = GUIDE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    field = read(tmp_path, example)
    assert field.gas("N2O").is_charged
    assert field.mixing == "geometric"


def test_the_guide_has_every_gas_with_its_numbers():
    guide = GUIDE.read_text(encoding="utf-8")
    for gas in find_force_field("uff").gases:
        (row,) = (line for line in guide.splitlines() if line.startswith(f"| `{gas.name}` |"))
        for site in gas.sites:
            for number in (site.sigma, site.epsilon, abs(site.charge)):
                assert f"{number:g}" in row
