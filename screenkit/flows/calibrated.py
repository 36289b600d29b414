"""From a trained model and its material to the same model with a calibration and a domain.

    validation split -> predictions beside labels  -> Calibration
    training split   -> embeddings, a few kept     -> Domain

The validation split chose the epoch and nothing else; the test split stays untouched, and says
afterwards how often the intervals hold.

Not covered: how the split is made again of an older checkpoint (`flows/calibrate.py`).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from screenkit.flows.material import Material
from screenkit.learn.fit import observe
from screenkit.learn.split import Split
from screenkit.models.calibration import Calibration, names_digest
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.domain import Domain
from screenkit.recipe import Recipe
from screenkit.tasks.predict import resolve_device


def calibrated(
    checkpoint: Checkpoint, material: Material, split: Split, recipe: Recipe
) -> Checkpoint:
    """Return the checkpoint with what it says of the validation split, and where it has learned."""
    valid, labels = split.valid, material.labels
    outputs, seen = watch(checkpoint, material, valid, recipe)
    values, spreads = checkpoint.judge(outputs)
    truth = np.stack(
        [
            target.learn(labels.values[valid, t]) if target.is_class else labels.values[valid, t]
            for t, target in enumerate(checkpoint.targets)
        ],
        axis=1,
    )
    groups = np.unique([labels.groups[row] for row in valid], return_inverse=True)[1]
    calibration = Calibration(
        # As they stand in the file, so that a checkpoint is the same before and after.
        predictions=values.astype(np.float32).astype(np.float64),
        labels=truth,
        spreads=None if spreads is None else spreads.astype(np.float32).astype(np.float64),
        groups=groups.astype(np.int32).reshape(-1),
        structures=names_digest([labels.names[row] for row in valid]),
        split=f"{len(valid)} structures in {groups.max() + 1} groups, which chose the epoch and "
        f"were not learned from; drawn with seed {recipe.fit.seed}",
    )
    training = watch(checkpoint, material, split.train, recipe)[1]
    domain = Domain.learn(training, seen)
    return dataclasses.replace(checkpoint, calibration=calibration, domain=domain)


def watch(
    checkpoint: Checkpoint, material: Material, rows: np.ndarray, recipe: Recipe
) -> tuple[np.ndarray, np.ndarray]:
    """Return outputs (n, M, T) and embeddings (n, E) of some rows (n,) of the material."""
    device = resolve_device(recipe.predict.device)
    graphs = material.graphs.take(rows)
    return observe(checkpoint.build().to(device), graphs, recipe.fit.batch_size, device)


def ends(
    checkpoint: Checkpoint, values: np.ndarray, spreads: np.ndarray | None, level: float
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return lower and upper ends (n, T) of intervals; None where the model is not calibrated.

    Args:
        values: (n, T) predictions, in the targets' units.
        spreads: (n, T); None of a single model.
    """
    if checkpoint.calibration is None:
        return None, None
    pairs = [
        checkpoint.calibration.bounds(
            t, target, values[:, t], None if spreads is None else spreads[:, t], level
        )
        for t, target in enumerate(checkpoint.targets)
    ]
    low, high = (np.stack(side, axis=1) for side in zip(*pairs, strict=True))
    return low, high
