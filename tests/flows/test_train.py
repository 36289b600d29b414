"""Trainings of classes, folds, repeats, ensembles and searches, on a handful of salts."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from screenkit.crystal.library import Library
from screenkit.errors import LabelError, RecipeError, SourceError, UsageError
from screenkit.flows.folds import summary
from screenkit.flows.lesson import CHECKPOINT, STATE
from screenkit.flows.parts import RESULT
from screenkit.flows.screen import screen
from screenkit.flows.train import train
from screenkit.models.checkpoint import Checkpoint
from screenkit.recipe import Recipe
from screenkit.track import Track
from tests.crystals import rock_salt, write_cif

SALTS = 20
RECIPE = """
network: {k: 6, width: 8, edge_width: 4, layers: 1, head_width: 8}
fit: {epochs: 2, batch_size: 4, valid_fraction: 0.2, test_fraction: 0.2, learning_rate: 1e-2}
labels: {group_column: group, targets: [{name: edge, column: edge_A, unit: A}]}
run: {executor: serial}
"""
SEARCH = (
    RECIPE
    + """
search:
  trials: 3
  together: 2
  ranges: {fit.learning_rate: {low: 1e-3, high: 1e-1, log: true}, network.k: [4, 6]}
"""
)


@pytest.fixture(scope="module")
def salts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cells of rock salt; labels: their edge, in groups of two."""
    folder = tmp_path_factory.mktemp("salts")
    (folder / "cifs").mkdir()
    for i in range(SALTS):
        write_cif(rock_salt(5.0 + 0.1 * i), folder / "cifs" / f"s{i:02}.cif")
    write_labels(folder / "labels.csv", [5.0 + 0.1 * i for i in range(SALTS)])
    return folder


def write_labels(path: Path, edges: list[float]) -> Path:
    lines = [f"s{i:02},{edge:.2f},g{i // 2}" for i, edge in enumerate(edges)]
    path.write_text("\n".join(["name,edge_A,group", *lines]) + "\n")
    return path


def run(salts: Path, output: Path, text: str = RECIPE, track: Track | None = None, **options):
    recipe = Recipe.parse(text).override(**options)
    return train(salts / "labels.csv", [salts / "cifs"], recipe, output, track)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class Steps(Track):
    """Keeps what it is told of each step."""

    def __init__(self) -> None:
        self.steps: list[dict[str, float]] = []

    def epoch(self, values: dict[str, float]) -> None:
        self.steps.append(values)


def test_a_class_is_trained_scored_and_ranked_by_its_probability(salts, tmp_path):
    training = run(salts, tmp_path / "run", targets=["edge_A>5.95"], epochs=30)
    entry = training.metrics["test"]["edge_A"]
    assert entry["class_if"] == ">5.95"
    assert {"model", "share", "logistic_density"} <= set(entry)
    assert entry["model"]["roc_auc"] == 1.0  # the larger cells of one salt
    for row in table(tmp_path / "run/test_predictions.csv"):
        edge = 5.0 + 0.1 * int(row["name"][1:])
        assert float(row["edge_A"]) == (edge > 5.95)
        assert 0 <= float(row["edge_A_predicted"]) <= 1
    checkpoint = training.checkpoint
    assert (checkpoint.means.tolist(), checkpoint.deviations.tolist()) == ([0.0], [1.0])
    assert checkpoint.record["label_range"]["edge_A"] == [0.0, 1.0]
    model = Recipe(model=str(tmp_path / "run/checkpoint.safetensors")).override(executor="serial")
    ranked = screen([salts / "cifs"], model, tmp_path / "ranked")
    values = ranked.ranking.values("edge_A")
    assert (values >= 0).all() and (values <= 1).all()
    assert "ROC AUC" in (tmp_path / "ranked/report.html").read_text()


@pytest.mark.parametrize(("target", "which"), [("edge_A>99", "none"), ("edge_A>0", "all")])
def test_a_class_of_one_kind_is_refused(salts, tmp_path, target, which):
    with pytest.raises(LabelError, match=f"{which} of the .* are in the class"):
        run(salts, tmp_path / "run", targets=[target])


def test_only_leaves_the_rest_unread(salts, tmp_path):
    (tmp_path / "cifs").mkdir()
    for path in (salts / "cifs").iterdir():
        (tmp_path / "cifs" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "cifs/s18.cif").write_text("this is no CIF")
    lines = (salts / "labels.csv").read_text().splitlines()
    chosen = ["set", *("a" if i < 18 else "b" for i in range(SALTS))]
    text = "\n".join(f"{line},{word}" for line, word in zip(lines, chosen, strict=True))
    (tmp_path / "labels.csv").write_text(text + "\n")
    training = run(tmp_path, tmp_path / "run", only="set=a")
    assert sum(training.metrics["structures"].values()) == 18
    assert table(tmp_path / "run/failures.csv") == []


def test_a_library_without_any_of_the_names_is_refused(salts):
    with pytest.raises(SourceError, match="none of the 20 structures"):
        Library.open(salts / "cifs").keep({"other"})


@pytest.mark.slow
def test_folds_keep_each_structure_apart_once(salts, tmp_path):
    metrics = run(salts, tmp_path / "run", folds=3).metrics
    names = [
        row["name"]
        for fold in range(3)
        for row in table(tmp_path / f"run/fold-{fold:02}/test_predictions.csv")
    ]
    assert sorted(names) == [f"s{i:02}" for i in range(SALTS)]
    maes = [metrics["parts"][f"fold-{i:02}"]["test"]["edge"]["model"]["mae"] for i in range(3)]
    assert metrics["test"]["edge"]["model"]["mae"] == pytest.approx(np.mean(maes))
    assert metrics["deviation"]["edge"]["model"]["mae"] == pytest.approx(np.std(maes, ddof=1))
    assert metrics["test"]["edge"]["model"]["n"] == SALTS
    rows = table(tmp_path / "run/folds.csv")
    assert [row["model"] for row in rows] == ["model", "median", "linear_density"] * 3
    assert (tmp_path / "run/folds.png").read_bytes()[:4] == b"\x89PNG"
    assert not (tmp_path / "run/checkpoint.safetensors").exists()


def test_folds_that_are_done_are_not_done_again_and_others_go_on(salts, tmp_path):
    run(salts, tmp_path / "run", folds=3)
    before = (tmp_path / "run/folds.csv").read_bytes()
    track = Steps()
    run(salts, tmp_path / "run", track=track, folds=3)
    assert track.steps == []
    # As a kill would leave them: one fold without its result, one before its first epoch.
    (tmp_path / "run/fold-01" / RESULT).unlink()
    for name in (RESULT, STATE, "metrics.json"):
        (tmp_path / "run/fold-02" / name).unlink()
    run(salts, tmp_path / "run", track=track, folds=3)
    assert [step["fold"] for step in track.steps] == [1, 2]
    assert (tmp_path / "run/folds.csv").read_bytes() == before


def test_repeats_are_split_each_in_another_way(salts, tmp_path):
    run(salts, tmp_path / "run", repeats=2)
    tests = [
        {row["name"] for row in table(tmp_path / f"run/repeat-{i:02}/test_predictions.csv")}
        for i in range(2)
    ]
    assert tests[0] != tests[1]
    # The first is the plain training.
    run(salts, tmp_path / "plain")
    figures = [
        json.loads((tmp_path / folder / "metrics.json").read_text())["test"]
        for folder in ("plain", "run/repeat-00")
    ]
    assert figures[0] == figures[1]


def test_an_ensemble_is_the_mean_of_its_members_on_one_split(salts, tmp_path):
    metrics = run(salts, tmp_path / "run", ensemble=2).metrics
    members = [table(tmp_path / f"run/members/member-{i:02}/test_predictions.csv") for i in (0, 1)]
    assert [row["name"] for row in members[0]] == [row["name"] for row in members[1]]
    mean = table(tmp_path / "run/test_predictions.csv")
    for one, other, both in zip(*members, mean, strict=True):
        values = [float(row["edge_predicted"]) for row in (one, other, both)]
        assert values[0] != values[1]
        assert values[2] == pytest.approx((values[0] + values[1]) / 2, rel=1e-5)
    together = Checkpoint.load(tmp_path / "run/checkpoint.safetensors")
    assert len(together.members) == 2 and together.record["members"] == 2
    folder = Checkpoint.load(tmp_path / "run/members")
    assert folder.calibration is not None and together.calibration is not None
    np.testing.assert_allclose(folder.calibration.spreads, together.calibration.spreads)
    written = json.loads((tmp_path / "run/metrics.json").read_text())
    assert written["test"]["edge"]["model"] == metrics["test"]["edge"]["model"]


def test_a_search_keeps_the_trial_of_the_least_validation_error(salts, tmp_path):
    training = run(salts, tmp_path / "run", SEARCH)
    rows = table(tmp_path / "run/trials.csv")
    errors = [float(row["valid_error"]) for row in rows]
    best = training.metrics["best_trial"]
    assert best == int(np.argmin(errors))
    assert training.metrics["valid_error"] == pytest.approx(errors[best], rel=1e-5)
    assert str(training.checkpoint.graph.k) == rows[best]["network.k"]
    assert (tmp_path / "run/search.png").read_bytes()[:4] == b"\x89PNG"
    # The recipe of the best trial alone gives the same model.
    alone = run(salts, tmp_path / "alone", (tmp_path / "run/best.yaml").read_text())
    for name, tensor in training.checkpoint.weights.items():
        assert (np.asarray(tensor) == np.asarray(alone.checkpoint.weights[name])).all()


@pytest.mark.slow
def test_a_search_never_looks_at_the_test_set(salts, tmp_path):
    run(salts, tmp_path / "run", SEARCH)
    tested = {row["name"] for row in table(tmp_path / "run/test_predictions.csv")}
    for trial in range(3):
        found = {path.name for path in (tmp_path / f"run/trial-{trial:03}").iterdir()}
        assert found == {STATE, RESULT, "run.log"}
    # Other labels of the test set change nothing but its figures.
    edges = [5.0 + 0.1 * i + (i if f"s{i:02}" in tested else 0) for i in range(SALTS)]
    labels = write_labels(tmp_path / "labels.csv", edges)
    train(labels, [salts / "cifs"], Recipe.parse(SEARCH), tmp_path / "other")
    for name in ("trials.csv", "best.yaml"):
        assert (tmp_path / "other" / name).read_bytes() == (tmp_path / "run" / name).read_bytes()


@pytest.mark.slow
def test_a_search_goes_on_where_it_was_stopped(salts, tmp_path):
    class Stop(Track):
        def epoch(self, values):
            if values.get("trial") == 1:
                raise KeyboardInterrupt

    run(salts, tmp_path / "whole", SEARCH)
    with pytest.raises(KeyboardInterrupt):
        run(salts, tmp_path / "stopped", SEARCH, Stop())
    track = Steps()
    run(salts, tmp_path / "stopped", SEARCH, track)
    assert [step["trial"] for step in track.steps if "trial" in step] == [2]
    for name in ("trials.csv", "test_predictions.csv"):
        whole, stopped = ((tmp_path / run / name).read_bytes() for run in ("whole", "stopped"))
        assert whole == stopped


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("search: {trials: 2}", "no settings to search"),
        ("search: {trials: 2, ranges: {network.widht: [1, 2]}}", "widht"),
        ("search: {trials: 2, ranges: {fit.learning_rat: [1, 2]}}", "learning_rat"),
        ("search: {trials: 2, ranges: {fit.learning_rate: {low: -1, high: 1}}}", "greater than 0"),
        ("cross: {folds: 3, ensemble: 2}", "one of them at a time"),
        ("cross: {folds: 3}\nsearch: {trials: 2}", "one of them at a time"),
    ],
)
def test_what_cannot_be_asked_for_costs_no_work(salts, tmp_path, text, fault):
    with pytest.raises((UsageError, RecipeError), match=fault):
        run(salts, tmp_path / "run", RECIPE + text)
    assert not (tmp_path / "run/graphs").exists()


def test_two_targets_of_one_name_are_refused(salts, tmp_path):
    with pytest.raises(UsageError, match="two targets are called edge_A"):
        run(salts, tmp_path / "run", targets=["edge_A", "edge_A>5.95"])


def test_more_folds_than_groups_are_refused(salts, tmp_path):
    with pytest.raises(LabelError, match="10 groups give no 11 folds"):
        run(salts, tmp_path / "run", folds=11)


def test_means_and_deviations_leave_out_what_is_not_known():
    tests = [
        {"t": {"unit": "", "class_if": ">1", "model": {"n": 2, "roc_auc": value}}}
        for value in (0.5, None, 0.7)
    ]
    means, deviations = summary(tests)
    assert means["t"]["model"] == {"n": 6, "roc_auc": pytest.approx(0.6)}
    assert deviations["t"]["model"]["roc_auc"] == pytest.approx(np.sqrt(0.02))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "options", "first", "last", "files"),
    [
        (RECIPE, ["--folds", "3"], "fold-00", "fold-02", ["folds.csv", "fold-01/" + CHECKPOINT]),
        (SEARCH, [], "trial-000", "trial-002", ["trials.csv", "best.yaml", CHECKPOINT]),
    ],
    ids=["folds", "search"],
)
def test_several_trainings_killed_twice_end_in_the_same_bytes(
    salts, tmp_path, text, options, first, last, files
):
    """On two workers, killed as hard as can be."""
    text = text.replace("epochs: 2", "epochs: 12")
    (tmp_path / "recipe.yaml").write_text(text.replace("executor: serial", "workers: 2"))

    def start(output):
        command = [sys.executable, "-m", "screenkit", "train", str(salts / "labels.csv")]
        command += [str(salts / "cifs"), "--recipe", str(tmp_path / "recipe.yaml"), "-q"]
        command += ["-o", str(tmp_path / output), *options]
        return subprocess.Popen(command, start_new_session=True)

    assert start("whole").wait(300) == 0
    for name in (f"{first}/{STATE}", f"{last}/{STATE}"):
        victim = start("killed")
        deadline = time.monotonic() + 120
        while not (tmp_path / "killed" / name).exists():
            assert victim.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
    assert start("killed").wait(300) == 0
    for name in files:
        whole, killed = ((tmp_path / run / name).read_bytes() for run in ("whole", "killed"))
        assert whole == killed, name


def test_a_structure_of_an_unknown_element_fails_and_the_others_train(salts, tmp_path):
    given = rock_salt()
    numbers = np.where(given.numbers == 11, 118, given.numbers)
    write_cif(replace(given, name="og", numbers=numbers), tmp_path / "og.cif")
    labels = tmp_path / "labels.csv"
    labels.write_text((salts / "labels.csv").read_text() + "og,5.64,g99\n")
    recipe = Recipe.parse(RECIPE.replace("edge_width: 4, layers: 1, ", "layers: 1, ")).model_copy(
        update={"model": "cgcnn"}
    )
    training = train(labels, [salts / "cifs", tmp_path / "og.cif"], recipe, tmp_path / "run")
    assert sum(training.metrics["structures"].values()) == SALTS
    assert "element_unknown_to_model" in (tmp_path / "run" / "failures.csv").read_text()
