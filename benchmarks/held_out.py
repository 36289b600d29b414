"""Test figures of a recipe, by several splits: means and spreads, shortlists, how far is too far.

    python -m benchmarks.held_out GRAPHS LABELS.csv --keep DIR [--recipe FILE] [--splits 3]
        [--trees] [--random] [--apart 1000] [--jobs 2]

Splits are those of `screenkit train` with seeds 0, 1, 2: whole groups 80:10:10, or with `--random`
single structures, as the papers split. The validation side chooses the epoch and nothing else. With
`--trees` gradient-boosted trees learn the same from the network's own numbers of the whole crystal.

`--apart N` trains once more, with so many groups kept apart that each target has N labels among
them. Of N such structures, drawn once, it is counted how many of the truly best tenth stand among
the predicted best tenth; and the recall that `screenkit select` promises is judged on 20 random
halves of all kept apart: one calibrates, the other is the library (`benchmarks/sure.py`).

Results: `benchmarks/results/held-out.jsonl` and `held-out-apart.jsonl`, docs/pore.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import sure
from benchmarks.figures import KINDS, by_target, mean_and_spread
from benchmarks.lessons import (
    Answers,
    Sides,
    Stock,
    Task,
    features_of,
    teach_all,
    trees_beside,
    truth_of,
)
from benchmarks.options import common_options, stock_of, write_pages
from benchmarks.record import keep
from screenkit.flows.folds import summary
from screenkit.flows.material import Material
from screenkit.flows.score import Scored, score
from screenkit.learn.hits import hits, truly_best
from screenkit.learn.metrics import regression_metrics
from screenkit.learn.split import Split, split_by_group
from screenkit.models.target import Target
from screenkit.recipe import Recipe

BINS = 5
ORDERED = ("co2_uptake_0.15bar_298K", "co2_uptake_16bar_298K")
"""Uptakes of one gas, of which the second is at the higher pressure."""


def tasks_of(
    recipe: Recipe, stock: Stock, splits: int, random: bool, name: str, far: bool
) -> list[Task]:
    """Return one lesson per split; the seed of a split is that of its first weights, too."""
    material = stock.material(recipe)
    labels, fit = material.labels, recipe.fit
    groups = labels.names if random else labels.groups
    return [
        Task(
            f"{name} {'random' if random else 'group'} {seed}",
            stock,
            recipe.vary({"fit.seed": seed}),
            Sides.of(material, split_by_group(groups, fit.valid_fraction, fit.test_fraction, seed)),
            far,
        )
        for seed in range(splits)
    ]


def split_apart(material: Material, wanted: int, valid_fraction: float, seed: int = 0) -> Split:
    """Return a split whose test side has so many labels of each target, in as few groups as it
    takes.

    Raises:
        ValueError: there are too few labels.
    """
    values, groups = material.labels.values, material.labels.groups
    count = wanted
    while count < len(groups):
        split = split_by_group(groups, valid_fraction, count / len(groups), seed)
        fewest = int(np.isfinite(values[split.test]).sum(axis=0).min())
        if fewest >= wanted:
            return split
        count += wanted - fewest  # so many more at least
    raise ValueError(f"{len(groups)} structures have no {wanted} labels to keep apart")


def figures_of(tasks: Sequence[Task], answers: Sequence[Answers]) -> list[dict[str, Any]]:
    """Return the test figures of each lesson, beside trivial models of its training set."""
    found = []
    for task, one in zip(tasks, answers, strict=True):
        material, targets = task.stock.material(task.recipe), task.recipe.labels.targets
        truth, density = truth_of(material, one.names)
        told = Scored(one.names.tolist(), targets, truth, one.said, density)
        found.append(score(told, *truth_of(material, np.array(task.sides.train))))
    return found


def of_all(tests: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return mean and spread of each figure by target and model."""
    means, spreads = summary(tests)
    return {
        name: {
            who: {
                figure: {
                    key: value
                    for key, value in (
                        ("mean", entry[figure]),
                        ("spread", spreads[name][who][figure]),
                    )
                    if np.isfinite(value)
                }
                for figure in KINDS
            }
            for who, entry in told.items()
            if isinstance(entry, dict)
        }
        for name, told in means.items()
    }


def by_distance(
    runs: Sequence[tuple[np.ndarray, Answers]], targets: Sequence[Target]
) -> list[dict[str, Any]]:
    """Return figures in bins of equal numbers, from the nearest to the training set outwards.

    Each split has its own bins; means and spreads are over the splits.

    Args:
        runs: labels (m, T) and answers of each split.
        targets: T of them.
    """
    bins: list[dict[str, Any]] = []
    for b in range(BINS):
        parts = []
        for truth, one in runs:
            order = np.array_split(np.argsort(one.distance, kind="stable"), BINS)[b]
            parts.append((truth[order], one.said[order], one.distance[order]))
        bins.append(
            {
                "structures": float(np.mean([len(part[0]) for part in parts])),
                "from": mean_and_spread([part[2].min() for part in parts]),
                "to": mean_and_spread([part[2].max() for part in parts]),
                "targets": by_target([part[:2] for part in parts], targets),
            }
        )
    return bins


def falling(values: np.ndarray, targets: Sequence[Target]) -> float | None:
    """Return the share of structures that take up less at the higher pressure; None: not asked."""
    names = [target.name for target in targets]
    if not set(ORDERED) <= set(names):
        return None
    low, high = (values[:, names.index(name)] for name in ORDERED)
    known = np.isfinite(low) & np.isfinite(high)
    return float((high[known] < low[known]).mean())


def by_splits(given: argparse.Namespace, random: bool) -> dict[str, Any]:
    """Train and test on each split; return what is kept of it."""
    recipe, stock = Recipe.load(given.recipe), stock_of(given)
    stock.refuse(recipe)
    tasks = tasks_of(recipe, stock, given.splits, random, recipe.model, not random)
    beside = []
    if given.trees and (features := features_of(recipe)):
        trees = trees_beside(recipe, features)
        beside = tasks_of(trees, stock, given.splits, random, "trees", False)
    done = teach_all([*tasks, *beside], given.keep, given.jobs)
    answers, others = done[: len(tasks)], done[len(tasks) :]
    targets, material = recipe.labels.targets, stock.material(recipe)
    told = of_all(figures_of(tasks, answers))
    for name, entry in of_all(figures_of(beside, others)).items() if beside else ():
        told[name]["trees"] = entry["model"]
    runs = [(truth_of(material, one.names)[0], one) for one in answers]
    shares = [falling(one.said, targets) for one in answers]
    return {
        "protocol": "random" if random else "group",
        "model": recipe.model,
        "recipe": given.recipe.name,
        "atoms at most": given.atoms_at_most,
        "splits": given.splits,
        "structures": [
            {"train": one.trained, "valid": len(task.sides.valid), "test": len(one.names)}
            for task, one in zip(tasks, answers, strict=True)
        ],
        "seconds": [round(one.seconds) for one in answers],
        "best epochs": [one.best_epoch for one in answers],
        "units": {target.name: target.unit for target in targets},
        "targets": told,
        "distance": None if random else by_distance(runs, targets),
        "less at the higher pressure": {
            "predicted": mean_and_spread([share for share in shares if share is not None]),
            "labels": falling(material.labels.values, targets),
        },
    }


def apart(given: argparse.Namespace) -> dict[str, Any]:
    """Train once with many kept apart; return how good shortlists of these are."""
    recipe, stock = Recipe.load(given.recipe), stock_of(given)
    stock.refuse(recipe)
    material, targets = stock.material(recipe), recipe.labels.targets
    split = split_apart(material, given.apart, recipe.fit.valid_fraction)
    seeded = recipe.vary({"fit.seed": 0})
    task = Task(f"{recipe.model} apart {given.apart}", stock, seeded, Sides.of(material, split))
    (one,) = teach_all([task], given.keep)
    truth, _ = truth_of(material, one.names)
    group = dict(zip(material.labels.names, material.labels.groups, strict=True))
    numbers = np.unique([group[name] for name in one.names.tolist()], return_inverse=True)[1]
    order, top = np.random.default_rng(0).permutation(len(truth)), max(1, given.apart // 10)
    told: dict[str, Any] = {}
    for t, target in enumerate(targets):
        known = order[np.isfinite(truth[order, t])][: given.apart]
        sign = -1.0 if target.better == "min" else 1.0
        best = truly_best(sign * truth[known, t], top)
        said = one.said[:, t]
        told[target.name] = {
            "hits": hits(best, sign * said[known], top),
            "spearman": regression_metrics(truth[known, t], said[known])["spearman"],
            "recall": {
                str(wanted): sure.promises(said, truth[:, t], numbers, target.better, wanted)
                for wanted in sure.WANTED
            },
        }
    return {
        "model": recipe.model,
        "recipe": given.recipe.name,
        "apart": given.apart,
        "top": top,
        "structures": {"train": one.trained, "apart": len(truth)},
        "halves": sure.SPLITS,
        "best": float(sure.BEST),
        "targets": told,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common_options(parser)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--trees", action="store_true", help="the same numbers, by trees")
    parser.add_argument("--random", action="store_true", help="split at random")
    parser.add_argument("--apart", type=int, metavar="N", help="the shortlists alone")
    given = parser.parse_args()
    if given.apart:
        keep("held-out-apart", apart(given), given.results)
    else:
        keep("held-out", by_splits(given, given.random), given.results)
    write_pages(given)


if __name__ == "__main__":
    main()
