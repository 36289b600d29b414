"""Rehearse: what a run would do and about how long, without a trace of it on the disk.

A few structures, spread evenly over the library, are really worked on, in this process; what comes
of them is dropped.

Not covered: structures that kill their process; the start of workers, the merge and the tables,
which take seconds; queues.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from screenkit.crystal.library import Library
from screenkit.executors.executor import Task
from screenkit.executors.hire import RunSettings, site_of
from screenkit.plan import Plan

PROBE = 64
"""Structures that are tried."""


@dataclass(frozen=True, slots=True, eq=False)
class Rehearsal:
    """What a run would do."""

    output: Path
    structures: int
    shards: int
    files: tuple[str, ...]
    """What will be in `output`."""
    probed: int
    """Structures that were tried."""
    seconds: float
    """Wall time of one structure, in one process."""
    core_seconds: float
    """Time that one structure takes of one core."""
    device: str
    executor: str
    script: str = ""
    """The batch script as it would be sent; empty where none is."""

    @property
    def core_hours(self) -> float:
        """Of the whole run."""
        return self.core_seconds * self.structures / 3600

    @property
    def gpu_hours(self) -> float:
        """Of the whole run: wall time of one process that has the device to itself."""
        return self.seconds * self.structures / 3600 if self.device.startswith("cuda") else 0.0


def rehearse(
    library: Library,
    plan: Plan,
    task: Task,
    settings: RunSettings,
    output: Path,
    files: Sequence[str],
    device: str = "cpu",
) -> Rehearsal:
    """Try some structures of a library and say what the whole would take; write nothing."""
    count = min(PROBE, len(library))
    places = sorted({round(i * (len(library) - 1) / max(count - 1, 1)) for i in range(count)})
    documents = [one for (one,) in library.deliver((place, place + 1) for place in places)]
    task.attempt(documents[:1])  # the first one wakes the model and its kernels
    wall, cores = time.perf_counter(), time.process_time()
    task.attempt(documents)
    return Rehearsal(
        output=output,
        structures=len(library),
        shards=len(plan.shards),
        files=tuple(files),
        probed=len(documents),
        seconds=(time.perf_counter() - wall) / len(documents),
        core_seconds=(time.process_time() - cores) / len(documents),
        device=device,
        executor=settings.executor,
        script=_script(settings, output, len(plan.shards)),
    )


def _script(settings: RunSettings, output: Path, shards: int) -> str:
    if settings.executor != "slurm":
        return ""
    from screenkit.executors.sbatch import script  # submitit wakes here

    site = site_of(settings)
    return script(site, output, min(site.jobs or 1, shards))
