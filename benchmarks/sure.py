"""How sure a model is, held against structures kept apart: intervals, marks, recall.

    python -m benchmarks.sure CALIBRATED LABELS.csv [LIBRARY ...]

CALIBRATED is the folder that `screenkit calibrate` left (its graphs are read again), LABELS.csv its
table. Intervals and marks are judged on the test split; the bound of the recall on 20 random halves
of validation and test split, drawn by group, of which one calibrates and the other is the library.
Of each LIBRARY it is counted how many structures are marked.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.record import keep
from screenkit.flows.calibrated import ends, watch
from screenkit.flows.material import read_material
from screenkit.flows.screen import screen
from screenkit.learn.labels import LabelSettings, read_labels
from screenkit.learn.recall import Best
from screenkit.learn.split import split_by_group
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.domain import Scope
from screenkit.models.intervals import coverage
from screenkit.recipe import Recipe

SPLITS = 20
WANTED = (0.7, 0.8, 0.9)
BEST = Fraction(10)  # percent


def main(calibrated: Path, labels: Path, libraries: list[Path]) -> None:
    checkpoint = Checkpoint.load(calibrated / "checkpoint.safetensors")
    record = checkpoint.record
    table = read_labels(
        labels, checkpoint.targets, LabelSettings(group_column=str(record["split_by"]))
    )
    network = checkpoint.settings.model_dump()
    recipe = Recipe(model=checkpoint.model, network=network).override(device="cpu")
    material = read_material(calibrated / "graphs", table, recipe)
    fit = record["fit"]
    groups = material.labels.groups
    split = split_by_group(groups, fit["valid_fraction"], fit["test_fraction"], fit["seed"])
    apart = np.concatenate([split.valid, split.test])
    outputs, seen = watch(checkpoint, material, apart, recipe)
    values, spreads = checkpoint.judge(outputs)
    truth = material.labels.values[apart]
    test = np.arange(len(split.valid), len(apart))
    low, high = ends(checkpoint, values[test], None if spreads is None else spreads[test], 0.9)
    assert low is not None and high is not None and checkpoint.domain is not None
    distance = Scope(checkpoint.domain)(torch.from_numpy(seen[test]))[1].numpy()
    number = np.unique([groups[row] for row in apart], return_inverse=True)[1]
    found: dict[str, Any] = {"model": str(record["model"]), "sha256": checkpoint.digest}
    found |= {"test structures": len(test), "marked": int((distance > 1).sum()), "targets": {}}
    for t, target in enumerate(checkpoint.targets):
        error = np.abs(values[test, t] - truth[test, t])
        out, known = distance > 1, np.isfinite(error)
        ratio = error[out & known].mean() / error[~out & known].mean()
        found["targets"][target.name] = {
            "labels": int(known.sum()),
            "within the 90% interval": round(coverage(truth[test, t], low[:, t], high[:, t]), 4),
            "mean width": round(float(np.mean(high[:, t] - low[:, t])), 4),
            "error of the marked over the others": round(float(ratio), 3),
        }
    for wanted in WANTED:
        told = [
            promises(values[:, t], truth[:, t], number, target.better, wanted)
            for t, target in enumerate(checkpoint.targets)
        ]
        held, promised = (sum(column) for column in zip(*told, strict=True))
        halves = {"halves": SPLITS * len(told), "promised": promised, "kept": held}
        found[f"recall {wanted} of the best {float(BEST):g}%"] = halves
    found["marked of other libraries"] = _marked(calibrated, libraries)
    keep("sure", found)


def promises(
    values: np.ndarray, truth: np.ndarray, groups: np.ndarray, better: str, wanted: float
) -> tuple[int, int]:
    """Return in how many of the splits a promise was kept, and in how many one was made.

    Args:
        values: (n,) predictions.
        truth: (n,) labels; NaN where unknown.
        groups: (n,) number of the group of each.
        better: `max` or `min`.
        wanted: the recall that is promised.
    """
    known = np.isfinite(truth)
    sign = -1.0 if better == "min" else 1.0
    values, truth, groups = sign * values[known], sign * truth[known], groups[known]
    held = promised = 0
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(groups.max() + 1)
        first = np.isin(groups, order[: len(order) // 2])
        best = Best.of(values[first], truth[first], BEST, groups[first])
        threshold = best.threshold(wanted, int((~first).sum()))
        member = truth[~first] >= best.least
        if not np.isfinite(threshold) or not member.any():
            continue
        promised += 1
        held += bool(np.mean(values[~first][member] >= threshold) >= wanted)
    return held, promised


def _marked(calibrated: Path, libraries: list[Path]) -> dict[str, list[int]]:
    """Return of each library how many structures are out of domain, and of how many."""
    model = (calibrated / "checkpoint.safetensors").resolve()
    recipe = Recipe.parse(f"model: {model}\nrun: {{executor: serial}}")
    counts = {}
    for library in libraries:
        run = screen([library], recipe, calibrated / f"marked-{library.name}")
        counts[library.name] = [int(np.nansum(run.store.column("ood"))), run.counts["ok"]]
    return counts


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(text) for text in sys.argv[3:]])
