"""Rows, plans and shards for the tests of the store."""

from __future__ import annotations

from pathlib import Path

from screenkit.errors import Outcome
from screenkit.plan import Plan
from screenkit.store.merge import SHARDS
from screenkit.store.row import Row
from screenkit.store.shard_file import shard_path, write_shard

TARGETS = [
    {"name": "co2_uptake_0.15bar", "unit": "mol/kg", "better": "max"},
    {"name": "gap", "unit": "eV", "better": "min"},
]
TARGET_NAMES = [target["name"] for target in TARGETS]


def make_row(i: int) -> Row:
    """Return a row that differs from those of other numbers; each seventh has failed."""
    name = f"hmof/é%0A山/{i:06d}"
    if i % 7 == 3:
        return Row(name, Outcome.FAILED, "parse_error", f"line {i}: no number " + "x" * (i % 50))
    return Row(
        name=name,
        warnings="symmetry_missing encoding" if i % 5 == 0 else "",
        n_atoms=i + 1,
        volume=1000.0 + i,
        density=0.1 + 1 / (i + 3),
        minimum_distance=1.1,
        frame_ambiguous_fraction=0.25,
        values=(i / 7, -i / 3),
    )


def make_plan(structures: int, size: int, **settings: object) -> Plan:
    return Plan(structures, "digest", size, settings)


def write_all(run: Path, plan: Plan) -> list[Path]:
    """Write every shard of a run and return their paths."""
    folder = run / SHARDS
    for shard in plan.shards:
        rows = [make_row(i) for i in range(shard.start, shard.stop)]
        write_shard(folder, shard, rows, TARGET_NAMES, plan.stamp)
    return [shard_path(folder, shard) for shard in plan.shards]


def names_of(plan: Plan) -> list[str]:
    return [make_row(i).name for i in range(plan.structures)]
