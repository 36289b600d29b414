"""Figures of predictions: means and spreads over several trainings, target by target.

Spread is the standard deviation of a sample, over n - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from screenkit.learn.metrics import regression_metrics
from screenkit.models.target import Target

KINDS = ("spearman", "mae")


def mean_and_spread(values: Sequence[float]) -> dict[str, float]:
    """Return `mean` and `spread` of the values that are finite; no spread of one."""
    known = np.array([value for value in values if np.isfinite(value)])
    if not len(known):
        return {}
    told = {"mean": float(known.mean())}
    return told | ({"spread": float(known.std(ddof=1))} if len(known) > 1 else {})


def by_target(
    runs: Sequence[tuple[np.ndarray, np.ndarray]], targets: Sequence[Target]
) -> dict[str, dict[str, dict[str, float]]]:
    """Return mean and spread of Spearman and MAE of each target over runs.

    Args:
        runs: labels (m, T) and predictions (m, T) of each, in the targets' units.
        targets: T values, no classes.
    """
    found = {}
    for t, target in enumerate(targets):
        each = [regression_metrics(truth[:, t], said[:, t]) for truth, said in runs]
        found[target.name] = {kind: mean_and_spread([one[kind] for one in each]) for kind in KINDS}
    return found


def overall_error(
    truth: np.ndarray, said: np.ndarray, targets: Sequence[Target], deviations: np.ndarray
) -> float:
    """Return the error that epochs are chosen by (`learn.fit.valid_error`), of values in units."""
    errors = np.stack(
        [
            np.abs(target.learn(said[:, t]) - target.learn(truth[:, t])) / deviations[t]
            for t, target in enumerate(targets)
        ],
        axis=1,
    )
    known = np.isfinite(errors).any(axis=0)
    return float(np.nanmean(errors[:, known], axis=0).mean())


def written(found: dict[str, float], digits: int = 3) -> str:
    """Return `mean ± spread`, or the mean alone, or a dash."""
    if not found:
        return "–"
    spread = f" ± {found['spread']:.{digits}f}" if "spread" in found else ""
    return f"{found['mean']:.{digits}f}{spread}"


def both(found: dict[str, dict[str, float]]) -> str:
    """Return a cell: Spearman, MAE."""
    return ", ".join(written(found[kind]) for kind in KINDS)


def per_target(rows: dict[str, Any], targets: Sequence[str]) -> list[str]:
    """Return a cell for each target."""
    return [both(rows[name]) if name in rows else "–" for name in targets]
