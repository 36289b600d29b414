"""Score: predictions against labels, beside trivial baselines, as JSON, CSV and a parity plot.

The last part of `train` and all that `evaluate` adds to a screening.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.learn.metrics import (
    baselines,
    class_baselines,
    classification_metrics,
    regression_metrics,
)
from screenkit.models.intervals import LEVEL, coverage
from screenkit.models.target import Target
from screenkit.ranking.table import lines, number_cells, text_cells
from screenkit.report.parity import Panel, write_parity
from screenkit.store.publish import replace_text


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Predictions of m structures and what is known of them."""

    names: Sequence[str]
    targets: Sequence[Target]
    truth: np.ndarray
    """(m, T) float64, in the targets' units; NaN where unknown."""
    predicted: np.ndarray
    """(m, T) float64, in the same units, of a class its probability; NaN where there is none."""
    density: np.ndarray
    """(m,) float64, g/cm3."""
    low: np.ndarray | None = None
    """(m, T) float64, lower ends of intervals; None where the model is not calibrated."""
    high: np.ndarray | None = None
    """(m, T) float64."""
    level: float = LEVEL
    """Of the intervals."""

    def known(self, t: int) -> np.ndarray:
        """Return (m,) what is held against the predictions of target `t`; 0 or 1 for a class."""
        target, truth = self.targets[t], self.truth[:, t]
        return target.learn(truth) if target.is_class else truth


def score(
    test: Scored, train_truth: np.ndarray | None = None, train_density: np.ndarray | None = None
) -> dict[str, dict[str, Any]]:
    """Return per target the metrics of the model and, where training labels are given, baselines.

    Args:
        test: what is scored.
        train_truth: (n, T) float64; the labels that the baselines may learn from.
        train_density: (n,) float64, g/cm3.
    """
    results: dict[str, dict[str, Any]] = {}
    for t, target in enumerate(test.targets):
        truth = test.known(t)
        entry: dict[str, Any] = {"unit": target.unit}
        entry |= {"class_if": target.class_if} if target.is_class else {}
        entry["model"] = _figures(test, t)
        entry |= _intervals(test, t)
        if train_truth is not None and train_density is not None:
            if target.is_class:
                train = target.learn(train_truth[:, t])
                entry |= class_baselines(train, train_density, truth, test.density)
            else:
                entry |= baselines(train_truth[:, t], train_density, truth, test.density)
        results[target.name] = entry
    return results


def write_scores(
    folder: Path, metrics: dict[str, Any], scored: Scored, predictions: str, title: str
) -> None:
    """Write `metrics.json`, the table called `predictions`, and `parity.png`."""
    replace_text(folder / "metrics.json", json.dumps(plain(metrics), indent=2) + "\n")
    headings, columns = ["name"], [text_cells(scored.names)]
    for t, target in enumerate(scored.targets):
        headings += [target.name, f"{target.name}_predicted"]
        columns += [number_cells(scored.known(t)), number_cells(scored.predicted[:, t])]
    replace_text(folder / predictions, [lines([[h] for h in headings]), lines(columns)])
    panels = [
        Panel(
            title=target.name,
            unit=target.unit,
            truth=scored.known(t),
            predicted=scored.predicted[:, t],
            note=_note(_figures(scored, t)),
            class_if=target.class_if,
        )
        for t, target in enumerate(scored.targets)
    ]
    write_parity(panels, folder / "parity.png", title)


def plain(value: Any) -> Any:
    """Return nested figures as JSON can hold them: NaN becomes null."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _figures(scored: Scored, t: int) -> dict[str, float]:
    """Return the metrics of target `t`."""
    metrics = classification_metrics if scored.targets[t].is_class else regression_metrics
    return metrics(scored.known(t), scored.predicted[:, t])


def _intervals(scored: Scored, t: int) -> dict[str, Any]:
    """Return the share of labels within their intervals, as `interval`, where there are any."""
    if scored.low is None or scored.high is None or scored.targets[t].is_class:
        return {}
    low, high = scored.low[:, t], scored.high[:, t]
    held = coverage(scored.truth[:, t], low, high)
    width = float(np.nanmean(high - low)) if np.isfinite(low).any() else math.nan
    return {"interval": {"level": scored.level, "coverage": held, "mean_width": width}}


def _note(figures: dict[str, float]) -> str:
    if "roc_auc" in figures:
        return f"ROC AUC {figures['roc_auc']:.3f}\nmembers {figures['share']:.0%}\nn {figures['n']}"
    return f"MAE {figures['mae']:.3g}\nSpearman {figures['spearman']:.3f}\nn {figures['n']}"
