"""`train`, then `evaluate` and `rank` with what came of it, on a handful of salts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from screenkit.cli.app import run
from screenkit.recipe import Recipe
from tests.crystals import rock_salt, write_cif


@pytest.fixture(scope="module")
def salts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty cells of rock salt, and their edge as the label."""
    folder = tmp_path_factory.mktemp("salts")
    (folder / "cifs").mkdir()
    lines = ["name,edge_A,group"]
    for i in range(20):
        edge = 5.0 + 0.1 * i
        write_cif(rock_salt(edge), folder / "cifs" / f"s{i}.cif")
        lines.append(f"s{i},{edge},g{i}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    (folder / "small.yaml").write_text(
        "network: {k: 6, width: 8, edge_width: 4, layers: 1, head_width: 8}\n"
        "fit: {valid_fraction: 0.2, test_fraction: 0.2}\nrun: {executor: serial}\n"
    )
    return folder


@pytest.mark.slow
def test_a_model_is_trained_evaluated_and_used(
    salts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    labels, cifs, training = str(salts / "labels.csv"), str(salts / "cifs"), tmp_path / "training"
    words = [
        "train",
        labels,
        cifs,
        "--target",
        "edge_A",
        "--group-column",
        "group",
        "--epochs",
        "2",
    ]
    assert run([*words, "--recipe", str(salts / "small.yaml"), "-o", str(training)]) == 0
    shown = capsys.readouterr()
    assert "edge_A" in shown.out
    assert "MAE" in shown.out
    assert "screenkit rank" in shown.out
    metrics = json.loads((training / "metrics.json").read_text())
    assert metrics["test"]["edge_A"]["model"]["n"] == metrics["structures"]["test"]

    assert run(["status", str(training), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["state"], status["done"], status["ok"]) == ("complete", 20, 20)
    shard = next((training / "graphs" / "shards").glob("*.h5"))
    shard.write_bytes(shard.read_bytes()[:-1])
    assert run(["verify", str(training)]) == 74
    assert run(["verify", str(training), "--repair"]) == 0
    assert json.loads((training / "metrics.json").read_text())["test"] == metrics["test"]
    assert run(["verify", str(training)]) == 0
    capsys.readouterr()

    model = str(training / "checkpoint.safetensors")
    words = ["evaluate", cifs, labels, "--model", model, "-o", str(tmp_path / "evaluation")]
    assert run([*words, "--executor", "serial"]) == 0
    assert "edge_A" in capsys.readouterr().out
    metrics = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    assert metrics["test"]["edge_A"]["model"]["n"] == 20
    assert 0 <= metrics["test"]["edge_A"]["early"]["hits_at_10"] <= 10
    assert metrics["test"]["edge_A"]["early"]["hits_at_100"] is None

    words = ["rank", cifs, "--model", model, "-o", str(tmp_path / "run"), "--executor", "serial"]
    assert run(words) == 0
    assert "20 structures = 20 ok" in capsys.readouterr().out


def test_training_without_a_target_is_refused(
    salts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["train", str(salts / "labels.csv"), str(salts / "cifs"), "-o", str(tmp_path / "t")]
    assert run(words) == 64
    assert "--target" in capsys.readouterr().err


def test_the_shelf_can_be_listed(capsys: pytest.CaptureFixture[str]):
    assert run(["models"]) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize("splits", ["80/20", "80/10/20", "a/b/c", "100/0/0", "20/20/60", "0/60/40"])
def test_splits_that_are_none_are_refused_in_one_line(
    salts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], splits: str
):
    words = ["train", str(salts / "labels.csv"), str(salts / "cifs"), "--target", "edge_A"]
    assert run([*words, "--splits", splits, "-o", str(tmp_path / "t")]) == 64
    assert f"--splits {splits}: " in capsys.readouterr().err


def test_percentages_become_fractions_of_the_recipe():
    fit = Recipe().override(splits="70/20/10").fit
    assert (fit.valid_fraction, fit.test_fraction) == (0.2, 0.1)


def test_folds_are_told_with_mean_and_deviation(
    salts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["train", str(salts / "labels.csv"), str(salts / "cifs"), "--target", "edge_A"]
    words += ["--recipe", str(salts / "small.yaml"), "--epochs", "1", "--progress", "plain"]
    assert run([*words, "--folds", "2", "-o", str(tmp_path / "t")]) == 0
    shown = capsys.readouterr()
    assert "mean ± deviation of 2 folds" in shown.out
    assert "folds.csv" in shown.out
    assert "screenkit rank" not in shown.out  # there is no one model to rank with
    assert "s/fold" in shown.err
