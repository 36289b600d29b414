"""What a calibration says: its intervals, its way through a file, its sum over members."""

from __future__ import annotations

import json

import numpy as np
import pytest

from screenkit.models.calibration import Calibration, joint, names_digest
from screenkit.models.intervals import coverage
from screenkit.models.target import Target

UPTAKE, HENRY = Target(name="uptake", unit="mol/kg"), Target(name="kh", transform="log10")
METAL = Target(name="is_metal", class_if="<=0")


def drawn(n: int, seed: int, targets: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and labels; errors grow with the prediction."""
    random = np.random.default_rng(seed)
    said = random.uniform(1.0, 10.0, (n, targets))
    return said, said + 0.1 * said * random.standard_normal((n, targets))


def calibration(n: int = 600, seed: int = 0, **changes) -> Calibration:
    said, labels = drawn(n, seed)
    parts = {
        "predictions": said,
        "labels": labels,
        "spreads": None,
        "groups": np.arange(n, dtype=np.int32),
        "structures": names_digest([str(i) for i in range(n)]),
        "split": "a test",
    }
    return Calibration(**(parts | changes))


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_intervals_hold_as_often_as_they_say_and_not_less_for_small_or_large_values(level: float):
    held, ends = [], {"small": [], "large": []}
    for seed in range(20):
        said, labels = drawn(2000, 1000 + seed)
        low, high = calibration(seed=seed).bounds(0, UPTAKE, said[:, 0], None, level)
        held.append(coverage(labels[:, 0], low, high))
        for end, here in (("small", said[:, 0] < 2), ("large", said[:, 0] > 9)):
            ends[end].append(coverage(labels[here, 0], low[here], high[here]))
    assert np.mean(held) == pytest.approx(level, abs=0.02)
    # Means over a hundred neighbours and the floor are too careful with the very small.
    assert level - 0.03 < np.mean(ends["small"]) < 1
    assert np.mean(ends["large"]) == pytest.approx(level, abs=0.08)


def test_an_interval_of_a_logarithm_is_a_factor_and_never_negative():
    random = np.random.default_rng(0)
    said = 10.0 ** random.uniform(-6, -3, (500, 1))
    known = calibration(
        500, predictions=said, labels=said * 10.0 ** (0.5 * random.standard_normal((500, 1)))
    )
    low, high = known.bounds(0, HENRY, np.array([1e-5]), None, 0.9)
    assert low[0] * high[0] == pytest.approx(1e-10)
    assert 0 < low[0] < 1e-5 < high[0]


def test_where_members_disagree_more_the_interval_is_wider():
    random = np.random.default_rng(5)
    spread = random.uniform(0.1, 2.0, (600, 1))
    said = np.zeros((600, 1))
    known = calibration(
        predictions=said, labels=spread * random.standard_normal((600, 1)), spreads=spread
    )
    low, high = known.bounds(0, UPTAKE, np.zeros(2), np.array([0.2, 1.8]), 0.9)
    assert high[1] - low[1] > 3 * (high[0] - low[0])


def test_too_few_structures_promise_nothing_and_a_class_has_no_interval():
    few = calibration(8)
    low, high = few.bounds(0, UPTAKE, np.ones(1), None, 0.9)
    assert low[0] == -np.inf and high[0] == np.inf
    low, high = few.bounds(0, METAL, np.ones(1), None, 0.9)
    assert np.isnan(low[0]) and np.isnan(high[0])
    unlabelled = calibration(8, labels=np.full((8, 1), np.nan))
    assert np.isnan(unlabelled.bounds(0, UPTAKE, np.ones(1), None, 0.9)[0][0])


def test_the_mean_of_members_is_calibrated_by_the_mean_of_what_they_said():
    one, other = calibration(), calibration(predictions=drawn(600, 0)[0] + 0.5)
    both = joint([one, other])
    assert both is not None and both.spreads is not None
    np.testing.assert_allclose(both.predictions, one.predictions + 0.25)
    np.testing.assert_allclose(both.spreads, np.sqrt(0.125))


@pytest.mark.parametrize(
    "changes", [{"structures": "others"}, {"labels": drawn(600, 9)[1]}], ids=["names", "labels"]
)
def test_members_that_were_calibrated_on_other_structures_have_no_joint_calibration(changes):
    assert joint([calibration(), calibration(**changes)]) is None
    assert joint([calibration(), None]) is None


def test_what_is_told_is_json_and_leaves_out_what_has_no_label():
    said, labels = drawn(50, 2, 2)
    labels[3, 0] = np.nan
    labels[:, 1] = labels[:, 1] > 5
    known = calibration(50, predictions=said, labels=labels)
    told = json.loads(json.dumps(known.told((UPTAKE, METAL), 0.8), allow_nan=False))
    uptake, metal = told["targets"]["uptake"], told["targets"]["is_metal"]
    assert {len(uptake[key]) for key in ("prediction", "label", "group", "low", "high")} == {49}
    assert told["level"] == 0.8 and "low" not in metal and metal["is_class"]
    inside = np.mean(
        [
            a <= b <= c
            for a, b, c in zip(*(uptake[k] for k in ("low", "label", "high")), strict=True)
        ]
    )
    assert 0.8 <= inside <= 0.85


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        calibration(predictions=np.zeros((3, 1)))
    with pytest.raises(ValueError, match="600 calibration structures have 3 groups"):
        calibration(groups=np.zeros(3, np.int32))
