"""The Dask executor: one process per worker on this machine, one thread each.

The cluster lives as long as the `with` and listens on 127.0.0.1 alone. At most two shards per
worker are under way, so that a library of any size streams through. A worker that is killed is
replaced and its shard done again. A shard that keeps killing its worker is taken to a child process
that tries its structures one by one (`executors/culprits.py`); those that kill it become rows, the
others are done.

Not covered: other users of this machine, who may connect to a loopback port; several machines.
"""

from __future__ import annotations

import logging
import os
import queue
import shutil
import signal
import tempfile
import time
from collections.abc import Generator, Iterable
from concurrent.futures import CancelledError
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import dask
from distributed import Client, KilledWorker, LocalCluster, WorkerPlugin
from distributed.comm import CommClosedError

from screenkit.crystal.document import Document
from screenkit.errors import WorkersLostError
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
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
_AHEAD = 2  # shards under way per worker
_FRUITLESS = 3  # times that a shard kills workers though none of its structures does
_PATIENCE = 60.0  # seconds without a single worker
_CLOSING = 10.0  # seconds that workers have to leave
_LOOK = 1.0  # seconds between two looks at the workers


@dataclass(slots=True)
class _Job:
    """One shard under way."""

    shard: Shard
    documents: list[Document]
    lost: dict[str, str] = field(default_factory=dict)
    fruitless: int = 0
    future: Any = None


class DaskExecutor:
    """Worker processes on this machine."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._stack = ExitStack()
        self._client: Any = None
        self._cluster: Any = None

    def __enter__(self) -> Self:
        """Start the workers; takes a second or two.

        Raises:
            WorkersLostError: they do not start.
        """
        with ExitStack() as stack:
            scratch = tempfile.mkdtemp(prefix="screenkit-workers-")
            stack.callback(shutil.rmtree, scratch, ignore_errors=True)
            settings = {**_SETTINGS, "temporary-directory": scratch}
            stack.enter_context(dask.config.set(settings))
            try:
                self._cluster = _start(self.workers, scratch)
                stack.callback(_close, self._cluster)
                self._client = stack.enter_context(Client(self._cluster, set_as_default=False))
                self._client.register_plugin(_Quiet())
            except (OSError, RuntimeError, TimeoutError) as error:
                raise WorkersLostError(
                    f"cannot start {self.workers} worker processes: {error}",
                    hint="try fewer with --workers, or --executor serial",
                ) from error
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
        jobs: dict[str, _Job] = {}
        source = iter(work)
        try:
            while True:
                while len(jobs) < _AHEAD * self.workers and (item := next(source, None)):
                    self._submit(task, _Job(*item), jobs, done)
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
        self, task: Task, job: _Job, jobs: dict[str, _Job], done: queue.SimpleQueue[Any]
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
            if self._cluster.scheduler.workers:
                seen = time.monotonic()
            elif time.monotonic() - seen > _PATIENCE:
                raise WorkersLostError(
                    f"no worker has been alive for {_PATIENCE:.0f} s",
                    hint="what is finished is kept; run the same command again",
                )

    def _report(self, job: _Job) -> ShardReport | None:
        """Return the report of a shard, or None when it has killed its worker."""
        future, job.future = job.future, None
        try:
            report: ShardReport = future.result()
            return report
        except KilledWorker:
            return None
        except (CancelledError, CommClosedError) as error:
            raise WorkersLostError(
                f"the workers' scheduler is gone: {error}",
                hint="what is finished is kept; run the same command again",
            ) from error
        finally:
            future.release()

    def _accuse(self, task: Task, job: _Job) -> None:
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

    def _memory_limit(self) -> int | None:
        """Return the bytes that a worker may use, as its nanny sees it."""
        limits = [nanny.memory_manager.memory_limit for nanny in self._cluster.workers.values()]
        return min((limit for limit in limits if limit), default=None)

    def _abandon(self, jobs: Iterable[_Job]) -> None:
        for job in jobs:
            if job.future is not None:
                with suppress(CancelledError, CommClosedError, RuntimeError, TimeoutError):
                    job.future.cancel(force=True)


class _Quiet(WorkerPlugin):
    """A worker says nothing on the user's terminal and leaves Ctrl-C to the driver."""

    name = "screenkit-quiet"

    def setup(self, worker: Any) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        with suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _start(workers: int, scratch: str) -> LocalCluster:
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        # Not None again, or the scheduler's status page wants port 8787 and warns when it is taken.
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        silence_logs=logging.CRITICAL,
        local_directory=scratch,
        env=_ONE_THREAD,
    )


def _close(cluster: LocalCluster) -> None:
    """Close a cluster, by force where it does not close.

    A nanny that is just replacing a dead worker may wait for ever. What was finished is on disk.
    """
    nannies = list(cluster.workers.values())
    pids = _pids(nannies)
    try:
        cluster.close(timeout=_CLOSING)
    except (TimeoutError, CommClosedError):
        _log.warning("the workers were slow to leave")
        for pid in pids | _pids(nannies):  # one may have been started meanwhile
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _pids(nannies: Iterable[Any]) -> set[int]:
    return {nanny.pid for nanny in nannies if getattr(nanny, "pid", None)}
