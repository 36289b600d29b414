"""`train --start`: a training that goes on from another network's weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from screenkit.errors import CheckpointError
from screenkit.flows.lesson import CHECKPOINT, STATE
from screenkit.flows.start import first_weights
from screenkit.flows.train import train
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.target import Target
from screenkit.recipe import Recipe
from tests.crystals import rock_salt, write_cif
from tests.models.tiny import SETTINGS, tiny_checkpoint, write_tiny

SALTS = 6
NOTHING_LEARNED = {"epochs": 1, "learning_rate": 1e-12}


@pytest.fixture(scope="module")
def salts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("salts")
    (folder / "cifs").mkdir()
    lines = ["name,uptake,edge"]
    for i in range(SALTS):
        write_cif(rock_salt(5.0 + 0.2 * i), folder / "cifs" / f"s{i}.cif")
        lines.append(f"s{i},{i % 3},{5.0 + 0.2 * i}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    write_tiny(folder)
    write_tiny(folder, seed=1)
    return folder


def trained(salts: Path, output: Path, start: str, *targets: str, **more: object) -> Checkpoint:
    said = {"model": "knagcn", "labels": {"targets": [{"name": name} for name in targets]}}
    said |= {"fit": {**NOTHING_LEARNED, "start": str(salts / start)}, "run": {"executor": "serial"}}
    said["fit"] |= {"valid_fraction": 0.2, "test_fraction": 0.2}
    recipe = Recipe.model_validate(said | more)
    return train(salts / "labels.csv", [salts / "cifs"], recipe, output).checkpoint


def taken_over(found: Checkpoint, start: Checkpoint) -> tuple[set[str], set[str]]:
    """Return which weights, norms aside, are those of the start, and which are not."""
    names = {k for k in found.weights if "norm" not in k and found.weights[k].is_floating_point()}
    same = {
        name
        for name in names
        if found.weights[name].shape == start.weights[name].shape
        and (found.weights[name] - start.weights[name]).abs().max() < 1e-9
    }
    return same, names - same


def test_with_other_targets_all_is_taken_over_but_the_last_layer(salts: Path, tmp_path: Path):
    found, start = trained(salts, tmp_path, "tiny-0.safetensors", "edge"), tiny_checkpoint()
    assert found.settings == SETTINGS
    same, other = taken_over(found, start)
    assert len(same) > 3
    assert {found.weights[name].shape[0] for name in other} == {1}
    assert {start.weights[name].shape[0] for name in other} == {2}


def test_with_the_same_targets_everything_is_taken_over():
    start = tiny_checkpoint()
    assert set(first_weights(start, SETTINGS, start.targets)) == set(start.weights)
    others = (Target(name="edge"), Target(name="other"))
    new = set(start.weights) - set(first_weights(start, SETTINGS, others))
    assert new
    assert all(start.weights[name].shape[0] == 2 for name in new)


def test_another_start_is_another_training(salts: Path, tmp_path: Path):
    first = trained(salts, tmp_path, "tiny-0.safetensors", "edge")
    state = (tmp_path / STATE).read_bytes()
    trained(salts, tmp_path, "tiny-0.safetensors", "edge")
    assert (tmp_path / STATE).read_bytes() == state
    second = trained(salts, tmp_path, "tiny-1.safetensors", "edge")
    assert (tmp_path / CHECKPOINT).exists()
    assert taken_over(second, tiny_checkpoint(1))[0] >= taken_over(first, tiny_checkpoint())[0]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"network": {"k": 6, "width": 16}}, "--start .* has width 8, and the recipe 16"),
        ({"model": "cgcnn"}, "is a knagcn, and this training is of a cgcnn"),
        ({"fit": {"start": "nobody"}}, "no checkpoint named 'nobody'"),
        ({"model": "trees", "fit": {"start": "trees"}}, "go on from nothing"),
    ],
)
def test_a_start_that_does_not_fit_is_one_line(salts: Path, tmp_path: Path, more: dict, words: str):
    with pytest.raises(CheckpointError, match=words):
        trained(salts, tmp_path / "run", "tiny-0.safetensors", "edge", **more)
    assert not (tmp_path / "run").exists()
