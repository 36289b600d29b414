"""Hire: from the settings of a run to the executor that does its work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from screenkit.executors.executor import Executor
from screenkit.executors.serial import SerialExecutor
from screenkit.settings import Settings


class RunSettings(Settings):
    """Who does the work, and in what portions. Changes no result."""

    executor: Literal["dask", "serial"] = "dask"
    """`dask`: one process per worker on this machine; `serial`: this process."""
    workers: int | None = Field(default=None, ge=1, le=4096)
    """Processes; as many as this process may use cores, when not said."""
    shard_size: int = Field(default=256, ge=1, le=1_000_000)
    """Structures a shard. What is lost when a worker dies is one shard."""


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hire(settings: RunSettings, folder: Path) -> Executor:
    """Return the executor that the settings name; use it in a `with`.

    Args:
        folder: of the run, where an executor may keep what its workers must find.
    """
    if settings.executor == "serial":
        return SerialExecutor()
    from screenkit.executors.dask import DaskExecutor  # dask wakes here, not for one process

    return DaskExecutor(settings.workers or count_cores())
