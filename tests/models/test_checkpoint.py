"""Checkpoints: what is refused, and how it is said."""

from __future__ import annotations

import json
import resource

import numpy as np
import pytest
import torch

from screenkit.errors import CheckpointError
from screenkit.graph.graph import GraphSettings
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.knagcn import KNagcn, KNagcnSettings
from screenkit.models.shelf import find_checkpoint, shipped
from screenkit.models.target import Target
from screenkit.models.weights_file import from_safetensors, to_safetensors

SETTINGS = KNagcnSettings(k=4, width=8, head_width=8)


def checkpoint(**changes) -> Checkpoint:
    parts = {
        "model": "knagcn",
        "settings": SETTINGS,
        "graph": KNagcn.graph_settings(SETTINGS),
        "targets": (Target(name="uptake", unit="mol/kg"), Target(name="kh", transform="log10")),
        "means": np.array([1.0, -4.0]),
        "deviations": np.array([2.0, 0.5]),
        "weights": KNagcn(SETTINGS, 2).state_dict(),
        "record": {},
    }
    return Checkpoint(**(parts | changes))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(checkpoint().to_bytes())
    return path


def rewrite(path, **changes):
    tensors, header = from_safetensors(path.read_bytes())
    path.write_bytes(to_safetensors(tensors, header | changes))


def test_predictions_come_back_in_the_targets_units():
    restored = checkpoint().restore(np.array([[0.0, 0.0], [1.0, 2.0]], dtype=np.float32))
    np.testing.assert_allclose(restored, [[1.0, 1e-4], [3.0, 1e-3]])


def test_graph_settings_other_than_the_models_are_refused_at_birth_and_from_a_file(path):
    with pytest.raises(CheckpointError, match="needs graphs of"):
        checkpoint(graph=GraphSettings(k=12, frames=True))
    rewrite(path, graph=GraphSettings(k=4, frames=True).model_dump())
    with pytest.raises(CheckpointError, match="needs graphs of"):
        Checkpoint.load(path)


def test_a_later_schema_is_refused_by_its_number(path):
    rewrite(path, schema_version=99)
    with pytest.raises(CheckpointError, match="schema 99"):
        Checkpoint.load(path)


@pytest.mark.parametrize(
    "change", [{"model": "no-such"}, {"settings": {"k": 4, "depth": 3}}, {"targets": "x"}]
)
def test_a_header_that_does_not_check_is_refused(path, change):
    rewrite(path, **change)
    with pytest.raises(CheckpointError):
        Checkpoint.load(path)


def test_weights_of_another_width_are_refused(path):
    rewrite(path, settings=SETTINGS.model_dump(mode="json") | {"width": 16})
    with pytest.raises(CheckpointError, match="do not fit"):
        Checkpoint.load(path).build()


@pytest.mark.parametrize("stop", [0, 4, 100, -1])
def test_a_truncated_file_is_refused(path, stop):
    path.write_bytes(path.read_bytes()[:stop])
    with pytest.raises(CheckpointError, match="damaged"):
        Checkpoint.load(path)


def test_a_flipped_bit_in_the_weights_is_found(path):
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        Checkpoint.load(path)


def test_a_pickle_is_refused_and_not_run(tmp_path):
    canary = tmp_path / "canary"

    class Bomb:
        def __reduce__(self):
            return (open, (str(canary), "w"))

    path = tmp_path / "model.pt"
    torch.save({"state_dict": Bomb()}, path)
    with pytest.raises(CheckpointError, match="not a screenkit checkpoint"):
        Checkpoint.load(path)
    assert not canary.exists()


def test_a_huge_header_length_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes((2**62).to_bytes(8, "little") + json.dumps({}).encode())
    with pytest.raises(CheckpointError):
        Checkpoint.load(path)


def test_a_missing_model_is_named_with_those_there_are(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint named 'knagnc'") as caught:
        find_checkpoint("knagnc")
    assert "knagcn" in caught.value.hint
    with pytest.raises(CheckpointError, match="no checkpoint file"):
        find_checkpoint(str(tmp_path / "model.safetensors"))


def test_every_shipped_checkpoint_loads_and_says_how_well_it_did():
    assert "knagcn" in shipped()
    for path in shipped().values():
        loaded = Checkpoint.load(path)
        loaded.build()
        for target in loaded.targets:
            figures = loaded.record["test"][target.name]
            assert figures["model"]["mae"] < figures["median"]["mae"]


def test_a_unit_at_the_end_of_a_column_moves_to_the_unit():
    target = Target.parse("co2_uptake_16bar_298K_mol_kg")
    assert (target.name, target.unit) == ("co2_uptake_16bar_298K", "mol/kg")
    assert target.column == "co2_uptake_16bar_298K_mol_kg"
    assert Target.parse("density_g_cm3:min").better == "min"


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_is_refused(path, number):
    tensors, header = from_safetensors(path.read_bytes())
    tensors["hidden.weight"][0, 0] = number
    path.write_bytes(to_safetensors(tensors, header))
    with pytest.raises(CheckpointError, match=r"hidden.weight holds a number that is not finite"):
        Checkpoint.load(path)


def test_missing_and_foreign_weights_are_named(path):
    tensors, header = from_safetensors(path.read_bytes())
    kept = {name: tensor for name, tensor in tensors.items() if name != "output.bias"}
    path.write_bytes(to_safetensors(kept, header))
    with pytest.raises(CheckpointError, match=r"1 missing, such as output.bias"):
        Checkpoint.load(path).build()
    path.write_bytes(to_safetensors({**tensors, "stranger": torch.zeros(1)}, header))
    with pytest.raises(CheckpointError, match="another network, such as stranger"):
        Checkpoint.load(path).build()


@pytest.mark.parametrize(
    "change",
    [
        {"settings": SETTINGS.model_dump(mode="json") | {"width": 10**9}},
        {"settings": SETTINGS.model_dump(mode="json") | {"k": -1}},
        {"settings": 7},
        {"graph": None},
        {"targets": []},
        {"targets": [{"name": "a"}, {"name": "a"}]},
        {"means": [0.0]},
        {"means": "zero"},
        {"deviations": [1.0, 0.0]},
        {"deviations": [1.0, None]},
        {"record": [1]},
        {"model": ["knagcn"]},
    ],
)
def test_a_header_out_of_range_is_one_clear_line(path, change):
    rewrite(path, **change)
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.load(path)
    assert "\n" not in caught.value.message


def test_settings_that_ask_for_gigabytes_are_refused_before_any_is_taken(path):
    huge = KNagcnSettings(k=64, width=1024, layers=16, head_width=1024)
    rewrite(
        path, settings=huge.model_dump(mode="json"), graph=KNagcn.graph_settings(huge).model_dump()
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match="do not fit"):
        Checkpoint.load(path).build()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB; 4.5 GiB


@pytest.mark.parametrize("name", ["pore", "knagcn", "cgcnn", "knagcn-h2", "trees"])
def test_what_comes_along_is_calibrated_small_and_held_on_its_test_split(name):
    path = shipped()[name]
    assert path.stat().st_size < 3_000_000
    found = Checkpoint.load(path)
    assert found.calibration is not None and len(found.calibration) > 600
    assert found.domain is not None and len(found.domain.points) == 1500
    for target in found.targets:
        interval = found.record["test"][target.name]["interval"]
        assert interval["level"] == 0.9 and 0.87 <= interval["coverage"] <= 0.93
