"""Status: how far a run is, who works on it, and what went wrong of late. Writes nothing.

Counts come from the seals of the shards, 512 bytes of each file; the rest is not looked at.

Not covered: whether the files are sound (`verify.py`).
"""

from __future__ import annotations

import datetime
import math
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from screenkit.errors import Outcome, SourceError, StorageError
from screenkit.executors.board import SLURM
from screenkit.executors.squeue import Seen
from screenkit.flows.again import Command
from screenkit.flows.run_log import BEGUN, RUN_LOG
from screenkit.flows.runs import Run
from screenkit.store.lock import Holder
from screenkit.store.seal import read_counts
from screenkit.store.shard_file import KIND

RUNNING, STOPPED, COMPLETE = "running", "stopped", "complete"
_RESULTS = ("summary.json", "metrics.json")
"""What a run writes in the end."""
_TAIL = 2**18  # bytes of the log
_TROUBLE = re.compile(r"\S+ \S+ (WARNING|ERROR|CRITICAL) ")
_LAST = 5  # lines


@dataclass(frozen=True, slots=True, eq=False)
class Status:
    """How a run stands."""

    run: Path
    state: str
    """`running`: somebody is at work on it; `complete`; `stopped`: neither."""
    structures: int
    """0 while it begins."""
    shards: int
    shards_done: int
    done: int
    """Structures that have their row on disk."""
    outcomes: Mapping[str, int]
    """Of which so many are `ok`, `filtered`, `failed`."""
    driver: Holder | None
    """The process that leads the run; None where there is none, or it is dead."""
    jobs: Mapping[str, Seen]
    """Slurm jobs that the controller knows."""
    structures_per_second: float | None
    """Since the driver began, or, without one, since its jobs were submitted; None where nobody is
    at work, or nothing is done yet."""
    again: Command | None
    """What was typed, where it is known."""
    trouble: tuple[str, ...]
    """Last warnings and errors of the log, since the run was last begun."""

    @property
    def seconds_left(self) -> float | None:
        """At the same rate; None where that is not known."""
        rate = self.structures_per_second
        return (self.structures - self.done) / rate if rate else None

    def facts(self) -> dict[str, Any]:
        """Return what `screenkit status --json` says; its keys are in `docs/formats.md`."""
        driver = self.driver
        return {
            "run": str(self.run),
            "state": self.state,
            "structures": self.structures,
            "done": self.done,
            **self.outcomes,
            "shards": self.shards,
            "shards_done": self.shards_done,
            "structures_per_second": _rounded(self.structures_per_second),
            "seconds_left": _rounded(self.seconds_left),
            "driver": driver
            and {
                "host": driver.host,
                "pid": driver.pid,
                "since": driver.since,
                "alive": True if driver.is_here else None,
            },
            "jobs": {name: seen.state for name, seen in self.jobs.items()},
            "trouble": list(self.trouble),
        }


@dataclass
class Watch:
    """Looks at one run, again and again; a seal is read once."""

    folder: Path
    _seen: dict[Path, tuple[float, Mapping[str, int]]] = field(default_factory=dict)
    """When each shard was written, and what it counts."""

    def look(self) -> Status:
        """Return how the run stands now.

        Raises:
            SourceError: the folder is none of a run.
            StorageError: its plan cannot be read.
        """
        run = Run.open(self.folder)
        driver, jobs = run.holder(), run.jobs()
        outcomes = Counter({outcome.value: 0 for outcome in Outcome})
        done = shards_done = recent = 0
        at_work = driver is not None or any(job.alive for job in jobs.values())
        since = _since(run.folder, driver) if at_work else math.inf
        for stage in run.stages:
            names = stage.names()
            for shard in stage.plan.shards:
                path = stage.path(shard)
                if path.name in names and (seen := self._read(path)):
                    written, counts = seen
                    outcomes.update(counts)
                    done, shards_done = done + len(shard), shards_done + 1
                    recent += len(shard) if written >= since else 0
        structures = sum(stage.plan.structures for stage in run.stages)
        if at_work:
            state = RUNNING
        elif done == structures and any((run.folder / name).exists() for name in _RESULTS):
            state = COMPLETE
        else:
            state = STOPPED
        spent = time.time() - since
        return Status(
            run=run.folder,
            state=state,
            structures=structures,
            shards=sum(len(stage.plan.shards) for stage in run.stages),
            shards_done=shards_done,
            done=done,
            outcomes=outcomes,
            driver=driver,
            jobs=jobs,
            structures_per_second=recent / spent if recent and spent > 0 else None,
            again=_command(run.folder),
            trouble=_trouble(run.folder / RUN_LOG),
        )

    def _read(self, path: Path) -> tuple[float, Mapping[str, int]] | None:
        """Return when a shard was written and what it counts; None where nobody can tell."""
        if path not in self._seen:
            try:
                self._seen[path] = path.stat().st_mtime, read_counts(KIND, path)
            except (OSError, StorageError):
                return None
        return self._seen[path]


def _since(folder: Path, driver: Holder | None) -> float:
    """Return when a driver began, or its jobs were submitted, in seconds since 1970."""
    try:
        if driver is not None:
            return datetime.datetime.fromisoformat(driver.since).timestamp()
        from screenkit.executors.sbatch import JOBS  # submitit wakes here

        return (folder / SLURM / JOBS).stat().st_mtime
    except (OSError, ValueError):
        return math.inf


def _command(folder: Path) -> Command | None:
    try:
        return Command.of(folder)
    except SourceError:
        return None


def log_tail(path: Path, size: int = _TAIL) -> list[str]:
    """Return the last whole lines of a log, at most `size` bytes of them; none where it is not."""
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, 2) - size)
            file.seek(start)
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return lines[1:] if start else lines


def _trouble(log: Path) -> tuple[str, ...]:
    lines = log_tail(log)
    begun = [i for i, line in enumerate(lines) if f" INFO {BEGUN}: " in line]
    found = [line for line in lines[begun[-1] if begun else 0 :] if _TROUBLE.match(line)]
    return tuple(found[-_LAST:])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
