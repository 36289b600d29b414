"""Test figures against the number of structures that were learned from.

    python -m benchmarks.learning_curves GRAPHS LABELS.csv --keep DIR [--recipe FILE]
        [--sizes 500 1000 2000 4000] [--also cgcnn] [--stretch 4] [--jobs 2]

One split by group, that of the recipe: test and validation side stay, and of the training side
whole groups are taken, in an order drawn once, until there are so many structures; the smaller sets
are parts of the larger. The last point is all of it. Trees learn beside from the network's own
numbers of the whole crystal, where it has some; `--also` names further networks, with their
defaults and the recipe's fit.

A small set has fewer steps in an epoch: so it gets more epochs, as many steps as the whole has, but
at most `--stretch` times the epochs. The validation side chooses the best of them.

Results: `benchmarks/results/learning-curves.jsonl`, docs/pore.md and its drawings.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.figures import KINDS
from benchmarks.lessons import Sides, Task, features_of, teach_all, trees_beside, truth_of
from benchmarks.options import common_options, stock_of, write_pages
from benchmarks.record import keep
from screenkit.flows.lesson import split_once
from screenkit.flows.material import Material
from screenkit.learn.metrics import regression_metrics
from screenkit.learn.split import Split
from screenkit.models.catalog import model_class
from screenkit.recipe import Recipe

SIZES = (500, 1000, 2000, 4000)


def nested(groups: Sequence[str], train: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Return rows of a training side, whole groups, at least so many; each is part of the next.

    Args:
        groups: (n,) of all rows.
        train: (m,) rows.
        sizes: ascending; those that the whole does not exceed are left out, and the whole is last.
    """
    mine = np.array([groups[row] for row in train])
    names = np.unique(mine)
    members = {name: train[mine == name] for name in names}
    order = np.random.default_rng(0).permutation(names)
    counts = np.cumsum([len(members[name]) for name in order])
    stops = [int(np.searchsorted(counts, size)) + 1 for size in sizes if size < len(train)]
    parts = [np.concatenate([members[name] for name in order[:stop]]) for stop in stops]
    return [np.sort(part) for part in [*parts, train]]


def stretched(recipe: Recipe, times: float) -> Recipe:
    """Return a recipe with so many times the epochs, its schedule stretched alike."""
    if model_class(recipe.model).learned_by != "gradient":
        return recipe
    fit = recipe.fit
    return recipe.vary(
        {
            "fit.epochs": round(fit.epochs * times),
            "fit.decay_every": max(1, round(fit.decay_every * times)),
        }
    )


def tasks_of(
    recipe: Recipe, material: Material, given: argparse.Namespace, split: Split
) -> list[Task]:
    """Return a lesson per number of structures."""
    parts = nested(material.labels.groups, split.train, sorted(given.sizes))
    return [
        Task(
            f"{recipe.model} of {len(part)}",
            stock_of(given),
            stretched(recipe, min(given.stretch, len(split.train) / len(part))),
            Sides.of(material, Split(part, split.valid, split.test)),
            # The whole is then a lesson of benchmarks/held_out.py, and is not done twice.
            distances=len(part) == len(split.train) and recipe.model == given.model,
        )
        for part in parts
    ]


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Train all; return what is kept of it."""
    recipe, stock = Recipe.load(given.recipe), stock_of(given)
    stock.refuse(recipe)
    material = stock.material(recipe)
    split, targets = split_once(material, recipe), recipe.labels.targets
    given.model = recipe.model
    learners = [recipe]
    if features := features_of(recipe):
        learners.append(trees_beside(recipe, features))
    learners += [recipe.model_copy(update={"model": name, "network": {}}) for name in given.also]
    tasks = {one.model: tasks_of(one, material, given, split) for one in learners}
    answers = iter(teach_all([t for some in tasks.values() for t in some], given.keep, given.jobs))
    curves: dict[str, Any] = {}
    for model, some in tasks.items():
        told = [next(answers) for _ in some]
        each = [
            [regression_metrics(truth_of(material, a.names)[0][:, t], a.said[:, t]) for a in told]
            for t in range(len(targets))
        ]
        curves[model] = {
            "structures": [one.trained for one in told],
            "epochs": [task.recipe.fit.epochs for task in some],
            "targets": {
                target.name: {kind: [one[kind] for one in each[t]] for kind in KINDS}
                for t, target in enumerate(targets)
            },
        }
    return {
        "recipe": given.recipe.name,
        "model": recipe.model,
        "atoms at most": given.atoms_at_most,
        "structures": {"valid": len(split.valid), "test": len(split.test)},
        "units": {target.name: target.unit for target in targets},
        "curves": curves,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common_options(parser)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--also", nargs="*", default=[], metavar="MODEL")
    parser.add_argument("--stretch", type=float, default=4.0)
    given = parser.parse_args()
    keep("learning-curves", measure(given), given.results)
    write_pages(given)


if __name__ == "__main__":
    main()
