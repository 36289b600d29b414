"""`screenkit gcmc` on the command line: what it prints, and how it ends."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from screenkit.cli.app import run
from screenkit.gcmc.conditions import state_said
from tests.flows.test_gcmc import Engine

STATE = ["--gas", "CH4", "--pressure", "1bar", "--temperature", "298", "--cycles", "20"]


def test_the_way_from_a_library_to_loadings_is_printed(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    decks = str(tmp_path / "decks")
    assert run(["gcmc", "prepare", str(library), *STATE, "-o", decks, "--progress", "none"]) == 0
    assert f"screenkit gcmc run {decks}" in capsys.readouterr().out
    command = Engine(tmp_path).told("well")
    assert run(["gcmc", "run", decks, "--command", command, "--progress", "none"]) == 0
    assert f"screenkit gcmc collect {decks}" in capsys.readouterr().out
    assert run(["gcmc", "collect", decks]) == 0
    assert "5 ok, 0 doubtful, 0 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--pressure", "1atm"], "--pressure: wanted a number and a unit of Pa, kPa, MPa or bar"),
        (["--engine", "raspa4"], "--engine"),
        (["--gas", "CO3"], "knows no gas 'CO3'"),
        (["--charges", "qeq"], "--charges"),
        (["--truncation", "cut"], "--truncation"),
    ],
)
def test_a_slip_is_one_clear_line(
    library: Path, tmp_path: Path, change: list[str], words: str,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    kept = [word for i, word in enumerate(STATE) if change[0] not in (word, STATE[i - 1])]
    given = ["gcmc", "prepare", str(library), *kept, *change, "-o", str(tmp_path / "decks")]
    assert run(given) in (64, 65)
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert not (tmp_path / "decks" / "decks.json").exists()


def test_a_run_in_which_simulations_died_ends_with_three(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    decks = str(tmp_path / "decks")
    run(["gcmc", "prepare", str(library), *STATE, "-o", decks, "-q"])
    command = shlex.join([sys.executable, "-c", "raise SystemExit('no force field')"])
    assert run(["gcmc", "run", decks, "--command", command, "-q"]) == 3
    assert "5 simulations died" in capsys.readouterr().err
    assert run(["gcmc", "collect", decks, "-q"]) == 3
    assert "no simulation is ok" in capsys.readouterr().err


def test_a_target_may_say_its_state_point():
    gases = ("N2", "CO2")
    assert state_said("co2_uptake_0.15bar_298K", gases) == ("CO2", "0.15bar", 298.0)
    assert state_said("uptake_0.15bar_298K", gases) is None
    assert state_said("log_henry_CO2_298K", gases) is None
    assert state_said("co2_uptake_15_298K", gases) is None
