"""Label: what physics says of a library. Structures go in, a table to train on comes out.

    Library.open -> Plan -> LabelTask on every shard -> labels.h5
                 -> labels.csv, failures.csv, report.html, summary.json

Safe to repeat: finished shards are kept, so that a run that was stopped goes on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from screenkit.adsorption.henry import misses
from screenkit.crystal.library import Library
from screenkit.errors import Outcome
from screenkit.executors.hire import hire
from screenkit.flows.account import Account, command_again, make_plan, open_run
from screenkit.flows.rehearse import Rehearsal, rehearse
from screenkit.flows.report import draw_report
from screenkit.flows.stage import run_stage
from screenkit.plan import Plan
from screenkit.ranking.ranking import FACTS, write_failures
from screenkit.ranking.table import write_table
from screenkit.recipe import Recipe
from screenkit.report.label_page import HenrySpread, Spread
from screenkit.store.lock import RunLock
from screenkit.store.merge import SHARDS
from screenkit.store.publish import replace_text
from screenkit.store.store import Store
from screenkit.tasks.label import LabelTask, Physics, henry_column
from screenkit.track import Track

TABLE = "labels.csv"
"""Name of the table that `screenkit train` reads."""

FILES = (
    *("plan.json", "recipe.yaml", "again.json", "run.log", "shards/", "labels.h5"),
    *(TABLE, "failures.csv", "summary.json", "report.html", "figures/"),
)
"""What a labelling leaves in its folder."""


@dataclass(frozen=True, eq=False)
class Labelling(Account):
    """What came of labelling a library."""

    physics: Physics

    @cached_property
    def henry(self) -> list[HenrySpread]:
        """The Henry coefficients of each gas at each temperature."""
        found = []
        for gas in self.physics.gases:
            for temperature in self.physics.adsorption.temperatures:
                names = [
                    henry_column(kind, gas.name, temperature) for kind in ("log_henry", "error")
                ]
                logs, errors = map(self._spread, names)
                ok = self.store.column("outcome") == Outcome.OK
                log, error = (self.store.column(name)[ok] for name in names)
                missed = int(misses(log, error, self.physics.adsorption.tolerance).sum())
                found.append(HenrySpread(gas.name, temperature, logs, errors, missed))
        return found

    @cached_property
    def others(self) -> list[Spread]:
        """The labels of other kinds."""
        return [self._spread(target["name"]) for target in self.physics.other_targets]

    def _spread(self, name: str) -> Spread:
        values = self.store.column(name)
        unit = next(str(t["unit"]) for t in self.store.targets if t["name"] == name)
        return Spread(name, unit, values[np.isfinite(values)])


def label(
    sources: Sequence[Path],
    recipe: Recipe,
    output: Path,
    track: Track | None = None,
    ids: Path | None = None,
) -> Labelling:
    """Compute the labels that the recipe asks for, and write them into `output`.

    Raises:
        UsageError: the recipe asks for nothing, or for a gas at no temperature.
        ScreenkitError: sources, output or settings are not usable; nothing is lost, and the same
            call goes on when that is mended.
    """
    started = time.monotonic()
    RunLock(output).refuse()  # listing the sources may take a while
    library, plan, task = _prepare(sources, recipe, output, ids)
    physics = task.physics
    again = command_again("label", sources, ids, output)
    with open_run(output, library, plan, recipe, again, track) as told:
        told.note(f"{len(physics.targets)} labels each")
        task.warm_up(told.note)
        began = time.monotonic()
        store = run_stage(
            library,
            plan,
            task,
            hire(recipe.run, output, physics.count_devices()),
            output,
            told,
            targets=task.targets,
            label="Labelling",
            product=task.product,
        )
        now = time.monotonic()
        result = Labelling(
            output=output,
            store=store,
            computed=told.structures,
            seconds=now - started,
            working_seconds=now - began,
            library_digest=library.digest,
            physics=physics,
        )
        _write(result, sources)
        draw_report(output, library, told)
        return result


def rehearse_labelling(
    sources: Sequence[Path], recipe: Recipe, output: Path, ids: Path | None = None
) -> Rehearsal:
    """Return what `label` would do, and about how long it would take; writes nothing.

    Raises:
        ScreenkitError: as `label` would before its work begins.
    """
    RunLock(output).refuse()
    library, plan, task = _prepare(sources, recipe, output, ids)
    device = recipe.adsorption.device
    return rehearse(library, plan, task, recipe.run, output, FILES, device)


def _prepare(
    sources: Sequence[Path], recipe: Recipe, output: Path, ids: Path | None
) -> tuple[Library, Plan, LabelTask]:
    """Look at settings and sources; make and write nothing."""
    physics = Physics.choose(recipe.adsorption, recipe.properties, recipe.pores, recipe.topology)
    library = Library.open(sources, ids)
    plan = make_plan(library, recipe, physics.said())
    return library, plan, LabelTask(output / SHARDS, plan.stamp, recipe.checks, physics)


def _write(result: Labelling, sources: Sequence[Path]) -> None:
    """Write the tables and the summary."""
    output, store = result.output, result.store
    write_table(store, table_columns(store), output / TABLE)
    write_failures(store, output / "failures.csv")
    summary = result.summary(sources, _own(result))
    text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
    replace_text(output / "summary.json", text + "\n")


def table_columns(store: Store) -> list[str]:
    """Return the columns of `labels.csv`."""
    labels = [str(target["name"]) for target in store.targets]
    facts = [name for name in FACTS if name != "frame_ambiguous_fraction"]
    return ["name", "outcome", "code", *labels, *facts, "warnings"]


def _own(result: Labelling) -> dict[str, object]:
    """Return what a labelling alone has to say in `summary.json`."""
    physics = result.physics
    return {
        "labels": [target["name"] for target in physics.targets],
        "force_field": physics.field.name if physics.field else None,
        "force_field_sha256": physics.field.digest if physics.field else None,
        "tolerance": physics.adsorption.tolerance,
        "provenance": _parameters(physics),
        "henry": [
            {
                "gas": one.gas,
                "temperature_K": one.temperature,
                "structures": len(one.logs.values),
                "median_log_henry": _or_none(one.logs.quantile(0.5)),
                "median_error": _or_none(one.errors.quantile(0.5)),
                "tolerance_not_reached": one.missed,
            }
            for one in result.henry
        ],
    }


def _parameters(physics: Physics) -> dict[str, str]:
    """Return where the parameters of force field and gases come from."""
    told = {gas.name: gas.source for gas in physics.gases}
    if physics.field is None:
        return told
    own = {"parameters": f"{physics.field.name}: {physics.field.source}"}
    return {**own, "parameters sha256": physics.field.digest, **told}


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None
