"""Prepare, run and collect, with a stand-in for the engine; with raspalib where it is installed."""

from __future__ import annotations

import csv
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest

from screenkit.errors import (
    MismatchError,
    RecipeError,
    SourceError,
    StorageError,
    UsageError,
)
from screenkit.executors.hire import RunSettings
from screenkit.flows.gcmc_collect import collect
from screenkit.flows.gcmc_prepare import Prepared, prepare
from screenkit.flows.gcmc_run import run
from screenkit.flows.screen import screen
from screenkit.recipe import Recipe
from tests.crystals import rock_salt, write_cif
from tests.models.tiny import write_tiny

STAND_IN = """\
import json, os, pathlib, sys, time
how = pathlib.Path(sys.argv[1]).read_text().strip()
said = json.loads(pathlib.Path("simulation.json").read_text())
pathlib.Path(sys.argv[1] + ".ran").open("a").write("x")
if how == "dies":
    sys.exit("no such force field")
if how == "sleeps":
    time.sleep(60)
found = {"engine": "raspa3", "version": "", "cycles": said["NumberOfCycles"], "molecules": 30.0,
         "molecules_error": 0.3, "halves": [30.1, 29.9], "heat": 20.0, "heat_error": 1.0}
if how == "doubtful":
    found["molecules_error"] = 20.0
if how == "other":
    found["version"] = "0.1"
text = json.dumps(found)
print("some chatter")
print(text[: len(text) // 2] if how == "half" else text)
"""


def recipe(**said) -> Recipe:
    usual = {"gases": ["CH4"], "temperatures": [298.0], "pressures": ["1bar"], "cycles": 20}
    return Recipe().override("gcmc", **{**usual, **said})


@pytest.fixture
def salts(tmp_path: Path) -> Path:
    folder = tmp_path / "salts"
    folder.mkdir()
    for edge in (9.0, 10.0, 1.2):
        write_cif(rock_salt(edge), folder / f"salt-{edge:g}.cif")
    (folder / "broken.cif").write_text("data_broken\nloop_\n_atom_site_label\n")
    return folder


@pytest.fixture
def prepared(salts: Path, tmp_path: Path) -> Prepared:
    return prepare([salts], recipe(), tmp_path / "decks")


class Engine:
    """A program that does as it is told."""

    def __init__(self, folder: Path) -> None:
        self.script, self.how = folder / "stand_in.py", folder / "how"
        self.script.write_text(STAND_IN)
        self.told("well")

    def told(self, how: str) -> str:
        """Tell it how to behave; return the command."""
        self.how.write_text(how)
        return shlex.join([sys.executable, str(self.script), str(self.how)])

    @property
    def runs(self) -> int:
        log = Path(f"{self.how}.ran")
        return len(log.read_text()) if log.exists() else 0


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_structure_has_one_row_and_a_good_one_its_decks(prepared: Prepared):
    told = {row["name"]: row for row in rows(prepared.output / "prepare.csv")}
    assert {name: row["code"] for name, row in told.items() if row["code"]} == {
        "broken": told["broken"]["code"],
        "salt-1.2": "overlap",
    }
    assert {deck.name for deck in prepared.decks.decks} == {"salt-9", "salt-10"}
    assert told["salt-10"]["repeats"] == "3x3x3"
    for deck in prepared.decks.decks:
        assert deck.changed(prepared.output) is None
        assert set(deck.files) == {p.name for p in (prepared.output / deck.folder).iterdir()}


def test_several_state_points_make_several_decks(salts: Path, tmp_path: Path):
    given = recipe(pressures=["0.15bar", "15kPa", "16bar"], temperatures=[273.0, 298.0])
    made = prepare([salts], given, tmp_path / "decks").decks.decks
    assert len(made) == 2 * 2 * 2  # 0.15 bar and 15 kPa are one
    assert len({deck.seed for deck in made}) == 8
    assert len({deck.folder for deck in made}) == 8


def test_preparing_again_writes_the_same_and_other_settings_are_refused(
    prepared: Prepared, salts: Path
):
    before = (prepared.output / "decks.json").read_bytes()
    prepare([salts], recipe(), prepared.output)
    assert (prepared.output / "decks.json").read_bytes() == before
    with pytest.raises(MismatchError, match="other structures or settings"):
        prepare([salts], recipe(cycles=30), prepared.output)


def test_a_gas_with_charges_wants_those_of_the_structure(salts: Path, tmp_path: Path):
    made = prepare([salts], recipe(gases=["CO2"]), tmp_path / "with")
    assert not made.decks.decks
    assert {row.code for row in made.rows if row.name in ("salt-9", "salt-10")} == {
        "charges_missing"
    }
    made = prepare([salts], recipe(gases=["CO2"], charges="none"), tmp_path / "without")
    assert len(made.decks.decks) == 2
    assert not made.decks.decks[0].charged


@pytest.mark.parametrize(
    ("said", "code"),
    [({"min_free_sphere": 5.0}, "pore_too_small"), ({"min_henry": 1.0}, "henry_too_small")],
)
def test_a_gate_leaves_out_what_is_not_worth_a_simulation(
    salts: Path, tmp_path: Path, said: dict, code: str
):
    made = prepare([salts], recipe(**said), tmp_path / "decks")
    assert {row.code for row in made.rows if row.name in ("salt-9", "salt-10")} == {code}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"gases": []}, "--gas"),
        ({"pressures": []}, "--pressure"),
        ({"temperatures": []}, "--temperature"),
        ({"gases": ["CO2", "N2"]}, "one gas at a time"),
        ({"top": 3}, "--top"),
    ],
)
def test_what_is_missing_is_said_in_one_line(salts: Path, tmp_path: Path, said: dict, words: str):
    with pytest.raises(UsageError, match=words):
        prepare([salts], recipe(**said), tmp_path / "decks")


def test_a_finished_simulation_is_not_done_again(prepared: Prepared, engine: Engine):
    command = engine.told("well")
    first = run(prepared.output, 2, command)
    assert (first.before, first.done, first.died) == (0, 2, ())
    again = run(prepared.output, 2, command)
    assert (again.before, again.done, engine.runs) == (2, 0, 2)
    assert not list(prepared.output.glob("decks/*/*/attempt"))
    collected = collect(prepared.output)
    assert collected.counts == {"ok": 2, "doubtful": 0, "failed": 0}


def test_results_are_in_mol_per_kg(prepared: Prepared, engine: Engine):
    run(prepared.output, 2, engine.told("well"))
    collect(prepared.output)
    told = {row["name"]: row for row in rows(prepared.output / "results.csv")}
    # 30 molecules in 27 cells of 4 NaCl, 58.44 g/mol each.
    assert float(told["salt-10"]["loading_mol_kg"]) == pytest.approx(
        30 / (27 * 4 * 0.05844), rel=1e-3
    )
    assert float(told["salt-10"]["heat_kJ_mol"]) == 20.0
    with h5py.File(prepared.output / "results.h5") as file:
        assert file["loading_mol_kg"].attrs["unit"] == "mol/kg"
        assert set(file["name"][...]) == {b"salt-9", b"salt-10"}
    loadings = rows(prepared.output / "loadings.csv")
    assert float(loadings[0]["CH4_298K_100000Pa"]) > 0


@pytest.mark.parametrize(
    ("how", "code"), [("dies", "simulation_died"), ("half", "simulation_died")]
)
def test_an_engine_that_dies_leaves_a_reason_and_may_be_run_again(
    prepared: Prepared, engine: Engine, how: str, code: str
):
    ran = run(prepared.output, 2, engine.told(how))
    assert len(ran.died) == 2
    collected = collect(prepared.output)
    assert {one.code for one in collected.simulations} == {code}
    if how == "dies":
        assert "no such force field" in collected.simulations[0].message
    assert run(prepared.output, 2, engine.told("well")).done == 2
    assert collect(prepared.output).counts["ok"] == 2


@pytest.mark.parametrize(("how", "code"), [("doubtful", "error_bar_wide")])
def test_a_doubtful_one_stays_in_the_results_and_out_of_the_loadings(
    prepared: Prepared, engine: Engine, how: str, code: str
):
    run(prepared.output, 2, engine.told(how))
    assert collect(prepared.output).counts["doubtful"] == 2
    assert {row["code"] for row in rows(prepared.output / "results.csv")} == {code}
    assert not any(row["CH4_298K_100000Pa"] for row in rows(prepared.output / "loadings.csv"))
    assert collect(prepared.output, max_error=1.0).counts["ok"] == 2


def test_a_result_cut_short_or_of_another_deck_is_refused(prepared: Prepared, engine: Engine):
    command = engine.told("well")
    run(prepared.output, 2, command)
    first, second = (prepared.output / deck.folder / "result.json" for deck in prepared.decks.decks)
    whole = first.read_bytes()
    first.write_bytes(whole[: len(whole) // 2])
    second.write_bytes(whole)
    codes = {one.code for one in collect(prepared.output).simulations}
    assert codes == {"result_unreadable", "result_of_another_deck"}
    assert run(prepared.output, 2, command).done == 2


def test_a_deck_that_somebody_changed_is_not_run(prepared: Prepared, engine: Engine, salts: Path):
    deck = prepared.decks.decks[0]
    (prepared.output / deck.folder / "simulation.json").write_text("{}")
    with pytest.raises(StorageError, match="not as it was prepared"):
        run(prepared.output, 2, engine.told("well"))
    assert collect(prepared.output).simulations[0].code == "deck_changed"
    (prepared.output / deck.folder / "simulation.json").unlink()
    with pytest.raises(StorageError, match=r"simulation\.json is missing"):
        run(prepared.output, 2, engine.told("well"))
    prepare([salts], recipe(), prepared.output)  # as the hint says
    assert run(prepared.output, 2, engine.told("well")).done == 2


def test_a_gas_that_nobody_knows_is_one_line(salts: Path, tmp_path: Path):
    with pytest.raises(RecipeError, match="uff knows no gas 'CO3'"):
        prepare([salts], recipe(gases=["CO3"]), tmp_path / "decks")


def test_charges_that_are_missing_are_computed_where_that_is_asked_for(salts: Path, tmp_path: Path):
    for said in ("eqeq", "cif-or-eqeq"):
        made = prepare([salts], recipe(gases=["CO2"], charges=said), tmp_path / said)
        assert {deck.charges for deck in made.decks.decks} == {"eqeq"}
        cif = (made.output / made.decks.decks[0].folder / "framework.cif").read_text()
        charges = [float(line.split()[-1]) for line in cif.splitlines() if line[:3] == "Na "]
        assert len(charges) == 4
        assert min(charges) > 0.1
        told = {row["name"]: row["charges"] for row in rows(made.output / "prepare.csv")}
        assert (told["salt-9"], told["broken"]) == ("eqeq", "")


def test_a_folder_without_decks_and_an_engine_that_is_not_there(prepared: Prepared, tmp_path: Path):
    for call in (run, collect):
        with pytest.raises(SourceError, match=r"has no decks\.json"):
            call(tmp_path)
    with pytest.raises(UsageError, match="there is no program 'no-such-engine'"):
        run(prepared.output, 2, "no-such-engine input")


@pytest.mark.parametrize("name", ["raspa2", "graspa"])
def test_an_engine_that_is_not_installed_is_one_line(
    salts: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("RASPA_DIR", raising=False)
    prepare([salts], recipe(engine=name), tmp_path / "decks")
    with pytest.raises(UsageError, match=f"the engine {name} is not installed"):
        run(tmp_path / "decks")


def test_a_run_that_is_killed_goes_on_and_leaves_no_engine_behind(
    prepared: Prepared, engine: Engine
):
    command = engine.told("sleeps")
    words = [sys.executable, "-m", "screenkit", "gcmc", "run", str(prepared.output), "-j", "2"]
    driver = subprocess.Popen([*words, "--command", command, "--quiet"], stderr=subprocess.DEVNULL)
    for _ in range(300):
        if engine.runs == 2:
            break
        time.sleep(0.1)
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(30) == 85
    assert not _alive(str(engine.script))
    assert {one.code for one in collect(prepared.output).simulations} == {"not_run"}
    assert run(prepared.output, 2, engine.told("well")).done == 2


def _alive(script: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if script in entry.read_bytes().decode("utf-8", "replace").split("\0"):
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


def test_predictions_of_a_run_are_set_against_what_was_simulated(
    salts: Path, tmp_path: Path, engine: Engine
):
    model = str(write_tiny(tmp_path))
    ranked = Recipe().override(model=model, executor="serial", device="cpu")
    screen([salts], ranked, tmp_path / "run")
    made = prepare([tmp_path / "run"], recipe(top=2), tmp_path / "decks")
    assert len(made.decks.decks) == 2
    run(made.output, 2, engine.told("well"))
    found = collect(made.output, "uptake").compared
    assert found.state == "CH4_298K_100000Pa"
    assert len(found.predicted) == 2
    assert found.mae == pytest.approx(abs(found.predicted - found.simulated).mean())
    with pytest.raises(UsageError, match="predicted no 'uptak'"):
        collect(made.output, "uptak")
    with pytest.raises(UsageError, match="a loading is in mol/kg"):
        collect(made.output, "heat")
    with pytest.raises(UsageError, match="no simulation at"):
        collect(made.output, "uptake=CO2_298K_1Pa")


def test_simulations_have_no_other_executors(prepared: Prepared):
    with pytest.raises(UsageError, match="this machine or with --executor slurm, not dask"):
        run(prepared.output, settings=RunSettings(executor="dask"))
