"""Structures per second of Dask executors over those of one process, in one run.

    python -m benchmarks.executors SOURCE [--structures 2000] [--rounds 3] [--workers 2]

The library is SOURCE repeated, as in `benchmarks.rank`. Executors take turns within each round, so
that a busy machine is as bad for one as for the other; each ratio is one round's. Workers start
within the time that counts; it is told beside it what remains when starting is left out: from the
first shard that is done to the last.
"""

from __future__ import annotations

import argparse
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
    recipe = Recipe().override(model=model, executor=executor, workers=workers, shard_size=64)
    result = screen([library], recipe, folder, watch)
    told = {"whole": result.structures_per_second, "steady": watch.steady()}
    if watch.fed:
        busy, watched, queues = map(sum, zip(*watch.fed, strict=True))
        told["device busy"] = busy / watched
        told["structures ready"] = queues / len(watch.fed)
    return {name: round(value, 3) for name, value in told.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--model", default="knagcn")
    parser.add_argument("--structures", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    # A device is one worker; `serial` on it is one process that reads and predicts in turn.
    others = {"dask-cuda": count_devices("auto")} if count_devices("auto") else {}
    executors = {"serial": 1, "dask": given.workers, **others}
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "library.tar"
        repeat(given.source, given.structures, archive)
        for turn in range(given.rounds):
            rounds.append(
                {
                    name: run(archive, given.model, name, workers, Path(folder, f"{name}-{turn}"))
                    for name, workers in executors.items()
                }
            )
    ratios = {
        f"{name} over serial, {kind}": round(
            median(one[name][kind] / one["serial"][kind] for one in rounds), 3
        )
        for name in executors
        if name != "serial"
        for kind in ("whole", "steady")
    }
    keep(
        "executors",
        {
            "source": given.source.name,
            "model": Path(given.model).name,
            "structures": given.structures,
            "workers": given.workers,
            "rounds": rounds,
            **ratios,
        },
    )


if __name__ == "__main__":
    main()
