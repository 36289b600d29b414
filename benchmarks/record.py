"""Keep a result with its machine and date."""

from __future__ import annotations

import datetime
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def keep(name: str, result: dict[str, Any], folder: Path = RESULTS) -> None:
    """Print a result and append it to `results/NAME.jsonl`."""
    entry = {"date": datetime.date.today().isoformat(), "machine": machine(), **result}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
    print(json.dumps(entry, indent=2))


def last(name: str, key: str, folder: Path = RESULTS) -> dict[str, Any] | None:
    """Return the last result of a name that has a key; None where there is none."""
    return last_where(name, key, None, folder)


def last_where(name: str, key: str, value: Any, folder: Path = RESULTS) -> dict[str, Any] | None:
    """Return the last result of a name in which a key has a value, or any value for None."""
    path = folder / f"{name}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next(
        (e for e in map(json.loads, reversed(lines)) if key in e and value in (None, e[key])), None
    )


def usual_source(name: str) -> Path:
    """Return a library of the folder that SCREENKIT_DATA names; end the program where it has none.

    Args:
        name: `pormake`, `core2019` or `raspa2`.
    """
    folder = os.environ.get("SCREENKIT_DATA")
    path = Path(folder or "", name, f"{name}.tar.xz")
    if not folder or not path.exists():
        found = f"there is no {path}" if folder else "SCREENKIT_DATA is not set"
        sys.exit(
            f"error: no SOURCE is given, and {found}\n"
            "hint:  give a folder or an archive of CIFs, or set SCREENKIT_DATA to a folder that "
            f"has {name}/{name}.tar.xz"
        )
    return path


def one_core() -> None:
    """Let this process, and those that it starts, have one core: threads of ours share it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def machine() -> dict[str, Any]:
    """Return the processor and how much of it this process may use."""
    processor = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        processor = names[0] if names else processor
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
    }
