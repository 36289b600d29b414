"""The whole of `screenkit rank`: structures per second and peak memory, and how memory grows.

    python -m benchmarks.rank SOURCE [--model knagcn] [--structures 2000 20000]

The library is SOURCE repeated under new names until it has as many structures as asked for, in one
uncompressed tar. Peak memory is the largest sum, over the process and its children, of the memory
that is theirs alone (PSS), sampled every 0.2 s.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.record import keep
from screenkit.crystal.library import Library


def repeat(source: Path, count: int, archive: Path) -> None:
    """Write a tar of `count` structures: those of a library, again and again, under new names."""
    library = Library.open(source)
    with tarfile.open(archive, "w") as tar:
        written = 0
        while written < count:
            spans = ((i, i + 1) for i in range(min(len(library), count - written)))
            for (document,) in library.deliver(spans):
                data = document.read()
                member = tarfile.TarInfo(f"library/{document.name}_{written}.cif")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
                written += 1


def peak_memory(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Wait for a process; return the peaks of what it and its children hold, and it alone, MiB."""
    root, peak, alone = psutil.Process(process.pid), 0, 0
    while process.poll() is None:
        held = []
        for member in [root, *_children(root)]:
            try:
                held.append(member.memory_full_info().pss)
            except psutil.Error:
                held.append(0)
        peak, alone = max(peak, sum(held)), max(alone, held[0])
        time.sleep(0.2)
    return peak / 2**20, alone / 2**20


def _children(root: psutil.Process) -> list[psutil.Process]:
    try:
        return root.children(recursive=True)
    except psutil.Error:
        return []


def run(library: Path, model: str, folder: Path, options: list[str]) -> dict[str, float]:
    command = [sys.executable, "-m", "screenkit", "rank", str(library), "--model", model]
    command += ["-o", str(folder), "--progress", "none", "-q", *options]
    started = time.monotonic()
    with subprocess.Popen(command) as process:
        peak, alone = peak_memory(process)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    summary = json.loads((folder / "summary.json").read_text())
    return {
        "structures": summary["structures"],
        "ok": summary["ok"],
        "seconds": round(time.monotonic() - started, 1),
        "structures per second": summary["structures_per_second"],
        "peak memory, MiB": round(peak),
        "of the driver, MiB": round(alone),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--model", default="knagcn")
    parser.add_argument("--structures", type=int, nargs="+", default=[2_000, 20_000])
    given, options = parser.parse_known_args()
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for count in given.structures:
            archive = Path(folder) / f"library-{count}.tar"
            repeat(given.source, count, archive)
            runs.append(run(archive, given.model, Path(folder) / f"run-{count}", options))
    peaks = [entry["peak memory, MiB"] for entry in runs]
    keep(
        "rank",
        {
            "source": given.source.name,
            "model": Path(given.model).name,
            "options": options,
            "runs": runs,
            "peak memory, last over first": round(peaks[-1] / peaks[0], 3),
        },
    )


if __name__ == "__main__":
    main()
