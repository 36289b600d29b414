"""Calibration: what a model says of structures kept apart from its training, beside what is true.

It is kept with the model, so that any level may be asked for later, and so that others can see what
a shortlist may miss. Intervals are made on the scale on which the target is learned, and
restored: of log10 they are factors.

Not covered: classes, whose probability is itself a statement of how sure the model is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from screenkit.models.intervals import Usual, half_width, usual_apart
from screenkit.models.target import Target


@dataclass(frozen=True, eq=False)
class Reach:
    """How far predictions of one target may be off."""

    usual: Usual
    scores: np.ndarray
    """(n,) float64. Errors over what is usual there."""
    own: np.ndarray
    """(n,) float64. What is usual for each calibration structure, as said by other groups."""

    def at(self, places: np.ndarray, level: float) -> np.ndarray:
        """Return half widths (m,) at `places`; see `Usual.at` and `half_width`."""
        return half_width(self.scores, level) * self.usual.at(places)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Predictions and labels of n structures that the weights were not fitted to, T targets."""

    predictions: np.ndarray
    """(n, T) float64, in the targets' units; of a class its probability."""
    labels: np.ndarray
    """(n, T) float64, likewise, of a class 0 or 1; NaN where missing."""
    spreads: np.ndarray | None
    """(n, T) float64, in the targets' units: standard deviations over members; None of one."""
    groups: np.ndarray
    """(n,) int32. Structures of one group have the same number."""
    structures: str
    """sha256 of their names."""
    split: str
    """Which structures they are, in words."""

    def __post_init__(self) -> None:
        shape = self.labels.shape
        spread = shape if self.spreads is None else self.spreads.shape
        if len(shape) != 2 or self.predictions.shape != shape or spread != shape:
            raise ValueError("predictions, labels and spreads of a calibration differ in shape")
        if self.groups.shape != shape[:1]:
            raise ValueError(f"{shape[0]} calibration structures have {len(self.groups)} groups")

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def _reaches(self) -> dict[tuple[int, str], tuple[np.ndarray, Reach]]:
        return {}

    def reach(self, t: int, target: Target) -> tuple[np.ndarray, Reach] | None:
        """Return which structures (n,) bool are known of target `t`, and how far it may be off.

        None of a class, and where nothing is known.
        """
        if target.is_class:
            return None
        key = (t, target.transform)
        if key not in self._reaches:
            said, truth = target.learn(self.predictions[:, t]), target.learn(self.labels[:, t])
            known = np.isfinite(said) & np.isfinite(truth)
            if not known.any():
                return None
            errors = np.abs(said - truth)[known]
            spread = None if self.spreads is None else self.spreads[known, t]
            places = self._places(said[known], spread)
            own = usual_apart(places, errors, self.groups[known])
            self._reaches[key] = known, Reach(Usual.of(places, errors), errors / own, own)
        return self._reaches[key]

    def bounds(
        self,
        t: int,
        target: Target,
        predictions: np.ndarray,
        spreads: np.ndarray | None,
        level: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and the upper ends of intervals, (m,) float64 each, in the unit.

        NaN of a class, and where nothing is known; infinite where the calibration is too small.

        Args:
            t: which target.
            target: the same.
            predictions: (m,) float64, in the unit.
            spreads: (m,) float64, in the unit; None of a single model.
            level: above 0 and below 1.
        """
        found = self.reach(t, target)
        if found is None:
            nothing = np.full(len(predictions), np.nan)
            return nothing, nothing
        said = target.learn(predictions)
        wide = found[1].at(self._places(said, spreads), level)
        return target.restore(said - wide), target.restore(said + wide)

    def own_bounds(self, t: int, target: Target, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the same for the n calibration structures, as other groups say what is usual."""
        low, high = np.full(len(self), np.nan), np.full(len(self), np.nan)
        if found := self.reach(t, target):
            known, reach = found
            said = target.learn(self.predictions[known, t])
            wide = half_width(reach.scores, level) * reach.own
            low[known], high[known] = target.restore(said - wide), target.restore(said + wide)
        return low, high

    @staticmethod
    def _places(said: np.ndarray, spreads: np.ndarray | None) -> np.ndarray:
        """Return what says how large errors usually are: where members disagree, that."""
        return said if spreads is None else spreads

    def told(self, targets: Sequence[Target], level: float) -> dict[str, Any]:
        """Return what `calibration.json` says, JSON-able; see `docs/formats.md`."""
        entries = {}
        for t, target in enumerate(targets):
            known = np.isfinite(self.labels[:, t]) & np.isfinite(self.predictions[:, t])
            entry: dict[str, Any] = {"better": target.better, "is_class": target.is_class}
            entry["prediction"] = self.predictions[known, t].tolist()
            entry["label"] = self.labels[known, t].tolist()
            entry["group"] = self.groups[known].tolist()
            for name, ends in zip(("low", "high"), self.own_bounds(t, target, level), strict=True):
                if not target.is_class:
                    entry[name] = [x if np.isfinite(x) else None for x in ends[known].tolist()]
            entries[target.name] = entry
        return {"level": level, "targets": entries, "split": self.split}

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the arrays as they stand in a checkpoint."""
        arrays = {
            "predictions": self.predictions.astype(np.float32),
            "labels": self.labels,
            "groups": self.groups,
        }
        if self.spreads is not None:
            arrays["spreads"] = self.spreads.astype(np.float32)
        return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}

    def header(self) -> dict[str, str]:
        """Return the texts as they stand in a checkpoint."""
        return {"structures": self.structures, "split": self.split}

    @classmethod
    def read(cls, tensors: dict[str, torch.Tensor], header: dict[str, Any]) -> Calibration:
        """Return what `tensors` and `header` gave; ValueError where they do not fit."""
        spreads = tensors.get("spreads")
        return cls(
            predictions=tensors["predictions"].double().numpy(),
            labels=tensors["labels"].double().numpy(),
            spreads=None if spreads is None else spreads.double().numpy(),
            groups=tensors["groups"].numpy(),
            structures=str(header["structures"]),
            split=str(header["split"]),
        )


def names_digest(names: Sequence[str]) -> str:
    """Return the sha256 of some names, hexadecimal."""
    return hashlib.sha256(json.dumps(list(names)).encode()).hexdigest()


def joint(calibrations: Sequence[Calibration | None]) -> Calibration | None:
    """Return the calibration of the mean of several models; None where they were not calibrated on
    the same structures, with the same labels."""
    known = [one for one in calibrations if one is not None and one.spreads is None]
    if len(known) < 2 or len(known) < len(calibrations):
        return None
    first = known[0]
    for other in known:
        same = other.structures == first.structures and np.array_equal(other.groups, first.groups)
        if not same or not np.array_equal(other.labels, first.labels, equal_nan=True):
            return None
    said = np.stack([one.predictions for one in known])
    return replace(first, predictions=said.mean(axis=0), spreads=said.std(axis=0, ddof=1))
