"""Calibrate: a trained checkpoint and the labels it was trained with in, a calibrated one out.

    library -> graphs                                   graphs/
    labels  -> the split of the training, made again
            -> calibration, domain                      checkpoint.safetensors, calibration.json
    test    -> errors, and how often intervals hold     metrics.json, test_predictions.csv

For checkpoints from before there were calibrations; `train` does the same by itself. Nothing is
learned anew. Safe to repeat: graphs that are there are kept.

Not covered: labels that the model was not trained with, whose split nobody knows.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from screenkit.errors import CheckpointError, MismatchError, UsageError
from screenkit.flows.again import keep_command
from screenkit.flows.calibrated import calibrated
from screenkit.flows.lesson import CHECKPOINT, Lesson, predict_test, score_test, sizes, split_once
from screenkit.flows.parts import Ground, Structures
from screenkit.flows.run_log import run_log
from screenkit.flows.score import plain, write_scores
from screenkit.flows.sure import write_calibration
from screenkit.flows.train import Training
from screenkit.learn.fit_settings import FitSettings
from screenkit.models.catalog import model_class
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.shelf import find_checkpoint
from screenkit.recipe import Recipe
from screenkit.store.lock import RunLock
from screenkit.store.publish import replace_bytes, replace_text
from screenkit.track import Track

_SAME = 0.02  # of the mean absolute error on record; another device rounds otherwise


def calibrate(
    labels: Path,
    sources: Sequence[Path],
    recipe: Recipe,
    output: Path,
    track: Track | None = None,
    ids: Path | None = None,
    half: bool = False,
    graphs: Path | None = None,
) -> Training:
    """Calibrate the recipe's model; its file stays as it is, the new one stands in `output`.

    Args:
        labels: the table that it was trained with.
        sources: the structures.
        recipe: names the model, and says how labels are read and who builds graphs.
        output: folder of the run.
        ids: of the structures; all when not said.
        graphs: a folder of `screenkit featurize`, in the place of sources.
        half: keep matrices of weights in 16 bits; see `Model.pack`.

    Raises:
        CheckpointError: the checkpoint does not say how it was trained.
        MismatchError: labels and structures are not those that it was trained with.
        ScreenkitError: whatever the steps raise.
    """
    started = time.monotonic()
    structures = Structures(tuple(sources), ids, graphs)
    checkpoint = Checkpoint.load(find_checkpoint(recipe.model))
    if half:
        checkpoint = _packed(checkpoint)
    taught = _as_taught(checkpoint, recipe)
    with RunLock(output), run_log(output, track) as track:
        replace_text(output / "recipe.yaml", recipe.to_yaml("screenkit calibrate"))
        keep_command(output)
        material, _ = Ground.lay(labels, structures, taught, output, track).gather(taught)
        if material.digest != checkpoint.record["data_sha256"]:
            raise MismatchError(
                f"{labels} and the {len(material.graphs)} structures that have a label there are "
                f"not what {recipe.model} was trained with "
                f"({_trained_with(checkpoint)}; SHA-256 differs)",
                hint="give the very table and library of its training; other labels say how good "
                "a model is (screenkit evaluate), but not which of them it has seen",
            )
        lesson = Lesson(material, split_once(material, taught), taught)
        new = calibrated(checkpoint, material, lesson.split, taught)
        scored = predict_test(new, lesson)
        test = score_test(scored, lesson)
        _require_same(checkpoint, lesson, test)
        record = {**checkpoint.record, "test": plain(test)}
        replace_bytes(output / CHECKPOINT, dataclasses.replace(new, record=record).to_bytes())
        write_calibration(new, recipe.predict.level, output)
        metrics: dict[str, Any] = {
            "model": checkpoint.model,
            "calibrated": recipe.model,
            "structures": sizes(lesson.split),
            "split_by": taught.labels.group_column or "structure",
            "calibration": new.calibration.split if new.calibration else "",
            "domain": new.domain.chosen if new.domain else "",
            "test": test,
        }
        title = f"{checkpoint.model}, {len(lesson.split.test)} structures kept apart"
        write_scores(output, metrics, scored, "test_predictions.csv", title)
    return Training(output, metrics, time.monotonic() - started)


def _packed(checkpoint: Checkpoint) -> Checkpoint:
    kind = model_class(checkpoint.model)
    others = [dataclasses.replace(one, weights=kind.pack(one.weights)) for one in checkpoint.others]
    return dataclasses.replace(
        checkpoint, weights=kind.pack(checkpoint.weights), others=tuple(others)
    )


def _as_taught(checkpoint: Checkpoint, recipe: Recipe) -> Recipe:
    """Return the recipe with model, targets and split of the training on record."""
    record = checkpoint.record
    try:
        fit = FitSettings.model_validate({**record["fit"], "start": None})
        known = bool(record["data_sha256"]) and bool(record["structures"])
    except (KeyError, TypeError, ValidationError):
        known = False
    if not known:
        raise CheckpointError(
            f"{recipe.model} does not say how it was trained, so that nobody knows which labels "
            "it has seen",
            hint="calibrate a checkpoint that `screenkit train` wrote",
        )
    if recipe.labels.targets:
        raise UsageError(
            "labels.targets: a calibration is of the targets that the model has",
            hint="leave them out of the recipe",
        )
    by = str(record.get("split_by", "structure"))
    group = recipe.labels.group_column or (None if by == "structure" else by)
    return recipe.model_copy(
        update={
            "model": checkpoint.model,
            "network": checkpoint.settings.model_dump(),
            "fit": fit,
            "labels": recipe.labels.model_copy(
                update={"targets": checkpoint.targets, "group_column": group}
            ),
        }
    )


def _trained_with(checkpoint: Checkpoint) -> str:
    counts = checkpoint.record["structures"]
    total = sum(counts.values()) if isinstance(counts, dict) else 0
    return f"{total} structures"


def _require_same(checkpoint: Checkpoint, lesson: Lesson, test: dict[str, Any]) -> None:
    """Raise where the split is not that of the training: as after folds."""
    told = checkpoint.record
    same = told["structures"] == sizes(lesson.split)
    for name, entry in told.get("test", {}).items():
        for figure in ("mae", "log_loss"):
            before, now = entry["model"].get(figure), test[name]["model"].get(figure)
            if before and now:
                same = same and bool(np.isclose(before, now, rtol=_SAME))
    if not same:
        raise MismatchError(
            "the split of the training cannot be made again: errors on its test set are others "
            "than those on record",
            hint="a fold or a repeat has a split of its own; train it again, which calibrates",
        )
