"""Trials: a recipe with one change each, by the validation side of one split, beside their cost.

    python -m benchmarks.trials GRAPHS LABELS.csv --recipe recipes/train-pore-core2019.yaml
        --trials benchmarks/trials.yaml --keep DIR [--atoms-at-most 200] [--seeds 3]
        [--graphs k16=FOLDER] [--only NAME ...] [--jobs 2]

The split is the recipe's own, by group, and the same for all; the test side is never looked at.
Seeds differ in first weights and order. A change counts as better or worse where the validation
errors of all its seeds lie on one side of those of the base. Cost is thread-CPU time of a forward
pass in inference on the same structures, packed as `screenkit rank` packs them on a CPU, in turns.
`trials.yaml` says what is changed. A trial whose graphs are not in GRAPHS is left out, and so is
one on other graphs (`graphs: k16`) where no folder of that name is given. Results:
`benchmarks/results/trials.jsonl`, docs/pore-trials.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from benchmarks.figures import by_target, mean_and_spread, overall_error
from benchmarks.lessons import Answers, Sides, Stock, Task, one_thread, teach_all, truth_of
from benchmarks.options import common_options, stock_of, write_pages
from benchmarks.record import keep
from benchmarks.timing import spread
from screenkit.flows.material import network_settings
from screenkit.models.catalog import model_class
from screenkit.recipe import Recipe
from screenkit.recipe_yaml import Document, read_text
from screenkit.settings import Settings
from screenkit.settings_yaml import read_settings

BASE = "base"
SAMPLE, ROUNDS = 64, 5
TURN = 0.1
"""Seconds that a turn takes at least."""
BATCH_ATOMS = 4096
"""As `screenkit rank` has it on a CPU."""


class Trial(Settings):
    """One change of the base."""

    name: str = Field(min_length=1)
    change: dict[str, Any] = Field(default_factory=dict)
    """New values by `section.key`, of `network` and `fit`."""
    model: str | None = None
    """Another network, with its defaults: a yardstick."""
    graphs: str | None = None
    """Name of the folder of graphs that it wants; None: that of the base."""


class Trials(Settings):
    """The rows of the table, in order."""

    trials: tuple[Trial, ...] = Field(min_length=1)


def read_trials(path: Path) -> tuple[Trial, ...]:
    """Return the trials of a file.

    Raises:
        RecipeError: it is no strict YAML, or has a key that there is not.
        ValueError: two have one name.
    """
    found = read_settings(Trials, Document.parse(read_text(path), str(path))).trials
    names = [BASE, *(trial.name for trial in found)]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{path}: two trials are called {twice}")
    return found


def changed(base: Recipe, trial: Trial) -> Recipe:
    """Return the recipe of a trial.

    Raises:
        RecipeError: a key that there is not, or a value out of range.
    """
    if others := [key for key in trial.change if key.split(".")[0] not in ("network", "fit")]:
        raise ValueError(f"trial {trial.name}: {others[0]} is neither of network nor of fit")
    if trial.model is not None:
        base = base.model_copy(update={"model": trial.model, "network": {}})
    recipe = base.vary(trial.change)
    network_settings(recipe)
    return recipe


def same(one: Recipe, other: Recipe) -> bool:
    """Return whether two recipes train alike."""
    alike = (one.model, one.fit) == (other.model, other.fit)
    return alike and network_settings(one) == network_settings(other)


def costs(recipes: Mapping[str, tuple[Recipe, Stock]], names: Sequence[str]) -> dict[str, Any]:
    """Return thread-CPU ms per structure of a forward pass by trial: median, least and most."""
    import torch

    from screenkit.graph.batch import collate, pack

    work = {}
    for name, (recipe, stock) in recipes.items():
        graphs = stock.material(recipe).graphs
        place = {one: row for row, one in enumerate(graphs.names.tolist())}
        sample = [graphs[place[one]] for one in names if one in place]
        torch.manual_seed(0)
        network = model_class(recipe.model)(network_settings(recipe), len(recipe.labels.targets))
        batches = [collate(run) for run in pack(sample, BATCH_ATOMS)]
        work[name] = (network.eval(), batches, len(sample))
    told: dict[str, list[float]] = {name: [] for name in work}
    with torch.inference_mode():
        for turn in range(ROUNDS + 1):  # the first, which warms up, does not count
            for name, (network, batches, count) in work.items():
                started, repeats = time.thread_time(), 0
                while (spent := time.thread_time() - started) < TURN or not repeats:
                    for batch in batches:
                        network(batch)
                    repeats += 1
                if turn:
                    told[name].append(1e3 * spent / (count * repeats))
    return {name: spread(values) for name, values in told.items()}


def verdict(errors: Sequence[float], base: Sequence[float]) -> str:
    """Return `better` or `worse` where no seed of one is as good as any of the other."""
    if max(errors) < min(base):
        return "better"
    return "worse" if min(errors) > max(base) else "within"


def row(recipe: Recipe, stock: Stock, seeds: Sequence[Answers]) -> dict[str, Any]:
    """Return the figures of one trial, over its seeds."""
    truth = truth_of(stock.material(recipe), seeds[0].names)[0]
    targets = recipe.labels.targets
    errors = [overall_error(truth, one.said, targets, one.deviations) for one in seeds]
    return {
        "validation error": mean_and_spread(errors),
        "errors": errors,
        "targets": by_target([(truth, one.said) for one in seeds], targets),
        "seconds": float(np.median([one.seconds for one in seeds])),
        "best epochs": [one.best_epoch for one in seeds],
    }


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Do all trials; return what came of them."""
    from screenkit.flows.lesson import split_once

    base, stock = Recipe.load(given.recipe), stock_of(given)
    folders = {name: Path(folder) for name, _, folder in (g.partition("=") for g in given.graphs)}
    recipes: dict[str, tuple[Recipe, Stock]] = {BASE: (base, stock)}
    told: dict[str, Trial] = {BASE: Trial(name=BASE)}
    for trial in read_trials(given.trials):
        if given.only and trial.name not in given.only:
            continue
        if trial.graphs and trial.graphs not in folders:
            print(f"{trial.name}: no --graphs {trial.graphs}=FOLDER, left out", file=sys.stderr)
            continue
        there = replace(stock, graphs=folders[trial.graphs]) if trial.graphs else stock
        recipe = changed(base, trial)
        fault = "so is the base" if there == stock and same(recipe, base) else there.misfit(recipe)
        if fault:
            print(f"{trial.name}: {fault}, left out", file=sys.stderr)
            continue
        recipes[trial.name], told[trial.name] = (recipe, there), trial
    stock.refuse(base)
    material = stock.material(base)
    split = split_once(material, base)
    sides = Sides.of(material, split, tested=False)
    one_thread()
    sample = np.random.default_rng(0).permutation(sides.valid)[:SAMPLE].tolist()
    spent = costs(recipes, sample)
    tasks = [
        Task(f"{name} {seed}", there, recipe.vary({"fit.seed": seed}), sides)
        for name, (recipe, there) in recipes.items()
        for seed in range(given.seeds)
    ]
    answers = teach_all(tasks, given.keep, given.jobs)
    rows = []
    for i, (name, (recipe, there)) in enumerate(recipes.items()):
        seeds = answers[i * given.seeds : (i + 1) * given.seeds]
        facts = {"name": name, "change": told[name].change, "model": recipe.model}
        rows.append({**facts, **row(recipe, there, seeds), "ms per structure": spent[name]})
    for one in rows:
        one["verdict"] = verdict(one["errors"], rows[0]["errors"])
    together = np.mean([one.said for one in answers[: given.seeds]], axis=0)
    mean = row(base, stock, [replace(answers[0], said=together)])
    cost = {key: given.seeds * value for key, value in spent[BASE].items()}
    name = f"mean of the base's {given.seeds} seeds"
    facts = {"name": name, "change": {}, "model": base.model, "ms per structure": cost}
    rows.insert(1, {**facts, **mean, "verdict": verdict(mean["errors"], rows[0]["errors"])})
    atoms = material.graphs.spots[:, 2]
    place = {one: number for number, one in enumerate(material.graphs.names.tolist())}
    return {
        "recipe": given.recipe.name,
        "structures": {"train": len(split.train), "valid": len(split.valid)},
        "atoms at most": given.atoms_at_most,
        "epochs": base.fit.epochs,
        "seeds": given.seeds,
        "units": {target.name: target.unit for target in base.labels.targets},
        "sample": {
            "structures": len(sample),
            "mean atoms": round(float(np.mean([atoms[place[one]] for one in sample]))),
        },
        "trials": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common_options(parser)
    parser.add_argument("--trials", type=Path, default=Path(__file__).with_name("trials.yaml"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", metavar="NAME", help="of trials; base comes along")
    parser.add_argument("--graphs", nargs="*", default=[], metavar="NAME=FOLDER")
    given = parser.parse_args()
    keep("trials", measure(given), given.results)
    write_pages(given)


if __name__ == "__main__":
    main()
