"""Split: which structures train, validate and test. Groups stay together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from screenkit.settings import Settings


class CrossSettings(Settings):
    """Several trainings in the place of one, to see how much a figure hangs on chance."""

    folds: int | None = Field(default=None, ge=2)
    """Cross-validation: so many trainings; each group is kept apart by exactly one of them."""
    repeats: int | None = Field(default=None, ge=2)
    """So many trainings, each with another random split and other first weights."""
    ensemble: int | None = Field(default=None, ge=2)
    """So many trainings on one split, that differ in first weights and order; their mean counts."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Indices into a label table; together they are every row, once."""

    train: np.ndarray
    """int64. Rows the weights are fitted to."""
    valid: np.ndarray
    """int64. Rows that choose the epoch."""
    test: np.ndarray
    """int64. Rows that nothing is chosen by."""


def split_by_group(
    groups: Sequence[str], valid_fraction: float, test_fraction: float, seed: int
) -> Split:
    """Return a split in which no group stands on two sides.

    Whole groups, in an order drawn from `seed`, fill the test set until it holds its fraction of
    the rows, then the validation set; the rest trains.

    Raises:
        ValueError: a side would be empty.
    """
    members = _members(groups)
    names = list(members)
    order = np.random.default_rng(seed).permutation(len(names))
    sides: dict[str, list[int]] = {"test": [], "valid": [], "train": []}
    wanted = {"test": test_fraction * len(groups), "valid": valid_fraction * len(groups)}
    for place in order:
        side = next((s for s in ("test", "valid") if len(sides[s]) < wanted[s]), "train")
        sides[side] += members[names[place]]
    if not all(sides.values()):
        counts = ", ".join(f"{side} {len(rows)}" for side, rows in sides.items())
        raise ValueError(f"{len(groups)} rows in {len(names)} groups give {counts}")
    return Split(**{side: np.array(sorted(rows)) for side, rows in sides.items()})


def folds_by_group(
    groups: Sequence[str], folds: int, valid_fraction: float, seed: int
) -> list[Split]:
    """Return splits of which each row is in the test set of exactly one; no group is on two sides.

    Whole groups, in an order drawn from `seed`, go to the fold that has the fewest rows yet. Of
    what a fold leaves, whole groups fill the validation set until it holds its fraction of all
    rows; the rest trains.

    Raises:
        ValueError: a side would be empty.
    """
    members = _members(groups)
    names = list(members)
    if len(names) < folds:
        raise ValueError(f"{len(groups)} rows in {len(names)} groups give no {folds} folds")
    dealt: list[list[int]] = [[] for _ in range(folds)]
    for place in np.random.default_rng(seed).permutation(len(names)):
        min(dealt, key=len).extend(members[names[place]])
    splits = []
    for fold, test in enumerate(dealt):
        apart = {groups[row] for row in test}
        rest = [name for name in names if name not in apart]
        valid: list[int] = []
        train: list[int] = []
        for place in np.random.default_rng([seed, fold]).permutation(len(rest)):
            side = valid if len(valid) < valid_fraction * len(groups) else train
            side += members[rest[place]]
        if not valid or not train:
            raise ValueError(f"{len(groups)} rows in {len(names)} groups leave fold {fold} empty")
        splits.append(Split(*(np.array(sorted(side)) for side in (train, valid, test))))
    return splits


def _members(groups: Sequence[str]) -> dict[str, list[int]]:
    """Return the rows of each group, groups by name."""
    members: dict[str, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        members[group].append(row)
    return dict(sorted(members.items()))
