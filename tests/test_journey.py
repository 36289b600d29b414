"""A folder of CIFs in, a ranked list out: rows, resuming, refusing. Laws 5 and 10 of the house."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from screenkit.errors import LabelError, MismatchError, UsageError
from screenkit.flows.evaluate import evaluate
from screenkit.flows.screen import screen
from screenkit.flows.train import train
from screenkit.models.checkpoint import Checkpoint
from screenkit.recipe import Recipe
from screenkit.track import Track
from tests.models.tiny import write_tiny

EXAMPLES = Path(__file__).parents[1] / "examples" / "mofs"
STRUCTURES = len(list(EXAMPLES.glob("*.cif")))


def recipe(tmp_path, **options) -> Recipe:
    options = {"executor": "serial", "shard_size": 8, "device": "cpu"} | options
    return Recipe().override(model=str(write_tiny(tmp_path)), **options)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class Counting(Track):
    def __init__(self):
        self.advanced = 0

    def advance(self, structures, failed=0):
        self.advanced += structures


def test_every_structure_that_goes_in_comes_out_as_one_row(tmp_path):
    result = screen([EXAMPLES], recipe(tmp_path), tmp_path / "run")
    ranked, failed = table(tmp_path / "run/ranking.csv"), table(tmp_path / "run/failures.csv")
    assert len(ranked) + len(failed) == STRUCTURES == result.structures
    names = {row["name"] for row in ranked + failed}
    assert names == {path.stem for path in EXAMPLES.glob("*.cif")}
    assert {row["code"] for row in failed} == {"overlap", "missing_coords"}
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["structures"] == summary["ok"] + summary["filtered"] + summary["failed"]
    assert (summary["ok"], summary["filtered"], summary["failed"]) == (26, 2, 1)


def test_the_ranking_is_best_first_and_the_store_opens_with_plain_h5py(tmp_path):
    screen([EXAMPLES], recipe(tmp_path), tmp_path / "run")
    ranked = table(tmp_path / "run/ranking.csv")
    assert list(ranked[0])[:4] == ["rank", "name", "uptake", "heat"]
    values = [float(row["uptake"]) for row in ranked]
    assert values == sorted(values, reverse=True)
    with h5py.File(tmp_path / "run/predictions.h5") as file:
        names = file["name"].asstr()[:]
        by_name = dict(zip(names, file["predictions/uptake"][:], strict=True))
        assert len(names) == STRUCTURES
    for row in ranked:
        assert float(row["uptake"]) == pytest.approx(by_name[row["name"]], rel=1e-5)


def test_a_second_run_does_no_work_and_changes_no_byte(tmp_path):
    screen([EXAMPLES], recipe(tmp_path), tmp_path / "run")
    before = (tmp_path / "run/ranking.csv").read_bytes()
    track = Counting()
    screen([EXAMPLES], recipe(tmp_path), tmp_path / "run", track)
    assert track.advanced == 0
    assert (tmp_path / "run/ranking.csv").read_bytes() == before


def test_a_lost_shard_alone_is_done_again(tmp_path):
    screen([EXAMPLES], recipe(tmp_path), tmp_path / "run")
    before = (tmp_path / "run/ranking.csv").read_bytes()
    (tmp_path / "run/shards/000001.h5").unlink()
    track = Counting()
    screen([EXAMPLES], recipe(tmp_path), tmp_path / "run", track)
    assert track.advanced == 8
    assert (tmp_path / "run/ranking.csv").read_bytes() == before


@pytest.mark.slow
def test_dask_and_serial_give_the_same_values(tmp_path):
    screen([EXAMPLES], recipe(tmp_path), tmp_path / "serial")
    screen([EXAMPLES], recipe(tmp_path, executor="dask", workers=2), tmp_path / "dask")
    serial, dask = (table(tmp_path / run / "ranking.csv") for run in ("serial", "dask"))
    assert [row["name"] for row in serial] == [row["name"] for row in dask]
    for a, b in zip(serial, dask, strict=True):
        assert float(a["uptake"]) == pytest.approx(float(b["uptake"]), abs=1e-5)


def test_an_archive_gives_the_rows_of_its_folder(tmp_path):
    archive = shutil.make_archive(str(tmp_path / "mofs"), "xztar", EXAMPLES.parent, "mofs")
    screen([EXAMPLES], recipe(tmp_path), tmp_path / "folder")
    screen([Path(archive)], recipe(tmp_path), tmp_path / "archive")
    assert (tmp_path / "folder/ranking.csv").read_text() == (
        tmp_path / "archive/ranking.csv"
    ).read_text()


def test_another_model_or_recipe_on_the_same_output_is_refused_by_name(tmp_path):
    screen([EXAMPLES], recipe(tmp_path), tmp_path / "run")
    other = recipe(tmp_path).override(model=str(write_tiny(tmp_path, seed=1)))
    with pytest.raises(MismatchError, match="checkpoint: was"):
        screen([EXAMPLES], other, tmp_path / "run")
    strict = recipe(tmp_path).model_copy(
        update={"checks": Recipe.parse("checks: {max_atoms: 9}").checks}
    )
    with pytest.raises(MismatchError, match="max_atoms: was 20000, now 9"):
        screen([EXAMPLES], strict, tmp_path / "run")
    with pytest.raises(MismatchError, match="precision: was absent, now 'bfloat16'"):
        screen([EXAMPLES], recipe(tmp_path, precision="bfloat16"), tmp_path / "run")


def test_a_slip_in_target_or_where_costs_no_run(tmp_path):
    with pytest.raises(UsageError, match="no target named 'uptak'"):
        screen([EXAMPLES], recipe(tmp_path, target="uptak"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_where_and_top_choose_the_shortlist_after_the_run(tmp_path):
    screen([EXAMPLES], recipe(tmp_path), tmp_path / "run")
    chosen = recipe(tmp_path, where="n_atoms < 100", top="3", target="heat")
    screen([EXAMPLES], chosen, tmp_path / "run")
    rows = table(tmp_path / "run/shortlist.csv")
    assert len(rows) == 3
    assert all(int(row["n_atoms"]) < 100 for row in rows)
    heats = [float(row["heat"]) for row in rows]
    assert heats == sorted(heats)  # its checkpoint says that less is better


@pytest.mark.slow
def test_a_run_killed_twice_ends_in_the_same_bytes(tmp_path):
    library = tmp_path / "library"
    library.mkdir()
    for copy in range(40):
        for path in EXAMPLES.glob("*_clean*.cif"):
            shutil.copy(path, library / f"{path.stem}-{copy}.cif")
    model = write_tiny(tmp_path)

    def start(run):
        command = [sys.executable, "-m", "screenkit", "rank", str(library), "--model", str(model)]
        command += ["-o", str(tmp_path / run), "--shard-size", "16", "--workers", "2", "-q"]
        return subprocess.Popen(command, start_new_session=True)

    assert start("whole").wait(300) == 0
    for shards in (3, 12):
        victim = start("killed")
        deadline = time.monotonic() + 120
        while len(list((tmp_path / "killed/shards").glob("*.h5"))) < shards:
            assert victim.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
    assert not (tmp_path / "killed/ranking.csv").exists()
    assert start("killed").wait(300) == 0
    for name in ("ranking.csv", "failures.csv", "shortlist.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.fixture
def labels(tmp_path) -> Path:
    """Labels of the examples: their density and, for some, their number of atoms."""
    screening = screen([EXAMPLES], recipe(tmp_path), tmp_path / "facts")
    path = tmp_path / "labels.csv"
    lines = ["name,density_g_cm3,atoms,family"]
    for i, row in enumerate(table(screening.output / "ranking.csv")):
        atoms = row["n_atoms"] if i % 3 else ""
        lines.append(f"{row['name']},{row['density_g_cm3']},{atoms},{i // 2}")
    path.write_text("\n".join([*lines, "NOT-THERE,1,1,0"]) + "\n")
    return path


TRAINING = """
model: knagcn
network: {k: 6, width: 8, edge_width: 4, layers: 2, head_width: 8}
fit: {epochs: 3, batch_size: 4, test_fraction: 0.2, valid_fraction: 0.2}
labels:
  group_column: family
  targets: [{name: mass_density, column: density_g_cm3, unit: g/cm3, better: min}, {name: atoms}]
run: {executor: serial}
"""


def test_training_ends_in_a_checkpoint_that_ranks_and_says_how_well_it_did(tmp_path, labels):
    training = train(labels, [EXAMPLES], Recipe.parse(TRAINING), tmp_path / "training")
    metrics = json.loads((tmp_path / "training/metrics.json").read_text())
    for target in ("mass_density", "atoms"):
        assert {"model", "median", "linear_density"} <= set(metrics["test"][target])
    # Labels that are the density itself: the line on density has no error, the network has.
    assert metrics["test"]["mass_density"]["linear_density"]["mae"] < 1e-4
    assert metrics["structures"] == {"train": 14, "valid": 6, "test": 6}
    assert len(table(tmp_path / "training/test_predictions.csv")) == 6
    assert (tmp_path / "training/parity.png").read_bytes()[:4] == b"\x89PNG"
    assert len(table(tmp_path / "training/failures.csv")) == 3

    path = tmp_path / "training/checkpoint.safetensors"
    assert Checkpoint.load(path).record["test"] == metrics["test"]
    ranked = screen(
        [EXAMPLES], Recipe(model=str(path)).override(executor="serial"), tmp_path / "ranked"
    )
    assert ranked.ranking.target == "mass_density" and ranked.ranking.better == "min"
    assert training.checkpoint.record["test"] == metrics["test"]


@pytest.mark.slow
def test_predictions_of_a_checkpoint_are_those_that_training_reported(tmp_path, labels):
    train(labels, [EXAMPLES], Recipe.parse(TRAINING), tmp_path / "training")
    reported = table(tmp_path / "training/test_predictions.csv")
    path = tmp_path / "training/checkpoint.safetensors"
    settings = Recipe(model=str(path)).override(executor="serial")
    evaluate([EXAMPLES], labels, settings, tmp_path / "evaluated")
    again = {row["name"]: row for row in table(tmp_path / "evaluated/labelled_predictions.csv")}
    for row in reported:
        for column in ("mass_density_predicted", "atoms_predicted"):
            assert float(again[row["name"]][column]) == pytest.approx(
                float(row[column]), rel=1e-4, abs=1e-5
            )


@pytest.mark.slow
def test_a_training_stopped_between_epochs_ends_in_the_same_weights(tmp_path, labels):
    class Stop(Track):
        def epoch(self, values):
            if values["epoch"] == 2:
                raise KeyboardInterrupt

    whole = train(labels, [EXAMPLES], Recipe.parse(TRAINING), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(labels, [EXAMPLES], Recipe.parse(TRAINING), tmp_path / "stopped", Stop())
    track = Counting()
    resumed = train(labels, [EXAMPLES], Recipe.parse(TRAINING), tmp_path / "stopped", track)
    assert track.advanced == 0  # no graph is built again
    for name, tensor in whole.checkpoint.weights.items():
        assert (np.asarray(tensor) == np.asarray(resumed.checkpoint.weights[name])).all()


def test_a_target_that_would_hide_a_column_is_refused_before_any_work(tmp_path, labels):
    hiding = Recipe.parse(TRAINING.replace("name: atoms", "name: n_atoms"))
    with pytest.raises(UsageError, match="n_atoms"):
        train(labels, [EXAMPLES], hiding, tmp_path / "training")


def test_evaluating_on_labels_without_a_known_column_says_what_is_predicted(tmp_path, labels):
    with pytest.raises(LabelError) as caught:
        evaluate([EXAMPLES], labels, recipe(tmp_path), tmp_path / "run")
    assert "uptake" in caught.value.hint
