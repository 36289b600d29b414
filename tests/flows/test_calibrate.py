"""A training calibrates; an older checkpoint is calibrated from the labels it was trained with."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from screenkit.cli.app import run as command
from screenkit.errors import CheckpointError, MismatchError
from screenkit.flows.calibrate import calibrate
from screenkit.flows.evaluate import evaluate
from screenkit.flows.screen import screen
from screenkit.flows.train import train
from screenkit.models.checkpoint import Checkpoint
from screenkit.recipe import Recipe
from screenkit.store.store import Store
from tests.crystals import rock_salt, write_cif

RECIPE = """
model: knagcn
network: {k: 6, width: 8, edge_width: 4, layers: 1, head_width: 8}
fit: {epochs: 2, batch_size: 8, valid_fraction: 0.3, test_fraction: 0.3, learning_rate: 1e-2}
labels: {group_column: group, targets: [{name: edge, column: edge_A, unit: A}]}
run: {executor: serial}
"""
SERIAL = "run: {executor: serial}\n"


@pytest.fixture(scope="module")
def salts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("salts")
    (folder / "cifs").mkdir()
    lines = ["name,edge_A,group"]
    for i in range(60):
        write_cif(rock_salt(5.0 + 0.02 * i), folder / "cifs" / f"s{i:02}.cif")
        lines.append(f"s{i:02},{5 + 0.02 * i:.2f},g{i // 2}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def trained(salts: Path) -> Path:
    train(salts / "labels.csv", [salts / "cifs"], Recipe.parse(RECIPE), salts / "trained")
    return salts / "trained"


@pytest.fixture(scope="module")
def old(trained: Path) -> Path:
    """The same, as from before there were calibrations."""
    path = trained.parent / "old.safetensors"
    whole = Checkpoint.load(trained / "checkpoint.safetensors")
    path.write_bytes(replace(whole, calibration=None, domain=None).to_bytes())
    return path


def recipe_for(model: Path, more: str = "") -> Recipe:
    return Recipe.parse(f"model: {model}\n{SERIAL}{more}")


def test_a_training_leaves_what_was_said_of_the_validation_split(trained, salts):
    checkpoint = Checkpoint.load(trained / "checkpoint.safetensors")
    known, metrics = checkpoint.calibration, json.loads((trained / "metrics.json").read_text())
    assert known is not None and len(known) == metrics["structures"]["valid"] == 18
    assert len(np.unique(known.groups)) == 9
    tested = {row["name"] for row in csv.DictReader((trained / "test_predictions.csv").open())}
    assert len(tested) == 18
    interval = metrics["test"]["edge"]["interval"]
    assert interval["level"] == 0.9 and 0 <= interval["coverage"] <= 1
    assert checkpoint.domain is not None and len(checkpoint.domain.points) <= 24


def test_an_old_checkpoint_becomes_the_new_one(trained, old, salts, tmp_path):
    done = calibrate(salts / "labels.csv", [salts / "cifs"], recipe_for(old), tmp_path / "run")
    new, wanted = done.checkpoint, Checkpoint.load(trained / "checkpoint.safetensors")
    assert new.calibration is not None and wanted.calibration is not None
    np.testing.assert_allclose(new.calibration.predictions, wanted.calibration.predictions)
    np.testing.assert_array_equal(new.calibration.groups, wanted.calibration.groups)
    assert new.calibration.structures == wanted.calibration.structures
    assert new.domain is not None and wanted.domain is not None
    np.testing.assert_array_equal(new.domain.points, wanted.domain.points)
    assert new.record["test"] == wanted.record["test"]
    assert done.metrics["test"]["edge"]["interval"] == wanted.record["test"]["edge"]["interval"]


def test_the_command_says_how_often_the_intervals_hold(old, salts, tmp_path, capsys):
    words = ["calibrate", str(salts / "labels.csv"), str(salts / "cifs"), "--model", str(old)]
    output = ["-o", str(tmp_path / "run"), "--executor", "serial", "--progress", "none"]
    assert command([*words, *output, "--level", "0.8"]) == 0
    shown = capsys.readouterr().out
    assert "interval" in shown and "checkpoint.safetensors" in shown
    assert json.loads((tmp_path / "run/calibration.json").read_text())["level"] == 0.8


def test_weights_in_half_the_room_predict_nearly_the_same(old, salts, tmp_path):
    done = calibrate(
        salts / "labels.csv", [salts / "cifs"], recipe_for(old), tmp_path / "run", half=True
    )
    whole = Checkpoint.load(old)
    assert done.checkpoint.weights["hidden.weight"].element_size() == 2
    before = whole.record["test"]["edge"]["model"]["mae"]
    assert done.metrics["test"]["edge"]["model"]["mae"] == pytest.approx(before, rel=0.02)


def test_other_labels_are_refused(old, salts, tmp_path):
    table = (salts / "labels.csv").read_text().replace("5.02", "5.03")
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(MismatchError, match=r"not what .* was trained with \(60 structures"):
        calibrate(tmp_path / "labels.csv", [salts / "cifs"], recipe_for(old), tmp_path / "run")


def test_a_checkpoint_that_does_not_say_how_it_was_trained_is_refused(old, salts, tmp_path):
    path = tmp_path / "silent.safetensors"
    path.write_bytes(replace(Checkpoint.load(old), record={}).to_bytes())
    with pytest.raises(CheckpointError, match="does not say how it was trained"):
        calibrate(salts / "labels.csv", [salts / "cifs"], recipe_for(path), tmp_path / "run")


def test_a_split_that_is_another_one_is_refused(old, salts, tmp_path):
    whole = Checkpoint.load(old)
    record = whole.record | {"fit": whole.record["fit"] | {"seed": 99}}
    path = tmp_path / "fold.safetensors"
    path.write_bytes(replace(whole, record=record).to_bytes())
    with pytest.raises(MismatchError, match="cannot be made again"):
        calibrate(salts / "labels.csv", [salts / "cifs"], recipe_for(path), tmp_path / "run")


def test_a_run_has_intervals_marks_embeddings_and_what_is_known_of_the_calibration(
    trained, salts, tmp_path
):
    model = trained / "checkpoint.safetensors"
    strange = tmp_path / "strange"
    strange.mkdir()
    write_cif(rock_salt(9.0), strange / "far.cif")
    run = screen([salts / "cifs", strange], recipe_for(model), tmp_path / "run")
    store = Store.open(tmp_path / "run")
    low, said, high = (store.column(f"edge{end}") for end in ("_low", "", "_high"))
    assert (low < said).all() and (said < high).all()
    far = store.names.tolist().index("far")
    assert store.column("ood")[far] == 1 and store.column("ood_distance")[far] > 1
    points = store.embedding(np.arange(len(store)))
    assert points is not None and points.shape == (61, 8) and points.dtype == np.float16
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["out_of_domain"] == int(store.column("ood").sum()) >= 1
    assert summary["interval_level"] == 0.9 and summary["members"] == 1
    told = json.loads((tmp_path / "run/calibration.json").read_text())
    assert len(told["targets"]["edge"]["prediction"]) == 18
    with (tmp_path / "run/ranking.csv").open() as file:
        heads = next(csv.reader(file))
    assert heads[2:7] == ["edge", "edge_low", "edge_high", "ood_distance", "ood"]
    assert run.ranking.where("ood == 0").order.tolist().count(far) == 0


def test_an_older_model_still_ranks_and_says_what_it_cannot_say(old, salts, tmp_path):
    run = screen([salts / "cifs"], recipe_for(old), tmp_path / "run")
    store = Store.open(tmp_path / "run")
    assert [t["name"] for t in store.targets] == ["edge"]
    assert store.embedding(np.arange(3)) is None
    assert not (tmp_path / "run/calibration.json").exists()
    assert any("not calibrated" in line for line in run.unsure)


def test_an_evaluation_says_how_often_the_intervals_held(trained, salts, tmp_path):
    done = evaluate(
        [salts / "cifs"],
        salts / "labels.csv",
        recipe_for(trained / "checkpoint.safetensors", "predict: {level: 0.5}\n"),
        tmp_path / "run",
    )
    interval = done.metrics["test"]["edge"]["interval"]
    store = Store.open(tmp_path / "run")
    low, high = store.column("edge_low"), store.column("edge_high")
    truth = np.array([5.0 + 0.02 * i for i in range(60)])
    assert interval["level"] == 0.5
    assert interval["coverage"] == pytest.approx(np.mean((truth >= low) & (truth <= high)))


@pytest.mark.slow
def test_serial_and_workers_and_a_second_run_give_the_same_bytes(trained, salts, tmp_path):
    model, digests = trained / "checkpoint.safetensors", set()
    for name, who in (("serial", "serial"), ("dask", "dask, workers: 2"), ("again", "serial")):
        text = f"model: {model}\nrun: {{executor: {who}, shard_size: 16}}\n"
        run = screen([salts / "cifs"], Recipe.parse(text), tmp_path / name)
        digests.add(run.store.digest)
    assert len(digests) == 1
