"""Several models as one: what they predict together, and what may be together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from screenkit.crystal.neighbors import find_neighbors
from screenkit.errors import CheckpointError
from screenkit.graph.batch import collate
from screenkit.graph.build import build_graph
from screenkit.models.checkpoint import Checkpoint, combine
from screenkit.models.knagcn import KNagcnSettings
from tests.crystals import random_crystal
from tests.models.tiny import tiny_checkpoint, write_tiny


def batch_of(checkpoint, *seeds):
    settings = checkpoint.graph
    crystals = [random_crystal(seed) for seed in seeds]
    return collate(
        [build_graph(c, find_neighbors(c, settings.k, settings.ties), settings) for c in crystals]
    )


def said(checkpoint, batch):
    with torch.no_grad():
        return checkpoint.judge(checkpoint.build().each(batch)[0].numpy())


@pytest.fixture
def members():
    shifted = replace(
        tiny_checkpoint(1), means=np.array([3.0, 10.0]), deviations=np.array([2.0, 4.0])
    )
    return [tiny_checkpoint(0), shifted, tiny_checkpoint(2)]


def test_the_prediction_is_the_mean_of_the_members_in_the_unit_and_the_spread_their_deviation(
    members, tmp_path
):
    batch = batch_of(members[0], 0, 1, 2)
    apart = np.stack([said(one, batch)[0] for one in members])
    assert said(members[0], batch)[1] is None
    path = tmp_path / "all.safetensors"
    path.write_bytes(combine(members, tmp_path).to_bytes())
    values, spreads = said(Checkpoint.load(path), batch)
    np.testing.assert_allclose(values, apart.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(spreads, apart.std(axis=0, ddof=1), rtol=1e-4)


def test_of_a_logarithm_the_mean_is_of_values_and_of_a_class_of_probabilities():
    log, kind = (
        tiny_checkpoint().targets[0].model_copy(update=change)
        for change in ({"transform": "log10"}, {"class_if": ">5"})
    )
    two = replace(tiny_checkpoint(), targets=(log, kind), means=np.zeros(2), deviations=np.ones(2))
    outputs = np.array([[[1.0, 0.0], [3.0, 4.0]]])
    values, _ = two.judge(outputs)
    assert values[0, 0] == pytest.approx((10 + 1000) / 2)
    assert values[0, 1] == pytest.approx((0.5 + 1 / (1 + np.exp(-4.0))) / 2)


def test_the_embedding_is_that_of_the_first_and_weights_of_atoms_fit_the_mean_output(members):
    batch = batch_of(members[0], 0, 1)
    network = combine(members, "here").build()
    with torch.no_grad():
        assert torch.equal(network.embed(batch), members[0].build().embed(batch))
        standardised = network(batch).numpy()
    together = standardised * members[0].deviations + members[0].means
    apart = [said(one, batch)[0] for one in members]
    np.testing.assert_allclose(together, np.mean(apart, axis=0), rtol=1e-5)
    assert network.atom_weights(batch).shape == (len(batch.species), 2)


def test_a_folder_is_the_same_whatever_its_files_are_called(tmp_path):
    for name, order in (("a", (0, 1, 2)), ("b", (2, 0, 1))):
        (tmp_path / name).mkdir()
        for place, seed in enumerate(order):
            write_tiny(tmp_path, seed).rename(tmp_path / name / f"{place}.safetensors")
    one, other = Checkpoint.load(tmp_path / "a"), Checkpoint.load(tmp_path / "b")
    assert one.digest == other.digest and len(one.digest) == 64
    assert one.to_bytes() == other.to_bytes()
    assert len(one.members) == 3


def test_a_folder_of_a_training_is_its_model(tmp_path):
    write_tiny(tmp_path).rename(tmp_path / "checkpoint.safetensors")
    write_tiny(tmp_path, 1).rename(tmp_path / "fit.safetensors")
    alone = Checkpoint.load(tmp_path)
    assert len(alone.members) == 1
    assert alone.digest == Checkpoint.load(tmp_path / "checkpoint.safetensors").digest


def test_models_of_two_kinds_are_refused(tmp_path):
    other = tiny_checkpoint(1)
    renamed = other.targets[0].model_copy(update={"name": "selectivity"})
    strange = replace(other, targets=(renamed, other.targets[1]))
    with pytest.raises(CheckpointError, match=r"one has targets uptake, heat, another selectivity"):
        combine([tiny_checkpoint(), strange], tmp_path)
    wide = KNagcnSettings(k=6, width=16, edge_width=4, layers=2, head_width=8)
    with pytest.raises(CheckpointError, match=r"one has settings k=6 width=8"):
        combine([tiny_checkpoint(), replace(other, settings=wide)], tmp_path)


def test_an_empty_folder_and_the_same_model_twice_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"has no .safetensors file"):
        Checkpoint.load(tmp_path)
    path = write_tiny(tmp_path)
    (tmp_path / "again.safetensors").write_bytes(path.read_bytes())
    with pytest.raises(CheckpointError, match="the same model twice"):
        Checkpoint.load(tmp_path)
