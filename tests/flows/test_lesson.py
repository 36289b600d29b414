"""A lesson: which trainings may go on from the state of another."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from screenkit.flows.lesson import Lesson
from screenkit.learn.split import Split
from screenkit.recipe import Recipe

SPLIT = Split(train=np.array([0, 1]), valid=np.array([2]), test=np.array([3]))


def stamp(**fit: object) -> str:
    recipe = Recipe.model_validate({"model": "pore", "fit": fit})
    return Lesson(SimpleNamespace(digest="graphs"), SPLIT, recipe).stamp


def test_a_training_in_steps_may_be_prolonged():
    assert stamp(epochs=10) == stamp(epochs=20)
    assert stamp(epochs=10) != stamp(epochs=10, learning_rate=1e-3)


def test_one_whose_learning_rate_hangs_on_the_number_of_epochs_may_not():
    assert stamp(epochs=10, schedule="cosine") != stamp(epochs=20, schedule="cosine")


@pytest.mark.parametrize("change", [{"loss": "absolute"}, {"schedule": "cosine"}])
def test_what_is_made_small_and_how_makes_another_training(change):
    assert stamp(**change) != stamp()
