"""Featurize: the graphs of a library, built once and kept for any number of trainings.

    Library.open -> Plan -> FeaturizeTask on every shard -> shards/ with graphs
                 -> graphs.h5, failures.csv, summary.json, report.html

Safe to repeat: finished shards are kept.

Not covered: labels; `flows/kept.py` joins them when a training reads the graphs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.crystal.library import Library
from screenkit.errors import Outcome, UsageError
from screenkit.executors.hire import hire
from screenkit.flows.account import Account, command_again, open_run
from screenkit.flows.kept import Kept
from screenkit.flows.material import graph_settings, plan_graphs
from screenkit.flows.rehearse import Rehearsal, rehearse
from screenkit.flows.report import draw_report
from screenkit.flows.stage import run_stage
from screenkit.graph.derive import misfit, union
from screenkit.graph.graph import GraphSettings
from screenkit.models.catalog import model_class
from screenkit.plan import Plan
from screenkit.ranking.ranking import write_failures
from screenkit.recipe import Recipe
from screenkit.store.layout import GRAPHS
from screenkit.store.lock import RunLock
from screenkit.store.merge import SHARDS
from screenkit.store.publish import replace_text
from screenkit.tasks.featurize import FeaturizeTask
from screenkit.track import Track

FILES = (
    *("plan.json", "recipe.yaml", "again.json", "run.log", "shards/", GRAPHS.file),
    *("failures.csv", "summary.json", "report.html", "figures/"),
)
"""What a featurization leaves in its folder."""


@dataclass(frozen=True, slots=True, eq=False)
class Featurization(Account):
    """What came of a featurization."""

    graph: GraphSettings
    """What its graphs hold."""
    models: tuple[str, ...]
    """Kinds of network that they are for."""
    atoms: int
    """Of all graphs."""
    size: int
    """Bytes of all shards."""
    digest: str
    """`Kept.digest`."""


def featurize(
    sources: Sequence[Path],
    recipe: Recipe,
    output: Path,
    track: Track | None = None,
    ids: Path | None = None,
) -> Featurization:
    """Build the graphs of every structure of the sources, and keep them in `output`.

    Raises:
        UsageError: networks that want different neighbours are named.
        ScreenkitError: sources, output or settings are not usable; nothing is lost, and the same
            call goes on when that is mended.
    """
    started = time.monotonic()
    RunLock(output).refuse()  # listing the sources may take a while
    library, plan, task = _prepare(sources, recipe, output, ids)
    again = command_again("featurize", sources, ids, output)
    with open_run(output, library, plan, recipe, again, track) as told:
        task.warm_up(told.note)
        began = time.monotonic()
        store = run_stage(
            library,
            plan,
            task,
            hire(recipe.run, output),
            output,
            told,
            targets=(),
            label="Building graphs",
            product=GRAPHS,
        )
        write_failures(store, output / "failures.csv")
        now = time.monotonic()
        ok = store.column("outcome") == Outcome.OK
        result = Featurization(
            output=output,
            store=store,
            computed=told.structures,
            seconds=now - started,
            working_seconds=now - began,
            library_digest=library.digest,
            graph=task.graph,
            models=_models(recipe),
            atoms=int(store.column("n_atoms")[ok].sum(dtype=np.int64)),
            size=sum(path.stat().st_size for path in (output / SHARDS).glob("*.h5")),
            digest=Kept.open(output).digest,
        )
        _write_summary(result, sources)
        draw_report(output, library, told)
        return result


def rehearse_featurization(
    sources: Sequence[Path], recipe: Recipe, output: Path, ids: Path | None = None
) -> Rehearsal:
    """Return what `featurize` would do, and about how long it would take; writes nothing.

    Raises:
        ScreenkitError: as `featurize` would before its work begins.
    """
    RunLock(output).refuse()
    library, plan, task = _prepare(sources, recipe, output, ids)
    return rehearse(library, plan, task, recipe.run, output, FILES)


def graphs_for(recipe: Recipe) -> GraphSettings:
    """Return graphs that hold those of all networks that the recipe names.

    Raises:
        UsageError: they want different neighbours.
        CheckpointError: there is no such network.
    """
    wanted: dict[str, GraphSettings] = {}
    for name in _models(recipe):
        model_class(name)  # refused by its name
        own = recipe if name == recipe.model else _plain(recipe, name)
        wanted[name] = _with_k(graph_settings(own), name, recipe.featurize.k)
    together = union(list(wanted.values()))
    for name, graph in wanted.items():
        if fault := misfit(together, graph):
            first = next(iter(wanted))
            raise UsageError(
                f"{first} and {name} want different neighbours: {fault.replace(' there', '')}",
                hint="give each a folder of its own, or one --k to networks that have it",
            )
    return together


def _with_k(graph: GraphSettings, name: str, k: int | None) -> GraphSettings:
    if k is None:
        return graph
    if "k" not in model_class(name).settings_class.model_fields:
        raise UsageError(
            f"--k {k}: {name} has no such setting, and would refuse these graphs",
            hint=f"leave --k out; {name} looks at {graph.k}",
        )
    return graph.model_copy(update={"k": k})


def _plain(recipe: Recipe, name: str) -> Recipe:
    """Return a recipe of another network, with the settings that it has by default."""
    fit = recipe.fit.model_copy(update={"start": None})
    return recipe.model_copy(update={"model": name, "network": {}, "fit": fit})


def _models(recipe: Recipe) -> tuple[str, ...]:
    return tuple(dict.fromkeys(recipe.featurize.models or (recipe.model,)))


def _prepare(
    sources: Sequence[Path], recipe: Recipe, output: Path, ids: Path | None
) -> tuple[Library, Plan, FeaturizeTask]:
    """Look at settings and sources; make and write nothing."""
    graph = graphs_for(recipe)
    library = Library.open(sources, ids)
    plan = plan_graphs(library, recipe, graph, None)
    return library, plan, FeaturizeTask(output / SHARDS, plan.stamp, recipe.checks, graph)


def _write_summary(result: Featurization, sources: Sequence[Path]) -> None:
    own: dict[str, Any] = {
        "models": list(result.models),
        "graph": result.graph.model_dump(mode="json"),
        "atoms": result.atoms,
        "bytes": result.size,
        "graphs_sha256": result.digest,
    }
    summary = json.dumps(result.summary(sources, own), indent=2, ensure_ascii=False)
    replace_text(result.output / "summary.json", summary + "\n")
