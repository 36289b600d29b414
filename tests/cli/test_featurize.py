"""`screenkit featurize`, and `train` and `calibrate` with its graphs, from the command line."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from screenkit.cli.app import run
from tests.crystals import rock_salt, write_cif


@pytest.fixture(scope="module")
def salts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("salts")
    (folder / "cifs").mkdir()
    lines = ["name,edge_A"]
    for i in range(12):
        write_cif(rock_salt(5.0 + 0.1 * i), folder / "cifs" / f"s{i:02}.cif")
        lines.append(f"s{i:02},{5.0 + 0.1 * i:.1f}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    (folder / "small.yaml").write_text(
        "network: {k: 6, width: 8, edge_width: 4, layers: 1, head_width: 8}\n"
        "fit: {epochs: 1, valid_fraction: 0.2, test_fraction: 0.2}\nrun: {executor: serial}\n"
    )
    return folder


def test_graphs_are_built_and_a_model_is_trained_and_calibrated_with_them(
    salts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    graphs, recipe = str(tmp_path / "graphs"), ["--recipe", str(salts / "small.yaml")]
    assert run(["featurize", str(salts / "cifs"), *recipe, "-o", graphs]) == 0
    shown = capsys.readouterr().out
    assert "12 structures = 12 ok" in shown
    assert "graphs for pore; 6 neighbours; density; landscape; composition; 96 atoms" in shown
    offered = shlex.split(shown.strip().splitlines()[-1])
    assert offered[:5] == ["screenkit", "train", "LABELS.csv", "--graphs", graphs]
    assert run(["status", graphs, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["done"]) == ("complete", 12)
    words = [str(salts / "labels.csv"), "--graphs", graphs, *recipe]
    training = tmp_path / "training"
    assert run(["train", *words, "--target", "edge_A", "-o", str(training)]) == 0
    shown = capsys.readouterr().out
    assert "MAE" in shown
    assert "screenkit rank SOURCE --model" in shown
    model = ["--model", str(training / "checkpoint.safetensors")]
    more = ["-o", str(tmp_path / "calibrated"), "--executor", "serial", "-q"]
    assert run(["calibrate", *words[:3], *model, *more]) == 0
    assert (tmp_path / "calibrated/calibration.json").is_file()


def test_a_damaged_shard_is_found_and_built_again(salts: Path, tmp_path: Path):
    graphs, recipe = tmp_path / "graphs", ["--recipe", str(salts / "small.yaml"), "-q"]
    assert run(["featurize", str(salts / "cifs"), *recipe, "-o", str(graphs)]) == 0
    shard = next((graphs / "shards").glob("*.h5"))
    before = shard.read_bytes()
    shard.write_bytes(before[:-1])
    assert run(["verify", str(graphs)]) == 74
    assert run(["verify", str(graphs), "--repair"]) == 0
    assert shard.read_bytes() == before


def test_a_dry_run_writes_nothing(salts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["featurize", str(salts / "cifs"), "--executor", "serial", "--dry-run"]
    assert run([*words, "-o", str(tmp_path / "graphs")]) == 0
    assert "graphs.h5" in capsys.readouterr().out
    assert not (tmp_path / "graphs").exists()


def test_networks_that_look_at_other_neighbours_are_told_apart(
    salts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["featurize", str(salts / "cifs"), "--model", "knagcn", "--model", "icgcnn"]
    assert run([*words, "-o", str(tmp_path / "graphs")]) == 64
    assert "one --k" in capsys.readouterr().err
    assert not (tmp_path / "graphs").exists()


def test_a_training_without_structures_says_what_is_missing(
    salts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["train", str(salts / "labels.csv"), "--target", "edge_A", "-o", str(tmp_path / "run")]
    assert run(words) == 64
    assert "give SOURCE, or the folder of its graphs by --graphs" in capsys.readouterr().err
