"""From what a network says of structures to the columns of their rows: values, and how sure.

    TARGET                       the prediction
    TARGET_std                   spread over members; of a checkpoint that holds several
    TARGET_low, TARGET_high      interval; of a calibrated checkpoint
    ood_distance, ood            how far out; of a checkpoint with a domain

Not covered: what the columns are made by (`models/calibration.py`, `models/domain.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from screenkit.errors import Outcome
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.target import Target
from screenkit.store.layout import EMBEDDING, HIGH, LOW, OOD, OOD_DISTANCE, SPREAD
from screenkit.store.row import Row

NOT_FINITE = "the network's output is not a finite number"


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What came out of the network for one structure."""

    outputs: np.ndarray
    """(M, T) float32. Standardised, of each member."""
    embedding: np.ndarray | None
    """(E,) float16. Standardised; None where the checkpoint has no domain."""
    distance: float
    """From the training set, 1 at the threshold; NaN likewise."""


def columns_of(checkpoint: Checkpoint, level: float) -> list[dict[str, str]]:
    """Return `name`, `unit` and `better` of each column that `judge` makes, in order.

    A column that is no target but says something of one has its name in `of`, and the ends of
    intervals their `level`; of `ood` and `ood_distance` `of` is empty.
    """
    columns = []
    for target in checkpoint.targets:
        own = target.model_dump(include={"name", "unit", "better"})
        columns.append(own)
        for suffix in _companions(checkpoint, target):
            name = f"{target.name}{suffix}"
            better = "min" if suffix == SPREAD else target.better
            more = {} if suffix == SPREAD else {"level": f"{level:g}"}
            columns.append(own | {"name": name, "better": better, "of": target.name} | more)
    if checkpoint.domain is not None:
        for name, better in ((OOD_DISTANCE, "min"), (OOD, "min")):
            columns.append({"name": name, "unit": "", "better": better, "of": ""})
    return columns


def _companions(checkpoint: Checkpoint, target: Target) -> tuple[str, ...]:
    """Return what stands beside a target; a class says itself how sure it is."""
    if target.is_class:
        return ()
    spread = (SPREAD,) if checkpoint.others else ()
    return spread if checkpoint.calibration is None else (*spread, LOW, HIGH)


def judge(
    rows: Sequence[Row], seen: Sequence[Seen | None], checkpoint: Checkpoint, level: float
) -> tuple[list[Row], dict[str, np.ndarray]]:
    """Return the rows with their values, as `columns_of` names them, and arrays to keep with them.

    Args:
        rows: one per structure.
        seen: of each; None of those that have not come through the network.
        checkpoint: whose outputs they are.
        level: of the intervals.
    """
    finished = list(rows)
    found = [(place, one) for place, one in enumerate(seen) if one is not None]
    arrays = _embeddings(found, len(rows), checkpoint)
    if not found:
        return finished, arrays
    values, spreads = checkpoint.judge(np.stack([one.outputs for _, one in found]))
    distances = np.array([one.distance for _, one in found])
    table = np.stack(list(_values(values, spreads, distances, checkpoint, level)), axis=1)
    finite = np.isfinite(values).all(axis=1).tolist()
    for (place, _), known, cells in zip(found, finite, table.tolist(), strict=True):
        row = finished[place]
        if known:
            finished[place] = dataclasses.replace(row, values=tuple(cells))
        else:
            finished[place] = row.stopped("prediction_not_finite", NOT_FINITE)
    if EMBEDDING in arrays:
        arrays[EMBEDDING][[row.outcome is not Outcome.OK for row in finished]] = np.nan
    return finished, arrays


def _values(
    values: np.ndarray,
    spreads: np.ndarray | None,
    distances: np.ndarray,
    checkpoint: Checkpoint,
    level: float,
) -> Iterator[np.ndarray]:
    """Yield (n,) of each column, in the order of `columns_of`."""
    for t, target in enumerate(checkpoint.targets):
        yield values[:, t]
        if target.is_class:
            continue
        spread = None if spreads is None else spreads[:, t]
        if spread is not None:
            yield spread
        if checkpoint.calibration is not None:
            yield from checkpoint.calibration.bounds(t, target, values[:, t], spread, level)
    if checkpoint.domain is not None:
        yield distances
        yield (distances > 1).astype(np.float64)


def _embeddings(
    found: Sequence[tuple[int, Seen]], rows: int, checkpoint: Checkpoint
) -> dict[str, np.ndarray]:
    """Return (rows, E) float16, NaN where a structure has none; nothing without a domain."""
    if checkpoint.domain is None:
        return {}
    table = np.full((rows, checkpoint.domain.points.shape[1]), np.nan, np.float16)
    for place, one in found:
        table[place] = one.embedding
    return {EMBEDDING: table}
