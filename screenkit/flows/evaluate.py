"""Evaluate: screen a labelled library and hold the predictions against the labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.errors import LabelError, UsageError
from screenkit.flows.report import draw_report
from screenkit.flows.score import Scored, score, write_scores
from screenkit.flows.screen import screen
from screenkit.learn.hits import early_metrics
from screenkit.learn.labels import Labels, label_columns, read_labels
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.shelf import find_checkpoint
from screenkit.models.target import Target
from screenkit.recipe import Recipe
from screenkit.store.layout import HIGH, LOW
from screenkit.store.store import Store
from screenkit.track import Track


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What came of an evaluation."""

    output: Path
    metrics: dict[str, Any]
    """As in `metrics.json`."""
    seconds: float


def evaluate(
    sources: Sequence[Path],
    labels: Path,
    recipe: Recipe,
    output: Path,
    track: Track | None = None,
    ids: Path | None = None,
) -> Evaluation:
    """Predict a library and score the targets that its label table has.

    The baselines are fitted to the very labels they are scored on, which flatters them.

    Raises:
        LabelError: the table has none of the model's targets, or no structure of the library.
        UsageError: `labels.columns` does not fit the model's targets.
        ScreenkitError: whatever `screen` raises.
    """
    columns = label_columns(labels)
    known = _renamed(Checkpoint.load(find_checkpoint(recipe.model)).targets, recipe.labels.columns)
    _labelled_targets(known, columns, labels)  # refused before the work is done
    screening = screen(sources, recipe, output, track, ids, page=False)
    targets = _labelled_targets(known, columns, labels)
    table = read_labels(labels, targets, recipe.labels)
    scored = _scored(screening.store, table, targets, recipe.predict.level)
    metrics = {
        "model": recipe.model,
        "checkpoint_sha256": screening.checkpoint.digest,
        "structures": {
            "library": screening.structures,
            "labelled": len(scored.names),
            "predicted": int(np.isfinite(scored.predicted).all(axis=1).sum()),
        },
        "baselines_fitted_to": "the same labels",
        "test": _with_early(score(scored, scored.truth, scored.density), scored),
    }
    title = f"{recipe.model} on {', '.join(source.name for source in sources)}"
    write_scores(output, metrics, scored, "labelled_predictions.csv", title)
    draw_report(output, track=track)  # with the labels now
    return Evaluation(output, metrics, screening.seconds)


def _with_early(figures: dict[str, dict[str, Any]], scored: Scored) -> dict[str, dict[str, Any]]:
    """Return the figures with what of the truly best a shortlist holds, as `early`."""
    return {
        target.name: figures[target.name]
        | {
            "early": early_metrics(
                scored.known(t), scored.predicted[:, t], target.better, target.is_class
            )
        }
        for t, target in enumerate(scored.targets)
    }


def _renamed(targets: Sequence[Target], columns: Sequence[str]) -> list[Target]:
    """Return the targets with the columns and the classes that `TARGET=COLUMN<=0` gives them.

    Raises:
        UsageError: the model has no such target, or a class is compared with no number.
    """
    told: dict[str, tuple[str, str]] = {}
    for text in columns:
        name, _, column = text.partition("=")
        plain = re.split(r"[<>]", column, maxsplit=1)[0]
        told[name.strip()] = (plain.strip(), column.removeprefix(plain))
    names = [target.name for target in targets]
    if strange := sorted(set(told) - set(names)):
        raise UsageError(
            f"--column {strange[0]}: the model has no such target",
            hint=f"it predicts {', '.join(names)}",
        )
    renamed = []
    for target in targets:
        column, rule = told.get(target.name, (target.column, target.class_if))
        if bool(rule) != target.is_class:
            given = f"--column {target.name}={column}{rule}"
            raise UsageError(
                f"{given}: {target.name} is {'a class' if target.is_class else 'no class'}",
                hint=f"say who is inside, such as {target.name}={column}<=0"
                if target.is_class
                else "name the column alone",
            )
        renamed.append(target.model_copy(update={"column": column, "class_if": rule}))
    return renamed


def _labelled_targets(
    targets: Sequence[Target], columns: Sequence[str], labels: Path
) -> list[Target]:
    """Return the targets that the label table has, each with its column there."""
    found = []
    for target in targets:
        here = [name for name in (target.column, target.name) if name and name in columns]
        if here:
            found.append(target.model_copy(update={"column": here[0]}))
    if not found:
        names = ", ".join(target.column or target.name for target in targets)
        raise LabelError(
            f"{labels} has no column of this model's targets",
            hint=f"it predicts {names}; --column TARGET=COLUMN says where its labels stand",
        )
    return found


def _scored(store: Store, table: Labels, targets: Sequence[Target], level: float) -> Scored:
    """Return the predictions of the structures that have a row in the label table."""
    place = {str(name): i for i, name in enumerate(store.names)}
    names = [name for name in table.names if name in place]
    if not names:
        raise LabelError(
            "no structure of the library has a row in the labels",
            hint=f"structures are called like {next(iter(place))!r}",
        )
    rows = np.array([place[name] for name in names])
    known = {str(target["name"]) for target in store.targets}

    def columns(suffix: str) -> np.ndarray:
        found = np.full((len(rows), len(targets)), np.nan)
        for t, target in enumerate(targets):
            if (heading := f"{target.name}{suffix}") in known:
                found[:, t] = store.column(heading)[rows]
        return found

    calibrated = any(f"{target.name}{LOW}" in known for target in targets)
    return Scored(
        names=names,
        targets=targets,
        truth=table.take(names).values,
        predicted=columns(""),
        density=store.column("density_g_cm3")[rows],
        low=columns(LOW) if calibrated else None,
        high=columns(HIGH) if calibrated else None,
        level=level,
    )
