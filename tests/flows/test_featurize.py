"""Graphs that are built once, and trainings that read them in the place of CIFs."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from screenkit.crystal.checks import CheckSettings
from screenkit.crystal.library import Library
from screenkit.errors import (
    CheckpointError,
    MismatchError,
    ScreenkitError,
    SourceError,
    StorageError,
    UsageError,
)
from screenkit.flows.account import Counter
from screenkit.flows.featurize import featurize, graphs_for
from screenkit.flows.kept import Kept
from screenkit.flows.lesson import CHECKPOINT
from screenkit.flows.material import graph_settings, read_material
from screenkit.flows.train import train
from screenkit.graph.graph import Graph
from screenkit.learn.labels import Labels
from screenkit.recipe import Recipe
from screenkit.store.layout import GRAPHS
from screenkit.store.store import Store
from screenkit.tasks import featurize as tasks
from screenkit.track import Track
from tests.crystals import random_crystal, rock_salt, write_cif

CRYSTALS = 14
RECIPE = """
model: knagcn
network: {width: 8, edge_width: 4, layers: 1, head_width: 8}
fit: {epochs: 2, batch_size: 4, valid_fraction: 0.2, test_fraction: 0.2}
labels: {targets: [{name: zinc}]}
run: {executor: serial, shard_size: 5}
"""
CGCNN = RECIPE.replace("edge_width: 4, layers", "layers").replace("knagcn", "cgcnn")
WRITTEN = (CHECKPOINT, "test_predictions.csv", "failures.csv")


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crystals with a label; one that overlaps, one of an element that CGCNN does not know, one
    that is no CIF, one without a label."""
    folder = tmp_path_factory.mktemp("mixture")
    (folder / "cifs").mkdir()
    lines = ["name,zinc"]
    for seed in range(CRYSTALS):
        given = random_crystal(seed, atoms=6)
        write_cif(given, folder / f"cifs/c{seed:02}.cif")
        lines.append(f"c{seed:02},{(given.numbers == 30).mean():.3f}")
    og = replace(rock_salt(), numbers=np.where(rock_salt().numbers == 11, 118, 17))
    write_cif(og, folder / "cifs/og.cif")
    write_cif(rock_salt(1.2), folder / "cifs/crushed.cif")
    write_cif(rock_salt(), folder / "cifs/unlabelled.cif")
    (folder / "cifs/broken.cif").write_text("data_broken\nloop_\n_atom_site_label\n")
    (folder / "labels.csv").write_text("\n".join([*lines, "og,0.5", "crushed,0.5"]) + "\n")
    return folder


@pytest.fixture(scope="module")
def graphs(mixture: Path) -> Path:
    """Graphs for `RECIPE` and `CGCNN`."""
    recipe = Recipe.parse(RECIPE).override(models=["knagcn", "cgcnn"])
    return featurize([mixture / "cifs"], recipe, mixture / "graphs").output


def learn(mixture: Path, output: Path, text: str = RECIPE, graphs: Path | None = None, **options):
    recipe = Recipe.parse(text).override(**options)
    sources = [] if graphs else [mixture / "cifs"]
    return train(mixture / "labels.csv", sources, recipe, output, graphs=graphs)


def same(one: Path, other: Path, names=WRITTEN) -> None:
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_every_structure_has_a_row_and_those_that_are_ok_a_graph(mixture, graphs):
    store = Store.open(graphs, GRAPHS)
    assert store.names.tolist() == list(Library.open(mixture / "cifs").names)
    assert store.outcomes == {"ok": CRYSTALS + 2, "filtered": 1, "failed": 1}
    with (graphs / "failures.csv").open(newline="") as file:
        assert {row["name"] for row in csv.DictReader(file)} == {"crushed", "broken"}
    told = json.loads((graphs / "summary.json").read_text())
    assert told["structures"] == CRYSTALS + 4
    assert told["graphs_sha256"] == Kept.open(graphs).digest
    assert told["atoms"] == 6 * CRYSTALS + 2 * 8
    assert "have a graph" in (graphs / "report.html").read_text()


FRAMES = "{model: knagcn, network: {geometry: frame}}"
CELLS = "{model: aecgcnn, network: {cell: true, charges: true}}"
SEVERAL = ["knagcn", "cgcnn", "aecgcnn", "geocgnn"]


@pytest.fixture(scope="module")
def folders(mixture: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Graphs of all networks that look at twelve neighbours, some of them with more beside."""
    home = tmp_path_factory.mktemp("folders")
    recipes = {
        name: Recipe.parse(text).override(models=SEVERAL, executor="serial", shard_size=5)
        for name, text in {"frames": FRAMES, "cells": CELLS}.items()
    }
    sources = [mixture / "cifs"]
    return {name: featurize(sources, one, home / name).output for name, one in recipes.items()}


@pytest.mark.parametrize(
    ("folder", "text"),
    [
        *(("frames", text) for text in (FRAMES, "model: knagcn", "model: cgcnn")),
        *(("cells", text) for text in (CELLS, "model: aecgcnn", "model: geocgnn")),
    ],
)
def test_what_a_network_is_given_is_what_would_be_built_for_it(mixture, folders, folder, text):
    recipe = Recipe.parse(text)
    wanted = {
        row.name: graph
        for (documents) in Library.open(mixture / "cifs").deliver([(0, CRYSTALS + 4)])
        for row, graph in tasks.featurize(
            documents, CheckSettings(), graph_settings(recipe), {}, None
        )
        if graph is not None and row.name[0] == "c"
    }
    names = tuple(wanted)
    found = read_material(
        folders[folder], Labels(names, np.ones((len(names), 1)), names), recipe
    ).graphs
    assert found.names.tolist() == list(names)
    for graph in found:
        for field in fields(Graph):
            one, other = getattr(graph, field.name), getattr(wanted[graph.name], field.name)
            np.testing.assert_array_equal(one, other, err_msg=field.name)
            assert getattr(one, "dtype", None) == getattr(other, "dtype", None)


@pytest.mark.parametrize("text", [RECIPE, CGCNN], ids=["knagcn", "cgcnn"])
def test_a_training_from_graphs_is_that_from_cifs_to_the_last_bit(mixture, graphs, tmp_path, text):
    learn(mixture, tmp_path / "cifs", text)
    learn(mixture, tmp_path / "graphs", text, graphs)
    same(tmp_path / "cifs", tmp_path / "graphs")
    assert not (tmp_path / "graphs/graphs").exists()
    with (tmp_path / "graphs/failures.csv").open(newline="") as file:
        codes = {row["name"]: row["code"] for row in csv.DictReader(file)}
    assert codes.get("og") == ("element_unknown_to_model" if text == CGCNN else None)


@pytest.mark.slow
def test_folds_members_and_trials_read_the_same_graphs(mixture, graphs, tmp_path):
    several = {
        "folds": ("", {"folds": 2}, ("fold-01/" + CHECKPOINT, "folds.csv")),
        "ensemble": ("", {"ensemble": 2}, (CHECKPOINT,)),
        "search": (
            "search: {trials: 2, ranges: {fit.learning_rate: [1e-3, 1e-2]}}\n",
            {},
            ("trials.csv", CHECKPOINT),
        ),
    }
    for name, (more, options, files) in several.items():
        learn(mixture, tmp_path / name / "cifs", RECIPE + more, **options)
        learn(mixture, tmp_path / name / "graphs", RECIPE + more, graphs, **options)
        same(tmp_path / name / "cifs", tmp_path / name / "graphs", files)
        assert not list((tmp_path / name / "graphs").glob("graphs*/"))


def test_only_leaves_other_failures_unsaid(mixture, graphs, tmp_path):
    lines = (mixture / "labels.csv").read_text().splitlines()
    lines = [f"{line},{'set' if i == 0 else 'ab'[i == 3]}" for i, line in enumerate(lines)]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    recipe = Recipe.parse(RECIPE).override(only="set=a")
    train(tmp_path / "labels.csv", [mixture / "cifs"], recipe, tmp_path / "one")
    train(tmp_path / "labels.csv", [], recipe, tmp_path / "two", graphs=graphs)
    same(tmp_path / "one", tmp_path / "two")


def test_a_run_that_was_stopped_builds_what_is_missing_and_ends_the_same(mixture, tmp_path):
    recipe = Recipe.parse(RECIPE)

    class Stop(Track):
        def advance(self, structures: int, failed: int = 0) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        featurize([mixture / "cifs"], recipe, tmp_path / "run", Stop())
    with pytest.raises(SourceError, match="not complete"):
        Kept.open(tmp_path / "run")
    done = len(list((tmp_path / "run/shards").glob("*.h5")))
    assert done
    track = Counter(Track())
    first = featurize([mixture / "cifs"], recipe, tmp_path / "run", track)
    assert first.computed == CRYSTALS + 4 - 5 * done
    again = featurize([mixture / "cifs"], recipe, tmp_path / "run")
    assert (again.computed, again.digest) == (0, first.digest)
    anew = featurize([mixture / "cifs"], recipe, tmp_path / "anew")
    assert anew.digest == first.digest


def test_graphs_that_have_changed_are_noticed(mixture, tmp_path):
    recipe = Recipe.parse(RECIPE)
    cifs = tmp_path / "cifs"
    cifs.mkdir()
    for path in (mixture / "cifs").glob("c*.cif"):
        (cifs / path.name).write_bytes(path.read_bytes())
    featurize([cifs], recipe, tmp_path / "graphs")
    learn(mixture, tmp_path / "run", graphs=tmp_path / "graphs")
    write_cif(random_crystal(99, atoms=6), cifs / "c03.cif")
    for path in (tmp_path / "graphs/shards").glob("*.h5"):
        path.unlink()
    featurize([cifs], recipe, tmp_path / "graphs")
    with pytest.raises(MismatchError, match="holds other graphs than those"):
        learn(mixture, tmp_path / "run", graphs=tmp_path / "graphs")
    with pytest.raises(MismatchError, match="learns from the graphs of a folder"):
        learn(mixture, tmp_path / "run")


def test_a_training_that_built_its_own_graphs_goes_on_with_these(mixture, graphs, tmp_path):
    learn(mixture, tmp_path / "run")
    with pytest.raises(MismatchError, match="graphs that it has built itself"):
        learn(mixture, tmp_path / "run", graphs=graphs)
    # Another training may have them, too.
    learn(mixture, tmp_path / "other", graphs=tmp_path / "run/graphs")
    same(tmp_path / "run", tmp_path / "other")


@pytest.mark.slow
def test_a_run_that_is_killed_on_two_workers_ends_in_the_same_bytes(mixture, tmp_path):
    def start(output: str) -> subprocess.Popen[bytes]:
        words = ["featurize", str(mixture / "cifs"), "-o", str(tmp_path / output), "-q"]
        words += ["--executor", "dask", "--workers", "2", "--shard-size", "1"]
        return subprocess.Popen([sys.executable, "-m", "screenkit", *words], start_new_session=True)

    assert start("whole").wait(300) == 0
    victim = start("killed")
    deadline = time.monotonic() + 120
    while not list((tmp_path / "killed/shards").glob("*.h5")):
        assert victim.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    assert start("killed").wait(300) == 0
    shards = [f"shards/{path.name}" for path in (tmp_path / "whole/shards").iterdir()]
    assert len(shards) == CRYSTALS + 4
    same(tmp_path / "whole", tmp_path / "killed", [*shards, "failures.csv"])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{model: knagcn, network: {k: 8}}", "k 12 there, 8 wanted"),
        ("{model: knagcn, network: {geometry: frame}}", "no frames there"),
        ("{model: aecgcnn, network: {cell: true}}", "no features cell there"),
        (
            "{model: knagcn, checks: {min_distance: 0.9}}",
            "min_distance 0.8, and the recipe says 0.9",
        ),
        (
            "{model: knagcn, search: {trials: 2, ranges: {network.k: [12, 16]}}}",
            "k 12 there, 16 wanted",
        ),
    ],
)
def test_graphs_that_do_not_fit_are_refused_before_any_training(mixture, tmp_path, text, fault):
    kept = featurize(
        [mixture / "cifs"], Recipe.parse("{model: knagcn, run: {executor: serial}}"), tmp_path / "g"
    )
    with pytest.raises(MismatchError, match=fault):
        recipe = Recipe.parse(text + "\n" if text[0] != "{" else text).override(targets=["zinc"])
        train(mixture / "labels.csv", [], recipe, tmp_path / "run", graphs=kept.output)
    assert not list((tmp_path / "run").glob("trial-*"))


@pytest.mark.parametrize(
    ("options", "error", "fault"),
    [
        ({"models": ["knagcn", "icgcnn"]}, UsageError, "want different neighbours: k 12, 8 wanted"),
        ({"models": ["knagcn", "knagnc"]}, CheckpointError, "no model named 'knagnc'"),
        ({"k": 65}, UsageError, "--k: "),
        ({"models": ["knagcn", "trees"], "k": 12}, UsageError, "trees has no such setting"),
    ],
)
def test_what_one_folder_cannot_hold_is_refused(options, error, fault):
    with pytest.raises(error, match=fault):
        graphs_for(Recipe().override(**options))


def test_networks_of_different_k_share_a_folder_where_one_is_given():
    recipe = Recipe().override(models=["knagcn", "icgcnn"], k=16)
    assert graphs_for(recipe).k == 16


@pytest.mark.parametrize("given", ["none", "both", "ids", "empty", "damaged", "missing"])
def test_structures_come_from_one_place_that_is_whole(mixture, graphs, tmp_path, given):
    copy = tmp_path / "graphs"
    (copy / "shards").mkdir(parents=True)
    for path in (*graphs.glob("*.*"), *graphs.glob("shards/*")):
        (copy / path.relative_to(graphs)).write_bytes(path.read_bytes())
    shard = copy / "shards/000001.h5"
    sources, ids, folder = [], None, copy
    if given in ("none", "both"):
        sources, folder = ([], None) if given == "none" else ([mixture / "cifs"], copy)
    elif given == "ids":
        ids = mixture / "labels.csv"
    elif given == "empty":
        folder = mixture / "cifs"
    elif given == "damaged":
        shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    else:
        shard.unlink()
    wanted = {
        "none": (UsageError, "no structures"),
        "both": (UsageError, "both SOURCE and --graphs"),
        "ids": (UsageError, "--ids goes with SOURCE"),
        "empty": (SourceError, "holds no graphs"),
        "damaged": (StorageError, "is damaged"),
        "missing": (StorageError, "is missing"),
    }[given]
    with pytest.raises(ScreenkitError, match=wanted[1]) as caught:
        train(
            mixture / "labels.csv", sources, Recipe.parse(RECIPE), tmp_path / "run",
            ids=ids, graphs=folder,
        )  # fmt: skip
    assert isinstance(caught.value, wanted[0])


def test_features_that_cost_structures_are_refused_where_nobody_wants_them(mixture, tmp_path):
    text = "{model: trees, network: {features: [energies]}, run: {executor: serial}}"
    kept = featurize([mixture / "cifs"], Recipe.parse(text), tmp_path / "g")
    assert kept.codes.get("element_without_parameters") == 1  # og
    with pytest.raises(
        MismatchError,
        match=r"failed \(element_without_parameters\), maybe for the features energies",
    ):
        nearest = RECIPE.replace("{width", "{k: 1, width")
        learn(mixture, tmp_path / "run", nearest, kept.output)


def test_a_file_that_is_cut_while_it_is_read_is_an_error(mixture, tmp_path):
    kept = featurize([mixture / "cifs"], Recipe.parse(RECIPE), tmp_path / "g").output
    names = tuple(f"c{i:02}" for i in range(CRYSTALS))
    table = Labels(names, np.ones((CRYSTALS, 1)), names)
    found = read_material(kept, table, Recipe.parse(RECIPE)).graphs
    assert [len(graph) for graph in found[:3]] == [6, 6, 6]
    assert [graph.name for graph in found.take(np.array([4, 1]))] == ["c04", "c01"]
    for path in (kept / "shards").glob("*.h5"):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(StorageError, match="was cut while it was read"):
        found[CRYSTALS - 1]
