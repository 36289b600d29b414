"""Trials: one change each, judged on the validation side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import trials
from benchmarks.lessons import teach_all
from screenkit.errors import RecipeError
from screenkit.flows.lesson import split_once
from screenkit.recipe import Recipe
from tests.benchmarks.conftest import ROOT, section

FILE = """
trials:
  - {name: wide, change: {network.width: 16}}
  - {name: so is the base, change: {network.width: 8}}
  - {name: more neighbours, change: {network.k: 16}, graphs: k16}
  - {name: other numbers, change: {network.features: [composition]}}
  - {name: k-NAGCN, model: knagcn, change: {network.layers: 1}}
"""


def write(folder: Path, text: str = FILE) -> Path:
    path = folder / "trials.yaml"
    path.write_text(text)
    return path


def test_better_is_when_no_seed_is_as_bad_as_any_of_the_base():
    assert trials.verdict([0.1, 0.2], [0.3, 0.4]) == "better"
    assert trials.verdict([0.1, 0.3], [0.3, 0.4]) == "within"
    assert trials.verdict([0.5], [0.3, 0.4]) == "worse"


def test_every_trial_of_the_file_is_one_change_of_the_recipe():
    base = Recipe.load(ROOT / "recipes" / "train-pore-core2019.yaml")
    found = trials.read_trials(ROOT / "benchmarks" / "trials.yaml")
    for trial in found:
        assert trial.model or len(trial.change) == 1
        trials.changed(base, trial)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("trials: [{name: a, change: {network.widht: 3}}]", "widht"),
        ("trials: [{name: a, change: {fit.epochs: -1}}]", "fit.epochs"),
        ("trials: [{name: a, changes: {}}]", "did you mean"),
    ],
)
def test_what_cannot_be_tried_is_refused(school, tmp_path, text, fault):
    with pytest.raises(RecipeError) as raised:
        for trial in trials.read_trials(write(tmp_path, text)):
            trials.changed(school.recipe, trial)
    assert fault in str(raised.value) + str(raised.value.hint)


def test_two_trials_of_one_name_are_refused(tmp_path):
    with pytest.raises(ValueError, match="base"):
        trials.read_trials(write(tmp_path, "trials: [{name: base}]"))


def test_the_split_is_no_trial(school):
    trial = trials.Trial(name="easier", change={"labels.group_column": None})
    with pytest.raises(ValueError, match="neither"):
        trials.changed(school.recipe, trial)


def test_the_table_has_the_base_first_and_never_looks_at_the_test_side(
    school, tmp_path, monkeypatch, capsys
):
    asked = []

    def teach(tasks, keep, jobs):
        asked.extend(name for task in tasks for name in task.sides.asked)
        return teach_all(tasks, keep, jobs)

    monkeypatch.setattr(trials, "teach_all", teach)
    monkeypatch.setattr(trials, "TURN", 0.0)
    words = ["--recipe", str(school.folder / "recipe.yaml"), "--trials", str(write(tmp_path))]
    pages = school.run(trials, tmp_path, monkeypatch, *words, "--seeds", "2")
    head, *rows = section(pages["pore-trials.md"], "trials")
    names = [row[0].strip("*") for row in rows]
    assert names == ["base", "mean of the base's 2 seeds", "wide", "k-NAGCN"]
    assert {len(row) for row in rows} == {len(head)}
    material = school.stock.material(school.recipe)
    split = split_once(material, school.recipe)
    assert set(asked) == set(material.graphs.names[split.valid])
    (line,) = (tmp_path / "results" / "trials.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert told["machine"] and told["date"]
    assert all(row["ms per structure"]["median"] > 0 for row in told["trials"])
    told = capsys.readouterr().err
    assert "so is the base, left out" in told and "no --graphs k16=FOLDER" in told
    assert "other numbers: no features composition there, left out" in told
