"""Material: a labelled library as graphs with labels, built once and kept as shards on disk.

Several trainings (folds, members, trials) read the same shards, each in its own process.

Not covered: who trains and who is kept apart (`learn/split.py`); graphs that `screenkit featurize`
left (`flows/kept.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from screenkit.crystal.library import Library
from screenkit.errors import LabelError, Outcome, RecipeError
from screenkit.executors.hire import hire
from screenkit.flows.account import make_plan
from screenkit.flows.stage import PLAN, run_stage
from screenkit.flows.start import refuse_others, start_of
from screenkit.graph.graph import GraphSettings
from screenkit.learn.fit import Examples
from screenkit.learn.labels import Labels
from screenkit.models.catalog import model_class
from screenkit.models.target import Target
from screenkit.plan import Plan
from screenkit.ranking.ranking import write_failures
from screenkit.recipe import Recipe
from screenkit.settings import Settings
from screenkit.store.layout import GRAPHS
from screenkit.store.merge import SHARDS
from screenkit.store.row import Row
from screenkit.store.shard_file import ShardFile, read_shards
from screenkit.tasks.featurize import FeaturizeTask, stranger
from screenkit.tasks.graph_files import GraphFiles
from screenkit.tasks.predict import count_devices
from screenkit.track import Track


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What there is to learn from: structures that are `ok` and have a label."""

    graphs: GraphFiles
    labels: Labels
    density: np.ndarray
    """(n,) float64, g/cm3."""
    digest: str
    """Of names, labels and graph settings."""
    strange: Mapping[str, str] = field(default_factory=dict)
    """Structures that the network cannot be given for their elements, and which these are."""

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
            self.graphs.take(rows),
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


def known_elements(recipe: Recipe) -> frozenset[int] | None:
    """Return the atomic numbers that the recipe's network knows; None: all."""
    return model_class(recipe.model)(network_settings(recipe), 1).elements


def gather(library: Library, table: Labels, recipe: Recipe, folder: Path, track: Track) -> Material:
    """Build the graphs of a library, where they are not in `folder` yet; return the material.

    `failures.csv`, beside the folder, says which structures could not be read.

    Raises:
        ScreenkitError: whatever `run_stage` and `read_material` raise.
    """
    graph, known = graph_settings(recipe), known_elements(recipe)
    plan = plan_graphs(library, recipe, graph, known)
    folder.mkdir(exist_ok=True)
    task = FeaturizeTask(folder / SHARDS, plan.stamp, recipe.checks, graph, known)
    task.warm_up(track.note)
    store = run_stage(
        library,
        plan,
        task,
        hire(recipe.run, folder, count_devices(recipe.predict.device)),
        folder,
        track,
        targets=(),
        label="Building graphs",
        product=GRAPHS,
    )
    write_failures(store, folder.parent / "failures.csv")
    return read_material(folder, table, recipe)


def plan_graphs(
    library: Library, recipe: Recipe, graph: GraphSettings, known: frozenset[int] | None
) -> Plan:
    """Return the plan of building graphs.

    Args:
        known: atomic numbers that the model knows; None: all.
    """
    elements = None if known is None else sorted(known)
    return make_plan(
        library, recipe, {"graph": graph.model_dump(mode="json"), "elements": elements}
    )


def read_material(folder: Path, table: Labels, recipe: Recipe) -> Material:
    """Return the graphs in a folder, as the recipe's network is given them, with the labels.

    Args:
        folder: where `gather` left them, or `screenkit featurize`.

    Raises:
        LabelError: no structure has a label.
        StorageError: a file is damaged.
    """
    plan = Plan.from_json((folder / PLAN).read_text(encoding="utf-8"), str(folder / PLAN))
    have, want = GraphSettings.model_validate(plan.settings["graph"]), graph_settings(recipe)
    density: dict[str, float] = {}
    strange: dict[str, str] = {}
    shards = _admitted(plan, folder, known_elements(recipe), density, strange)
    graphs = GraphFiles.of(shards, have, want)
    labelled = dict(zip(table.names, np.isfinite(table.values).any(axis=1).tolist(), strict=True))
    there = [row for row, name in enumerate(graphs.names) if name in density]
    kept = np.array([row for row in there if labelled.get(graphs.names[row])], dtype=np.int64)
    if not len(kept):
        raise LabelError(
            f"none of the {len(there)} structures that could be read has a label",
            hint=f"the structures are called like {graphs.names[there[0]]!r}, the labels like "
            f"{table.names[0]!r}; --name-column names the column that matches"
            if there and table.names
            else "failures.csv says why structures could not be read",
        )
    graphs = graphs.take(kept)
    labels = table.take(graphs.names.tolist())
    content = hashlib.sha256(json.dumps([want.model_dump(mode="json"), labels.names]).encode())
    content.update(labels.values.tobytes())
    return Material(
        graphs=graphs,
        labels=labels,
        density=np.array([density[name] for name in labels.names]),
        digest=content.hexdigest(),
        strange=strange,
    )


def _admitted(
    plan: Plan,
    folder: Path,
    known: frozenset[int] | None,
    density: dict[str, float],
    strange: dict[str, str],
) -> Iterator[tuple[ShardFile, Sequence[Row]]]:
    """Yield every shard with its rows; fill in the density of those that the network may be given,
    and what is strange in the others."""
    for found in read_shards(folder / SHARDS, plan):
        rows = found.rows()
        strange |= _strangers(found, rows, known)
        density.update(
            (row.name, row.density)
            for row in rows
            if row.outcome is Outcome.OK and row.name not in strange
        )
        yield found, rows


def _strangers(
    found: ShardFile, rows: Sequence[Row], known: frozenset[int] | None
) -> dict[str, str]:
    """Return which `ok` structures of a shard have elements that a model does not know, and which.

    Args:
        rows: those of the shard.
        known: atomic numbers that the model knows; None: all.
    """
    ok = [row for row in rows if row.outcome is Outcome.OK]
    if known is None or not ok:
        return {}
    parts = np.split(found.arrays["species"], np.cumsum([row.n_atoms for row in ok])[:-1])
    words = {row.name: stranger(part, known) for row, part in zip(ok, parts, strict=True)}
    return {name: word for name, word in words.items() if word}
