"""Weights of atoms: their promises, their units, and that a shard is safe to do again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from screenkit.crystal.checks import CheckSettings
from screenkit.crystal.library import Library
from screenkit.models.catalog import model_class
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.target import Target
from screenkit.plan import Shard
from screenkit.store.shard_file import read_shard, shard_path
from screenkit.tasks.explain import (
    Explained,
    ExplainTask,
    in_units,
    meaning,
    unpack_explained,
    weight_unit,
)
from screenkit.tasks.predict import PredictTask
from screenkit.tasks.predict_settings import PredictSettings
from tests.crystals import random_crystal, rock_salt, write_cif
from tests.models.tiny import tiny_checkpoint


def site_checkpoint() -> Checkpoint:
    """CGCNN with linear site pooling and its first, random weights."""
    kind = model_class("cgcnn")
    settings = kind.settings_class.model_validate({"pool": "site"})
    torch.manual_seed(0)
    return Checkpoint(
        model="cgcnn",
        settings=settings,
        graph=kind.graph_settings(settings),
        targets=(Target(name="energy", unit="eV/atom"), Target(name="gap", unit="eV")),
        means=np.array([-1.2, 1.5]),
        deviations=np.array([0.9, 1.1]),
        weights=kind(settings, 2).state_dict(),
        record={},
    )


def make_library(folder: Path) -> Library:
    """Four structures; one is no CIF and one has an overlap."""
    folder.mkdir()
    write_cif(rock_salt(), folder / "salt.cif")
    for seed in (0, 1, 2):
        write_cif(random_crystal(seed, atoms=8 + 6 * seed), folder / f"random-{seed}.cif")
    write_cif(rock_salt(1.1), folder / "crushed.cif")
    (folder / "broken.cif").write_text("data_broken\n")
    return Library.open(folder)


def explain_all(
    checkpoint: Checkpoint, folder: Path, batch_atoms: int = 30
) -> tuple[Path, list[Explained]]:
    """Run the task over one shard of all; return its file and what it explains."""
    library = make_library(folder / "cifs")
    path = folder / "model.safetensors"
    path.write_bytes(checkpoint.to_bytes())
    shard = Shard(0, 0, len(library))
    task = ExplainTask(
        PredictTask(
            folder / "shards",
            "stamp",
            path,
            Checkpoint.load(path).digest,
            CheckSettings(),
            PredictSettings(device="cpu", batch_atoms=batch_atoms),
        )
    )
    (documents,) = library.deliver([(0, len(library))])
    report = task(shard, documents)
    assert (report.structures, report.ok, report.filtered, report.failed) == (6, 4, 1, 1)
    file = shard_path(folder / "shards", shard)
    return file, list(unpack_explained(read_shard(file, shard, "stamp")))


def test_every_structure_has_a_row_and_every_ok_one_has_weights(tmp_path: Path):
    file, found = explain_all(tiny_checkpoint(), tmp_path)
    rows = read_shard(file, Shard(0, 0, 6), "stamp").rows()
    assert [row.name for row in rows if row.outcome == "ok"] == [one.crystal.name for one in found]
    for one in found:
        assert one.weights.shape == (len(one.crystal), 2)
        assert len(one.environments) == len(one.sites) == len(one.crystal)
    salt = found[-1]
    assert set(salt.environments) == {"Na-Cl6", "Cl-Na6"}


def test_the_mean_of_site_contributions_is_the_prediction(tmp_path: Path):
    file, found = explain_all(site_checkpoint(), tmp_path)
    rows = {row.name: row for row in read_shard(file, Shard(0, 0, 6), "stamp").rows()}
    assert len(found) == 4
    for one in found:
        # float32 has seven digits: the bound is 1e-6 of the number where that is above 1.
        for prediction in (one.prediction, rows[one.crystal.name].values):
            assert one.weights.mean(axis=0) == pytest.approx(prediction, rel=1e-6, abs=1e-6)


def test_gradient_weights_are_in_the_unit_of_the_target(tmp_path: Path):
    # Scaling the labels scales the weights: nothing else in the network changes.
    plain = tiny_checkpoint()
    (tmp_path / "a").mkdir()
    _, found = explain_all(plain, tmp_path / "a")
    (tmp_path / "b").mkdir()
    scaled = Checkpoint(
        plain.model, plain.settings, plain.graph, plain.targets, plain.means + 7.0,
        plain.deviations * 10, plain.weights, plain.record,
    )  # fmt: skip
    _, ten_times = explain_all(scaled, tmp_path / "b")
    for one, other in zip(found, ten_times, strict=True):
        assert other.weights == pytest.approx(10 * one.weights, rel=1e-9)


def test_a_shard_done_again_is_the_same_to_the_last_bit(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, _ = explain_all(tiny_checkpoint(), tmp_path / "a")
    again, _ = explain_all(tiny_checkpoint(), tmp_path / "b")
    assert first.read_bytes() == again.read_bytes()


def test_neighbours_in_the_batch_do_not_change_a_weight(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    _, alone = explain_all(tiny_checkpoint(), tmp_path / "a", batch_atoms=1)
    _, together = explain_all(tiny_checkpoint(), tmp_path / "b", batch_atoms=10_000)
    for one, other in zip(alone, together, strict=True):
        assert other.weights == pytest.approx(one.weights, abs=1e-5)


def test_shares_of_attention_stay_shares():
    shares = np.array([[0.25], [0.75]])
    checkpoint = tiny_checkpoint()
    assert in_units(shares, "attention", checkpoint).tolist() == shares.tolist()


@pytest.mark.parametrize(
    ("target", "kind", "unit"),
    [
        (Target(name="q", unit="mol/kg"), "site", "mol/kg"),
        (Target(name="q", unit="mol/kg"), "attention", ""),
        (Target(name="kh", unit="mol/(kg Pa)", transform="log10"), "site", "log10(mol/(kg Pa))"),
        (Target(name="gap", unit="eV", class_if=">0"), "gradient", "logit"),
    ],
)
def test_the_unit_is_that_of_what_the_network_learns(target: Target, kind, unit: str):
    assert weight_unit(target, kind) == unit
    if unit.startswith("log10"):
        assert "log10" in meaning(target, kind)
    if unit == "logit":
        assert "logit" in meaning(target, kind) and ">0" in meaning(target, kind)
