"""Proposals of a search: within the ranges, the same each time, and they learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from screenkit.learn.propose import Range, SearchSettings, Trial, propose

RANGES = {
    "fit.learning_rate": Range(low=1e-4, high=1e-2, log=True),
    "network.layers": Range(low=1, high=4, whole=True),
    "network.width": (32, 64),
}


def search(settings: SearchSettings, count: int) -> list[Trial]:
    """Try settings whose best learning rate is 1e-3."""
    trials: list[Trial] = []
    for number in range(count):
        values = propose(settings, number, trials)
        error = abs(math.log10(values["fit.learning_rate"]) + 3) + 0.1 * values["network.layers"]
        trials.append(Trial(number, values, error))
    return trials


def test_proposals_lie_in_their_ranges():
    for trial in search(SearchSettings(ranges=RANGES), 15):
        assert 1e-4 <= trial.values["fit.learning_rate"] <= 1e-2
        assert trial.values["network.layers"] in (1, 2, 3, 4)
        assert isinstance(trial.values["network.layers"], int)
        assert trial.values["network.width"] in (32, 64)


def test_the_same_search_proposes_the_same_and_another_seed_does_not():
    first, again = (search(SearchSettings(ranges=RANGES), 13) for _ in range(2))
    assert [trial.values for trial in first] == [trial.values for trial in again]
    other = search(SearchSettings(ranges=RANGES, seed=1), 2)
    assert other[0].values != first[0].values
    assert first[0].values != first[1].values


def test_proposals_learn_from_the_trials_before():
    trials = search(SearchSettings(ranges=RANGES), 40)
    errors = [trial.valid_error for trial in trials]
    assert np.mean(errors[20:]) < 0.8 * np.mean(errors[:10])


def test_a_trial_that_came_to_nothing_stops_no_search():
    past = [Trial(0, propose(SearchSettings(ranges=RANGES), 0, []), math.inf)]
    assert set(propose(SearchSettings(ranges=RANGES), 1, past)) == set(RANGES)


@pytest.mark.parametrize(
    "ranges",
    [
        {"fit.seed": [0, 1]},
        {"fit.test_fraction": {"low": 0.1, "high": 0.2}},
        {"checks.max_atoms": [1, 2]},
        {"network.width": []},
        {"fit.learning_rate": {"low": 2.0, "high": 1.0}},
        {"fit.learning_rate": {"low": 0.0, "high": 1.0, "log": True}},
        {"network.width": {"low": 0.5, "high": 2, "whole": True}},
    ],
)
def test_what_decides_the_split_or_makes_no_sense_cannot_be_searched(ranges):
    with pytest.raises(ValidationError):
        SearchSettings.model_validate({"ranges": ranges})
