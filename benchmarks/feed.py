"""What it costs to feed a device, and how fast that is alone.

    python -m benchmarks.feed [SOURCE] [--structures 2000] [--rounds 9] [--device auto]

*Collector*: processor time of the process that holds a device, per structure: it takes graphs from
its readers (which answer from memory here), loads batches, and writes rows; its network gives zeros
at once. *Wire* is the taking alone. *Device*: batches unloaded and predicted, one after the other,
with the deviation from float32 and the least rank correlation of a target, for each precision that
the device has. Results go to `benchmarks/results/feed.jsonl`.
"""

from __future__ import annotations

import argparse
import functools
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from scipy.stats import spearmanr

import screenkit
from benchmarks.record import keep, usual_source
from benchmarks.sample import FULL
from screenkit.crystal.checks import CheckSettings
from screenkit.crystal.document import Document
from screenkit.crystal.library import Library
from screenkit.executors.readers import Parcel, dismiss, engage, readers
from screenkit.graph.batch import GraphBatch, load, pack
from screenkit.graph.graph import Graph
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.memory import keep_freed_memory
from screenkit.plan import Shard
from screenkit.tasks import featurize, predict
from screenkit.tasks.predict_settings import PredictSettings

MODEL = Path(screenkit.__file__).parent / "models" / "weights" / "knagcn.safetensors"
PRECISIONS: dict[str, tuple[Literal["float32", "tf32", "bfloat16"], ...]] = {
    "cpu": ("float32", "bfloat16"),
    "cuda": ("float32", "tf32", "bfloat16"),
}
_answers: dict[str, Parcel] = {}


def remembered(documents: Sequence[Document], **given: Any) -> Parcel:
    """Return what a reader answers; made once."""
    name = documents[0].name
    if name not in _answers:
        _answers[name] = featurize._pack(documents, **given)
    return _answers[name]


class Zeros(torch.nn.Module):
    """A network that knows at once, in the place of another."""

    elements = None

    def __init__(self, network: Any, width: int) -> None:
        super().__init__()
        self.one, self.targets, self.width = torch.nn.Linear(1, 1), network.targets, width

    def each(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(len(batch), 1, self.targets), torch.zeros(len(batch), self.width)


def nowhere(embeddings: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return embeddings.half(), torch.zeros(len(embeddings), dtype=torch.float64)


def spent(work: Callable[[], Any], structures: int, rounds: int) -> float:
    """Return the least processor time of this process per structure, in microseconds."""
    took = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return round(1e6 * min(took) / structures, 1)


def collector(shards: list[list[Document]], rounds: int) -> dict[str, float]:
    """Return processor time per structure, in microseconds."""
    checkpoint = Checkpoint.load(MODEL)
    width = 1 if checkpoint.domain is None else checkpoint.domain.points.shape[1]
    network = Zeros(checkpoint.build(), width)
    own: Any = featurize, predict
    own[0]._pack = remembered
    own[1].load_network = lambda *_: (checkpoint, network, nowhere)
    folder = Path(tempfile.mkdtemp())
    settings = PredictSettings(device="cpu", batch_atoms=65536)
    task = predict.PredictTask(folder, "s", MODEL, "", CheckSettings(), settings)
    structures = sum(map(len, shards))

    def all_shards() -> None:
        numbered = [Shard(i, 0, len(shard)) for i, shard in enumerate(shards)]
        with ThreadPoolExecutor(2) as two:
            list(two.map(task, numbered, shards))
        shutil.rmtree(folder)

    def wire() -> None:
        size = featurize._PORTION
        given = {"checks": CheckSettings(), "graph": checkpoint.graph, "lost": {}, "known": None}
        build = functools.partial(remembered, **given, half=False)
        crew = readers()
        assert crew is not None
        for shard in shards:
            portions = (shard[i : i + size] for i in range(0, len(shard), size))
            for parcel in crew.each(build, portions):
                del parcel

    keep_freed_memory()  # as who loads a network does
    engage(2)
    all_shards()  # from now on readers remember
    result = {
        "collector_us": spent(all_shards, structures, rounds),
        "wire_us": spent(wire, structures, rounds),
    }
    dismiss()
    return result


def on_device(device: str, graphs: list[Graph], rounds: int) -> dict[str, Any]:
    """Return structures per second, and how far each precision is from float32."""
    checkpoint = Checkpoint.load(MODEL)
    network, result = checkpoint.build().to(device), {}
    runs = list(pack(graphs, predict._BATCH_ATOMS[device]))
    exact = np.empty(0)
    for precision in PRECISIONS[device]:
        given = [[g.halved() for g in run] for run in runs] if precision == "bfloat16" else runs
        cargos = [load(run, pinned=device == "cuda") for run in given]

        def forward(cargos: Any = cargos, given: Any = given, precision: Any = precision) -> Any:
            pairs = zip(given, cargos, strict=True)
            seen = [predict.see(None, precision, network, run, cargo) for run, cargo in pairs]
            return np.array([one.outputs[0] for some in seen for one in some if one is not None])

        outputs, took = forward(), []
        for _ in range(rounds):
            start = time.monotonic()
            forward()
            took.append(time.monotonic() - start)
        exact = outputs if precision == "float32" else exact
        pairs = zip(exact.T, outputs.T, strict=True)
        weight = sum(array.nbytes for cargo in cargos for array in cargo.arrays.values())
        result[precision] = {
            "structures_per_second": round(len(graphs) / float(np.median(took))),
            "bytes_per_atom": round(weight / sum(map(len, graphs)), 1),
            "largest_deviation": float(np.abs(outputs - exact).max()),
            "least_rank_correlation": float(min(spearmanr(*pair).statistic for pair in pairs)),
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.feed", description=__doc__.split("\n")[0]
    )
    parser.add_argument("source", type=Path, nargs="?", metavar="SOURCE")
    parser.add_argument("--structures", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    source = given.source or usual_source("core2019")
    torch.set_num_threads(1)
    library = Library.open(source)
    stops = range(FULL, min(given.structures, len(library)) + 1, FULL)
    if not stops:
        sys.exit(f"error: {source} has {len(library)} structures, fewer than a shard of {FULL}")
    shards = list(library.deliver((stop - FULL, stop) for stop in stops))
    fed = collector(shards, given.rounds)
    checkpoint, device = Checkpoint.load(MODEL), predict.resolve_device(given.device)
    made = featurize.featurize(list(chain(*shards)), CheckSettings(), checkpoint.graph, {}, None)
    graphs = [graph for _, graph in made if graph is not None]
    keep(
        "feed",
        {
            "source": source.name,
            "structures": sum(map(len, shards)),
            "atoms": round(sum(map(len, graphs)) / len(graphs)),
            **fed,
            device: on_device(device, graphs, given.rounds),
        },
    )


if __name__ == "__main__":
    main()
