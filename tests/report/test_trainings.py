"""Plots of several trainings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from screenkit.report.trainings import write_folds, write_search

PNG = b"\x89PNG\r\n"


def part_of(error: float | None) -> dict[str, Any]:
    """Return what a part says of a value in dollars and of a class."""
    value = {"unit": "$/kg", "model": {"mae": error}, "median": {"mae": 2.0}}
    group = {"unit": "eV", "class_if": "<=0", "model": {"roc_auc": error}, "share": {}}
    return {"price_$": value, "metal": group}


def test_folds_are_drawn_in_any_number_with_values_classes_and_what_is_not_known(tmp_path: Path):
    for errors in ([0.5], [0.5, None], [0.4, 0.5, 0.6]):
        parts = {f"fold-{i:02}": part_of(error) for i, error in enumerate(errors)}
        write_folds(parts, tmp_path / "folds.png", "knagcn, $ and _")
        assert (tmp_path / "folds.png").read_bytes().startswith(PNG)


@pytest.mark.slow
def test_the_mean_of_an_ensemble_is_drawn_beside_its_members(tmp_path: Path):
    members = {"member-00": part_of(0.5), "member-01": part_of(0.7)}
    write_folds(members, tmp_path / "members.png", "")
    write_folds(members | {"mean": part_of(0.4)}, tmp_path / "with.png", "")
    assert (tmp_path / "members.png").read_bytes() != (tmp_path / "with.png").read_bytes()


@pytest.mark.parametrize("errors", [[0.5, 0.3, np.inf], [np.inf, np.inf, np.inf]])
def test_trials_are_drawn_though_some_or_all_came_to_nothing(tmp_path: Path, errors: list[float]):
    values = {"fit.learning_rate": [1e-4, 1e-2, 1e-3], "network.pool": ["mean", None, "$"]}
    images = []
    for _ in range(2):
        write_search(np.array(errors), values, tmp_path / "search.png")
        images.append((tmp_path / "search.png").read_bytes())
    assert images[0].startswith(PNG) and images[0] == images[1]
