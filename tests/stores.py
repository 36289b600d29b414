"""Stores made of rows that a test writes down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from screenkit.errors import Outcome
from screenkit.plan import Plan
from screenkit.store.layout import EMBEDDING
from screenkit.store.merge import SHARDS, merge
from screenkit.store.row import Row
from screenkit.store.shard_file import write_shard
from screenkit.store.store import Store

UPTAKE = {"name": "co2_uptake_0.15bar_298K", "unit": "mol/kg", "better": "max"}
HEAT = {"name": "heat", "unit": "kJ/mol", "better": "min"}


def ok(
    name: str, *values: float, n_atoms: int = 100, density: float = 1.0, warnings: str = ""
) -> Row:
    return Row(
        name,
        n_atoms=n_atoms,
        density=density,
        volume=1000.0,
        minimum_distance=1.1,
        frame_ambiguous_fraction=0.0,
        warnings=warnings,
        values=values,
    )


def bad(name: str, code: str, message: str = "", outcome: Outcome = Outcome.FAILED) -> Row:
    return Row(name, outcome, code, message)


def make_store(
    folder: Path,
    rows: Sequence[Row],
    targets: Sequence[dict[str, str]] = (UPTAKE, HEAT),
    shard_size: int = 4,
    embedding: np.ndarray | None = None,
) -> Store:
    """Write rows as shards, with an embedding (rows, E) where there is one; merge, and open."""
    plan = Plan(len(rows), "0" * 64, shard_size)
    names = [target["name"] for target in targets]
    (folder / SHARDS).mkdir(parents=True, exist_ok=True)
    for shard in plan.shards:
        part = slice(shard.start, shard.stop)
        arrays = {} if embedding is None else {EMBEDDING: embedding[part].astype(np.float16)}
        write_shard(folder / SHARDS, shard, rows[part], names, plan.stamp, arrays)
    return Store.open(merge(folder, plan, [row.name for row in rows], targets))
