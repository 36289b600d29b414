"""What is believed of a simulation, and what RASPA2 prints."""

from __future__ import annotations

from pathlib import Path

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


PRINTED = (Path(__file__).parent / "data" / "raspa-2.0.42.data").read_text()
"""Of RASPA 2.0.4 from PyPI, which calls itself 2.0.42: Cu-BTC, CO2, 200 cycles. Parts left out."""


def printed(folder, what: str = "", instead: str = ""):
    output = folder / "Output" / "System_0"
    output.mkdir(parents=True, exist_ok=True)
    assert what in PRINTED
    (output / "output_framework.data").write_text(
        PRINTED.replace(what, instead) if what else PRINTED
    )
    return folder


def simulated(**said):
    return deck(engine="raspa2", temperature=298.0, pressure=100_000.0, **said)


def test_raspa2_prints_molecules_heat_and_how_far_it_came(tmp_path):
    found = raspa2.read_output(printed(tmp_path), simulated())
    assert (found.molecules, found.molecules_error) == (34.125, 2.834546128)
    assert (found.heat, found.heat_error) == (21.16834, 3.00606)
    assert (found.cycles, found.version, found.seconds) == (200, "2.0.42", 8.371739)
    # Five blocks: the one in the middle belongs half to each half.
    assert found.halves == pytest.approx(
        ((32.0 + 32.125 + 34.05 / 2) / 2.5, (34.05 / 2 + 37.55 + 34.9) / 2.5)
    )
    assert sum(found.halves) / 2 == pytest.approx(found.molecules)


@pytest.mark.parametrize(
    ("what", "instead", "code"),
    [
        ("Simulation finished", "", "cycles_short"),
        ("External Pressure: 100000", "External Pressure: 15000", "result_of_another_deck"),
        ("External temperature: 298", "External temperature: 77", "result_of_another_deck"),
        ("RASPA 2.0.42", "RASPA 3.1.0", "another_version"),
        ("RASPA 2.0.42", "", "another_version"),
        ("Number of molecules:", "Molecules:", "result_unreadable"),
    ],
)
def test_an_output_that_has_no_end_or_is_of_another_deck_or_version_is_refused(
    tmp_path, what: str, instead: str, code: str
):
    assert raspa2.read_output(tmp_path, simulated()) is None
    with pytest.raises(ResultError) as caught:
        raspa2.read_output(printed(tmp_path, what, instead), simulated())
    assert caught.value.code == code
