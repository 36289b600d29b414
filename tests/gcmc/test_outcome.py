"""What is believed of a simulation, and what RASPA2 prints."""

from __future__ import annotations

import pytest

from screenkit.gcmc import raspa2
from screenkit.gcmc.conditions import GcmcSettings
from screenkit.gcmc.outcome import Found, ResultError, found_of, judge
from tests.gcmc.test_deck import deck

GOOD = Found("raspa3", "3.1.0", 100, 6.3126, 0.1, (6.3, 6.32), 20.0, 1.0, 3.0)


def verdict(found: Found, version: str = "3.1.0") -> str:
    one = judge(deck(), found, version, GcmcSettings())
    return one.code or one.verdict


def test_molecules_in_the_box_over_its_mass_are_mol_per_kg():
    one = judge(deck(), GOOD, "", GcmcSettings())
    assert one.loading == pytest.approx(1.0)
    assert one.loading_error == pytest.approx(100 / 6312.6)


def changed(**said) -> Found:
    return Found(**{**{name: getattr(GOOD, name) for name in Found.__slots__}, **said})


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, "ok"),
        ({"cycles": 99}, "cycles_short"),
        ({"molecules_error": 0.7}, "error_bar_wide"),
        ({"halves": (5.9, 6.6)}, "drift"),
        ({"halves": None}, "ok"),
        ({"version": "3.0.9"}, "another_version"),
        ({"engine": "raspa2"}, "another_engine"),
        ({"molecules": 0.0, "molecules_error": 0.0, "halves": (0.0, 0.0)}, "ok"),
    ],
)
def test_a_doubtful_result_has_a_reason(said: dict, code: str):
    assert verdict(changed(**said)) == code


def test_a_version_that_nobody_knew_is_no_reason():
    assert verdict(changed(version="9"), version="") == "ok"
    assert verdict(changed(version="")) == "ok"


@pytest.mark.parametrize(
    "facts",
    [[], {}, {"engine": "raspa3"}, {"engine": "x", "version": "", "cycles": 1, "molecules": "a",
     "molecules_error": 0}, {"engine": "x", "version": "", "cycles": 1, "molecules": float("nan"),
     "molecules_error": 0}, {"engine": "x", "version": "", "cycles": 1, "molecules": -1.0,
     "molecules_error": 0}, None],
)  # fmt: skip
def test_what_is_no_result_is_refused(facts):
    with pytest.raises(ResultError) as caught:
        found_of(facts)
    assert caught.value.code == "result_unreadable"


PRINTED = """\
RASPA 2.0.47
External temperature: {t} [K]
External Pressure: {p} [Pa]
[Production] Current cycle: 0 out of 100
Number of molecules:
====================
Component 0 [CO2]
-------------
     Block[ 0] 6.1 [-]
     --------
     Average                                      6.3126000000 +/-       0.1000000000 [-]
     Average loading absolute [mol/kg framework]          1.0 +/-       0.0158 [-]
Enthalpy of adsorption:
=======================
     Average           -2400.0 +/-       120.0 [K]
       -19.95 +/- 1.0 [KJ/MOL]
{end}
"""


def printed(folder, t="298.00000", p="15000.0000", end="Simulation finished,  0 warnings"):
    output = folder / "Output" / "System_0"
    output.mkdir(parents=True, exist_ok=True)
    (output / "output_framework.data").write_text(PRINTED.format(t=t, p=p, end=end))
    return folder


def test_raspa2_prints_molecules_heat_and_how_far_it_came(tmp_path):
    found = raspa2.read_output(printed(tmp_path), deck(engine="raspa2"))
    assert found.molecules == 6.3126
    assert found.molecules_error == 0.1
    assert (found.heat, found.heat_error) == (19.95, 1.0)
    assert found.cycles == 100
    assert found.version == "2.0.47"


def test_an_output_of_raspa2_that_has_no_end_or_another_state_is_refused(tmp_path):
    assert raspa2.read_output(tmp_path, deck()) is None
    for said, code in (
        ({"end": ""}, "cycles_short"),
        ({"p": "16000.0"}, "result_of_another_deck"),
        ({"t": "77.0"}, "result_of_another_deck"),
    ):
        with pytest.raises(ResultError) as caught:
            raspa2.read_output(printed(tmp_path, **said), deck())
        assert caught.value.code == code
