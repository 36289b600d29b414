"""Parity plot: what was predicted against what is known, one panel per target; of a class its
receiver operating characteristic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.learn.metrics import roc_points
from screenkit.report.drawing import GREY, POINT, image, name_axes, plain
from screenkit.store.publish import replace_bytes

_COLUMNS = 3
_SIDE = 3.6  # inches
_MANY = 400  # points; above, colour shows how many lie on one spot


@dataclass(frozen=True, eq=False)
class Panel:
    """One target of n structures."""

    title: str
    """Name of the target."""
    unit: str
    truth: np.ndarray
    """(n,) float64, in `unit`; NaN where unknown."""
    predicted: np.ndarray
    """(n,) float64, in `unit`; NaN where there is none."""
    note: str = ""
    """A few words for the corner, such as `MAE 0.71`."""
    class_if: str = ""
    """Not empty: a class; then `truth` is 0 or 1 and `predicted` a probability."""


def write_parity(panels: Sequence[Panel], path: Path, title: str = "") -> None:
    """Draw the panels into a file; its suffix, `.png` or `.svg`, says how.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    replace_bytes(path, draw_parity(panels, path.suffix.lstrip(".") or "png", title))


def draw_parity(panels: Sequence[Panel], form: str = "png", title: str = "") -> bytes:
    """Return the panels as an image; `form` is `png` or `svg`. Equal data give equal bytes."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, max(len(panels), 1))
    rows = math.ceil(max(len(panels), 1) / columns)
    with rc_context({"font.size": 9, "axes.titlesize": 10}):
        figure = Figure(
            figsize=(_SIDE * columns, _SIDE * rows + (0.4 if title else 0)), layout="constrained"
        )
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, axis in zip(panels, axes, strict=False):
            (_draw_class if panel.class_if else _draw)(panel, axis)
        for axis in axes[len(panels) :]:
            axis.remove()
        if title:
            figure.suptitle(plain(title))
        return image(figure, form)


def _draw(panel: Panel, axis: Any) -> None:
    known = np.isfinite(panel.truth) & np.isfinite(panel.predicted)
    truth, predicted = panel.truth[known], panel.predicted[known]
    unit = f" ({panel.unit})" if panel.unit else ""
    _frame(axis, panel.title, f"reference{unit}", f"predicted{unit}")
    if not truth.size:
        axis.text(0.5, 0.5, "no labels", ha="center", va="center", transform=axis.transAxes)
        return
    low = float(min(truth.min(), predicted.min()))
    high = float(max(truth.max(), predicted.max()))
    pad = (high - low) * 0.04 or 0.5
    limits = (low - pad, high + pad)
    axis.plot(limits, limits, color=GREY, linewidth=0.8, zorder=1)
    if truth.size > _MANY:
        shade = _crowding(truth, predicted, limits)
        order = np.argsort(shade, kind="stable")
        axis.scatter(
            truth[order], predicted[order], c=shade[order], s=5, cmap="viridis", linewidths=0,
            rasterized=True, zorder=2,
        )  # fmt: skip
    else:
        axis.scatter(truth, predicted, s=10, color=POINT, alpha=0.6, linewidths=0, zorder=2)
    axis.set_xlim(limits)
    axis.set_ylim(limits)
    axis.text(0.03, 0.97, plain(panel.note), ha="left", va="top", transform=axis.transAxes)


def _draw_class(panel: Panel, axis: Any) -> None:
    known = np.isfinite(panel.truth) & np.isfinite(panel.predicted)
    truth, probability = panel.truth[known], panel.predicted[known]
    wanted = f"{panel.title} {panel.class_if} {panel.unit}".rstrip()
    _frame(axis, wanted, "share of the others taken", "share of the members taken")
    axis.plot((0, 1), (0, 1), color=GREY, linewidth=0.8, zorder=1)
    if not truth.size or np.ptp(truth) == 0:
        axis.text(0.5, 0.5, "one kind alone", ha="center", va="center", transform=axis.transAxes)
        return
    axis.plot(*roc_points(truth, probability), color=POINT, linewidth=1.6, zorder=2)
    axis.text(0.97, 0.03, plain(panel.note), ha="right", va="bottom", transform=axis.transAxes)


def _frame(axis: Any, title: str, x: str, y: str) -> None:
    name_axes(axis, title, x, y)
    axis.set_aspect("equal", adjustable="box")


def _crowding(truth: np.ndarray, predicted: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Return (n,) float64: log of how many points share the spot of each."""
    bins = 60
    counts, xs, ys = np.histogram2d(truth, predicted, bins=bins, range=(limits, limits))
    column = np.clip(np.searchsorted(xs, truth, side="right") - 1, 0, bins - 1)
    row = np.clip(np.searchsorted(ys, predicted, side="right") - 1, 0, bins - 1)
    return np.log(counts[column, row])
