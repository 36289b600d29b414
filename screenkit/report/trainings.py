"""Several trainings at a glance: folds side by side, and the trials of a search, as plots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.report.drawing import GREY, MEAN, POINT, image, name_axes, plain
from screenkit.store.publish import replace_bytes

_COLUMNS = 3
_SIDE = 3.4  # inches
_WHO = {
    "model": "model",
    "median": "median",
    "linear_density": "line on\ndensity",
    "share": "share",
    "logistic_density": "line on\ndensity",
}


def write_folds(tests: Mapping[str, Mapping[str, Any]], path: Path, title: str) -> None:
    """Draw per target the error of each part, of the model and of trivial ones, with mean and
    standard deviation; of a class the ROC AUC.

    Args:
        tests: by part, as under `test` in `metrics.json`.
        path: a `.png`.
        title: above all.

    Raises:
        StorageError: the file cannot be written.
    """
    parts = [test for name, test in tests.items() if name != "mean"]
    figure, axes = _sheet(len(parts[0]), title)
    for axis, (target, entry) in zip(axes, parts[0].items(), strict=True):
        key, words = ("roc_auc", "ROC AUC") if "class_if" in entry else ("mae", "mean abs. error")
        unit = f" ({entry['unit']})" if entry.get("unit") and key == "mae" else ""
        name_axes(axis, target, "", words + unit)
        shown = [who for who in _WHO if who in entry]
        for place, who in enumerate(shown):
            given = [part[target].get(who, {}).get(key) for part in parts]
            values = np.array([np.nan if value is None else value for value in given], dtype=float)
            _column(axis, place, values[np.isfinite(values)])
        if "mean" in tests:  # of an ensemble
            value = tests["mean"][target]["model"][key]
            axis.plot([0], [value], marker="*", color=MEAN, markersize=11, linestyle="none")
        axis.set_xticks(range(len(shown)), [_WHO[who] for who in shown])
        axis.set_xlim(-0.6, len(shown) - 0.4)
    replace_bytes(path, image(figure, "png"))


def write_search(
    errors: np.ndarray, values: Mapping[str, Sequence[Any]], path: Path, title: str = ""
) -> None:
    """Draw the validation error of each trial, and against each setting that was searched.

    Args:
        errors: (n,) float64; infinite where a trial came to none.
        values: by setting, n of them.
        path: a `.png`.
        title: above all.

    Raises:
        StorageError: the file cannot be written.
    """
    figure, axes = _sheet(1 + len(values), title)
    seen = np.isfinite(errors)
    numbers = np.arange(len(errors))
    name_axes(axes[0], "", "trial", "validation error")
    _scale(axes[0], numbers)
    axes[0].scatter(numbers[seen], errors[seen], s=14, color=POINT, linewidths=0)
    axes[0].step(numbers, np.minimum.accumulate(errors), where="post", color=MEAN, linewidth=1.2)
    for axis, (name, column) in zip(axes[1:], values.items(), strict=True):
        name_axes(axis, "", name, "")
        is_number = all(isinstance(v, int | float) and not isinstance(v, bool) for v in column)
        if is_number:
            places = np.array(column, dtype=float)
            _scale(axis, places)
        else:
            words = sorted({str(value) for value in column})
            places = np.array([words.index(str(value)) for value in column], dtype=float)
            axis.set_xticks(range(len(words)), [plain(word) for word in words])
        axis.scatter(places[seen], errors[seen], s=14, color=POINT, linewidths=0)
        if seen.any():
            best = int(np.argmin(errors))
            axis.scatter(places[best], errors[best], s=46, facecolors="none", edgecolors=MEAN)
    replace_bytes(path, image(figure, "png"))


def _scale(axis: Any, places: np.ndarray) -> None:
    """Choose the scale and the ticks of the x axis: decades, whole numbers, or as it comes."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    if places.min() > 0 and places.max() / places.min() > 5:
        axis.set_xscale("log")
        decades = np.log10(places.max() / places.min())
        subs = (1.0, 2.0, 5.0) if decades < 1.3 else (1.0, 3.0) if decades < 2.5 else (1.0,)
        axis.xaxis.set_major_locator(LogLocator(subs=subs))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter(NullFormatter())
    elif (places == np.round(places)).all():
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _sheet(count: int, title: str) -> tuple[Any, list[Any]]:
    """Return a figure with `count` axes."""
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, max(count, 1))
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(_SIDE * columns, _SIDE * rows * 0.9), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for axis in axes[count:]:
        axis.remove()
    if title:
        figure.suptitle(plain(title), fontsize=10)
    return figure, axes[:count]


def _column(axis: Any, place: int, values: np.ndarray) -> None:
    """Draw points side by side, their mean and their standard deviation."""
    if not len(values):
        return
    spread = np.linspace(-0.22, 0.22, len(values)) if len(values) > 1 else np.zeros(1)
    axis.scatter(place + spread, values, s=14, color=POINT if place == 0 else GREY, linewidths=0)
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    axis.errorbar(
        [place], [values.mean()], yerr=[deviation], color=MEAN, marker="_", markersize=16,
        capsize=4, linewidth=1.2,
    )  # fmt: skip
