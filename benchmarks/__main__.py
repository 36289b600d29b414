"""Every stage from a CIF to a row, beside its peers and the machine's ceilings, in one run.

    python -m benchmarks [SOURCE ...] [--structures 20] [--most-atoms 1000] [--rounds 5]

Without a SOURCE those of `$SCREENKIT_DATA` are measured: pormake, core2019, raspa2. Everything runs
on one thread of one core and takes turns within a round, so that a busy machine is as bad for one
as for the other; a figure is the median of its rounds, a ratio the median of the rounds' ratios,
with their range. Larger structures are left out, for a peer takes half a minute for one. Times are
wall time per structure, files in the system's cache. Results go to
`benchmarks/results/stages.jsonl`; `python -m benchmarks.plots` draws them.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.record import RESULTS, keep, machine, one_core, usual_source

LIBRARIES = ("pormake", "core2019", "raspa2")
PROGRAMS = ("torch", "numpy", "pymatgen", "ase", "matscipy", "torch_geometric")


def installed_version(program: str) -> str:
    try:
        return version(program)
    except PackageNotFoundError:
        return "not installed"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.split("\n")[0]
    )
    parser.add_argument("sources", type=Path, nargs="*", metavar="SOURCE")
    parser.add_argument("--structures", type=int, default=20)
    parser.add_argument("--most-atoms", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    given = parser.parse_args()
    sources = given.sources or [usual_source(name) for name in LIBRARIES]
    if missing := [str(source) for source in sources if not source.exists()]:
        sys.exit(f"error: there is no {', '.join(missing)}\nhint:  give other SOURCES")
    # Set before torch wakes, which counts them once.
    os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"
    who = machine()
    one_core()
    import torch

    from benchmarks.stages import measure

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    started, told = time.monotonic(), []
    for source in sources:
        print(f"{source.name} ...", file=sys.stderr, flush=True)
        told.append(measure(source, given.structures, given.most_atoms, given.rounds))
    result = {
        "machine": who,
        "rounds": given.rounds,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "versions": {program: installed_version(program) for program in PROGRAMS},
        "sources": told,
    }
    keep("stages", result, given.results)


if __name__ == "__main__":
    main()
