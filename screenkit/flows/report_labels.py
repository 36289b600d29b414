"""What an evaluation or a training found on structures with labels, from the files that it left."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.flows.report_facts import read_json
from screenkit.report.held_out import HeldOut
from screenkit.report.page import broken, table
from screenkit.report.words import figure, number

METRICS = "metrics.json"
EVALUATED = "labelled_predictions.csv"
TESTED = "test_predictions.csv"

_WHO = {
    "model": "this model",
    "median": "the median, for all",
    "linear_density": "a line on the density",
    "share": "the share, for all",
    "logistic_density": "a logistic line on the density",
}
_REGRESSION = {"n": "structures", "mae": "mean abs. error", "rmse": "root mean sq. error"}
_REGRESSION |= {"r2": "R²", "spearman": "Spearman"}
_CLASS = {"n": "structures", "share": "in the class", "roc_auc": "ROC AUC"}
_CLASS |= {"accuracy": "accuracy at 0.5", "log_loss": "log loss (nats)"}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What is known of a model on labels."""

    held: Sequence[HeldOut]
    tables: str
    """As HTML."""


def evaluation_of(run: Path) -> Evaluation | None:
    """Return what `evaluate` found; None where it did not run here, or its files are damaged."""
    metrics = read_json(run / METRICS)
    if metrics is None or not (run / EVALUATED).is_file():
        return None
    held = held_of(run / EVALUATED, metrics, "structures with labels")
    fitted = metrics.get("baselines_fitted_to")
    note = "<p>The trivial models have learned from these very labels, which flatters them.</p>"
    return Evaluation(held, score_tables(metrics) + (note if fitted else "") + _early(metrics))


def held_of(path: Path, metrics: Mapping[str, Any], where: str) -> list[HeldOut]:
    """Return predictions beside labels, target by target; none where the table is not readable.

    Args:
        path: a table with a column of labels and one `TARGET_predicted` for each target.
        metrics: as in `metrics.json`.
        where: what the structures are.
    """
    tests = metrics.get("test", {})
    columns: dict[str, list[Any]] = {"name": []}
    for target in tests:
        columns |= {target: [], f"{target}_predicted": []}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for key, values in columns.items():
                    values.append(row[key])
        return [
            HeldOut(
                target,
                str(entry.get("unit", "")),
                _numbers(columns[f"{target}_predicted"]),
                _numbers(columns[target]),
                is_class="class_if" in entry,
                where=where,
                names=columns["name"],
                notes=_notes(entry.get("model", {})),
            )
            for target, entry in tests.items()
        ]
    except (OSError, KeyError, ValueError):
        return []


def score_tables(metrics: Mapping[str, Any]) -> str:
    """Return the figures of each target beside trivial models, as HTML."""
    parts = []
    for target, entry in metrics.get("test", {}).items():
        heads = _CLASS if "class_if" in entry else _REGRESSION
        spread = metrics.get("deviation", {}).get(target, {})
        rows = [
            [words, *(_cell(entry[who], spread.get(who, {}), key) for key in heads)]
            for who, words in _WHO.items()
            if who in entry
        ]
        unit = f" ({entry['unit']})" if entry.get("unit") and "class_if" not in entry else ""
        names = [f"{head}{unit}" if key in ("mae", "rmse") else head for key, head in heads.items()]
        title = f"{target} {entry['class_if']} {entry['unit']}" if "class_if" in entry else target
        parts.append(titled(title, table(["", *names], rows) + _interval(entry)))
    return "".join(parts)


def _interval(entry: Mapping[str, Any]) -> str:
    """Return how many labels lie within their intervals, as HTML."""
    said = entry.get("interval") or {}
    if not all(isinstance(said.get(key), float) for key in ("level", "coverage", "mean_width")):
        return ""
    unit = f" {entry['unit']}" if entry.get("unit") else ""
    return (
        f"<p>{said['coverage']:.1%} of these labels lie within their {said['level']:.0%} interval, "
        f"which is {said['mean_width']:.3g}{escape(unit)} wide on average.</p>"
    )


def titled(title: str, body: str) -> str:
    """Return a block under a small heading, as HTML."""
    return f"<h3>{escape(title)}</h3>{body}"


def _early(metrics: Mapping[str, Any]) -> str:
    """Return what of the truly best the predicted best hold, as HTML."""
    rows = []
    for target, entry in metrics.get("test", {}).items():
        early = entry.get("early")
        if early:
            said = [early.get(f"hits_at_{k}") for k in (10, 100)]
            said += [early.get(f"recall_at_{k}_percent") for k in (1, 5, 10)]
            said += [early.get(f"enrichment_at_{k}_percent") for k in (1, 5, 10)]
            rows.append([f"<code>{broken(target)}</code>", *(_short(value) for value in said)])
    if not rows:
        return ""
    heads = ["", "hits in 10", "hits in 100", "recall in 1 %", "in 5 %", "in 10 %"]
    heads += ["enrichment in 1 %", "in 5 %", "in 10 %"]
    return titled("What the predicted best hold of the truly best", table(heads, rows))


def _cell(entry: Mapping[str, Any], spread: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if value is None:
        return "–"
    if key == "n":
        return number(value)
    beside = spread.get(key)
    return figure(value) + (f" ± {beside:.2g}" if beside is not None else "")


def _short(value: Any) -> str:
    return "–" if value is None else str(value) if isinstance(value, int) else f"{value:.3g}"


def _notes(entry: Mapping[str, Any]) -> list[str]:
    words = {"mae": "mean abs. error", "spearman": "Spearman", "roc_auc": "ROC AUC"}
    return [f"{word} {entry[key]:.3g}" for key, word in words.items() if entry.get(key) is not None]


def _numbers(cells: Sequence[str]) -> np.ndarray:
    return np.array([float(cell) if cell else math.nan for cell in cells], dtype=np.float64)
