"""One training: material and a split in, a checkpoint and its honest figures out.

The state of the training is kept after every epoch, so that a killed one goes on.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.errors import LabelError
from screenkit.flows.calibrated import calibrated, ends, watch
from screenkit.flows.material import Material, network_settings
from screenkit.flows.score import Scored, plain, score, write_scores
from screenkit.flows.start import first_weights, start_of
from screenkit.flows.versions import versions
from screenkit.learn.fit import Examples, FitState, fit
from screenkit.learn.split import Split, split_by_group
from screenkit.models.catalog import model_class
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.target import Target
from screenkit.recipe import Recipe
from screenkit.store.publish import replace_bytes
from screenkit.tasks.predict import resolve_device
from screenkit.track import Track

STATE = "fit.safetensors"
"""Name of the training's state in its folder."""
CHECKPOINT = "checkpoint.safetensors"
"""Name of the model that came of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """All that decides what one training learns."""

    material: Material
    split: Split
    recipe: Recipe

    @property
    def stamp(self) -> str:
        """64 hex digits that differ for lessons that differ, but for the number of epochs, unless
        the learning rate hangs on it."""
        recipe, split = self.recipe, self.split
        later = {"epochs"} if recipe.fit.schedule == "steps" else set()
        sides = [side.tolist() for side in (split.train, split.valid, split.test)]
        parts = [
            self.material.digest,
            sides,
            recipe.model,
            network_settings(recipe).model_dump(mode="json"),
            recipe.fit.model_dump(mode="json", exclude={"start", *later}),
            [target.model_dump(mode="json") for target in recipe.labels.targets],
        ]
        if (start := start_of(recipe)) is not None:
            parts.append(start.digest)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What came of one training, before the test set is looked at."""

    checkpoint: Checkpoint
    """Without a record."""
    state: FitState

    @property
    def valid_error(self) -> float:
        """Of the best epoch; see `learn.fit.valid_error`."""
        return self.state.history[self.state.best_epoch - 1]["valid_error"]


def split_once(material: Material, recipe: Recipe) -> Split:
    """Return the split that the recipe draws.

    Raises:
        LabelError: there is too little to split.
    """
    fit_settings = recipe.fit
    try:
        return split_by_group(
            material.labels.groups,
            fit_settings.valid_fraction,
            fit_settings.test_fraction,
            fit_settings.seed,
        )
    except ValueError as error:
        raise too_little(error) from None


def too_little(error: ValueError) -> LabelError:
    """Return the error of a split that cannot be made."""
    return LabelError(
        f"too little to train on: {error}", hint="give more structures, or fewer --folds"
    )


def learn(lesson: Lesson, folder: Path, track: Track) -> Learned:
    """Train to the last epoch; goes on from the state in `folder`, if there is one.

    Raises:
        LabelError: a target has nothing to learn.
    """
    recipe = lesson.recipe
    targets, settings = recipe.labels.targets, network_settings(recipe)
    learned = lesson.material.learned(targets)
    means, deviations = _standards(targets, learned[lesson.split.train])
    standardised = (learned - means) / deviations
    train, valid = (
        lesson.material.examples(rows, standardised, targets)
        for rows in (lesson.split.train, lesson.split.valid)
    )
    stamp = lesson.stamp
    earlier = state = _earlier_state(folder / STATE, stamp, track)
    total = recipe.fit.epochs if _by_gradient(recipe) else 0
    track.start("Training", total, earlier.epoch if earlier else 0)
    try:
        for state in _states(recipe, train, valid, earlier):
            replace_bytes(folder / STATE, state.to_bytes(stamp))
            track.epoch({k: v for k, v in state.history[-1].items() if k != "seconds"})
    finally:
        track.finish()
    assert state is not None
    checkpoint = Checkpoint(
        model=recipe.model,
        settings=settings,
        graph=model_class(recipe.model).graph_settings(settings),
        targets=targets,
        means=means,
        deviations=deviations,
        weights=state.best,
        record={},
    )
    return Learned(checkpoint, state)


def figures(learned: Learned) -> dict[str, Any]:
    """Return what is known of a training before the test set is looked at."""
    history = [dict(entry) for entry in learned.state.history]
    return {
        "epochs": learned.state.epoch,
        "best_epoch": learned.state.best_epoch,
        "valid_error": learned.valid_error,
        "seconds_per_epoch": float(np.median([entry["seconds"] for entry in history])),
        "history": history,
    }


def _by_gradient(recipe: Recipe) -> bool:
    return model_class(recipe.model).learned_by == "gradient"


def _states(
    recipe: Recipe, train: Examples, valid: Examples, earlier: FitState | None
) -> Iterator[FitState]:
    """Yield the states of a training: one per epoch, or one at the end."""
    settings = network_settings(recipe)
    if _by_gradient(recipe):
        device = resolve_device(recipe.predict.device)
        start = start_of(recipe)
        first = first_weights(start, settings, recipe.labels.targets) if start else {}
        yield from fit(recipe.model, settings, train, valid, recipe.fit, earlier, device, first)
    elif earlier is None:
        from screenkit.learn.trees import fit_trees  # scikit-learn is not for the others

        yield fit_trees(settings, train, valid, recipe.fit)


def examine(
    learned: Learned, lesson: Lesson, folder: Path, more: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """Score the test set; write the figures and the checkpoint. Returns `metrics.json`.

    Args:
        more: what else is to be said of the training.
    """
    split, recipe, state = lesson.split, lesson.recipe, learned.state
    checkpoint = calibrated(learned.checkpoint, lesson.material, split, recipe)
    scored = predict_test(checkpoint, lesson)
    metrics = {
        "model": checkpoint.model,
        "structures": sizes(split),
        "split_by": recipe.labels.group_column or "structure",
        "epochs": state.epoch,
        "best_epoch": state.best_epoch,
        "test": score_test(scored, lesson),
        **more,
    }
    final = dataclasses.replace(checkpoint, record=record_of(metrics, lesson))
    replace_bytes(folder / CHECKPOINT, final.to_bytes())
    metrics |= figures(learned)  # how long it took is no part of the checkpoint
    title = f"{checkpoint.model}, {len(split.test)} structures kept apart"
    write_scores(folder, metrics, scored, "test_predictions.csv", title)
    return metrics


def record_of(metrics: Mapping[str, Any], lesson: Lesson) -> dict[str, Any]:
    """Return what a checkpoint says of its training."""
    recipe, labels = lesson.recipe, lesson.material.labels
    return plain(metrics) | {
        "data": recipe.labels.source,
        "data_sha256": lesson.material.digest,
        "label_range": {
            target.name: _range(target, labels.values[lesson.split.train, t])
            for t, target in enumerate(recipe.labels.targets)
        },
        "fit": recipe.fit.model_dump(mode="json"),
        "versions": versions(),
    }


def predict_test(checkpoint: Checkpoint, lesson: Lesson) -> Scored:
    """Return the predictions of a checkpoint for the test set, beside the labels."""
    test, labels, recipe = lesson.split.test, lesson.material.labels, lesson.recipe
    outputs, _ = watch(checkpoint, lesson.material, test, recipe)
    values, spreads = checkpoint.judge(outputs)
    low, high = ends(checkpoint, values, spreads, recipe.predict.level)
    return Scored(
        names=[labels.names[row] for row in test],
        targets=recipe.labels.targets,
        truth=labels.values[test],
        predicted=values,
        density=lesson.material.density[test],
        low=low,
        high=high,
        level=recipe.predict.level,
    )


def score_test(scored: Scored, lesson: Lesson) -> dict[str, dict[str, Any]]:
    """Return the figures of `scored`, beside models that learn from the lesson's training set."""
    train = lesson.split.train
    return score(scored, lesson.material.labels.values[train], lesson.material.density[train])


def sizes(split: Split) -> dict[str, int]:
    """Return how many structures each side has."""
    return {"train": len(split.train), "valid": len(split.valid), "test": len(split.test)}


def _standards(targets: tuple[Target, ...], learned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (T,) means and deviations of the training set; 0 and 1 for a class.

    Raises:
        LabelError: a target has no labels, or they are all equal.
    """
    for t, target in enumerate(targets):
        known = learned[np.isfinite(learned[:, t]), t]
        if not len(known) or np.ptp(known) == 0:
            if target.is_class and len(known):
                which = "all" if known[0] else "none"
                fault = f"{which} of the {len(known)} labels of the training set are in the class"
                raise LabelError(f"{target.name}{target.class_if}: {fault}")
            raise LabelError(f"{target.name}: all labels of the training set are equal or missing")
    is_class = np.array([target.is_class for target in targets])
    means = np.where(is_class, 0.0, np.nanmean(learned, axis=0))
    return means, np.where(is_class, 1.0, np.nanstd(learned, axis=0))


def _range(target: Target, values: np.ndarray) -> list[float]:
    """Return the least and the largest of what is predicted in the training set, NaN left out."""
    learned = target.learn(values) if target.is_class else values
    return [float(np.nanmin(learned)), float(np.nanmax(learned))]


def _earlier_state(path: Path, stamp: str, track: Track) -> FitState | None:
    """Return the state that an earlier run of this very training left, if any."""
    try:
        state = FitState.from_bytes(path.read_bytes(), stamp)
    except FileNotFoundError:
        return None
    except ValueError:
        track.note(f"{path.name} is damaged; training starts anew")
        return None
    if state is None:
        track.note(f"{path.name} belongs to other data or settings; training starts anew")
    return state
