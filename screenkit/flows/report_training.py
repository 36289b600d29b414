"""The page of a training, of folds, repeats, members, or of a search, from what lies there."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.errors import StorageError
from screenkit.flows.report_facts import Folder
from screenkit.flows.report_labels import METRICS, TESTED, held_of, score_tables
from screenkit.flows.versions import versions
from screenkit.report.page import Page
from screenkit.report.training_page import History, Parts, TrainingPage, Trials, training_page
from screenkit.report.words import duration, figure, number

_MEASURES = {True: ("roc_auc", "ROC AUC"), False: ("mae", "mean abs. error")}


def training(run: Path) -> Page:
    """Return the page of a training.

    Raises:
        StorageError: `metrics.json` cannot be read.
        RecipeError: the recipe cannot be read.
    """
    folder = Folder.open(run)
    metrics = folder.json(METRICS)
    if not isinstance(metrics, dict) or not isinstance(metrics.get("test"), dict):
        raise StorageError(f"cannot read {run / METRICS}", hint="train again, or mend the file")
    held = held_of(run / TESTED, metrics, "structures kept apart from training")
    told = TrainingPage(
        about=folder.about(
            {"labels": folder.recipe.labels.source, **versions()},
            title=f"{run.resolve().name}: {metrics.get('model', '')}",
        ),
        lead=escape(_lead(metrics)),
        cards=_cards(metrics),
        scores=score_tables(metrics),
        held=held,
        history=_history(metrics),
        parts=_parts(metrics),
        trials=_trials(run),
    )
    return training_page(told)


def _lead(metrics: Mapping[str, Any]) -> str:
    kind, parts = metrics.get("cross"), len(metrics.get("parts", {}))
    split = f"Split by {metrics.get('split_by', 'structure')}."
    if kind == "ensemble":
        return f"{parts} members, trained on one split from other first weights. {split}"
    if kind:
        return f"{parts} {kind}: the same training, to see how much hangs on chance. {split}"
    if "trials" in metrics:
        return f"The best of {metrics['trials']} trials by validation. {split}"
    return f"One training. {split}"


def _cards(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    sizes = metrics.get("structures", {})
    words = {"labelled": "labelled", "train": "to train", "valid": "to choose the epoch"}
    words |= {"test": "kept apart"}
    cards = [(number(sizes[key]), word) for key, word in words.items() if key in sizes]
    if metrics.get("best_epoch"):
        cards.append((number(metrics["best_epoch"]), f"best of {metrics.get('epochs')} epochs"))
    if (metrics.get("seconds_per_epoch") or 0.0) >= 0.05:
        cards.append((duration(metrics["seconds_per_epoch"]), "per epoch"))
    if len(metrics["test"]) == 1:
        (entry,) = metrics["test"].values()
        key, word = _MEASURES["class_if" in entry]
        value = entry.get("model", {}).get(key)
        if value is not None:
            unit = f" ({entry['unit']})" if entry.get("unit") and key == "mae" else ""
            cards.append((figure(value), escape(word + unit)))
    return cards


def _history(metrics: Mapping[str, Any]) -> History | None:
    entries = metrics.get("history") or []
    if not entries:
        return None

    def column(name: str) -> np.ndarray:
        values = [entry.get(name) for entry in entries]
        return np.array([math.nan if v is None else v for v in values], dtype=np.float64)

    epochs = np.arange(1, len(entries) + 1, dtype=np.float64)
    best = int(metrics.get("best_epoch") or 1)
    return History(epochs, column("train_loss"), column("valid_error"), best)


def _parts(metrics: Mapping[str, Any]) -> list[Parts]:
    parts = metrics.get("parts") or {}
    found = []
    for target, entry in metrics["test"].items() if parts else ():
        key, word = _MEASURES["class_if" in entry]
        unit = f" ({entry['unit']})" if entry.get("unit") and key == "mae" else ""
        tests = [part.get("test", {}).get(target, {}) for part in parts.values()]
        errors = {
            who: np.array([_number(test.get(who, {}).get(key)) for test in tests])
            for who in ("model", "median", "linear_density", "share", "logistic_density")
            if any(who in test for test in tests)
        }
        found.append(Parts(target, word + unit, errors, list(parts)))
    return found


def _trials(run: Path) -> Trials | None:
    try:
        with (run / "trials.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        return None
    if not rows:
        return None
    errors = np.array([_number(row.get("valid_error")) for row in rows])
    values = {}
    for name in rows[0]:
        if name not in ("trial", "valid_error"):
            column = _all_numbers([row[name] for row in rows])
            if column is not None:
                values[name] = column
    return Trials(np.where(np.isfinite(errors), errors, np.inf), values)


def _all_numbers(cells: Sequence[str]) -> np.ndarray | None:
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError:
        return None


def _number(value: Any) -> float:
    return float(value) if value not in (None, "") else math.nan
