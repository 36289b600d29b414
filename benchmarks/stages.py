"""What takes turns in one run: each of our stages from a CIF to a row, peers, ceilings, passes.

`python -m benchmarks` runs it.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks import peers
from benchmarks.ceilings import ceilings, gflop, products
from benchmarks.passes import OurPass, PublishedPass, checkpoint_of, peak_memory
from benchmarks.sample import Sample, choose, lay_out
from benchmarks.timing import Stage, quickest, ratio, time_rounds
from screenkit.crystal.checks import CheckSettings, check
from screenkit.crystal.cif import read_cif
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.document import Document
from screenkit.crystal.neighbors import Neighbors, find_neighbors
from screenkit.graph.batch import GraphBatch, collate, pack
from screenkit.graph.build import build_graph
from screenkit.graph.features import describe
from screenkit.graph.graph import Graph
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.contract import Model
from screenkit.store.shard_file import ShardFile, read_shard, shard_path, write_shard
from screenkit.tasks.featurize import featurize
from screenkit.tasks.predict_settings import Precision

MODELS = ("pore", "knagcn", "cgcnn", "aecgcnn")
WHOLE = ("pore", "knagcn", "cgcnn")
"""Models that go end to end."""
COMPARED = ("knagcn", "cgcnn")
"""Those of them whose products with weights run beside them alone."""
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
BATCH_ATOMS = 4096


def graphs_of(sample: Sample, checkpoint: Checkpoint) -> list[Graph]:
    settings = checkpoint.graph
    return [
        build_graph(crystal, find_neighbors(crystal, settings.k, settings.ties), settings)
        for crystal in sample.crystals
    ]


def reading(sample: Sample, checkpoint: Checkpoint) -> dict[str, Stage]:
    """Return our stages from text to graph, one by one, and all as a screening does them."""
    settings, crystals = checkpoint.graph, sample.crystals
    neighbors = [find_neighbors(c, settings.k, settings.ties) for c in crystals]
    both = list(zip(crystals, neighbors, strict=True))
    documents = [
        Document(c.name, c.name, data=t) for c, t in zip(crystals, sample.texts, strict=True)
    ]
    work = {
        "reading and graph": lambda: list(
            featurize(documents, CheckSettings(), settings, {}, None)
        ),
        "parse": lambda: [read_cif(text, "x") for text in sample.texts],
        "neighbours": lambda: [find_neighbors(c, settings.k, settings.ties) for c in crystals],
        "checks": lambda: _check_all(both),
        "graph": lambda: [build_graph(c, n, settings) for c, n in both],
    }
    return {name: Stage(do, len(sample)) for name, do in work.items()}


def _check_all(both: Sequence[tuple[Crystal, Neighbors]]) -> None:
    for crystal, neighbors in both:
        check(crystal, neighbors, CheckSettings())


def forwards(sample: Sample, checkpoints: dict[str, Checkpoint]) -> dict[str, Stage]:
    """Return the forward pass of each model in each precision, batches of usual size."""
    stages = {}
    for name, checkpoint in checkpoints.items():
        network = checkpoint.build()
        batches = [collate(some) for some in pack(graphs_of(sample, checkpoint), BATCH_ATOMS)]
        for precision in PRECISIONS:
            do = partial(_forward, network, batches, precision == "bfloat16")
            stages[f"forward {name} {precision}"] = Stage(do, len(sample))
    return stages


def _forward(network: Model, batches: Sequence[GraphBatch], coarse: bool) -> None:
    for batch in batches:
        with torch.autocast("cpu", torch.bfloat16, enabled=coarse):
            network.each(batch)


def written(shard: ShardFile, folder: Path) -> Stage:
    """Return the writing of a full shard."""
    rows, places = shard.rows(), (folder / f"written-{i}" for i in itertools.count())
    return Stage(
        lambda: write_shard(
            next(places), shard.shard, rows, shard.targets, "stamp", dict(shard.arrays)
        ),
        len(rows),
    )


def theirs(sample: Sample, cgcnn: Checkpoint) -> dict[str, Stage]:
    """Return what peers do of the same."""
    structures, atoms = sample.structures, sample.atoms
    found = [peers.neighbors_by_pymatgen(structure) for structure in structures]
    given = [peers.tensors(s, *near) for s, near in zip(structures, found, strict=True)]
    network = peers.PublishedCgcnn().eval()
    work = {
        "parse, pymatgen": lambda: [peers.read_by_pymatgen(text) for text in sample.texts],
        "neighbours, pymatgen": lambda: [peers.neighbors_by_pymatgen(s) for s in structures],
        "forward cgcnn, written out": lambda: [network(*g, [len(g[0])]) for g in given],
    }
    if atoms:
        work["parse, ase"] = lambda: [peers.read_by_ase(text) for text in sample.texts]
        work["neighbours, matscipy"] = lambda: [peers.neighbors_by_matscipy(a) for a in atoms]
    if peers.installed("torch_geometric"):
        forward = peers.convolutions_of_pyg()
        edges = []
        for some in pack(graphs_of(sample, cgcnn), BATCH_ATOMS):
            batch = collate(some)
            n, k = batch.neighbors.shape
            centres = torch.arange(n).repeat_interleave(k)
            pairs = torch.stack([batch.neighbors.flatten().long(), centres])
            distances = batch.distances.flatten().float()
            edges.append((batch.species.long(), pairs, distances, batch.owner.long()))
        work["forward cgcnn, PyTorch Geometric"] = lambda: [forward(*e) for e in edges]
    return {
        name: Stage(do, len(sample), warm=not name.startswith("forward"))
        for name, do in work.items()
    }


def all_stages(sample: Sample, files: list[Path], library: Path, folder: Path) -> dict[str, Stage]:
    """Return all that is timed, in the order of its turns.

    Args:
        files: the structures, each once.
        library: a shard of them, again and again under new names.
    """
    checkpoints = {name: Checkpoint.load(checkpoint_of(name, folder)) for name in MODELS}
    first = OurPass(library, "knagcn", "float32", folder)
    first()
    (shard,) = first.plan.shards
    path = shard_path(folder / "rows-knagcn-float32-0", shard)
    whole = {
        f"end to end {model} {precision}": OurPass(library, model, precision, folder / "whole")
        for model in WHOLE
        for precision in PRECISIONS
    }
    graphs = graphs_of(sample, checkpoints["knagcn"])
    features = checkpoints["pore"].graph.features
    return {
        **reading(sample, checkpoints["knagcn"]),
        "numbers of pore": Stage(
            lambda: [describe(crystal, features) for crystal in sample.crystals], len(sample)
        ),
        **forwards(sample, checkpoints),
        "write": written(read_shard(path, shard, first.plan.stamp), folder),
        **{name: Stage(done, len(done)) for name, done in whole.items()},
        "end to end, published path": Stage(PublishedPass(files, folder), len(sample), warm=True),
        **theirs(sample, checkpoints["cgcnn"]),
        **ceilings(sample, files, graphs, path, len(shard)),
        **{
            name: stage
            for model in COMPARED
            for name, stage in products(model, sample.n_atoms, len(sample)).items()
        },
    }


def compare(seconds: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Return how many times as long peers and ceilings take as we do, by rounds."""
    published, read = "end to end, published path", "ceiling: read the files"
    pairs: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
        "pymatgen over ours, parse": (("parse, pymatgen",), ("parse",)),
        "ase over ours, parse": (("parse, ase",), ("parse",)),
        "pymatgen over ours, neighbours": (("neighbours, pymatgen",), ("neighbours",)),
        "matscipy over ours, neighbours": (("neighbours, matscipy",), ("neighbours",)),
        "pymatgen over ours, reading and graph": (
            ("parse, pymatgen", "neighbours, pymatgen"),
            ("reading and graph",),
        ),
        "share of touching each byte, parse": (("ceiling: touch each byte",), ("parse",)),
        "share of a plain read, files to crystals": ((read,), (read, "parse")),
        "share of a copy, neighbours, checks and graph": (
            ("ceiling: copy the graphs",),
            ("neighbours", "checks", "graph"),
        ),
        "share of a plain read and a copy, files to graphs": (
            (read, "ceiling: copy the graphs"),
            (read, "reading and graph"),
        ),
        "share of a plain write, write": (("ceiling: write the bytes",), ("write",)),
    }
    pyg = ("forward cgcnn, PyTorch Geometric",)
    least = (read, "ceiling: copy the graphs", "ceiling: write the bytes")
    for precision in PRECISIONS:
        pairs[f"PyTorch Geometric over ours, cgcnn {precision}"] = (
            pyg,
            (f"forward cgcnn {precision}",),
        )
        pairs[f"pore over knagcn, end to end {precision}"] = (
            (f"end to end pore {precision}",),
            (f"end to end knagcn {precision}",),
        )
    for model, precision in itertools.product(COMPARED, PRECISIONS):
        which = f"{model} {precision}"
        whole, product = (f"end to end {which}",), f"ceiling: product {which}"
        pairs |= {
            f"published path over ours, end to end {which}": ((published,), whole),
            f"share of a plain product, {which}": ((product,), (f"forward {which}",)),
            f"share of all ceilings, end to end {which}": ((*least, product), whole),
            f"share of writing, end to end {which}": (("write",), whole),
        }
    told = {name: ratio(seconds, *pair) for name, pair in pairs.items()}
    return {name: value for name, value in told.items() if value is not None}


def measure(source: Path, count: int, most_atoms: int, rounds: int) -> dict[str, Any]:
    """Return all figures of one library.

    Raises:
        ValueError: no structure of it can be read by all.
    """
    sample = choose(source, count, most_atoms)
    if not len(sample):
        raise ValueError(f"{source}: nobody can read any of {count} structures: {sample.left_out}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "whole").mkdir()
        files = lay_out(sample, folder / "library")
        once = folder / "once"
        once.mkdir()
        for path in files:
            (once / path.name).hardlink_to(path)
        stages = all_stages(sample, files, folder / "library", folder)
        seconds = time_rounds(stages, rounds)
        memory = {who: peak_memory(who, once) for who in ("ours", "published")}
        memory["ours, a full shard"] = peak_memory("ours", folder / "library")
    for model, precision in itertools.product(COMPARED, PRECISIONS):
        product = f"product {model} {precision}"
        seconds[f"ceiling: {product}"] = quickest(
            seconds, f"{product}, torch.mm", f"{product}, oneDNN"
        )
    each = {name: median(times) for name, times in seconds.items()}
    atoms = sample.n_atoms / len(sample)
    return {
        "source": sample.source,
        "structures": len(sample),
        "left out": sample.left_out,
        "mean atoms": round(atoms, 1),
        "ms per structure": {name: float(f"{1e3 * s:.4g}") for name, s in each.items()},
        "ms per 400 atoms, reading and graph": round(
            1e3 * each["reading and graph"] / atoms * 400, 3
        ),
        "GFLOP/s": {
            name: round(gflop(name.split()[1], atoms) / seconds)
            for name, seconds in each.items()
            if name.startswith(("product", "forward knagcn ", "forward cgcnn "))
        },
        "ratios": compare(seconds),
        "peak memory, MiB": memory,
    }
