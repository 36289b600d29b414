"""From outputs to rows: values, how sure, and what is kept of those that fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from screenkit.errors import Outcome
from screenkit.models.calibration import Calibration
from screenkit.models.checkpoint import combine
from screenkit.models.domain import Domain
from screenkit.store.layout import EMBEDDING
from screenkit.store.row import Row
from screenkit.tasks.judge import Seen, columns_of, judge
from tests.models.tiny import tiny_checkpoint


def sure(**changes):
    """A checkpoint whose error is always 1 for the first target, and 2 for the second."""
    random = np.random.default_rng(0)
    labels = random.uniform(0, 10, (99, 2))
    known = Calibration(
        predictions=labels + np.array([1.0, 2.0]),
        labels=labels,
        spreads=None,
        groups=np.arange(99, dtype=np.int32),
        structures="",
        split="",
    )
    cloud = random.standard_normal((50, 3)).astype(np.float32)
    parts = {"calibration": known, "domain": Domain.learn(cloud, cloud + 0.1)}
    return replace(tiny_checkpoint(), **(parts | changes))


def seen(*outputs: float, distance: float = 0.5) -> Seen:
    return Seen(
        np.array([[one, one] for one in outputs], np.float32), np.ones(3, np.float16), distance
    )


def names(checkpoint) -> list[str]:
    return [column["name"] for column in columns_of(checkpoint, 0.9)]


def test_each_target_has_its_interval_beside_it_and_marks_come_last():
    assert names(sure()) == [
        *("uptake", "uptake_low", "uptake_high", "heat", "heat_low", "heat_high"),
        *("ood_distance", "ood"),
    ]
    assert names(tiny_checkpoint()) == ["uptake", "heat"]
    pair = combine([tiny_checkpoint(0), tiny_checkpoint(1)], "here")
    assert names(pair) == ["uptake", "uptake_std", "heat", "heat_std"]


def test_a_class_has_a_probability_and_nothing_beside_it():
    target = tiny_checkpoint().targets[0].model_copy(update={"class_if": ">5"})
    checkpoint = sure(targets=(target, tiny_checkpoint().targets[1]))
    assert names(checkpoint)[:2] == ["uptake", "heat"]
    rows, _ = judge([Row("a")], [seen(0.0)], checkpoint, 0.9)
    assert rows[0].values[0] == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert len(rows[0].values) == len(names(checkpoint))


def test_values_intervals_and_marks_stand_where_their_names_say():
    checkpoint = sure()
    rows, _ = judge([Row("a"), Row("b")], [seen(0.0), seen(1.0, distance=1.5)], checkpoint, 0.9)
    first, second = (dict(zip(names(checkpoint), row.values, strict=True)) for row in rows)
    assert (first["uptake"], first["heat"]) == (2.0, 20.0)  # the means of the tiny checkpoint
    assert first["uptake_low"] == pytest.approx(1.0) and first["uptake_high"] == pytest.approx(3.0)
    assert first["heat_low"] == pytest.approx(18.0) and first["heat_high"] == pytest.approx(22.0)
    assert (first["ood_distance"], first["ood"]) == (0.5, 0.0)
    assert (second["ood_distance"], second["ood"]) == (1.5, 1.0)


def test_what_failed_keeps_its_row_without_values_and_has_no_embedding():
    stopped = Row("bad").stopped("overlap", "two atoms meet")
    rows, arrays = judge(
        [stopped, Row("ok"), Row("nan")], [None, seen(0.0), seen(np.nan)], sure(), 0.9
    )
    assert rows[0] == stopped
    assert rows[1].outcome is Outcome.OK
    assert rows[2].code == "prediction_not_finite" and rows[2].values == ()
    assert arrays[EMBEDDING].dtype == np.float16
    assert np.isfinite(arrays[EMBEDDING]).all(axis=1).tolist() == [False, True, False]


def test_an_old_checkpoint_keeps_no_embedding():
    rows, arrays = judge([Row("a")], [Seen(np.zeros((1, 2)), None, np.nan)], tiny_checkpoint(), 0.9)
    assert arrays == {} and rows[0].values == (2.0, 20.0)
