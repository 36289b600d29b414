"""Each stage from a CIF to a row, beside what others do and what the machine could do; one core.

    python -m benchmarks.stages SOURCE [SOURCE ...] [--structures 40] [--rounds 5]

All stages and peers take turns within a round, so that a busy machine is as bad for one as for the
other; a figure is the median of its rounds, a ratio the median of the rounds' ratios. Times are
wall time per structure on one thread, files in the system's cache.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import peers
from benchmarks.record import keep
from screenkit.crystal.checks import CheckSettings, check
from screenkit.crystal.cif import read_cif
from screenkit.crystal.library import Library
from screenkit.crystal.neighbors import find_neighbors
from screenkit.errors import CrystalError
from screenkit.graph.batch import GraphBatch, collate, pack
from screenkit.graph.build import build_graph
from screenkit.models.catalog import model_class
from screenkit.models.contract import Model
from screenkit.models.knagcn import KNagcn, KNagcnSettings
from screenkit.plan import Shard
from screenkit.store.row import Row
from screenkit.store.shard_file import write_shard

GRAPH = KNagcn.graph_settings(KNagcnSettings())
MODELS = ("knagcn", "cgcnn", "aecgcnn")
BATCH_ATOMS = 4096
Work = Callable[[], object]


def sample(source: Path, count: int) -> tuple[list[bytes], list[Any]]:
    """Return texts and crystals, spread over a library; those that the checks leave out are not."""
    library = Library.open([source])
    step = max(1, len(library) // count)
    texts, crystals = [], []
    for (document,) in library.deliver((i, i + 1) for i in range(0, len(library), step)):
        try:
            crystal = read_cif(document.read(), document.name)
            check(crystal, find_neighbors(crystal, GRAPH.k), CheckSettings())
        except CrystalError:
            continue
        texts.append(document.read())
        crystals.append(crystal)
    return texts, crystals


def batches(crystals: list[Any], model: Model) -> list[GraphBatch]:
    settings = model.graph_settings(model.settings)
    graphs = (
        build_graph(c, find_neighbors(c, settings.k, settings.ties), settings) for c in crystals
    )
    return [collate(some) for some in pack(graphs, BATCH_ATOMS)]


def ours(texts: list[bytes], crystals: list[Any], folder: Path) -> dict[str, Work]:
    """Return each of our stages, over all structures."""
    neighbors = [find_neighbors(c, GRAPH.k, GRAPH.ties) for c in crystals]
    both = list(zip(crystals, neighbors, strict=True))
    rows = [Row(c.name, n_atoms=len(c), values=(0.0,) * 5) for c in crystals]
    shards = iter(range(10**9))
    work: dict[str, Work] = {
        "parse": lambda: [read_cif(text, "x") for text in texts],
        "neighbours": lambda: [find_neighbors(c, GRAPH.k, GRAPH.ties) for c in crystals],
        "checks": lambda: [check(c, n, CheckSettings()) for c, n in both],
        "graph": lambda: [build_graph(c, n, GRAPH) for c, n in both],
        "write": lambda: write_shard(
            folder, Shard(next(shards), 0, len(rows)), rows, [f"t{i}" for i in range(5)], "stamp"
        ),
    }
    for name in MODELS:
        model = model_class(name)(model_class(name).settings_class(), 5).eval()
        given = batches(crystals, model)
        work[f"forward {name}"] = lambda m=model, g=given: [m(batch) for batch in g]  # type: ignore[misc]
    return work


def theirs(texts: list[bytes], crystals: list[Any]) -> dict[str, Work]:
    """Return what peers do of the same."""
    structures = [peers.read_by_pymatgen(text) for text in texts]
    found = [peers.neighbors_by_pymatgen(structure) for structure in structures]
    work: dict[str, Work] = {
        "parse, pymatgen": lambda: [peers.read_by_pymatgen(text) for text in texts],
        "neighbours, pymatgen": lambda: [peers.neighbors_by_pymatgen(s) for s in structures],
    }
    network = peers.PublishedCgcnn().eval()
    alone = []
    for structure, (indices, distances) in zip(structures, found, strict=True):
        species = torch.tensor([site.specie.Z for site in structure])
        alone.append((species, torch.tensor(indices), torch.tensor(distances).float()))
    work["forward cgcnn, written out"] = lambda: [network(*g, [len(g[0])]) for g in alone]
    if peers.installed("ase", "matscipy"):
        atoms = [peers.read_by_ase(text) for text in texts]
        work["parse, ase"] = lambda: [peers.read_by_ase(text) for text in texts]
        work["neighbours, matscipy"] = lambda: [peers.neighbors_by_matscipy(a) for a in atoms]
    if peers.installed("torch_geometric"):
        forward = peers.convolutions_of_pyg()
        cgcnn = model_class("cgcnn")
        given = []
        for batch in batches(crystals, cgcnn(cgcnn.settings_class(), 1)):
            n, k = batch.neighbors.shape
            pairs = torch.stack([batch.neighbors.flatten(), torch.arange(n).repeat_interleave(k)])
            given.append((batch.species, pairs, batch.distances.flatten(), batch.owner))
        work["forward cgcnn, PyTorch Geometric"] = lambda: [forward(*g) for g in given]
    return work


def ceilings(texts: list[bytes], crystals: list[Any], folder: Path) -> dict[str, Work]:
    """Return what the machine needs for the least that must be done."""
    paths = []
    for i, text in enumerate(texts):
        paths.append(folder / f"{i}.cif")
        paths[-1].write_bytes(text)
    buffer = np.frombuffer(b"".join(texts), np.uint8)
    settings = KNagcnSettings()
    inputs = settings.own_width + settings.k * (
        settings.edge_width + settings.geometry_width + settings.width
    )
    atoms = sum(map(len, crystals))
    given = torch.randn(min(atoms, BATCH_ATOMS), inputs)
    weight = torch.randn(inputs, settings.width)
    times = settings.layers * atoms / len(given)

    def product() -> None:
        for _ in range(round(times)):
            given @ weight

    return {
        "ceiling: read the files": lambda: [path.read_bytes() for path in paths],
        "ceiling: touch each byte": lambda: int(buffer.sum(dtype=np.int64)),
        "ceiling: products of k-NAGCN's shapes": product,
    }


def time_rounds(work: dict[str, Work], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each work, round by round; the first round does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    with torch.inference_mode():
        for turn in range(rounds + 1):
            for name, do in work.items():
                started = time.perf_counter()
                do()
                if turn:
                    seconds[name].append(time.perf_counter() - started)
    return seconds


def ratios(seconds: dict[str, list[float]]) -> dict[str, float]:
    """Return how many times as long peers and ceilings take as our stages, by rounds."""

    def over(others: tuple[str, ...], own: tuple[str, ...]) -> float | None:
        if not all(name in seconds for name in others + own):
            return None
        pairs = zip(
            zip(*(seconds[name] for name in others), strict=True),
            zip(*(seconds[name] for name in own), strict=True),
            strict=True,
        )
        return round(statistics.median(sum(a) / sum(b) for a, b in pairs), 2)

    reading = ("parse", "neighbours", "checks", "graph")
    published = ("parse, pymatgen", "neighbours, pymatgen", "forward cgcnn, written out")
    told = {
        "pymatgen over ours, parse": over(("parse, pymatgen",), ("parse",)),
        "ase over ours, parse": over(("parse, ase",), ("parse",)),
        "pymatgen over ours, neighbours": over(("neighbours, pymatgen",), ("neighbours",)),
        "matscipy over ours, neighbours": over(("neighbours, matscipy",), ("neighbours",)),
        "PyTorch Geometric over ours, cgcnn": over(
            ("forward cgcnn, PyTorch Geometric",), ("forward cgcnn",)
        ),
        "published path over ours, end to end, knagcn": over(
            published, (*reading, "write", "forward knagcn")
        ),
        "published path over ours, end to end, cgcnn": over(
            published, (*reading, "write", "forward cgcnn")
        ),
        "share of the rate of a plain product, knagcn": over(
            ("ceiling: products of k-NAGCN's shapes",), ("forward knagcn",)
        ),
        "share of touching each byte, parse": over(("ceiling: touch each byte",), ("parse",)),
    }
    return {name: value for name, value in told.items() if value is not None}


def measure(source: Path, count: int, rounds: int) -> dict[str, Any]:
    texts, crystals = sample(source, count)
    atoms = sum(map(len, crystals))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        work = {
            **ours(texts, crystals, folder / "shards"),
            **theirs(texts, crystals),
            **ceilings(texts, crystals, folder),
        }
        seconds = time_rounds(work, rounds)
    each = {name: statistics.median(times) / len(texts) for name, times in seconds.items()}
    reading = sum(each[name] for name in ("parse", "neighbours", "checks", "graph"))
    return {
        "source": source.name,
        "structures": len(texts),
        "mean atoms": round(atoms / len(texts)),
        "rounds": rounds,
        "ms per structure": {name: round(1e3 * value, 4) for name, value in each.items()},
        "ms per 400 atoms, reading plus graph": round(1e3 * reading * len(texts) / atoms * 400, 3),
        "ratios": ratios(seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", type=Path, nargs="+")
    parser.add_argument("--structures", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for source in given.sources:
        keep("stages", measure(source, given.structures, given.rounds))


if __name__ == "__main__":
    main()
