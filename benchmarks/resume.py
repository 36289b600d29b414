"""How long a run takes to its end when everything is already computed.

    python -m benchmarks.resume [--structures 300000] [--model knagcn]

The library is a folder of links to one CIF; its shards are filled with made-up rows. Then
`screenkit rank` is timed twice: where the merge is still to be done, and where nothing is. On a
machine that others use too, the time that cores have spent says more than that on the wall.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.record import keep
from screenkit.crystal.library import Library
from screenkit.errors import Outcome
from screenkit.flows.screen import plan_screening
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.shelf import find_checkpoint
from screenkit.recipe import Recipe
from screenkit.store.merge import SHARDS
from screenkit.store.row import Row
from screenkit.store.shard_file import write_shard
from screenkit.tasks.judge import columns_of

_LINKS = 20_000  # to one file; some file systems allow no more than 65 000
_FAILING = 50  # of so many structures, one


def make_library(folder: Path, count: int) -> None:
    """Write a folder of `count` names in as many files as that many links need."""
    for start in range(0, count, _LINKS):
        shelf = folder / f"{start // _LINKS:03d}"
        shelf.mkdir(parents=True)
        first = shelf / f"hypothetical_mof_{start:07d}.cif"
        first.write_text("data_nothing\n")
        for i in range(start + 1, min(start + _LINKS, count)):
            os.link(first, shelf / f"hypothetical_mof_{i:07d}.cif")


def make_rows(names: list[str], targets: int, dice: np.random.Generator) -> list[Row]:
    """Return a made-up row for each name; a few have failed."""
    rows = []
    for name, fate in zip(names, dice.integers(_FAILING, size=len(names)), strict=True):
        if not fate:
            message = "_atom_site_fract_x is missing for 3 of 120 sites"
            rows.append(Row(name, Outcome.FAILED, "missing_coords", message))
            continue
        facts = dice.uniform(0.1, 4.0, 4)
        rows.append(
            Row(
                name,
                n_atoms=int(dice.integers(20, 500)),
                volume=1000 * facts[0],
                density=facts[1],
                minimum_distance=facts[2],
                frame_ambiguous_fraction=facts[3] / 4,
                values=tuple(dice.normal(size=targets)),
            )
        )
    return rows


def fill(output: Path, library: Library, recipe: Recipe) -> int:
    """Write all shards of a screening; return how many."""
    checkpoint = Checkpoint.load(find_checkpoint(recipe.model).resolve())
    targets = [column["name"] for column in columns_of(checkpoint, recipe.predict.level)]
    plan = plan_screening(library, checkpoint, recipe)
    dice = np.random.default_rng(0)
    for shard in plan.shards:
        rows = make_rows(list(library.names[shard.start : shard.stop]), len(targets), dice)
        write_shard(output / SHARDS, shard, rows, targets, plan.stamp)
    return len(plan.shards)


def rank(library: Path, model: str, output: Path) -> dict[str, float]:
    """Run the command; return its wall time and its processor time, s."""
    command = [sys.executable, "-m", "screenkit", "rank", str(library), "--model", model]
    command += ["-o", str(output), "--progress", "none", "-q"]
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cores = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall, s": round(time.monotonic() - started, 1), "cores, s": round(cores, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--structures", type=int, default=300_000)
    parser.add_argument("--model", default="knagcn")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "library", Path(folder) / "run"
        make_library(source, given.structures)
        recipe = Recipe().override(model=given.model)
        shards = fill(output, Library.open(source), recipe)
        keep(
            "resume",
            {
                "structures": given.structures,
                "shards": shards,
                "merge to do": rank(source, given.model, output),
                "nothing to do": rank(source, given.model, output),
            },
        )


if __name__ == "__main__":
    main()
