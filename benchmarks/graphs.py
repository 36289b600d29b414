"""Reading and graphs on one core, per structure, beside what the published CGCNN does.

    python -m benchmarks.graphs SOURCE [--structures 60] [--repeats 5]

Ours: CIF bytes -> Crystal -> 12 nearest images -> checks -> Graph of k-NAGCN.
Peer: `pymatgen.core.Structure.from_str` + `get_all_neighbors(8.0, include_index=True)` + Python's
sort of each atom's neighbours by distance, as in txie-93/cgcnn `data.py`. It is given the text, so
that neither opens a file.

Repeats of the two are interleaved; a structure's figure is the median of its repeats (the peer,
being slow, is repeated `--peer-repeats` times).
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pymatgen.core import Structure

from benchmarks.record import keep
from screenkit.crystal.checks import CheckSettings, check
from screenkit.crystal.cif import read_cif
from screenkit.crystal.document import Document
from screenkit.crystal.library import Library
from screenkit.crystal.neighbors import find_neighbors
from screenkit.errors import CrystalError
from screenkit.graph.batch import collate
from screenkit.graph.build import build_graph
from screenkit.models.knagcn import KNagcn, KNagcnSettings

GRAPH = KNagcn.graph_settings(KNagcnSettings())


def median_seconds(work: Callable[[Any], object], given: object, repeats: int) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work(given)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def stages(data: bytes, name: str) -> dict[str, float]:
    """Return the seconds that each of our stages takes for one structure."""
    started = time.perf_counter()
    crystal = read_cif(data, name)
    read = time.perf_counter()
    neighbors = find_neighbors(crystal, GRAPH.k, GRAPH.ties)
    found = time.perf_counter()
    check(crystal, neighbors, CheckSettings())
    checked = time.perf_counter()
    build_graph(crystal, neighbors, GRAPH)
    built = time.perf_counter()
    return {
        "parse": read - started,
        "neighbors": found - read,
        "checks": checked - found,
        "graph": built - checked,
        "reading plus graph": built - started,
    }


def peer(text: str) -> None:
    structure = Structure.from_str(text, fmt="cif")
    for near in structure.get_all_neighbors(8.0, include_index=True):
        sorted(near, key=lambda neighbor: neighbor[1])


def measure(document: Document, network: KNagcn, arguments: argparse.Namespace) -> dict[str, float]:
    """Return the median seconds of each stage, ours before and after the peer's.

    Raises:
        CrystalError: the checks leave the structure out.
    """
    data = document.read()
    runs = [stages(data, document.name) for _ in range(arguments.repeats)]
    theirs = median_seconds(peer, data.decode(), arguments.peer_repeats)
    runs += [stages(data, document.name) for _ in range(arguments.repeats)]
    crystal = read_cif(data, document.name)
    batch = collate([build_graph(crystal, find_neighbors(crystal, GRAPH.k), GRAPH)])
    with torch.inference_mode():
        forward = median_seconds(network, batch, 3)
    return {
        **{stage: statistics.median(run[stage] for run in runs) for stage in runs[0]},
        "forward k-NAGCN, batch of one": forward,
        "pymatgen": theirs,
        "atoms": len(crystal),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--structures", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peer-repeats", type=int, default=1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    library = Library.open(arguments.source)
    step = max(1, len(library) // arguments.structures)
    network = KNagcn(KNagcnSettings(), 5).eval()
    found, left_out = [], 0
    for (document,) in library.deliver((i, i + 1) for i in range(0, len(library), step)):
        try:
            found.append(measure(document, network, arguments))
        except CrystalError:
            left_out += 1
    atoms = sum(entry.pop("atoms") for entry in found)
    total = {stage: sum(entry[stage] for entry in found) for stage in found[0]}
    ours = "reading plus graph"
    ratios = [entry["pymatgen"] / entry[ours] for entry in found]
    keep(
        "graphs",
        {
            "source": arguments.source.name,
            "structures": len(found),
            "left out by the checks": left_out,
            "mean atoms": round(atoms / len(found)),
            "ms per structure": {k: round(1e3 * v / len(found), 3) for k, v in total.items()},
            "ms per 400 atoms, reading plus graph": round(1e3 * total[ours] / atoms * 400, 3),
            "times faster than pymatgen": {
                "all structures together": round(total["pymatgen"] / total[ours], 1),
                "median structure": round(statistics.median(ratios), 1),
                "least": round(min(ratios), 1),
            },
        },
    )


if __name__ == "__main__":
    main()
