"""What the driver of a large library takes: seconds and memory of each step, without the work.

    python -m benchmarks.million [--structures 10000 100000 1000000] [--model knagcn]

The library is a folder of links to one CIF, its shards are filled with made-up rows. One process
per size then opens the library, plans, finds all shards done, merges, ranks and draws the page, and
another one selects. `memory` is what the process holds after a step and `peak` the most it held
within, MiB, both with the 320 of its imports. A million take 600 MB of disk for some minutes.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.record import keep
from benchmarks.resume import fill, make_library
from screenkit.crystal.library import Library
from screenkit.recipe import Recipe

_T = TypeVar("_T")
_STEP = "benchmarks.million"


def _memory(word: str) -> int:
    """Return `VmRSS` or `VmHWM` of this process, MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(word)).split()[1]) // 1024


def watch(seen: dict[str, Any], name: str, step: Callable[..., _T]) -> Callable[..., _T]:
    """Return a step that notes its seconds of processor time and its memory in `seen`."""

    def watched(*given: Any, **named: Any) -> _T:
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak
        began = time.process_time()
        found = step(*given, **named)
        spent = round(time.process_time() - began, 2)
        seen[name] = {"cores, s": spent, "memory": _memory("VmRSS"), "peak": _memory("VmHWM")}
        return found

    return watched


def drive(library: Path, model: str, output: Path) -> dict[str, Any]:
    """Screen a library whose shards are all done; return what each step took."""
    from screenkit.crystal import library as opened
    from screenkit.flows import screen, stage

    seen: dict[str, Any] = {}
    steps = ((opened.Library, "open"), (screen, "plan_screening"), (stage, "merge"))
    for place, name in (*steps, (screen, "rank"), (screen, "_write"), (screen, "draw_report")):
        setattr(place, name, watch(seen, name.strip("_"), getattr(place, name)))
    recipe = Recipe().override(model=model)
    watch(seen, "all", screen.screen)([library], recipe, output)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {**seen, "peak of all": max(peak, *(one["peak"] for one in seen.values()))}


def select(output: Path) -> dict[str, float]:
    """Run `screenkit select` five times; return the least wall and processor time, s."""
    command = [sys.executable, "-m", "screenkit", "select", str(output), "--top", "100", "-q"]
    walls, cores = [], []
    for _ in range(5):
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        walls.append(time.monotonic() - began)
        cores.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"wall, s": round(min(walls), 2), "cores, s": round(min(cores), 2)}


def measure(count: int, model: str) -> dict[str, Any]:
    """Return what a library of so many structures takes."""
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "library", Path(folder) / "run"
        make_library(source, count)
        fill(output, Library.open(source), Recipe().override(model=model))
        command = [sys.executable, "-m", _STEP, "--drive", str(source), str(output)]
        told = subprocess.run([*command, "--model", model], check=True, stdout=subprocess.PIPE)
        steps = json.loads(told.stdout)
        return {"structures": count, "steps": steps, "select": select(output)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--structures", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--model", default="knagcn")
    parser.add_argument("--drive", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.drive:
        print(json.dumps(drive(given.drive[0], given.model, given.drive[1])))
        return
    keep("million", {"sizes": [measure(count, given.model) for count in given.structures]})


if __name__ == "__main__":
    main()
