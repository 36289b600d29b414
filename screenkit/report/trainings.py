"""Several trainings at a glance: folds side by side, and the trials of a search.

Drawn as in `parity.py`: without a window system, and equal data give equal bytes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.store.publish import replace_bytes

_COLUMNS = 3
_SIDE = 3.4  # inches
_POINT, _MEAN, _GREY = "#2f6f9f", "#d9622b", "#8a93a3"
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
        _name(axis, target, "", words + unit)
        shown = [who for who in _WHO if who in entry]
        for place, who in enumerate(shown):
            given = [part[target].get(who, {}).get(key) for part in parts]
            values = np.array([np.nan if value is None else value for value in given], dtype=float)
            _column(axis, place, values[np.isfinite(values)])
        if "mean" in tests:  # of an ensemble
            value = tests["mean"][target]["model"][key]
            axis.plot([0], [value], marker="*", color=_MEAN, markersize=11, linestyle="none")
        axis.set_xticks(range(len(shown)), [_WHO[who] for who in shown])
        axis.set_xlim(-0.6, len(shown) - 0.4)
    _save(figure, path)


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
    _name(axes[0], "", "trial", "validation error")
    axes[0].scatter(numbers[seen], errors[seen], s=14, color=_POINT, linewidths=0)
    axes[0].step(numbers, np.minimum.accumulate(errors), where="post", color=_MEAN, linewidth=1.2)
    for axis, (name, column) in zip(axes[1:], values.items(), strict=True):
        _name(axis, "", name, "")
        plain = all(isinstance(v, int | float) and not isinstance(v, bool) for v in column)
        if plain:
            places = np.array(column, dtype=float)
            if places.min() > 0 and places.max() / places.min() > 5:
                axis.set_xscale("log")
        else:
            words = sorted({str(value) for value in column})
            places = np.array([words.index(str(value)) for value in column], dtype=float)
            axis.set_xticks(range(len(words)), [word.replace("$", r"\$") for word in words])
        axis.scatter(places[seen], errors[seen], s=14, color=_POINT, linewidths=0)
        if seen.any():
            best = int(np.argmin(errors))
            axis.scatter(places[best], errors[best], s=46, facecolors="none", edgecolors=_MEAN)
    _save(figure, path)


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
        figure.suptitle(title.replace("$", r"\$"), fontsize=10)
    return figure, axes[:count]


def _name(axis: Any, title: str, x: str, y: str) -> None:
    axis.set_title(title.replace("$", r"\$"), fontsize=9)
    axis.set_xlabel(x.replace("$", r"\$"))
    axis.set_ylabel(y.replace("$", r"\$"))
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _column(axis: Any, place: int, values: np.ndarray) -> None:
    """Draw points side by side, their mean and their standard deviation."""
    if not len(values):
        return
    spread = np.linspace(-0.22, 0.22, len(values)) if len(values) > 1 else np.zeros(1)
    axis.scatter(place + spread, values, s=14, color=_POINT if place == 0 else _GREY, linewidths=0)
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    axis.errorbar(
        [place], [values.mean()], yerr=[deviation], color=_MEAN, marker="_", markersize=16,
        capsize=4, linewidth=1.2,
    )  # fmt: skip


def _save(figure: Any, path: Path) -> None:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=160, metadata={"Software": None})
    replace_bytes(path, file.getvalue())
