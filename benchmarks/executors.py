"""Structures per second of Dask executors over those of one process, in one run.

    python -m benchmarks.executors SOURCE [--structures 8000] [--rounds 3] [--workers 2]

The library is SOURCE repeated, as in `benchmarks.rank`. Executors take turns within each round, so
that a busy machine is as bad for one as for the other; each ratio is one round's. Workers start
within the time that counts; it is told beside it what remains when starting is left out: from the
first shard that is done to the last.

No executor can be faster than the machine. `apart` is what that gives: as many serial runs of the
whole library as there are workers, at the same time and with nothing in common, summed. A serial
run reads while its network runs, so it takes more than one core; `one core` is one that has no
more, as a worker has.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.rank import repeat
from benchmarks.record import keep
from screenkit.flows.screen import screen
from screenkit.recipe import Recipe
from screenkit.tasks.predict import count_devices
from screenkit.track import Track


class Stopwatch(Track):
    """When each shard was done."""

    def __init__(self) -> None:
        self.done: list[tuple[float, int]] = []
        self.fed: list[tuple[float, float, float]] = []

    def advance(self, structures: int, failed: int = 0) -> None:
        self.done.append((time.monotonic(), structures))

    def feed(self, busy: float, watched: float, queue: float) -> None:
        self.fed.append((busy, watched, queue))

    def steady(self) -> float:
        """Return structures per second after the first shard."""
        seconds = self.done[-1][0] - self.done[0][0]
        return sum(count for _, count in self.done[1:]) / seconds


def run(library: Path, model: str, executor: str, workers: int, folder: Path) -> dict[str, float]:
    watch = Stopwatch()
    recipe = Recipe().override(model=model, executor=executor, workers=workers)
    result = screen([library], recipe, folder, watch)
    told = {"whole": result.structures_per_second, "steady": watch.steady()}
    if watch.fed:
        busy, watched, queues = map(sum, zip(*watch.fed, strict=True))
        told["device busy"] = busy / watched
        told["structures ready"] = queues / len(watch.fed)
    return {name: round(value, 3) for name, value in told.items()}


def run_on_one_core(library: Path, model: str, folder: Path) -> dict[str, float]:
    """Return what a serial run reaches that has one core, for reading and network together."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        return run(library, model, "serial", 1, folder)
    finally:
        os.sched_setaffinity(0, cores)


def run_apart(library: Path, model: str, workers: int, folder: Path) -> dict[str, float]:
    """Return the sum of what serial runs reach that go on at the same time."""
    command = [sys.executable, "-m", "screenkit", "rank", str(library), "--model", model]
    command += ["--executor", "serial", "--quiet", "-o"]
    folders = [folder / str(i) for i in range(workers)]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    runs = [subprocess.Popen([*command, str(one)], env=alone) for one in folders]
    statuses = [run.wait() for run in runs]
    if any(statuses):
        sys.exit(f"{' '.join(command)} failed")
    summaries = [json.loads((one / "summary.json").read_text()) for one in folders]
    return {"whole": round(sum(told["structures_per_second"] for told in summaries), 3)}


def compare(rounds: list[dict[str, dict[str, float]]]) -> dict[str, float]:
    """Return the median ratio of each executor to one process, and of Dask's to several apart."""

    def over(name: str, kind: str, other: str, of: str) -> float:
        return round(median(one[name][kind] / one[other][of] for one in rounds), 3)

    ratios = {"apart over serial, whole": over("apart", "whole", "serial", "whole")}
    for name in rounds[0]:
        if name.startswith("dask"):
            for kind in ("whole", "steady"):
                ratios[f"{name} over serial, {kind}"] = over(name, kind, "serial", kind)
                ratios[f"{name} over one core, {kind}"] = over(name, kind, "one core", kind)
                ratios[f"{name} over apart, {kind}"] = over(name, kind, "apart", "whole")
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--model", default="knagcn")
    parser.add_argument("--structures", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    # A device is one worker; `serial` on it is one process that reads and predicts in turn.
    others = {"dask-cuda": count_devices("auto")} if count_devices("auto") else {}
    executors = {"serial": 1, "dask": given.workers, **others}
    rounds = []
    with tempfile.TemporaryDirectory() as place:
        archive, folder = Path(place, "library.tar"), Path(place)
        repeat(given.source, given.structures, archive)
        for turn in range(given.rounds):
            told = {
                name: run(archive, given.model, name, workers, folder / f"{name}-{turn}")
                for name, workers in executors.items()
            }
            told["one core"] = run_on_one_core(archive, given.model, folder / f"core-{turn}")
            apart = folder / f"apart-{turn}"
            rounds.append(told | {"apart": run_apart(archive, given.model, given.workers, apart)})
    keep(
        "executors",
        {
            "source": given.source.name,
            "model": Path(given.model).name,
            "structures": given.structures,
            "workers": given.workers,
            "rounds": rounds,
            **compare(rounds),
        },
    )


if __name__ == "__main__":
    main()
