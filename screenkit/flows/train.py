"""Train: a labelled library in, a checkpoint and its honest figures out.

    library  -> graphs (shards, as in screening)      graphs/
    labels   -> split by group -> fit, epoch by epoch  fit.safetensors
    test set -> figures beside trivial baselines       metrics.json, test_predictions.csv,
             -> checkpoint.safetensors                 parity.png

or several such trainings: folds, repeats, members of an ensemble, trials of a search.
Every step goes on where a killed run stopped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from screenkit.errors import UsageError
from screenkit.flows.again import keep_command
from screenkit.flows.folds import cross
from screenkit.flows.lesson import CHECKPOINT, Lesson, examine, learn, split_once
from screenkit.flows.material import network_settings
from screenkit.flows.parts import Ground, Structures
from screenkit.flows.report import draw_report
from screenkit.flows.run_log import run_log
from screenkit.flows.search import search
from screenkit.models.checkpoint import Checkpoint
from screenkit.recipe import Recipe
from screenkit.store.layout import HIGH, LOW, OOD, OOD_DISTANCE, RESERVED, SPREAD
from screenkit.store.lock import RunLock
from screenkit.store.publish import replace_text
from screenkit.tasks.predict import resolve_device
from screenkit.track import Track


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """What came of a training."""

    output: Path
    metrics: dict[str, Any]
    """As in `metrics.json`."""
    seconds: float

    @property
    def checkpoint(self) -> Checkpoint:
        """The model, from its file.

        Raises:
            CheckpointError: there is none, as after folds.
        """
        return Checkpoint.load(self.output / CHECKPOINT)


def train(
    labels: Path,
    sources: Sequence[Path],
    recipe: Recipe,
    output: Path,
    track: Track | None = None,
    ids: Path | None = None,
    graphs: Path | None = None,
) -> Training:
    """Train the recipe's network on a labelled library; goes on where an earlier run stopped.

    Args:
        ids: names of the structures that count; all when not said.
        graphs: a folder of `screenkit featurize`, in the place of sources.

    Raises:
        UsageError: the recipe names no target, or asks for several things at once.
        LabelError: labels and library do not fit each other.
        ScreenkitError: whatever the steps raise.
    """
    started = time.monotonic()
    structures = Structures(tuple(sources), ids, graphs)
    _refuse(recipe)
    with RunLock(output), run_log(output, track) as track:
        replace_text(output / "recipe.yaml", recipe.to_yaml("screenkit train"))
        keep_command(output)
        ground = Ground.lay(labels, structures, recipe, output, track)
        if recipe.search.trials:
            metrics = search(recipe, ground)
        elif any(recipe.cross.model_dump().values()):
            metrics = cross(recipe, ground)
        else:
            metrics = _train_once(recipe, ground)
        draw_report(output, ground.library, track)
        return Training(output, metrics, time.monotonic() - started)


def _train_once(recipe: Recipe, ground: Ground) -> dict[str, Any]:
    output, track = ground.output, ground.track
    material, _ = ground.gather(recipe)
    lesson = Lesson(material, split_once(material, recipe), recipe)
    return examine(learn(lesson, output, track), lesson, output)


def _refuse(recipe: Recipe) -> None:
    """Raise where a recipe cannot be trained, before anything is read."""
    if not recipe.labels.targets:
        raise UsageError(
            "no target to learn", hint="name a column of the label table: --target COLUMN"
        )
    names = [target.name for target in recipe.labels.targets]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise UsageError(
            f"two targets are called {twice}",
            hint="give one another name in a recipe, with `column: ` for the label table",
        )
    beside = {f"{name}{suffix}" for name in names for suffix in (SPREAD, LOW, HIGH)}
    if hidden := (RESERVED | {OOD, OOD_DISTANCE} | beside).intersection(names):
        raise UsageError(
            f"a target cannot be called {min(hidden)}: every table has a column of that name",
            hint="give the target another name in a recipe, with `column: ` for the label table",
        )
    network_settings(recipe)
    resolve_device(recipe.predict.device)
    asked = [f"--{name}" for name, value in recipe.cross.model_dump().items() if value]
    asked += ["--trials"] if recipe.search.trials else []
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)}: one of them at a time")
