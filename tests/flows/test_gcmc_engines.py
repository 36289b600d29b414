"""Real engines: raspalib and RASPA2 where they are installed, jobs of a cluster, and the way from a
ranking to loadings by the commands that the program itself prints.
"""

from __future__ import annotations

import csv
import math
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from screenkit.crystal.cif_out import cif_text
from screenkit.errors import UsageError
from screenkit.executors.hire import RunSettings
from screenkit.flows.gcmc_collect import collect
from screenkit.flows.gcmc_prepare import prepare
from screenkit.flows.gcmc_run import run
from screenkit.gcmc.engines import ENGINES
from screenkit.gcmc.outcome import Simulation
from tests.crystals import crystal, rock_salt, write_cif
from tests.executors.slurm_cluster import Cluster
from tests.flows.test_gcmc import recipe, salts  # noqa: F401  the second is a fixture

MOFS = Path(__file__).parents[2] / "examples" / "mofs"


def installed(name: str) -> str:
    """Return the name of an engine, or leave this test out."""
    if ENGINES[name].find() is None:
        pytest.skip(f"{name} is not installed: {ENGINES[name].missing}")
    return name


def simulated(folder: Path, name: str, **said) -> Simulation:
    """Return what an engine finds in the one structure of a folder, at one state point."""
    made = prepare([folder], recipe(engine=installed(name), **said), folder.parent / name)
    assert run(made.output, 1).done == 1
    (one,) = collect(made.output).simulations
    return one


@pytest.mark.slow
@pytest.mark.parametrize("name", ["raspa3", "raspa2"])
def test_an_engine_finds_an_ideal_gas_in_a_wide_box(tmp_path: Path, name: str):
    # One atom of neon in a box of 40 Å: next to nothing but gas, n = phi p V / RT.
    (tmp_path / "box").mkdir()
    write_cif(crystal([10], [[0.5, 0.5, 0.5]], [40.0, 40.0, 40.0]), tmp_path / "box" / "one.cif")
    cycles = {"cycles": 4000, "initialization": 500}
    one = simulated(tmp_path / "box", name, gases=["He"], pressures=["10bar"], **cycles)
    ideal = one.deck.fugacity_coefficient * 1e6 * 40e-10**3 / (1.380649e-23 * 298.0)
    assert one.found.molecules == pytest.approx(ideal, abs=max(2 * one.found.molecules_error, 0.5))
    assert one.found.version
    assert one.found.cycles == 4000


@pytest.mark.slow
def test_raspa2_and_raspa3_agree_on_a_gas_and_a_framework_with_charges(tmp_path: Path):
    installed("raspa2"), installed("raspa3")
    (tmp_path / "box").mkdir()
    charges = np.array([0.4] * 4 + [-0.4] * 4)
    salt = replace(rock_salt(12.9), charges=charges)
    text = cif_text(salt, {"_atom_site_charge": charges}, (), plain_labels=True)
    (tmp_path / "box" / "salt.cif").write_text(text)
    said = {"gases": ["CO2"], "pressures": ["5bar"], "cycles": 800, "initialization": 200}
    ours, theirs = (simulated(tmp_path / "box", name, **said) for name in ("raspa3", "raspa2"))
    bars = math.hypot(ours.loading_error, theirs.loading_error)
    assert ours.loading > 0
    assert ours.loading == pytest.approx(theirs.loading, abs=1.5 * bars)
    assert ours.found.heat == pytest.approx(theirs.found.heat, abs=3.0)


@pytest.mark.slow
def test_the_commands_that_are_printed_lead_from_a_ranking_to_loadings(tmp_path: Path):
    installed("raspa3")
    (tmp_path / "mofs").mkdir()
    for path in sorted(MOFS.glob("*_clean.cif"))[:6]:  # without charges
        shutil.copy(path, tmp_path / "mofs")
    rank = [sys.executable, "-m", "screenkit", "rank", "mofs", "--model", "knagcn", "-j", "1"]
    printed = said(rank, tmp_path)
    for step, more in (("prepare", ["--cycles", "20", "--initialization", "10"]), ("run", [])):
        printed = said([*next_step(printed, step), *more], tmp_path)
    collected = next_step(printed, "collect")
    assert said(collected, tmp_path, ends=(0, 3))  # so few cycles are seldom believed
    with next(tmp_path.glob("*/gcmc/results.csv")).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    for row in rows:
        assert row["charges"] == "eqeq"
        assert float(row["loading_mol_kg"]) >= 0.0
        assert math.isfinite(float(row["predicted_mol_kg"]))


def said(words: list[str], folder: Path, ends: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode in ends, done.stderr
    return done.stdout


def next_step(printed: str, step: str) -> list[str]:
    """Return the command of this step that was printed."""
    start = f"screenkit gcmc {step} "
    (line,) = (line.strip() for line in printed.splitlines() if line.strip().startswith(start))
    return [sys.executable, "-m", *shlex.split(line)]


ENGINE = """\
import json, os, pathlib, sys
said = json.loads(pathlib.Path("simulation.json").read_text())
if said["Systems"][0]["ExternalPressure"] > 2e5:
    sys.exit("no such force field")
print(json.dumps({"engine": "raspa3", "version": "", "cycles": said["NumberOfCycles"],
                  "molecules": 30.0, "molecules_error": 0.3, "heat": 20.0, "heat_error": 1.0}))
"""


@pytest.mark.slurm
@pytest.mark.slow
def test_decks_are_simulated_by_jobs_and_one_that_dies_there_leaves_its_reason(
    slurm: Cluster,
    salts: Path,  # noqa: F811
    tmp_path: Path,
):
    prepare([salts], recipe(pressures=["1bar", "5bar"]), tmp_path / "decks")
    (tmp_path / "site.yaml").write_text("jobs: 2\ntime: 5\nmemory: 500M\n")
    (tmp_path / "engine.py").write_text(ENGINE)
    command = shlex.join([sys.executable, str(tmp_path / "engine.py")])
    settings = RunSettings(executor="slurm", site=tmp_path / "site.yaml", poll=0.5)
    ran = run(tmp_path / "decks", command=command, settings=settings)
    assert (ran.done, len(ran.died)) == (2, 2)
    codes = {one.deck.pressure: one.code for one in collect(tmp_path / "decks").simulations}
    assert codes == {1e5: "", 5e5: "simulation_died"}
    again = run(tmp_path / "decks", command=command, settings=settings)
    assert (again.before, again.done, len(again.died)) == (2, 0, 2)
    with pytest.raises(UsageError, match="there is no program"):
        run(tmp_path / "decks", command="no-such-engine", settings=settings)
