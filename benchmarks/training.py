"""Seconds per epoch: CGCNN and k-NAGCN of screenkit beside PyTorch Geometric's CGConv.

    python -m benchmarks.training [SOURCE] [--structures 256] [--rounds 5]

All learn the same labels from the graphs that `screenkit featurize` leaves, in batches of 32 in
an order drawn anew, by Adam, one thread each, in turns on one core. Each has a process of its own,
for screenkit tells the C library to keep freed memory; PyTorch Geometric runs without and with
that. An epoch is a pass over the training set; `norms` is ours with the statistics of the batch
norms afterwards, as `screenkit train` has it. PyTorch Geometric has its data in memory, Gaussians
included, and its own DataLoader; we read graphs from HDF5 and make Gaussians batch by batch.

CGConv has the widths of our CGCNN and one batch norm a layer, where the published network and
ours have two. Results go to `benchmarks/results/training.jsonl`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.record import RESULTS, keep, one_core, usual_source
from benchmarks.timing import spread
from screenkit.crystal.library import Library
from screenkit.flows.featurize import featurize
from screenkit.flows.kept import Kept
from screenkit.flows.material import read_material
from screenkit.learn.labels import Labels
from screenkit.recipe import Recipe

BATCH, RATE = 32, 3e-4
OURS = {"cgcnn": ("cgcnn", 0), "knagcn": ("knagcn", 0), "cgcnn, norms": ("cgcnn", 32)}
"""Network, and batches from which batch norms are settled after an epoch."""
PYG, PYG_KEEPING = "PyTorch Geometric", "PyTorch Geometric, freed memory kept"


def our_epochs(folder: Path, model: str, norm_batches: int) -> Iterator[None]:
    """Train one of ours; every step is an epoch."""
    from screenkit.flows.material import network_settings
    from screenkit.learn.fit import Examples, fit
    from screenkit.learn.fit_settings import FitSettings

    recipe = Recipe(model=model)
    graphs = _graphs(folder, recipe)
    settings = FitSettings(
        epochs=10**6, batch_size=BATCH, learning_rate=RATE, decay_every=10**6,
        norm_batches=norm_batches,
    )  # fmt: skip
    train = Examples(graphs, _labels(len(graphs)))
    valid = Examples(graphs.take(np.array([0])), train.labels[:1])
    for _ in fit(model, network_settings(recipe), train, valid, settings):
        yield


def their_epochs(folder: Path, keeping: bool) -> Iterator[None]:
    """Train PyTorch Geometric's network likewise."""
    import torch
    from torch.nn.functional import mse_loss
    from torch_geometric.data import Data
    from torch_geometric.loader import DataLoader

    from screenkit.models.memory import keep_freed_memory

    if keeping:
        keep_freed_memory()
    graphs = _graphs(folder, Recipe(model="cgcnn"))
    data = []
    for graph, label in zip(graphs, _labels(len(graphs)), strict=True):
        n, k = graph.neighbors.shape
        pairs = np.stack([graph.neighbors.ravel(), np.repeat(np.arange(n), k)]).astype(np.int64)
        distances = torch.from_numpy(graph.distances.reshape(-1, 1))
        data.append(
            Data(
                species=torch.from_numpy(graph.species.astype(np.int64)),
                edge_index=torch.from_numpy(pairs),
                edge_attr=torch.exp(-(((distances - peers.CENTRES) / 0.2) ** 2)),
                y=torch.from_numpy(label),
                num_nodes=n,
            )
        )
    network = peers.cgcnn_of_pyg().train()
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    loader = DataLoader(data, batch_size=BATCH, shuffle=True)
    while True:
        for batch in loader:
            said = network(batch.species, batch.edge_index, batch.edge_attr, batch.batch)
            loss = mse_loss(said[:, 0], batch.y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        yield


def _graphs(folder: Path, recipe: Recipe) -> Any:
    names = tuple(Kept.open(folder).store.names.tolist())
    table = Labels(names, np.ones((len(names), 1)), names)
    return read_material(folder, table, recipe).graphs


def _labels(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 1)).astype(np.float32)


def serve(end: Connection, make: Callable[..., Iterator[None]], *given: Any) -> None:
    """Do an epoch whenever asked; answer with wall and processor seconds, and MB at the peak."""
    import torch

    torch.set_num_threads(1)
    epochs = make(*given)
    while end.recv():
        wall, spent = time.perf_counter(), time.process_time()
        next(epochs)
        seconds = time.perf_counter() - wall, time.process_time() - spent
        end.send((*seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def time_epochs(folder: Path, rounds: int) -> dict[str, np.ndarray]:
    """Return (rounds, 3) of each by name: wall and processor seconds of an epoch, and MB."""
    work: dict[str, tuple[Any, ...]] = {n: (our_epochs, folder, *o) for n, o in OURS.items()}
    if peers.installed("torch_geometric"):
        work |= {PYG: (their_epochs, folder, False), PYG_KEEPING: (their_epochs, folder, True)}
    context = multiprocessing.get_context("spawn")
    ends, told = {}, {name: [] for name in work}  # type: ignore[var-annotated]
    for name, given in work.items():
        ends[name], theirs = context.Pipe()
        context.Process(target=serve, args=(theirs, *given), daemon=True).start()
        theirs.close()  # so that its end is heard
    for turn in range(rounds + 1):  # the first, which warms up, does not count
        for name, end in ends.items():
            end.send(True)
            answer = end.recv()
            if turn:
                told[name].append(answer)
    for end in ends.values():
        end.send(False)
    return {name: np.array(values) for name, values in told.items()}


def measure(source: Path, count: int, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        library = Library.open([source])
        names = np.array(library.names)[np.linspace(0, len(library) - 1, count).astype(int)]
        ids = Path(place, "ids.txt")
        ids.write_text("".join(f"{name}\n" for name in dict.fromkeys(names.tolist())))
        recipe = Recipe().override(models=["knagcn", "cgcnn"], executor="serial")
        kept = featurize([source], recipe, Path(place, "graphs"), ids=ids)
        told = time_epochs(kept.output, rounds)
    peer = {
        f"{theirs} over {ours}": spread((told[theirs][:, 0] / told[ours][:, 0]).tolist())
        for theirs in (PYG, PYG_KEEPING)
        for ours in OURS
        if theirs in told
    }
    return {
        "source": source.name,
        "structures": kept.counts["ok"],
        "mean atoms": round(kept.atoms / kept.counts["ok"]),
        "rounds": rounds,
        "featurize, ms per structure": round(1e3 * kept.working_seconds / kept.structures, 2),
        "bytes per structure": round(kept.size / kept.counts["ok"]),
        "seconds per epoch": {name: spread(t[:, 0].tolist()) for name, t in told.items()},
        "processor seconds": {name: spread(t[:, 1].tolist()) for name, t in told.items()},
        "peak MB": {name: round(float(t[:, 2].max())) for name, t in told.items()},
        "ratios": peer,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, nargs="?", metavar="SOURCE")
    parser.add_argument("--structures", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that it starts
    source = given.source or usual_source("core2019")
    one_core()
    keep("training", measure(source, given.structures, given.rounds), given.results)


if __name__ == "__main__":
    main()
