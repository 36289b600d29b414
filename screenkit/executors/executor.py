"""Executor: who does the work, and what a task promises to whoever does it.

An executor hands shards to a task and yields one report per shard, in the order in which they are
done. It takes work only as fast as it is done, so that a library may be streamed behind it.

Not covered: which shards are left (`flows/stage.py`), what is done to them (`tasks/`), who is hired
(`hire.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from screenkit.crystal.document import Document
from screenkit.crystal.library import Library
from screenkit.plan import Shard


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """Shards to do, and the library that has their structures. Picklable, if need be in part."""

    shards: tuple[Shard, ...]
    library: Library | None
    """None where shards stand for something else than structures."""

    def __len__(self) -> int:
        return len(self.shards)

    def __iter__(self) -> Generator[tuple[Shard, list[Document]], None, None]:
        """Yield each shard with its structures, made as they are asked for."""
        return self.deliver(self.shards)

    def deliver(
        self, shards: Iterable[Shard]
    ) -> Generator[tuple[Shard, list[Document]], None, None]:
        """Yield shards, asked for one at a time and in ascending order, with their structures."""
        if self.library is None:
            for shard in shards:
                yield shard, []
            return
        taken: list[Shard] = []

        def spans() -> Iterator[tuple[int, int]]:
            for shard in shards:
                taken.append(shard)
                yield shard.start, shard.stop

        with closing(self.library.deliver(spans())) as documents:
            for some in documents:
                yield taken.pop(), some

    def only(self, shards: Sequence[Shard]) -> Work:
        """Return some of the work."""
        return Work(tuple(shards), self.library)


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
    busy: float | None = None
    """Seconds, of the `watched` ones, in which the worker's device was busy; None where nobody
    feeds a device."""
    watched: float = 0.0
    """Seconds since the worker's last shard."""
    queue: float = 0.0
    """Structures that were ready when the device began a batch, beside those of the batch."""


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


@runtime_checkable
class Compiled(Protocol):
    """A task that must be compiled, once on each kind of machine."""

    def warm_up(self, note: Callable[[str], None]) -> None:
        """Compile what the work needs; `note` is told where that takes long."""
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
