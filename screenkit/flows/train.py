"""Train: a labelled library in, a checkpoint and its honest figures out.

    library  -> graphs (shards, as in screening)      graphs/
    labels   -> split by group -> fit, epoch by epoch  fit.safetensors
    test set -> figures beside trivial baselines       metrics.json, test_predictions.csv,
             -> checkpoint.safetensors                 parity.png

Every step goes on where a killed run stopped.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from screenkit.crystal.library import Library
from screenkit.errors import LabelError, Outcome, RecipeError, UsageError
from screenkit.executors.executor import hire
from screenkit.flows.run_log import run_log
from screenkit.flows.score import Scored, plain, score, write_scores
from screenkit.flows.stage import run_stage
from screenkit.flows.versions import versions
from screenkit.graph.graph import Graph, GraphSettings, unstack
from screenkit.learn.fit import Examples, FitState, fit, predict
from screenkit.learn.labels import Labels, read_labels
from screenkit.learn.split import Split, split_by_group
from screenkit.models.catalog import model_class
from screenkit.models.checkpoint import Checkpoint
from screenkit.plan import Plan
from screenkit.ranking.ranking import write_failures
from screenkit.recipe import Recipe
from screenkit.settings import Settings
from screenkit.store.layout import RESERVED
from screenkit.store.lock import RunLock
from screenkit.store.merge import SHARDS
from screenkit.store.publish import replace_bytes, replace_text
from screenkit.store.row import Row
from screenkit.store.shard_file import read_shard, shard_path
from screenkit.tasks.featurize import FeaturizeTask
from screenkit.tasks.predict import resolve_device
from screenkit.track import Track

STATE = "fit.safetensors"
"""Name of the training's state in the run's folder."""
GRAPHS = "graphs"
"""Name of the folder of graphs in the run's folder."""


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """What came of a training."""

    output: Path
    checkpoint: Checkpoint
    metrics: dict[str, Any]
    """As in `metrics.json`."""
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class _Material:
    """What there is to learn from: structures that are `ok` and have a label."""

    graphs: Sequence[Graph]
    labels: Labels
    density: np.ndarray
    """(n,) float64, g/cm3."""
    split: Split
    digest: str
    """Of names, labels and graph settings."""

    def examples(self, rows: np.ndarray, standardised: np.ndarray) -> Examples:
        return Examples([self.graphs[row] for row in rows], standardised[rows].astype(np.float32))


def train(
    labels: Path,
    sources: Sequence[Path],
    recipe: Recipe,
    output: Path,
    track: Track | None = None,
    ids: Path | None = None,
) -> Training:
    """Train the recipe's network on a labelled library; goes on where an earlier run stopped.

    Raises:
        UsageError: the recipe names no target.
        LabelError: labels and library do not fit each other.
        ScreenkitError: whatever the steps raise.
    """
    started = time.monotonic()
    if not recipe.labels.targets:
        raise UsageError(
            "no target to learn", hint="name a column of the label table: --target COLUMN"
        )
    if hidden := RESERVED.intersection(target.name for target in recipe.labels.targets):
        raise UsageError(
            f"a target cannot be called {min(hidden)}: every table has a column of that name",
            hint="give the target another name in a recipe, with `column: ` for the label table",
        )
    settings = _network_settings(recipe)
    with RunLock(output), run_log(output, track) as track:
        replace_text(output / "recipe.yaml", recipe.to_yaml("screenkit train"))
        table = read_labels(labels, recipe.labels.targets, recipe.labels)
        library = Library.open(sources, ids)
        graph = model_class(recipe.model).graph_settings(settings)
        rows, graphs = _featurize(library, graph, recipe, output, track)
        material = _join(rows, graphs, table, recipe, graph)
        state, means, deviations = _fit(material, settings, recipe, output, track)
        checkpoint = Checkpoint(
            model=recipe.model,
            settings=settings,
            graph=graph,
            targets=recipe.labels.targets,
            means=means,
            deviations=deviations,
            weights=state.best,
            record={},
        )
        return _conclude(checkpoint, state, material, recipe, output, time.monotonic() - started)


def _network_settings(recipe: Recipe) -> Settings:
    """Return the settings of the recipe's network.

    Raises:
        RecipeError: an unknown key, or a value out of range.
    """
    known = model_class(recipe.model).settings_class
    try:
        return known.model_validate(recipe.network)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = ".".join(map(str, fault["loc"]))
        raise RecipeError(
            f"network.{key}: {fault['msg']}",
            hint=f"{recipe.model} has {', '.join(known.model_fields)}",
        ) from None


def _featurize(
    library: Library, graph: GraphSettings, recipe: Recipe, output: Path, track: Track
) -> tuple[list[Row], list[Graph]]:
    """Return every structure's row, and the graphs of those that are `ok`, from shards on disk."""
    folder = output / GRAPHS
    plan = Plan(
        structures=len(library),
        digest=library.digest,
        shard_size=recipe.run.shard_size,
        settings={
            "graph": graph.model_dump(mode="json"),
            "checks": recipe.checks.model_dump(mode="json"),
        },
    )
    folder.mkdir(exist_ok=True)
    task = FeaturizeTask(folder / SHARDS, plan.stamp, recipe.checks, graph)
    executor = hire(recipe.run)
    store = run_stage(
        library, plan, task, executor, folder, track, targets=(), label="Building graphs"
    )
    write_failures(store, output / "failures.csv")
    rows: list[Row] = []
    graphs: list[Graph] = []
    for shard in plan.shards:
        found = read_shard(shard_path(folder / SHARDS, shard), shard, plan.stamp)
        shard_rows = found.rows()
        rows += shard_rows
        ok = [row for row in shard_rows if row.outcome is Outcome.OK]
        if ok:
            graphs += unstack(
                found.arrays,
                [row.name for row in ok],
                [row.n_atoms for row in ok],
                [row.frame_ambiguous_fraction for row in ok],
            )
    return rows, graphs


def _join(
    rows: Sequence[Row],
    graphs: Sequence[Graph],
    table: Labels,
    recipe: Recipe,
    graph: GraphSettings,
) -> _Material:
    """Return the structures that have both a graph and a label, and their split."""
    labelled = dict(zip(table.names, np.isfinite(table.values).any(axis=1).tolist(), strict=True))
    kept = [g for g in graphs if labelled.get(g.name)]
    if not kept:
        raise LabelError(
            f"none of the {len(graphs)} structures that could be read has a label",
            hint=f"the structures are called like {graphs[0].name!r}, the labels like "
            f"{table.names[0]!r}; --name-column names the column that matches"
            if graphs and table.names
            else "failures.csv says why structures could not be read",
        )
    labels = table.take([g.name for g in kept])
    density = {row.name: row.density for row in rows}
    fit_settings = recipe.fit
    try:
        split = split_by_group(
            labels.groups,
            fit_settings.valid_fraction,
            fit_settings.test_fraction,
            fit_settings.seed,
        )
    except ValueError as error:
        raise LabelError(
            f"too little to train on: {error}", hint="give more structures or smaller fractions"
        ) from None
    content = hashlib.sha256(json.dumps([graph.model_dump(mode="json"), labels.names]).encode())
    content.update(labels.values.tobytes())
    return _Material(
        graphs=kept,
        labels=labels,
        density=np.array([density[name] for name in labels.names]),
        split=split,
        digest=content.hexdigest(),
    )


def _fit(
    material: _Material, settings: Settings, recipe: Recipe, output: Path, track: Track
) -> tuple[FitState, np.ndarray, np.ndarray]:
    """Return the last state of the training, and the labels' means and deviations."""
    targets = recipe.labels.targets
    learned = np.stack(
        [target.learn(material.labels.values[:, t]) for t, target in enumerate(targets)], axis=1
    )
    means = np.nanmean(learned[material.split.train], axis=0)
    deviations = np.nanstd(learned[material.split.train], axis=0)
    for target, deviation in zip(targets, deviations, strict=True):
        if not deviation > 0:
            raise LabelError(f"{target.name}: all labels of the training set are equal or missing")
    standardised = (learned - means) / deviations
    stamp = hashlib.sha256(
        json.dumps(
            [
                material.digest,
                recipe.model,
                settings.model_dump(mode="json"),
                recipe.fit.model_dump(mode="json", exclude={"epochs"}),
                [target.model_dump(mode="json") for target in targets],
            ],
            sort_keys=True,
        ).encode()
    ).hexdigest()
    earlier = state = _earlier_state(output / STATE, stamp, track)
    track.start("Training", recipe.fit.epochs, earlier.epoch if earlier else 0)
    try:
        for state in fit(
            recipe.model,
            settings,
            material.examples(material.split.train, standardised),
            material.examples(material.split.valid, standardised),
            recipe.fit,
            earlier,
            resolve_device(recipe.predict.device),
        ):
            replace_bytes(output / STATE, state.to_bytes(stamp))
            track.epoch(dict(state.history[-1]))
    finally:
        track.finish()
    assert state is not None
    return state, means, deviations


def _range(values: np.ndarray) -> list[float]:
    """Return the least and the largest label, NaN left out."""
    return [float(np.nanmin(values)), float(np.nanmax(values))]


def _earlier_state(path: Path, stamp: str, track: Track) -> FitState | None:
    """Return the state that an earlier run of this very training left, if any."""
    try:
        state = FitState.from_bytes(path.read_bytes(), stamp)
    except FileNotFoundError:
        return None
    except ValueError:
        track.note(f"{path.name} is damaged; training starts anew")
        return None
    if state is None:
        track.note(f"{path.name} belongs to other data or settings; training starts anew")
    return state


def _conclude(
    checkpoint: Checkpoint,
    state: FitState,
    material: _Material,
    recipe: Recipe,
    output: Path,
    seconds: float,
) -> Training:
    """Score the test set, write the figures and the checkpoint."""
    split, labels = material.split, material.labels
    graphs = [material.graphs[row] for row in split.test]
    device = resolve_device(recipe.predict.device)
    network = checkpoint.build().to(device)
    scored = Scored(
        names=[labels.names[row] for row in split.test],
        targets=checkpoint.targets,
        truth=labels.values[split.test],
        predicted=checkpoint.restore(predict(network, graphs, recipe.fit.batch_size, device)),
        density=material.density[split.test],
    )
    metrics = {
        "model": checkpoint.model,
        "structures": {
            "train": len(split.train),
            "valid": len(split.valid),
            "test": len(split.test),
        },
        "split_by": recipe.labels.group_column or "structure",
        "epochs": state.epoch,
        "best_epoch": state.best_epoch,
        "test": score(scored, labels.values[split.train], material.density[split.train]),
    }
    record = plain(metrics) | {
        "data": recipe.labels.source,
        "data_sha256": material.digest,
        "label_range": {
            target.name: _range(labels.values[split.train, t])
            for t, target in enumerate(checkpoint.targets)
        },
        "fit": recipe.fit.model_dump(mode="json"),
        "versions": versions(),
    }
    final = dataclasses.replace(checkpoint, record=record)
    replace_bytes(output / "checkpoint.safetensors", final.to_bytes())
    history = [dict(entry) for entry in state.history]
    title = f"{checkpoint.model}, {len(split.test)} structures kept apart"
    write_scores(output, metrics | {"history": history}, scored, "test_predictions.csv", title)
    return Training(output, final, metrics, seconds)
