"""Transfer: what a checkpoint knows of other structures and other labels, with none and with a few.

    python -m benchmarks.transfer CHECKPOINT GRAPHS LABELS.csv --keep DIR [--labels-known 50]
        [--draws 5] [--columns C ...] [--beside C ...] [--epochs 60] [--rates 1e-4 3e-4 1e-3]

GRAPHS is what `screenkit featurize` left of the library, LABELS.csv its table. First, for all
structures, the rank correlation of each column with each target that the checkpoint predicts.

Then so many structures are drawn, again and again, whose labels are known; all ways below learn
from these alone and are judged on the others, by rank correlation:

best of the predictions   one of the checkpoint's targets, up or down, chosen by the known labels
ridge on the embedding    linear, penalty by leave-one-out; logarithms of the labels
fine-tuned                the network goes on from the checkpoint's weights (`fit.start`), with a
                          new last layer for all columns; a fifth of the known chooses the epoch
                          and the learning rate
trees, from nothing       gradient-boosted, on the network's own numbers of the whole crystal; as
                          for the network a fifth chooses how many
best of the numbers       density or another column of the table, chosen by the known labels

Results: `benchmarks/results/transfer.jsonl`, docs/pore.md.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import mean_and_spread
from benchmarks.lessons import Sides, Stock, Task, features_of, one_thread, teach_all, trees_beside
from benchmarks.options import places, write_pages
from benchmarks.record import keep
from screenkit.flows.calibrated import watch
from screenkit.flows.material import Material
from screenkit.learn.labels import Labels, LabelSettings, label_columns, read_labels
from screenkit.learn.metrics import rank_correlations
from screenkit.learn.split import Split
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.target import Target
from screenkit.recipe import Recipe

LEARNED = ("XeKr", "CH4", "H2")
"""What the columns of labels begin with, where none are named."""
BESIDE = ("void_fraction", "sa_m2g", "sa_m2cm3", "pld_A", "lcd_A")
"""Columns with numbers that cost little, where none are named."""
PENALTIES = np.logspace(-3, 5, 33)


def columns_of(path: Path) -> list[str]:
    """Return the columns of labels in a table."""
    return [column for column in label_columns(path) if column.startswith(LEARNED)]


def targets_of(path: Path, columns: Sequence[str]) -> tuple[Target, ...]:
    """Return a target for each column; its logarithm is learned where all labels are above 0."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    targets = []
    for column in columns:
        above = all(float(row[column]) > 0 for row in rows if row[column].strip())
        target = Target.parse(column)
        targets.append(target.model_copy(update={"transform": "log10" if above else "identity"}))
    return tuple(targets)


def correlation(truth: np.ndarray, said: np.ndarray) -> float:
    """Return Spearman's rho of (n,) and (n,), NaN left out."""
    known = np.isfinite(truth) & np.isfinite(said)
    return rank_correlations(truth[known], said[known])["spearman"]


def best_of(numbers: np.ndarray, truth: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the one of some numbers (n, C) that is most like labels (n,), up or down.

    Args:
        known: (m,) rows whose labels may be looked at.
    """
    found = [correlation(truth[known], numbers[known, c]) for c in range(numbers.shape[1])]
    found = [0.0 if np.isnan(rho) else rho for rho in found]
    place = int(np.argmax(np.abs(found)))
    return numbers[:, place] * (-1.0 if found[place] < 0 else 1.0)


def ridge(seen: np.ndarray, wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return what a ridge regression on embeddings (n, E) says of (n,), learned from known rows."""
    from sklearn.linear_model import RidgeCV

    mine = known[np.isfinite(wanted[known])]
    centre, spread = seen[mine].mean(axis=0), seen[mine].std(axis=0)
    flat = spread <= 1e-6 * np.abs(seen[mine]).max(axis=0).clip(1e-12)
    inputs = np.where(flat, 0.0, (seen - centre) / np.where(flat, 1.0, spread))
    return RidgeCV(PENALTIES).fit(inputs[mine], wanted[mine]).predict(inputs)


def draws_of(total: int, known: int, draws: int) -> list[Split]:
    """Return splits: four fifths of the known train, a fifth validates, all others test."""
    splits = []
    for seed in range(draws):
        order = np.random.default_rng(seed).permutation(total)
        stop = known - known // 5
        sides = (order[:stop], order[stop:known], order[known:])
        splits.append(Split(*(np.sort(side) for side in sides)))
    return splits


def recipes_of(
    checkpoint: Checkpoint, targets: tuple[Target, ...], given: argparse.Namespace
) -> dict[str, list[Recipe]]:
    """Return the recipes of those that learn as a training does; of several one is chosen."""
    recipe = Recipe.parse("predict: {device: cpu}").model_copy(
        update={"model": checkpoint.model, "labels": LabelSettings(targets=targets)}
    )
    settings = {"epochs": given.epochs, "decay_every": given.epochs, "batch_size": 8}
    settings |= {"start": str(given.checkpoint.resolve())}
    tuned = recipe.vary({f"fit.{key}": value for key, value in settings.items()})
    found = {"fine-tuned": [tuned.vary({"fit.learning_rate": rate}) for rate in given.rates]}
    whole = recipe.model_copy(update={"network": checkpoint.settings.model_dump()})
    if features := features_of(whole):
        found["trees, from nothing"] = [trees_beside(recipe, features)]
    return found


def taught(
    recipes: Mapping[str, Sequence[Recipe]],
    stock: Stock,
    splits: Sequence[Split],
    given: argparse.Namespace,
) -> dict[str, list[np.ndarray]]:
    """Return what each way says (m, T) of those kept apart, draw by draw.

    Of several recipes of one way that counts which has the least validation error.
    """
    material = stock.material(recipes["fine-tuned"][0])
    tasks = {
        (way, draw): [
            Task(
                f"{way}, draw {draw}",
                stock,
                recipe.vary({"fit.seed": draw}),
                Sides.of(material, split),
            )
            for recipe in some
        ]
        for way, some in recipes.items()
        for draw, split in enumerate(splits)
    }
    done = iter(teach_all([t for some in tasks.values() for t in some], given.keep, given.jobs))
    found: dict[str, list[np.ndarray]] = {way: [] for way in recipes}
    for (way, _), some in tasks.items():
        answers = [next(done) for _ in some]
        found[way].append(min(answers, key=lambda one: one.valid_error).said)
    return found


def others(path: Path, columns: Sequence[str], material: Material) -> np.ndarray:
    """Return (n, 1 + C): density, and the columns of a table, NaN where unknown."""
    targets = [Target(name=f"c{i}", column=column) for i, column in enumerate(columns)]
    table: Labels = read_labels(path, targets, LabelSettings(targets=tuple(targets)))
    values = table.take(material.labels.names).values
    return np.concatenate([material.density[:, None], values], axis=1)


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Predict and learn; return what is kept of it."""
    one_thread()
    checkpoint = Checkpoint.load(given.checkpoint)
    columns = given.columns or columns_of(given.labels)
    targets = targets_of(given.labels, columns)
    stock = Stock(given.kept.resolve(), given.labels)
    recipes = recipes_of(checkpoint, targets, given)
    material = stock.material(recipes["fine-tuned"][0])
    outputs, seen = watch(checkpoint, material, np.arange(len(material.density)), Recipe())
    said, truth = checkpoint.judge(outputs)[0], material.labels.values
    splits = draws_of(len(truth), given.labels_known, given.draws)
    by_draw = taught(recipes, stock, splits, given)
    beside = [c for c in given.beside or BESIDE if c in label_columns(given.labels)]
    numbers = others(given.labels, beside, material)
    learned = material.learned(targets)
    told: dict[str, dict[str, Any]] = {}
    found: dict[str, list[float]] = {}
    for c, column in enumerate(columns):
        found = {}
        for draw, split in enumerate(splits):
            known, apart = np.concatenate([split.train, split.valid]), split.test
            ways: Mapping[str, np.ndarray] = {
                "best of the predictions": best_of(said, truth[:, c], known)[apart],
                "ridge on the embedding": ridge(seen, learned[:, c], known)[apart],
                **{way: values[draw][:, c] for way, values in by_draw.items()},
                "best of the numbers": best_of(numbers, truth[:, c], known)[apart],
            }
            for way, values in ways.items():
                found.setdefault(way, []).append(correlation(truth[apart, c], values))
        told[column] = {
            "unaided": {
                target.name: correlation(truth[:, c], said[:, t])
                for t, target in enumerate(checkpoint.targets)
            },
            "learned": {way: mean_and_spread(values) for way, values in found.items()},
        }
    return {
        "model": checkpoint.model,
        "sha256": checkpoint.digest,
        "structures": len(truth),
        "labels": given.labels_known,
        "draws": given.draws,
        "epochs": given.epochs,
        "rates": given.rates,
        "predicts": [target.name for target in checkpoint.targets],
        "ways": list(found),
        "numbers": ["density", *beside],
        "columns": told,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    parser.add_argument("kept", type=Path, metavar="GRAPHS")
    parser.add_argument("labels", type=Path, metavar="LABELS.csv")
    parser.add_argument("--labels-known", type=int, default=50)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--columns", nargs="*", help="of labels")
    parser.add_argument("--beside", nargs="*", help="columns that may serve in their place")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-4, 3e-4, 1e-3])
    places(parser)
    given = parser.parse_args()
    keep("transfer", measure(given), given.results)
    write_pages(given)


if __name__ == "__main__":
    main()
