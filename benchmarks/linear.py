"""Cost against size: `screenkit rank` against structures, reading and graph against atoms.

    python -m benchmarks.linear [SOURCE] [--largest 100000] [--most-atoms 60] [--rounds 3]

The library is the first small MOFs of SOURCE (core2019 of `$SCREENKIT_DATA` when not said), again
and again under new names, in one tar. It is ranked from start to end, page included, by one process
on one core and by two processes on two, in turns; up to 1 000 structures several times. Seconds are
fitted by a straight line: what it takes to start, and what each structure takes. A first run of one
structure does not count: it warms what is compiled and what is read from the disk.

Then supercells of one MOF, 400 to 20 000 atoms, are read and become graphs, on one thread.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.rank import repeat, run
from benchmarks.record import RESULTS, keep, usual_source
from benchmarks.supercells import against_atoms
from benchmarks.timing import straight_line
from screenkit.crystal.checks import CheckSettings, check
from screenkit.crystal.cif import read_cif
from screenkit.crystal.library import Library
from screenkit.crystal.neighbors import find_neighbors
from screenkit.errors import CrystalError

SIZES = (1, 1_000, 10_000, 30_000, 100_000)
OFTEN = 1_000
"""Larger libraries are ranked once."""
SMALL = 200
"""Structures that are repeated."""
PROCESSES = {1: ["--executor", "serial"], 2: ["--executor", "dask", "--workers", "2"]}


def small_library(source: Path, most_atoms: int, archive: Path) -> int:
    """Write a tar of the first `SMALL` structures with few atoms; return their atoms.

    Raises:
        ValueError: there is none.
    """
    library, atoms, written = Library.open([source]), 0, 0
    with tarfile.open(archive, "w") as tar:
        for (document,) in library.deliver((i, i + 1) for i in range(len(library))):
            try:
                text = document.read()
                crystal = read_cif(text, document.name)
                if len(crystal) > most_atoms:
                    continue
                check(crystal, find_neighbors(crystal, 12), CheckSettings())
            except CrystalError:
                continue
            member = tarfile.TarInfo(f"{document.name}.cif")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
            atoms, written = atoms + len(crystal), written + 1
            if written == SMALL:
                break
    if not written:
        raise ValueError(f"{source} has no structure of up to {most_atoms} atoms")
    return round(atoms / written)


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Let what is started meanwhile have so many cores, where the system can say so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def rank_all(folder: Path, size: int, turns: int, model: str) -> dict[int, list[dict[str, float]]]:
    """Return what rankings of one library took, by how many processes did it."""
    archive = folder / "library.tar"
    repeat(folder / "small.tar", size, archive)
    runs: dict[int, list[dict[str, float]]] = {processes: [] for processes in PROCESSES}
    for _ in range(turns):
        for processes, options in PROCESSES.items():
            with on_cores(processes), tempfile.TemporaryDirectory(dir=folder) as output:
                runs[processes].append(run(archive, model, Path(output) / "run", options))
    return runs


def against_structures(
    source: Path, sizes: list[int], most_atoms: int, rounds: int, model: str
) -> dict[str, Any]:
    """Return seconds and memory of rankings, and the lines that their seconds make."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        atoms = small_library(source, most_atoms, folder / "small.tar")
        rank_all(folder, 1, 1, model)
        runs = {}
        for size in sizes:
            print(f"{size} structures ...", file=sys.stderr, flush=True)
            runs[size] = rank_all(folder, size, rounds if size <= OFTEN else 1, model)
    told: dict[str, Any] = {"source": source.name, "mean atoms": atoms, "structures": sizes}
    for processes in PROCESSES:

        def medians(key: str, processes: int = processes) -> list[float]:
            return [median(run[key] for run in runs[size][processes]) for size in sizes]

        line = straight_line(sizes, medians("seconds"))
        told[f"{processes}"] = {
            "seconds": medians("seconds"),
            "peak memory, MiB": medians("peak memory, MiB"),
            "of the driver, MiB": medians("of the driver, MiB"),
            "line": {
                "start, s": line.start,
                "structures/s": round(1 / line.slope, 1),
                "ms per structure": 1e3 * line.slope,
                "off": line.off,
            },
        }
    one, two = (float(told[f"{processes}"]["line"]["structures/s"]) for processes in PROCESSES)
    told["two over one"] = round(two / one, 3)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, nargs="?")
    parser.add_argument("--largest", type=int, default=SIZES[-1])
    parser.add_argument("--most-atoms", type=int, default=60)
    parser.add_argument("--model", default="knagcn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    source = given.source or usual_source("core2019")
    cells = given.source or usual_source("pormake")
    # One thread each: two processes are compared with one.
    os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"
    started = time.monotonic()
    sizes = [size for size in SIZES if size <= given.largest]
    result: dict[str, Any] = {
        "atoms": against_atoms(cells, 5),
        "structures": against_structures(
            source, sizes, given.most_atoms, given.rounds, given.model
        ),
    }
    result["minutes"] = round((time.monotonic() - started) / 60, 1)
    keep("linear", result, given.results)


if __name__ == "__main__":
    main()
