"""Material: a labelled library as graphs with labels, built once and kept as shards on disk.

Several trainings (folds, members, trials) read the same shards, each in its own process.

Not covered: who trains and who is kept apart (`learn/split.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from screenkit.crystal.library import Library
from screenkit.errors import LabelError, RecipeError
from screenkit.executors.hire import hire
from screenkit.flows.account import make_plan
from screenkit.flows.stage import PLAN, run_stage
from screenkit.flows.start import refuse_others, start_of
from screenkit.graph.graph import Graph, GraphSettings
from screenkit.learn.fit import Examples
from screenkit.learn.labels import Labels
from screenkit.models.catalog import model_class
from screenkit.models.target import Target
from screenkit.plan import Plan
from screenkit.ranking.ranking import write_failures
from screenkit.recipe import Recipe
from screenkit.settings import Settings
from screenkit.store.merge import SHARDS
from screenkit.store.row import Row
from screenkit.store.shard_file import read_shards
from screenkit.tasks.featurize import FeaturizeTask, graphs_of
from screenkit.tasks.predict import count_devices
from screenkit.track import Track


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What there is to learn from: structures that are `ok` and have a label."""

    graphs: Sequence[Graph]
    labels: Labels
    density: np.ndarray
    """(n,) float64, g/cm3."""
    digest: str
    """Of names, labels and graph settings."""

    def learned(self, targets: Sequence[Target]) -> np.ndarray:
        """Return (n, T) float64: the labels as a network learns them, not yet standardised."""
        columns = [target.learn(self.labels.values[:, t]) for t, target in enumerate(targets)]
        return np.stack(columns, axis=1)

    def examples(
        self, rows: np.ndarray, standardised: np.ndarray, targets: Sequence[Target]
    ) -> Examples:
        """Return some rows for a network to learn from.

        Args:
            rows: (m,) int64.
            standardised: (n, T); what it should say of each structure of the material.
            targets: T of them.
        """
        return Examples(
            [self.graphs[row] for row in rows],
            standardised[rows].astype(np.float32),
            tuple(target.is_class for target in targets),
        )


def network_settings(recipe: Recipe) -> Settings:
    """Return the settings of the recipe's network; of its start where it says none itself.

    Raises:
        CheckpointError: there is no such network, or its start is another one.
        RecipeError: an unknown key, or a value out of range.
    """
    known, start = model_class(recipe.model).settings_class, start_of(recipe)
    if start is not None and not recipe.network:
        return start.settings
    try:
        settings = known.model_validate(recipe.network)
        if start is not None:
            refuse_others(start, settings, str(recipe.fit.start))
        return settings
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = ".".join(["network", *map(str, fault["loc"])])
        raise RecipeError(
            f"{key}: {fault['msg']}",
            hint=f"{recipe.model} has {', '.join(known.model_fields)}",
        ) from None


def graph_settings(recipe: Recipe) -> GraphSettings:
    """Return the graphs that the recipe's network must be given."""
    return model_class(recipe.model).graph_settings(network_settings(recipe))


def gather(library: Library, table: Labels, recipe: Recipe, folder: Path, track: Track) -> Material:
    """Build the graphs of a library, where they are not in `folder` yet; return the material.

    `failures.csv`, beside the folder, says which structures could not be read.

    Raises:
        ScreenkitError: whatever `run_stage` and `read_material` raise.
    """
    graph = graph_settings(recipe)
    known = model_class(recipe.model)(network_settings(recipe), 1).elements
    elements = None if known is None else sorted(known)
    own = {"graph": graph.model_dump(mode="json"), "elements": elements}
    plan = make_plan(library, recipe, own)
    folder.mkdir(exist_ok=True)
    task = FeaturizeTask(folder / SHARDS, plan.stamp, recipe.checks, graph, known)
    store = run_stage(
        library,
        plan,
        task,
        hire(recipe.run, folder, count_devices(recipe.predict.device)),
        folder,
        track,
        targets=(),
        label="Building graphs",
    )
    write_failures(store, folder.parent / "failures.csv")
    return read_material(folder, table)


def read_material(folder: Path, table: Labels) -> Material:
    """Return what `gather` left in a folder, with the labels.

    Raises:
        LabelError: no structure has a label.
        StorageError: a file is damaged.
    """
    plan = Plan.from_json((folder / PLAN).read_text(encoding="utf-8"), str(folder / PLAN))
    rows, graphs = _read(plan, folder)
    labelled = dict(zip(table.names, np.isfinite(table.values).any(axis=1).tolist(), strict=True))
    kept = [graph for graph in graphs if labelled.get(graph.name)]
    if not kept:
        raise LabelError(
            f"none of the {len(graphs)} structures that could be read has a label",
            hint=f"the structures are called like {graphs[0].name!r}, the labels like "
            f"{table.names[0]!r}; --name-column names the column that matches"
            if graphs and table.names
            else "failures.csv says why structures could not be read",
        )
    labels = table.take([graph.name for graph in kept])
    density = {row.name: row.density for row in rows}
    content = hashlib.sha256(json.dumps([plan.settings["graph"], labels.names]).encode())
    content.update(labels.values.tobytes())
    return Material(
        graphs=kept,
        labels=labels,
        density=np.array([density[name] for name in labels.names]),
        digest=content.hexdigest(),
    )


def _read(plan: Plan, folder: Path) -> tuple[list[Row], list[Graph]]:
    """Return every structure's row, and the graphs of those that are `ok`."""
    rows: list[Row] = []
    graphs: list[Graph] = []
    for found in read_shards(folder / SHARDS, plan):
        shard_rows = found.rows()
        rows += shard_rows
        graphs += graphs_of(shard_rows, found.arrays)
    return rows, graphs
