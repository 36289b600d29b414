"""How sure: what a run says of its own predictions, beside them.

    checkpoint -> calibration.json: predictions and labels of structures kept apart from training
    rows       -> how many are out of domain
    old models -> a remark of what they cannot say

Not covered: what a shortlist has missed (`flows/missed.py`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.models.checkpoint import Checkpoint
from screenkit.store.layout import CALIBRATION, OOD
from screenkit.store.publish import replace_text
from screenkit.store.store import Store


def write_calibration(checkpoint: Checkpoint, level: float, folder: Path) -> None:
    """Write `calibration.json`; nothing, and remove an older one, where the model has none."""
    path = folder / CALIBRATION
    if checkpoint.calibration is None:
        path.unlink(missing_ok=True)
        return
    told = checkpoint.calibration.told(checkpoint.targets, level)
    replace_text(path, json.dumps(told) + "\n")


def sureness(store: Store, checkpoint: Checkpoint, level: float) -> dict[str, Any]:
    """Return what `summary.json` says; see `docs/formats.md`."""
    return {
        "members": len(checkpoint.members),
        "interval_level": None if checkpoint.calibration is None else level,
        "out_of_domain": out_of_domain(store, checkpoint),
    }


def out_of_domain(store: Store, checkpoint: Checkpoint) -> int | None:
    """Return how many rows are marked; None where the model has no domain."""
    if checkpoint.domain is None:
        return None
    return sum(int(np.nansum(part[OOD])) for part in store.chunks([OOD]))


def unsure(store: Store, checkpoint: Checkpoint) -> list[str]:
    """Return what a reader must know of intervals and marks."""
    remarks = []
    if checkpoint.calibration is None and not all(t.is_class for t in checkpoint.targets):
        remarks.append(
            "The model is not calibrated, so there are no intervals (screenkit calibrate makes "
            "them from the labels it was trained with)."
        )
    if checkpoint.domain is None:
        remarks.append("The model keeps no training embeddings, so nothing is marked as foreign.")
    elif count := out_of_domain(store, checkpoint):
        ok = store.outcomes["ok"]
        remarks.append(
            f"{count} of the {ok} predicted structures are unlike those the model was trained on "
            "(ood = 1): there, neither its errors nor its intervals have been tested."
        )
    return remarks
