"""A campaign replayed on known labels: how many of the best are found, by how many simulations.

    python -m benchmarks.campaign LABELS.csv SOURCE --target COLUMN [--strategies greedy ucb ...]
        [--start random|diverse] [--seeds 3] [--top 100] [--batch 100] [--most 1000]
        [--features FOLDER] [-o FIGURE.svg]

The labels stand in for simulations. Features are computed once and kept in FOLDER; then, round
after round, an ensemble of trees learns from what is known, `ranking/acquire.py` says what is worth
asking next, and the best so many are looked up: what `screenkit campaign` does with `oracle: table`
by way of files. The first batch is drawn by chance, or are the farthest points in the features.
Prints a table in Markdown; a row that `results/campaign.jsonl` has is not computed again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import RESULTS, keep
from screenkit.crystal.library import Library
from screenkit.farthest import farthest
from screenkit.flows.material import Material, gather, network_settings
from screenkit.graph.batch import GraphBatch, collate
from screenkit.learn.fit_settings import FitSettings
from screenkit.learn.labels import read_labels
from screenkit.learn.split import split_by_group
from screenkit.learn.trees import fit_trees
from screenkit.models.catalog import model_class
from screenkit.models.target import Target
from screenkit.ranking.acquire import Appetite, scores
from screenkit.ranking.diverse import standardise
from screenkit.recipe import Recipe
from screenkit.track import Track

STRATEGIES = ("random", "greedy", "ucb", "ei", "thompson")
NETWORK = {"n_trees": 200, "depth": 5, "learning_rate": 0.08}
SHOWN = (100, 200, 300, 400, 500, 700, 1000)
MEMBERS, BETA, VALID = 5, 2.0, 0.15


def material_of(arguments: argparse.Namespace) -> tuple[Material, Recipe]:
    """Return features and labels of the library; built once, by the product's own flow."""
    target = Target(name=arguments.target)
    recipe = Recipe(model="trees", network=NETWORK).override(executor="serial")
    labels = recipe.labels.model_copy(update={"targets": (target,)})
    recipe = recipe.model_copy(update={"labels": labels})
    table = read_labels(Path(arguments.labels), [target], labels)
    folder = arguments.features / "graphs"
    folder.parent.mkdir(parents=True, exist_ok=True)
    return gather(Library.open(Path(arguments.source)), table, recipe, folder, Track()), recipe


class Replay:
    """One library, its features in batches, and what stands in for its simulations."""

    def __init__(self, material: Material, recipe: Recipe) -> None:
        self.material, self.settings = material, network_settings(recipe)
        self.targets = recipe.labels.targets
        self.truth = material.labels.values[:, 0]
        graphs = material.graphs
        self.features = np.array([graph.features for graph in graphs])
        self.batches: list[GraphBatch] = [
            collate(graphs[start : start + 1024]) for start in range(0, len(graphs), 1024)
        ]

    def start(self, how: str, count: int, seed: int) -> np.ndarray:
        """Return the rows of the first batch."""
        order = np.random.default_rng(seed).permutation(len(self.truth))
        if how == "random":
            return order[:count]
        # By rank: a few giants would take all of the room.
        space = standardise(self.features.argsort(axis=0).argsort(axis=0))
        return order[farthest(space[order], count)]

    def predict(self, known: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and deviation of an ensemble that learned from the known rows."""
        own = split_by_group([str(row) for row in known], VALID, 1e-9, seed)
        train, valid = known[np.sort(np.r_[own.train, own.test])], known[own.valid]
        mean, deviation = self.truth[train].mean(), self.truth[train].std()
        wanted = ((self.truth - mean) / deviation)[:, None]
        told = [self.material.examples(rows, wanted, self.targets) for rows in (train, valid)]
        members = []
        for member in range(MEMBERS):
            state = fit_trees(self.settings, *told, FitSettings(seed=seed + member))
            network = model_class("trees")(self.settings, 1)
            network.load_state_dict(state.best)
            parts = [network(batch).detach().numpy()[:, 0] for batch in self.batches]
            members.append(np.concatenate(parts) * deviation + mean)
        return np.mean(members, axis=0), np.std(members, axis=0)


def replay(
    world: Replay, strategy: str, first: np.ndarray, seed: int, arguments: argparse.Namespace
) -> list[float]:
    """Return the share of the true top that is known after each batch."""
    top = np.argsort(-world.truth, kind="stable")[: arguments.top]
    known, found = first, [float(np.isin(top, first).mean())]
    while len(known) < arguments.most:
        normal = np.random.default_rng([seed, len(known)]).standard_normal(len(world.truth))
        if strategy == "random":
            worth = normal
        else:
            mean, deviation = world.predict(known, seed)
            appetite = Appetite(BETA, float(world.truth[known].max()), normal)
            worth = scores(strategy, mean, deviation, appetite)  # type: ignore[arg-type]
        worth = np.where(np.isin(np.arange(len(worth)), known), -np.inf, worth)
        known = np.r_[known, np.argsort(-worth, kind="stable")[: arguments.batch]]
        found.append(float(np.isin(top, known).mean()))
    return found


def earlier(who: dict[str, Any]) -> dict[str, Any] | None:
    """Return the result of this very replay, where it was kept."""
    path = RESULTS / "campaign.jsonl"
    kept = path.read_text().splitlines() if path.exists() else []
    entries = [json.loads(line) for line in kept]
    return next((e for e in entries if {k: e.get(k) for k in who} == who), None)


def draw(rows: dict[str, np.ndarray], counts: Sequence[int], title: str, path: Path) -> None:
    """Draw the mean share found over the seeds, with the range between them."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams["svg.hashsalt"] = "campaign"
    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    for name, shares in rows.items():
        (line,) = axes.plot(counts, shares.mean(axis=0), label=name, marker="o", markersize=3)
        axes.fill_between(
            counts, shares.min(axis=0), shares.max(axis=0), alpha=0.15, color=line.get_color()
        )
    axes.set(xlabel="structures simulated", ylabel="share of the true best found", ylim=(0, 1))
    axes.set_title(title, fontsize=10)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("labels")
    parser.add_argument("source")
    parser.add_argument("--target", required=True)
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES), choices=STRATEGIES)
    parser.add_argument("--start", default="random", choices=["random", "diverse"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--top", type=int, default=100)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--most", type=int, default=1000)
    parser.add_argument("--features", type=Path, default=Path("benchmark-campaign"))
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    material, recipe = material_of(arguments)
    world = Replay(material, recipe)
    counts = list(range(arguments.batch, arguments.most + arguments.batch, arguments.batch))
    table: dict[str, np.ndarray] = {}
    for strategy in arguments.strategies:
        shares = []
        for seed in range(arguments.seeds):
            who = {key: getattr(arguments, key) for key in ("target", "start", "top", "batch")}
            who |= {"strategy": strategy, "seed": seed, "counts": counts}
            who |= {"structures": len(world.truth), "network": NETWORK}
            if (result := earlier(who)) is None:
                began = time.monotonic()
                first = world.start(arguments.start, arguments.batch, seed)
                found = replay(world, strategy, first, seed, arguments)
                result = who | {"found": found, "seconds": round(time.monotonic() - began, 1)}
                keep("campaign", result)
            shares.append(result["found"])
        table[strategy] = np.array(shares)
    few = len(counts) <= 7
    shown = [i for i, count in enumerate(counts) if few or count in SHOWN]
    print("| strategy |", " | ".join(str(counts[i]) for i in shown), "|")
    print("|" + "---|" * (1 + len(shown)))
    for name, found in table.items():
        cells = [
            f"{found[:, i].mean():.2f} ({found[:, i].min():.2f} to {found[:, i].max():.2f})"
            for i in shown
        ]
        print("|", name, "|", " | ".join(cells), "|")
    if arguments.output:
        title = f"{arguments.target}: top {arguments.top} of {len(world.truth)}"
        draw(table, counts, title, arguments.output)


if __name__ == "__main__":
    main()
