"""Folds, repeats, members: the same training several times, to see how much hangs on chance.

folds     each group is kept apart once           fold-00/ ...
repeats   another random split each time          repeat-00/ ...
ensemble  one split, other first weights          members/member-00/ ...
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from screenkit.flows.lesson import (
    CHECKPOINT,
    Lesson,
    predict_test,
    record_of,
    score_test,
    sizes,
    split_once,
    too_little,
)
from screenkit.flows.material import Material
from screenkit.flows.parts import Ground, Part, train_parts
from screenkit.flows.score import plain, write_scores
from screenkit.learn.split import folds_by_group
from screenkit.models.checkpoint import Checkpoint, combine
from screenkit.ranking.table import lines, number_cells, text_cells
from screenkit.recipe import Recipe
from screenkit.report.trainings import write_folds
from screenkit.store.publish import replace_bytes, replace_text

_FIGURES = ("n", "mae", "rmse", "r2", "spearman", "share", "roc_auc", "accuracy", "log_loss")
_WHO = ("model", "median", "linear_density", "share", "logistic_density")


def cross(recipe: Recipe, ground: Ground) -> dict[str, Any]:
    """Train the folds, repeats or members that the recipe asks for; return `metrics.json`.

    Raises:
        LabelError: there is too little to split.
        ScreenkitError: whatever the trainings raise.
    """
    output = ground.output
    kind = next(name for name, value in recipe.cross.model_dump().items() if value)
    material, graphs = ground.gather(recipe)
    lessons = _lessons(material, recipe)
    parts = [Part.of(lesson, name, graphs) for name, lesson in lessons.items()]
    found = train_parts(parts, ground, recipe, {"ensemble": "member"}.get(kind, kind[:-1]))
    results = dict(zip(lessons, found, strict=True))
    tests = {name.rpartition("/")[2]: result["test"] for name, result in results.items()}
    means, deviations = summary(list(tests.values()))
    metrics: dict[str, Any] = {
        "model": recipe.model,
        "cross": kind,
        "structures": {"labelled": len(material.labels.names)},
        "split_by": recipe.labels.group_column or "structure",
        "seconds_per_epoch": float(np.median([r["seconds_per_epoch"] for r in found])),
        "test": means,
        "deviation": deviations,
        "parts": results,
    }
    if kind == "ensemble":
        metrics |= _ensemble(lessons, results, ground)
        tests["mean"] = metrics["test"]
    replace_text(output / "metrics.json", json.dumps(plain(metrics), indent=2) + "\n")
    replace_text(output / "folds.csv", _table(tests))
    write_folds(tests, output / "folds.png", f"{recipe.model}, {len(found)} {kind}")
    return metrics


def _lessons(material: Material, recipe: Recipe) -> dict[str, Lesson]:
    """Return what each part learns, by its folder."""
    wanted, fit = recipe.cross, recipe.fit
    if wanted.folds:
        groups = material.labels.groups
        try:
            splits = folds_by_group(groups, wanted.folds, fit.valid_fraction, fit.seed)
        except ValueError as error:
            raise too_little(error) from None
        return {f"fold-{i:02}": Lesson(material, s, recipe) for i, s in enumerate(splits)}
    seeded = [
        recipe.vary({"fit.seed": fit.seed + i})
        for i in range(wanted.repeats or wanted.ensemble or 0)
    ]
    if wanted.repeats:
        return {
            f"repeat-{i:02}": Lesson(material, split_once(material, one), one)
            for i, one in enumerate(seeded)
        }
    split = split_once(material, recipe)
    return {f"members/member-{i:02}": Lesson(material, split, one) for i, one in enumerate(seeded)}


def _ensemble(
    lessons: dict[str, Lesson], results: dict[str, dict[str, Any]], ground: Ground
) -> dict[str, Any]:
    """Score the mean of the members, and keep them as one checkpoint.

    Returns what it changes of the metrics.
    """
    lesson = next(iter(lessons.values()))
    members = [Checkpoint.load(ground.output / name / CHECKPOINT) for name in lessons]
    together = combine(members, ground.output)
    scored = predict_test(together, lesson)
    changes = {
        "structures": sizes(lesson.split),
        "best_member": min(results, key=lambda name: _number(results[name]["valid_error"], np.inf)),
        "test": score_test(scored, lesson),
        "mean_of_members": summary([result["test"] for result in results.values()])[0],
    }
    told = {key: changes[key] for key in ("structures", "test")} | {"members": len(members)}
    told["split_by"] = lesson.recipe.labels.group_column or "structure"
    final = replace(together, record=record_of(told, lesson))
    replace_bytes(ground.output / CHECKPOINT, final.to_bytes())
    title = f"mean of {len(members)} {lesson.recipe.model}"
    write_scores(ground.output, {}, scored, "test_predictions.csv", title)
    return changes


def summary(tests: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return means and standard deviations over parts of all figures under `test`.

    The deviation is that of a sample, NaN for one part; `n` is the sum over the parts.
    """
    means: dict[str, Any] = {}
    deviations: dict[str, Any] = {}
    for target, entry in tests[0].items():
        means[target] = {key: entry[key] for key in ("unit", "class_if") if key in entry}
        deviations[target] = {}
        for who in _WHO:
            kept = [test[target][who] for test in tests if who in test[target]]
            if not kept:
                continue
            table = {f: np.array([_number(one[f]) for one in kept]) for f in kept[0]}
            means[target][who] = {
                f: int(v.sum()) if f == "n" else _mean(v) for f, v in table.items()
            }
            deviations[target][who] = {f: _spread(v) for f, v in table.items() if f != "n"}
    return means, deviations


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _spread(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1)) if len(known) > 1 else float("nan")


def _number(value: float | None, missing: float = float("nan")) -> float:
    return missing if value is None else float(value)


def _table(tests: dict[str, dict[str, Any]]) -> str:
    """Return `folds.csv`: a line per part, target and model, trivial ones included."""
    rows = [
        (part, target, who, entry[who])
        for part, test in tests.items()
        for target, entry in test.items()
        for who in _WHO
        if who in entry
    ]
    columns = [text_cells(row[i] for row in rows) for i in range(3)]
    for figure in _FIGURES:
        columns.append(number_cells(np.array([_number(row[3].get(figure)) for row in rows])))
    return lines([[heading] for heading in ("part", "target", "model", *_FIGURES)]) + lines(columns)
