"""Lessons: they are done once, and answer for whom they were asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import lessons
from benchmarks.figures import mean_and_spread, overall_error, written
from benchmarks.lessons import Sides, Task, teach, teach_all, truth_of
from screenkit.errors import MismatchError
from screenkit.flows.lesson import split_once
from tests.benchmarks.conftest import SMALL, few_trees


def task(school, tested: bool = True, **changes) -> Task:
    recipe = school.recipe.vary({key.replace("_", ".", 1): v for key, v in changes.items()})
    material = school.stock.material(recipe)
    sides = Sides.of(material, split_once(material, school.recipe), tested)
    return Task("one", school.stock, recipe, sides)


def test_a_lesson_that_is_done_is_not_done_again(school, tmp_path, monkeypatch):
    one = task(school)
    (first,) = teach_all([one], tmp_path)
    monkeypatch.setattr(lessons, "_learn", None)
    (again,) = teach_all([one], tmp_path)
    assert np.array_equal(first.said, again.said)
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]


def test_a_lesson_that_was_stopped_ends_as_one_that_was_not(school, tmp_path, monkeypatch):
    whole = teach(task(school), tmp_path / "whole")
    kept = lessons.replace_bytes

    class Stopped(Exception):
        pass

    def stop(path, data):
        raise Stopped

    monkeypatch.setattr(lessons, "replace_bytes", stop)
    with pytest.raises(Stopped):
        teach(task(school), tmp_path / "parts")
    assert list((tmp_path / "parts").glob("*/fit.safetensors"))
    monkeypatch.setattr(lessons, "replace_bytes", kept)
    again = teach(task(school), tmp_path / "parts")
    assert np.array_equal(again.said, whole.said)


def test_lessons_that_differ_are_kept_apart(school, tmp_path):
    one = task(school)
    others = [
        one,
        task(school, fit_seed=1),
        task(school, fit_epochs=3),
        task(school, network_width=4),
        task(school, tested=False),
        replace(one, distances=True),
        replace(one, sides=replace(one.sides, train=one.sides.train[:-1])),
    ]
    assert len({other.path(tmp_path) for other in others}) == len(others)
    assert replace(one, name="another").path(tmp_path) == one.path(tmp_path)


def test_who_is_asked_answers_and_nobody_else(school, tmp_path):
    tested, judged = task(school), task(school, tested=False)
    assert not set(tested.sides.asked) & {*tested.sides.train, *tested.sides.valid}
    assert teach(tested, tmp_path).names.tolist() == list(tested.sides.asked)
    assert teach(judged, tmp_path).names.tolist() == list(judged.sides.valid)


def test_the_error_over_all_targets_is_the_one_that_epochs_are_chosen_by(school, tmp_path):
    one = task(school, tested=False)
    answers = teach(one, tmp_path)
    truth, density = truth_of(school.stock.material(one.recipe), answers.names)
    assert len(density) == len(answers.names)
    targets = one.recipe.labels.targets
    error = overall_error(truth, answers.said, targets, answers.deviations)
    assert error == pytest.approx(answers.valid_error, rel=1e-5)


def test_large_structures_can_be_left_out_and_few_be_drawn(school):
    stock = replace(school.stock, atoms_at_most=SMALL)
    names = stock.material(school.recipe).graphs.names
    assert [int(name[1:]) % 2 for name in names] == [1] * 12
    drawn = replace(stock, structures=5).material(school.recipe)
    assert len(drawn.graphs.names) == 5 and set(drawn.graphs.names) <= set(names)
    assert drawn.labels.names == tuple(drawn.graphs.names)


def test_trees_learn_from_the_graphs_of_a_network(school, tmp_path):
    trees = few_trees(school.recipe, ["density"])
    answers = teach(replace(task(school), recipe=trees), tmp_path)
    assert np.isfinite(answers.said).all() and answers.best_epoch <= 5


def test_graphs_that_are_not_there_are_refused(school):
    other = school.recipe.vary({"network.features": ["composition"]})
    assert "composition" in school.stock.misfit(other)
    with pytest.raises(MismatchError, match="composition"):
        school.stock.refuse(other)
    assert school.stock.misfit(school.recipe) == ""


@pytest.mark.slow
def test_two_at_once_say_what_one_after_the_other_says(school, tmp_path):
    tasks = [task(school, fit_seed=seed) for seed in range(2)]
    alone, together = teach_all(tasks, tmp_path / "1"), teach_all(tasks, tmp_path / "2", jobs=2)
    for one, other in zip(alone, together, strict=True):
        assert np.allclose(one.said, other.said)


def test_spread_is_that_of_a_sample():
    assert mean_and_spread([1.0, 3.0]) == {"mean": 2.0, "spread": pytest.approx(2**0.5)}
    assert mean_and_spread([1.0, np.nan]) == {"mean": 1.0}
    assert written(mean_and_spread([1.0, 3.0]), 2) == "2.00 ± 1.41"
    assert written({}) == "–"
