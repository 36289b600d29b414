"""Hire: from the settings of a run to the executor that does its work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from screenkit.errors import UsageError
from screenkit.executors.executor import Executor
from screenkit.executors.serial import SerialExecutor
from screenkit.executors.site import Request, Site


class RunSettings(Request):
    """Who does the work, and in what portions. Changes no result."""

    executor: Literal["auto", "dask", "dask-cuda", "serial", "slurm"] = "auto"
    """`dask`: one process per worker on this machine, or the workers of `scheduler`; `dask-cuda`:
    one per CUDA device, fed by readers; `serial`: this process; `auto`: `dask-cuda` where the work
    may go to CUDA devices, else `dask`; `slurm`: jobs on a cluster, as `site` says."""
    workers: int | None = Field(default=None, ge=1, le=4096)
    """Processes, or CUDA devices; when not said, as many as this process may use cores, or
    devices. A cluster behind `scheduler` has its own."""
    readers: int | None = Field(default=None, ge=1, le=1024)
    """Processes per CUDA device that build graphs ahead of it; when not said, the cores that this
    process may use, but for two, divided by the devices."""
    scheduler: str | None = None
    """Of a Dask cluster that is already there: its address, or the scheduler's file."""
    insecure: bool = False
    """Whether `scheduler` may have an address that is not encrypted, beyond this machine."""
    site: Path | None = None
    """Profile of a Slurm cluster; what is said here of jobs beats it."""
    detach: bool = False
    """Whether to leave jobs in a cluster's queue and not to wait for them."""
    poll: float = Field(default=30.0, gt=0, le=3600)
    """Seconds between two looks at a cluster's queue, at first; they grow sixfold."""
    shard_size: int | None = Field(default=None, ge=1, le=1_000_000)
    """Structures a shard. What is lost when a worker dies is one shard. When not said, 256, and
    more where that would make over a thousand shards."""


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hire(
    settings: RunSettings, folder: Path, devices: int = 0, most: int | None = None
) -> Executor:
    """Return the executor that the settings name; use it in a `with`.

    Args:
        folder: of the run, where an executor may keep what its workers must find.
        devices: among how many CUDA devices the work may be divided.
        most: more workers than these have nothing to do.

    Raises:
        UsageError: there are no such workers.
    """
    name = settings.executor
    if settings.scheduler is not None:
        return _hire_elsewhere(settings, settings.scheduler, folder)
    if name == "serial":
        return SerialExecutor()
    if name == "slurm":
        return _hire_jobs(settings, folder)
    if name == "dask-cuda" or (name == "auto" and devices):
        return _hire_devices(settings, devices, most)
    # Dask wakes here, not for one process.
    from screenkit.executors.dask_nannies import NannyExecutor

    return NannyExecutor.of(_at_most(settings.workers or count_cores(), most))


def _hire_elsewhere(settings: RunSettings, scheduler: str, folder: Path) -> Executor:
    if settings.executor not in ("auto", "dask"):
        raise UsageError(
            f"--scheduler {scheduler}: its workers are those of --executor dask, not "
            f"{settings.executor}"
        )
    from screenkit.executors.dask_scheduler import SchedulerExecutor

    return SchedulerExecutor(scheduler, folder, settings.insecure)


def _hire_jobs(settings: RunSettings, folder: Path) -> Executor:
    from screenkit.executors.slurm import SlurmExecutor  # submitit wakes here

    return SlurmExecutor(site_of(settings), folder, settings.poll, settings.detach)


def site_of(settings: RunSettings) -> Site:
    """Return the cluster's profile, with what the settings say beside it.

    Raises:
        RecipeError: the profile cannot be read.
    """
    site = Site.load(settings.site) if settings.site else Site()
    return site.override(settings)


def _hire_devices(settings: RunSettings, devices: int, most: int | None) -> Executor:
    if not devices:
        raise UsageError(
            "--executor dask-cuda: there is no CUDA device that this work may be divided among",
            hint="install NVIDIA's driver and a CUDA build of torch (https://pytorch.org), and "
            "give --device cuda; or use --executor dask",
        )
    if settings.workers and settings.workers > devices:
        raise UsageError(
            f"--workers {settings.workers}: --executor dask-cuda has one worker per CUDA device, "
            f"and there are {devices}"
        )
    from screenkit.executors.dask_cuda import CudaExecutor, device_names

    names = device_names(_at_most(settings.workers or devices, most))
    # Who reads the archive takes a core, and so do those who hand graphs to the devices.
    readers = settings.readers or max(1, (count_cores() - 2) // len(names))
    return CudaExecutor(names, readers)


def _at_most(count: int, most: int | None) -> int:
    return count if most is None else max(1, min(count, most))
