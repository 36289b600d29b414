"""Executor: who does the work, and what a task promises to whoever does it.

An executor hands shards to a task and yields one report per shard, in the order in which they are
done. It takes work only as fast as it is done, so that a library may be streamed behind it.

Not covered: which shards are left (`flows/stage.py`), what is done to them (`tasks/`).
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Protocol, Self

from pydantic import Field

from screenkit.crystal.document import Document
from screenkit.plan import Shard
from screenkit.settings import Settings

Work = Iterable[tuple[Shard, list[Document]]]
"""Shards with their structures, made as they are asked for."""


class RunSettings(Settings):
    """Who does the work, and in what portions. Changes no result."""

    executor: Literal["dask", "serial"] = "dask"
    """`dask`: one process per worker on this machine; `serial`: this process."""
    workers: int | None = Field(default=None, ge=1, le=4096)
    """Processes; as many as this process may use cores, when not said."""
    shard_size: int = Field(default=256, ge=1, le=1_000_000)
    """Structures a shard. What is lost when a worker dies is one shard."""


@dataclass(frozen=True, slots=True)
class ShardReport:
    """What became of one shard; its rows are on disk."""

    shard: int
    """Its index."""
    structures: int
    ok: int
    filtered: int
    failed: int
    codes: Mapping[str, int] = field(default_factory=dict)
    """Number of structures by code, without those that are ok."""
    seconds: float = 0.0
    """Wall time of the task."""


class Task(Protocol):
    """What one worker does to one shard. Picklable; twice is the same as once."""

    def __call__(
        self, shard: Shard, documents: list[Document], lost: Mapping[str, str] = ...
    ) -> ShardReport:
        """Do a shard and publish its file.

        Args:
            lost: name -> reason. These kill their worker: they become failed rows with the code
                `worker_lost` and are not tried.
        """
        ...

    def attempt(self, documents: list[Document]) -> None:
        """Do the same work and publish nothing."""
        ...


class Executor(Protocol):
    """A context manager: workers live as long as the `with`."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def run(self, task: Task, work: Work) -> Generator[ShardReport, None, None]:
        """Yield one report per shard, as they are done.

        Raises:
            WorkersLostError: workers die faster than they can be replaced.
            ScreenkitError: what the task raised.
        """
        ...


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hire(settings: RunSettings) -> Executor:
    """Return the executor that the settings name; use it in a `with`."""
    if settings.executor == "serial":
        from screenkit.executors.serial import SerialExecutor

        return SerialExecutor()
    from screenkit.executors.dask import DaskExecutor

    return DaskExecutor(settings.workers or count_cores())
