"""`screenkit models`, and imported weights on their way through the other commands."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from rich.console import Console

from screenkit.cli.app import run
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.shelf import find_checkpoint, own_folder
from screenkit.report.words import figure
from tests.models.official import official_file, official_state, write_atom_features
from tests.models.test_published import Bomb
from tests.models.tiny import write_tiny


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own shelf, empty."""
    monkeypatch.setenv("SCREENKIT_MODELS", str(tmp_path / "shelf"))
    return tmp_path / "shelf"


def imported(folder: Path, name: str, *more: str, **changes: object) -> int:
    features = write_atom_features(folder)
    path = official_file(folder, name, **changes)
    return run(["models", "import", str(path), "--atom-features", str(features), *more])


def shipped_error() -> str:
    """Return the mean absolute error of the package's model for its first target, as shown."""
    checkpoint = Checkpoint.load(find_checkpoint("knagcn"))
    return figure(checkpoint.record["test"][checkpoint.targets[0].name]["model"]["mae"])


def test_the_list_has_the_packages_models_the_users_own_and_the_networks(
    shelf: Path, capsys: pytest.CaptureFixture[str]
):
    shelf.mkdir()
    write_tiny(shelf)
    (shelf / "torn.safetensors").write_bytes(b"x")
    assert run(["models"]) == 0
    shown = capsys.readouterr().out
    for word in ("knagcn", "tiny-0", "heat", shipped_error(), "cgcnn", str(shelf)):
        assert word in shown
    assert "torn: " in shown and "damaged" in shown


def test_a_model_on_the_users_shelf_is_found_by_its_name(shelf: Path):
    shelf.mkdir()
    assert find_checkpoint("tiny-0" if write_tiny(shelf) else "") == shelf / "tiny-0.safetensors"


def test_without_a_word_the_shelf_lies_with_the_users_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.delenv("SCREENKIT_MODELS", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert own_folder() == tmp_path / "screenkit" / "models"


def test_info_shows_settings_targets_record_and_size(
    model: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(["models", "info", str(model)]) == 0
    shown = capsys.readouterr().out
    for word in ("knagcn, 2\u202f", "uptake, mol/kg; largest", "heat; smallest", "k: 6", "random"):
        assert word in shown
    assert run(["models", "info", "no-such-model"]) == 65


def test_imported_weights_rank_and_evaluate_by_their_name(
    shelf: Path, library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert imported(tmp_path, "band-gap.pth.tar") == 0
    assert (shelf / "band-gap.safetensors").exists()
    assert "band_gap, eV" in capsys.readouterr().out
    words = [str(library), "--model", "band-gap", "--executor", "serial", "-q"]
    assert run(["rank", *words, "-o", str(tmp_path / "run")]) == 0
    with (tmp_path / "run" / "ranking.csv").open(newline="") as file:
        assert len({row["band_gap"] for row in csv.DictReader(file)}) == 5
    labels = tmp_path / "labels.csv"
    labels.write_text("name,gap_pbe_eV\nNaCl,5.0\ndouble,0\nNaCl-5.2,1.0\n")
    again = [words[0], str(labels), *words[1:], "-o", str(tmp_path / "judged")]
    assert run(["evaluate", *again]) == 65
    assert "--column" in capsys.readouterr().err
    assert run(["evaluate", *again, "--column", "band_gap=gap_pbe_eV"]) == 0
    metrics = json.loads((tmp_path / "judged" / "metrics.json").read_text())
    assert metrics["test"]["band_gap"]["model"]["n"] == 3


def test_a_class_is_judged_by_a_column_of_values(
    shelf: Path, library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    classifier = {
        "state_dict": official_state(outputs=2),
        "args": {"task": "classification"},
        "normalizer": None,
    }
    file = tmp_path / "metals.safetensors"
    assert (
        imported(tmp_path, "semi-metal-classification.pth.tar", "-o", str(file), **classifier) == 0
    )
    labels = tmp_path / "labels.csv"
    labels.write_text("name,gap\nNaCl,5.0\ndouble,0\nNaCl-5.2,1.0\nNaCl-6.0,0\n")
    words = ["evaluate", str(library), str(labels), "--model", str(file), "--executor", "serial"]
    words += ["-q", "-o", str(tmp_path / "judged")]
    assert run([*words, "--column", "is_metal=gap<=0"]) == 0
    figures = json.loads((tmp_path / "judged" / "metrics.json").read_text())["test"]["is_metal"]
    assert figures["model"]["n"] == 4
    assert 0 <= figures["model"]["roc_auc"] <= 1
    for column, said in (
        ("is_metal=gap", "is a class"),
        ("gap=gap", "no such target"),
        ("is_metal", "--column"),
    ):
        assert run([*words, "--column", column]) == 64
        assert said in capsys.readouterr().err


def test_a_file_that_harms_is_one_error_line_and_runs_nothing(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    canary = tmp_path / "canary"
    path = tmp_path / "band-gap.pth.tar"
    torch.save({"state_dict": Bomb(canary), "args": {}}, path)
    features = write_atom_features(tmp_path)
    assert run(["models", "import", str(path), "--atom-features", str(features)]) == 65
    said = capsys.readouterr()
    assert [line.split(":")[0] for line in said.err.splitlines()] == ["error", "hint"]
    assert not canary.exists() and not shelf.exists()


def test_an_import_may_be_repeated_but_takes_the_place_of_no_other_file(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "mine.safetensors"
    for _ in range(2):
        assert imported(tmp_path, "band-gap.pth.tar", "-o", str(file)) == 0
    file.write_bytes(b"precious")
    assert imported(tmp_path, "band-gap.pth.tar", "-o", str(file)) == 73
    assert "there already" in capsys.readouterr().err
    assert file.read_bytes() == b"precious"


def test_the_list_fits_on_eighty_columns(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert imported(tmp_path, "semi-metal-classification.pth.tar") == 0
    capsys.readouterr()
    monkeypatch.setattr(
        "screenkit.cli.show_models.open_console", lambda: Console(width=80, force_terminal=False)
    )
    assert run(["models"]) == 0
    shown = capsys.readouterr().out
    table = shown.split("Errors on")[0]
    assert max(map(len, table.splitlines())) <= 80
    assert shipped_error() in table and "…" not in table and "co2_uptake_0.15bar_" in table


def test_an_import_wants_the_suffix_that_the_shelf_knows(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert imported(tmp_path, "x.pth.tar", "-o", str(tmp_path / "x.pt")) == 65
    assert ".safetensors" in capsys.readouterr().err
