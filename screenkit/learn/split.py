"""Split: which structures train, validate and test. Groups stay together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


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
    members: dict[str, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        members[group].append(row)
    names = sorted(members)
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
