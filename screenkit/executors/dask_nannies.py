"""The Dask executor of this machine: a scheduler in this process, and worker processes.

They live as long as the `with` and listen on 127.0.0.1 alone.

Not covered: how a worker that dies is replaced (`nursery.py`); other users of this machine, who may
connect to a loopback port.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import dask
from distributed import Client, Scheduler, SpecCluster, WorkerPlugin
from distributed.comm import CommClosedError
from distributed.system import MEMORY_LIMIT
from distributed.utils import silence_logging_cmgr

from screenkit.errors import WorkersLostError
from screenkit.executors.dask import DaskExecutor
from screenkit.executors.nursery import Nursery

_HERE = "127.0.0.1"
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
_SETTINGS = {
    # Dask lets a worker hand freed memory back at once, and then every array costs page faults:
    # twice the time of a network.
    "distributed.nanny.pre-spawn-environ": _ONE_THREAD,
    "distributed.worker.profile.enabled": False,
}
_CLOSING = 10.0  # seconds that the scheduler has to leave


class NannyExecutor(DaskExecutor):
    """Worker processes on this machine."""

    def __init__(
        self,
        environments: Sequence[Mapping[str, str]],
        threads: int = 1,
        plugins: Sequence[WorkerPlugin] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Prepare one worker per environment.

        Args:
            environments: variables of each worker, beside one thread for arithmetic.
            threads: shards that a worker takes at once.
            plugins: set up in each worker.
            settings: of Dask, beside those of all executors.
        """
        super().__init__()
        self._environments = environments
        self._threads = threads
        self._plugins = plugins
        self._settings = _SETTINGS | dict(settings or {})
        self._cluster: Any = None
        self._nursery: Any = None

    @classmethod
    def of(cls, workers: int) -> NannyExecutor:
        """Return the executor of so many workers that are all alike."""
        return cls([{}] * workers)

    def _open(self, stack: ExitStack) -> Client:
        scratch = tempfile.mkdtemp(prefix="screenkit-workers-")
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        stack.enter_context(dask.config.set({**self._settings, "temporary-directory": scratch}))
        # Until the scheduler's loop has ended, which tells at length of workers that have left.
        stack.enter_context(silence_logging_cmgr(logging.CRITICAL))
        try:
            self._cluster = _open_scheduler()
            stack.callback(_close_scheduler, self._cluster)
            self._nursery = Nursery(self._cluster.scheduler_address, self._places(scratch))
            stack.callback(self._cluster.sync, self._nursery.leave)
            client = stack.enter_context(Client(self._cluster, set_as_default=False))
            for plugin in (_Quiet(), *self._plugins):
                client.register_plugin(plugin)
            self._cluster.sync(self._nursery.begin)
        except (OSError, RuntimeError, TimeoutError) as error:
            raise WorkersLostError(
                f"cannot start {len(self._environments)} worker processes: {error}",
                hint="try fewer with --workers, or --executor serial",
            ) from error
        return client

    def _at_once(self) -> int:
        return len(self._environments) * self._threads

    def _workers(self) -> dict[str, int]:
        # The scheduler lives in this process: no call that could be late on a busy machine.
        known = list(self._cluster.scheduler.workers.items())
        return {address: worker.nthreads for address, worker in known}

    def _memory_limit(self) -> int | None:
        return MEMORY_LIMIT // len(self._environments)

    def _places(self, scratch: str) -> list[dict[str, Any]]:
        """Return what the nanny of each worker is told."""
        common = {
            "host": _HERE,
            "nthreads": self._threads,
            "memory_limit": MEMORY_LIMIT // len(self._environments),
            "dashboard": False,
            "dashboard_address": None,
            "local_directory": scratch,
        }
        return [common | {"env": dict(own)} for own in self._environments]


def _open_scheduler() -> SpecCluster:
    """Return a scheduler in this process, with a loop and no workers yet."""
    return SpecCluster(
        # An address for the status page nevertheless: without one the scheduler wants port
        # 8787 and warns when it is taken.
        scheduler={
            "cls": Scheduler,
            "options": {
                "host": _HERE,
                "port": 0,
                "dashboard": False,
                "dashboard_address": f"{_HERE}:0",
            },
        },
    )


class _Quiet(WorkerPlugin):
    """A worker says nothing on the user's terminal, and it and its readers ignore Ctrl-C."""

    name = "screenkit-quiet"

    def setup(self, worker: Any) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        with suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _close_scheduler(cluster: SpecCluster) -> None:
    with suppress(TimeoutError, CommClosedError):
        cluster.close(timeout=_CLOSING)
