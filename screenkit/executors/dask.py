"""What all Dask executors share: shards go to workers, and a shard that kills them is looked into.

At most two shards per worker are under way, so that a library of any size streams through. A worker
that is killed is replaced and its shard done again. A shard that keeps killing its worker is taken
to a child process that tries its structures one by one (`executors/culprits.py`); those that kill
it become rows, the others are done.

Not covered: where the workers come from (`dask_nannies.py`, `dask_cuda.py`, `dask_scheduler.py`).
"""

from __future__ import annotations

import asyncio
import logging
import queue
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable
from concurrent.futures import CancelledError
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import dask
from distributed import Client, KilledWorker
from distributed.comm import CommClosedError

from screenkit.crystal.document import Document
from screenkit.errors import ReaderLostError, WorkersLostError
from screenkit.executors.culprits import find_culprits
from screenkit.executors.executor import ShardReport, Task, Work
from screenkit.plan import Shard

_log = logging.getLogger(__name__)

_SETTINGS = {
    "distributed.scheduler.allowed-failures": 1,  # deaths after the first; then we look ourselves
    "distributed.worker.memory.target": False,  # nothing worth a spill stays on a worker
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.admin.large-graph-warning-threshold": "1 TiB",
    "distributed.admin.low-level-log-length": 100,  # a driver's memory does not grow
}
_AHEAD = 2  # shards under way per worker
_FRUITLESS = 3  # times that a shard kills workers though none of its structures does
_LOOK = 1.0  # seconds between two looks at the workers


@dataclass(slots=True)
class Job:
    """One shard under way."""

    shard: Shard
    documents: list[Document]
    lost: dict[str, str] = field(default_factory=dict)
    fruitless: int = 0
    future: Any = None


class DaskExecutor(ABC):
    """Workers behind a Dask client; who inherits says which."""

    patience = 60.0
    """Seconds without a single worker before the run is given up."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._client: Any = None

    @abstractmethod
    def _open(self, stack: ExitStack) -> Client:
        """Return a client with workers behind it; leaving the stack ends all that was begun."""

    @abstractmethod
    def _at_once(self) -> int:
        """Return how many shards the workers can work on at once."""

    @abstractmethod
    def _memory_limit(self) -> int | None:
        """Return the bytes that the work on one structure may use; None where nobody knows."""

    def __enter__(self) -> Self:
        """Find the workers; takes a second or two where they must be started.

        Raises:
            WorkersLostError: there are none.
        """
        with ExitStack() as stack:
            stack.enter_context(dask.config.set(_SETTINGS))
            self._client = self._open(stack)
            self._client.sync(_hush)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def run(self, task: Task, work: Work) -> Generator[ShardReport, None, None]:
        """Yield one report per shard, as they are done.

        Raises:
            WorkersLostError: no worker is left, or a shard kills its workers for no reason that
                could be found.
            ScreenkitError: what the task raised.
        """
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        jobs: dict[str, Job] = {}
        source = iter(work)
        try:
            while True:
                while len(jobs) < _AHEAD * self._at_once() and (item := next(source, None)):
                    self._submit(task, Job(*item), jobs, done)
                if not jobs:
                    return
                job = jobs.pop(self._wait(done))
                report = self._report(job)
                if report is None:
                    self._accuse(task, job)
                    self._submit(task, job, jobs, done)
                else:
                    yield report
        finally:
            self._abandon(jobs.values())

    def _submit(
        self, task: Task, job: Job, jobs: dict[str, Job], done: queue.SimpleQueue[Any]
    ) -> None:
        job.future = self._client.submit(
            task, job.shard, job.documents, job.lost, pure=False, priority=-job.shard.index
        )
        jobs[job.future.key] = job
        job.future.add_done_callback(lambda future: done.put(future.key))

    def _wait(self, done: queue.SimpleQueue[Any]) -> str:
        """Return the key of the next future that is done."""
        seen = time.monotonic()
        while True:
            with suppress(queue.Empty):
                return done.get(timeout=_LOOK)
            if self._workers():
                seen = time.monotonic()
            elif time.monotonic() - seen > self.patience:
                raise WorkersLostError(
                    f"no worker has been alive for {self.patience:.0f} s",
                    hint="what is finished is kept; run the same command again",
                )

    def _report(self, job: Job) -> ShardReport | None:
        """Return the report of a shard, or None when it has killed its worker."""
        future, job.future = job.future, None
        try:
            report: ShardReport = future.result()
            return report
        except (KilledWorker, ReaderLostError):
            return None
        except (CancelledError, CommClosedError) as error:
            raise _scheduler_is_gone(error) from error
        finally:
            future.release()

    def _accuse(self, task: Task, job: Job) -> None:
        """Find the structures of a shard that kill their worker, and mark them as lost."""
        suspects = [document for document in job.documents if document.name not in job.lost]
        found = find_culprits(task, suspects, self._memory_limit())
        job.lost |= found
        job.fruitless = 0 if found else job.fruitless + 1
        if job.fruitless >= _FRUITLESS:
            raise WorkersLostError(
                f"shard {job.shard.index} (structures {job.shard.start + 1} to {job.shard.stop}) "
                "keeps killing its worker, but none of its structures does so alone",
                hint="give fewer --workers or a smaller --batch-atoms, in case memory is short; "
                "what is finished is kept",
            )

    def _workers(self) -> dict[str, int]:
        """Return the threads of each worker that is alive, by its address."""
        try:
            return dict(self._client.nthreads())
        except (OSError, TimeoutError, CommClosedError) as error:
            raise _scheduler_is_gone(error) from error

    def _abandon(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            if job.future is not None:
                with suppress(CancelledError, CommClosedError, RuntimeError, TimeoutError):
                    job.future.cancel(force=True)


async def _hush() -> None:
    """Let Dask's tasks that nobody waits for any more, as after Ctrl-C, end in silence."""
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: _log.debug("dask: %s", context["message"])
    )


def _scheduler_is_gone(error: BaseException) -> WorkersLostError:
    return WorkersLostError(
        f"the workers' scheduler is gone: {error}",
        hint="what is finished is kept; run the same command again",
    )
