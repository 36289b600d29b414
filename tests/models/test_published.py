"""The published CGCNN weights: the official program's own predictions, and files that harm."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from screenkit.crystal.cif import read_cif
from screenkit.crystal.neighbors import find_neighbors
from screenkit.errors import CheckpointError
from screenkit.graph.batch import GraphBatch, collate
from screenkit.graph.build import build_graph
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.contract import Model
from screenkit.models.published import read_published
from tests.models.official import official_file, official_state, write_atom_features

EIGHT = {
    "band-gap": ("band_gap", "eV"),
    "bulk-moduli": ("log10_bulk_modulus", "log10(GPa)"),
    "efermi": ("fermi_energy", "eV"),
    "final-energy-per-atom": ("final_energy", "eV/atom"),
    "formation-energy-per-atom": ("formation_energy", "eV/atom"),
    "poisson-ratio": ("poisson_ratio", ""),
    "semi-metal-classification": ("is_metal", ""),
    "shear-moduli": ("log10_shear_modulus", "log10(GPa)"),
}


@pytest.fixture
def features(tmp_path) -> Path:
    return write_atom_features(tmp_path)


def crystals(data: Path):
    """Return set, name and crystal of the structures that the official program has predicted."""
    with tarfile.open(data / "cgcnn" / "structures.tar.xz") as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is not None:
                folder, _, name = member.name.removesuffix(".cif").rpartition("/")
                yield folder, name, read_cif(file.read(), name)


@pytest.mark.parametrize(
    "stem",
    [  # one of each kind, and the rest
        pytest.param(
            stem,
            marks=() if stem in ("band-gap", "semi-metal-classification") else pytest.mark.slow,
        )
        for stem in sorted(EIGHT)
    ],
)
def test_the_official_predictions_come_out(data, stem, tmp_path):
    source = data / "cgcnn"
    path = tmp_path / "imported.safetensors"
    imported = read_published(
        source / "weights" / f"{stem}.pth.tar", source / "atom_init.json"
    ).to_bytes()
    path.write_bytes(imported)
    checkpoint = Checkpoint.load(path)
    assert (checkpoint.targets[0].name, checkpoint.targets[0].unit) == EIGHT[stem]
    assert "txie-93/cgcnn, MIT" in checkpoint.record["source"]
    network = checkpoint.build()
    counted = 96_641 if stem != "semi-metal-classification" else 96_674 - 33
    assert sum(p.numel() for p in network.parameters()) == counted
    official = predictions(data)
    lists = np.load(source / "published_graphs.npz")
    keys = {key.split("/")[-2]: key.rpartition("/")[0] for key in lists.files}
    far = {}
    for folder, name, given in crystals(data):
        row = official.pop((folder, name))
        wanted, spread = float(row[stem]), float(row[f"{stem}_tie_sensitivity"])
        found = find_neighbors(given, checkpoint.graph.k, checkpoint.graph.ties)
        batch = collate([build_graph(given, found, checkpoint.graph)])
        far[name] = abs(predicted(checkpoint, network, batch) - wanted) / max(1e-5, 2 * spread)
        theirs = dataclasses.replace(
            batch,
            species=torch.from_numpy(lists[f"{keys[name]}/z"].astype(np.int64)),
            neighbors=torch.from_numpy(lists[f"{keys[name]}/idx"].astype(np.int64)),
            distances=torch.from_numpy(lists[f"{keys[name]}/dist"].astype(np.float32)),
        )
        assert abs(predicted(checkpoint, network, theirs) - wanted) < 1e-5, name
    assert not official
    assert {name: times for name, times in far.items() if times > 1} == {}


def predictions(data: Path) -> dict[tuple[str, str], dict[str, str]]:
    """Return what the official program predicts, by set and name."""
    with (data / "cgcnn" / "published_predictions.csv").open(newline="") as file:
        return {(row["set"], row["id"]): row for row in csv.DictReader(file)}


def predicted(checkpoint: Checkpoint, network: Model, batch: GraphBatch) -> float:
    with torch.inference_mode():
        return float(checkpoint.restore(network(batch).numpy())[0, 0])


def test_the_official_neighbour_lists_come_out_ties_and_all(data):
    """In their order, which the last bits of float64 decide."""
    official = np.load(data / "cgcnn" / "published_graphs.npz")
    keys = {key.split("/")[-2]: key.rpartition("/")[0] for key in official.files}
    for _, name, given in crystals(data):
        part = {
            field: official[f"{keys[name]}/{field}"]
            for field in ("z", "idx", "dist", "lattice", "frac")
        }
        apart = part["frac"][:, None] - given.fractional
        apart = np.linalg.norm((apart - np.round(apart)) @ part["lattice"], axis=2)
        ours = apart.argmin(axis=1)
        assert sorted(ours) == list(range(len(given)))
        assert (given.numbers[ours] == part["z"]).all()
        assert apart.min(axis=1).max() < 1e-13, name
        found = find_neighbors(given, 12, "published")
        np.testing.assert_allclose(found.distances[ours], part["dist"], atol=1e-13)
        assert (found.indices[ours] == ours[part["idx"]]).all(), name


def test_a_file_of_ones_own_training_is_named_after_itself(tmp_path, features):
    checkpoint = read_published(official_file(tmp_path, "my run.pth.tar"), features)
    assert checkpoint.targets[0].name == "my_run"
    assert checkpoint.settings.head_layers == 2
    assert (checkpoint.means.item(), checkpoint.deviations.item()) == (-1.5, 2.0)
    assert "source" not in checkpoint.record


def test_two_classes_become_one_logit(tmp_path, features):
    state = official_state(outputs=2)
    path = official_file(
        tmp_path, state_dict=state, args={"task": "classification"}, normalizer=None
    )
    checkpoint = read_published(path, features)
    assert checkpoint.targets[0].is_class and checkpoint.settings.dropout == 0.5
    difference = state["fc_out.weight"][1] - state["fc_out.weight"][0]
    torch.testing.assert_close(checkpoint.weights["output.weight"][0], difference)
    logits = torch.tensor([[0.3, -1.1]])
    probability = torch.softmax(logits, 1)[0, 1].item()
    restored = checkpoint.restore((logits[:, 1:] - logits[:, :1]).numpy())
    assert restored[0, 0] == pytest.approx(probability)


def test_a_table_with_fewer_elements_knows_fewer(tmp_path, features):
    table = json.loads(features.read_text())
    features.write_text(json.dumps({z: table[z] for z in ("1", "6", "8")}))
    network = read_published(official_file(tmp_path), features).build()
    assert network.elements == {1, 6, 8}


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return (os.mkdir, (str(self.canary),))


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("place", ["state_dict", "args", "normalizer", "extra"])
def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(
    tmp_path, features, place, legacy
):
    canary = tmp_path / "canary"
    content = {"state_dict": official_state(), "args": {}, "normalizer": {}}
    content[place] = Bomb(canary)
    path = tmp_path / "band-gap.pth.tar"
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CheckpointError, match="without running code") as caught:
        read_published(path, features)
    assert "\n" not in caught.value.message
    assert not canary.exists()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
@pytest.mark.parametrize("legacy", [True, False])
def test_a_truncated_file_is_refused(tmp_path, features, share, legacy):
    path = tmp_path / "x.pth.tar"
    content = {"state_dict": official_state(), "args": {}, "normalizer": {"mean": 0.0, "std": 1.0}}
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CheckpointError) as caught:
        read_published(path, features)
    assert "\n" not in caught.value.message and str(path) in caught.value.message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state_dict": None}, "no state_dict"),
        ({"args": None}, "no state_dict and args"),
        ({"normalizer": None}, "no mean and std"),
        ({"normalizer": {"mean": 0.0, "std": 0.0}}, "std 0.0"),
        ({"normalizer": {"mean": float("nan"), "std": 1.0}}, "mean nan"),
        ({"state_dict": {"embedding.weight": "x"}}, "no tensor"),
        ({"state_dict": {}}, "embedding.weight is missing"),
        ({"state_dict": official_state(width=2000)}, "larger than"),
        (
            {"state_dict": official_state(outputs=3), "args": {"task": "classification"}},
            "3 classes",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_said(tmp_path, features, change, said):
    with pytest.raises(CheckpointError, match=said):
        read_published(official_file(tmp_path, **change), features)


@pytest.mark.parametrize("name", list(official_state(layers=1)))
def test_each_missing_weight_is_named(tmp_path, features, name):
    state = official_state(layers=1)
    del state[name]
    with pytest.raises(CheckpointError, match=r"missing|another"):
        read_published(official_file(tmp_path, state_dict=state), features)


def test_weights_that_are_not_finite_or_of_another_shape_are_refused(tmp_path, features):
    state = official_state()
    state["fc_out.bias"][0] = float("nan")
    with pytest.raises(CheckpointError, match=r"fc_out.bias holds a number that is not finite"):
        read_published(official_file(tmp_path, state_dict=state), features)
    state = official_state()
    state["convs.1.bn1.bias"] = torch.zeros(3)
    with pytest.raises(CheckpointError, match=r"convolutions.1.gate_norm.bias is \(3,\)"):
        read_published(official_file(tmp_path, state_dict=state), features)
    state = official_state()
    state["convs.1.fc_full.weight"] = torch.zeros(12, 90)
    with pytest.raises(CheckpointError, match=r"convs.1.fc_full.weight is"):
        read_published(official_file(tmp_path, state_dict=state), features)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "{", '{"1": [1, 0]}', '{"0": []}', '{"x": [1]}', '{"1": "row"}',
     '{"1": null}', "[" * 100_000, '{"1": [' + "NaN," * 91 + "1]}"],
    ids=range(11),
)  # fmt: skip
def test_a_table_of_atom_features_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "atom_init.json"
    path.write_text(text)
    with pytest.raises(CheckpointError, match="no table of atom features") as caught:
        read_published(official_file(tmp_path), path)
    assert "\n" not in caught.value.message


def test_missing_files_are_said(tmp_path, features):
    with pytest.raises(CheckpointError, match="cannot read"):
        read_published(tmp_path / "none.pth.tar", features)
    with pytest.raises(CheckpointError, match="No such file"):
        read_published(official_file(tmp_path), tmp_path / "none.json")


def test_a_zip_bomb_is_refused_unread(tmp_path, features):
    path = tmp_path / "bomb.pth.tar"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * (300 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(CheckpointError, match="300 MiB, more than 256"):
        read_published(path, features)


def test_a_tar_archive_and_one_of_our_own_files_are_refused(tmp_path, features):
    path = tmp_path / "x.pth.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(features, "storages")
    with pytest.raises(CheckpointError, match="no checkpoint of the CGCNN program"):
        read_published(path, features)
    path.write_bytes(read_published(official_file(tmp_path), features).to_bytes())
    with pytest.raises(CheckpointError, match="no checkpoint of the CGCNN program"):
        read_published(path, features)
