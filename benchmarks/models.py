"""Every model on the same labelled library: errors beside the trees, and seconds per epoch.

    python -m benchmarks.models LABELS.csv SOURCE [--models cgcnn trees] [--splits group random]
        [--ladder] [--ids FILE] [--epochs N] [--runs FOLDER]

Each model is trained by `screenkit train --recipe recipes/compare-models.yaml`, once with whole
groups kept apart and once at random. `--ladder` trains the rows of Table I of Cong et al. in the
place of the models. A run that is in FOLDER already is not done again. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.record import keep
from screenkit.models.aecgcnn import LADDER
from screenkit.models.catalog import CATALOG
from screenkit.recipe import Recipe

SMALLER: dict[str, dict[str, Any]] = {
    "geocgnn": {"width": 64, "blocks": 3},
    "icgcnn": {"k": 6},
}
"""Settings of the networks that are too slow on a CPU with their defaults."""

RECIPE = Path(__file__).parent.parent / "recipes" / "compare-models.yaml"


def train(recipe: Recipe, arguments: argparse.Namespace, run: Path) -> dict[str, Any]:
    """Train in a process of its own, unless that is done; return `metrics.json`."""
    run.mkdir(parents=True, exist_ok=True)
    given = run / "given.yaml"
    given.write_text(recipe.to_yaml())
    if not (run / "metrics.json").exists():
        command = [sys.executable, "-m", "screenkit", "train", arguments.labels, arguments.source]
        command += ["--recipe", str(given), "--executor", "serial", "-o", str(run)]
        command += ["--ids", arguments.ids] if arguments.ids else []
        subprocess.run(command, check=True)
    return json.loads((run / "metrics.json").read_text())


def studies(arguments: argparse.Namespace) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return by name what is to be trained: the model and its settings."""
    if arguments.ladder:
        return {name: ("aecgcnn", dict(settings)) for name, settings in LADDER.items()}
    return {name: (name, SMALLER.get(name, {})) for name in arguments.models}


def recipe_of(
    model: str, network: dict[str, Any], split: str, arguments: argparse.Namespace
) -> Recipe:
    """Return the common recipe with one model and one way of splitting."""
    common = Recipe.load(RECIPE).model_dump()
    common |= {"model": model, "network": network}
    if split == "random":
        common["labels"]["group_column"] = None
    if arguments.epochs:
        common["fit"]["epochs"] = arguments.epochs
        common["fit"]["decay_every"] = max(1, arguments.epochs * 3 // 4)
    return Recipe.model_validate(common)


def cells(metrics: dict[str, Any]) -> list[str]:
    """Return one cell per target: Spearman, MAE."""
    return [
        f"{entry['model']['spearman']:.3f}, {entry['model']['mae']:.3f}"
        for entry in metrics["test"].values()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("labels")
    parser.add_argument("source")
    parser.add_argument("--models", nargs="+", default=list(CATALOG))
    parser.add_argument("--splits", nargs="+", default=["group", "random"])
    parser.add_argument("--ladder", action="store_true")
    parser.add_argument("--ids")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--runs", type=Path, default=Path("benchmark-models"))
    arguments = parser.parse_args()
    rows = []
    for name, (model, network) in studies(arguments).items():
        for split in arguments.splits:
            recipe = recipe_of(model, network, split, arguments)
            run = arguments.runs / f"{name}-{split}".replace(" ", "-")
            metrics = train(recipe, arguments, run)
            seconds = metrics.get("seconds_per_epoch")
            keep("models", {"study": name, "split": split, "metrics": metrics})
            rows.append([name, split, *cells(metrics), f"{seconds:.1f}" if seconds else "-"])
    targets = list(metrics["test"])
    print("| model | split |", " | ".join(targets), "| s/epoch |")
    print("|" + "---|" * (3 + len(targets)))
    for row in rows:
        print("|", " | ".join(row), "|")


if __name__ == "__main__":
    main()
