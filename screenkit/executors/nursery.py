"""Nursery: worker processes of this machine, each with a nanny, and another when it dies.

A nanny watches over the memory of one process and leaves with it. Dask's own would start the next
as well, and loses it when that one dies before it has begun. Here whoever keeps the place does so,
as long as the executor lives.

Not covered: what the workers do, and a worker that lives and hangs.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import resource_tracker
from typing import Any

from distributed import Nanny

_log = logging.getLogger(__name__)

# Ctrl-C, and what tells a Slurm job around us that its time is short.
_FOR_THE_DRIVER = (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
_STARTING = 120.0  # seconds that a worker has to begin
_CLOSING = 10.0  # seconds that all have to leave
_PAUSE = 1.0  # seconds before the next try, where a worker could not begin
_LOOK = 0.05  # seconds between two looks at those that have to leave


class Nursery:
    """Places with a worker each. `begin` and `leave` belong into the loop of the scheduler."""

    def __init__(self, scheduler: str, places: Sequence[Mapping[str, Any]]) -> None:
        """Prepare.

        Args:
            scheduler: its address.
            places: what the nanny of each place is told.
        """
        self._scheduler = scheduler
        self._places = places
        self._nannies: dict[int, _Nanny] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._leaving = asyncio.Event()

    def pids(self) -> list[int]:
        """Return the processes that are alive, those that have only begun to start too."""
        return [pid for nanny in list(self._nannies.values()) if (pid := nanny.pid)]

    async def begin(self) -> None:
        """Start a worker in each place; from now on each is replaced.

        Raises:
            RuntimeError: not one of them could start.
        """
        # This thread's children inherit that they never hear of these. Python's tracker of
        # semaphores lets them through again as it starts.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_THE_DRIVER)
        loop = asyncio.get_running_loop()
        begun = [loop.create_future() for _ in self._places]
        self._keepers = [
            asyncio.create_task(self._keep(place, first)) for place, first in enumerate(begun)
        ]
        errors = await asyncio.gather(*begun)
        if all(errors):
            raise RuntimeError(str(errors[0])) from errors[0]

    async def leave(self) -> None:
        """Kill all processes: nothing on a worker is worth a wait."""
        self._leaving.set()
        for _ in range(round(_CLOSING / _LOOK)):
            for nanny in self._nannies.values():
                nanny.kill_worker()
            if all(keeper.done() for keeper in self._keepers):
                return
            await asyncio.sleep(_LOOK)
        _log.warning("the workers were slow to leave")

    async def _keep(self, place: int, first: asyncio.Future[Exception | None]) -> None:
        """Have a worker in a place until all leave; tell how the first one started."""
        while not self._leaving.is_set():
            error = await self._start(place)
            if not first.done():
                first.set_result(error)
            if error is None:
                await self._nannies[place].lost.wait()
            if nanny := self._nannies.get(place):
                with suppress(Exception):  # it hangs where its worker died in the making
                    await asyncio.wait_for(nanny.close(), _PAUSE)
            if error is not None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._leaving.wait(), _PAUSE)

    async def _start(self, place: int) -> Exception | None:
        """Start a worker; return what kept it from that."""
        try:
            nanny = self._nannies[place] = _Nanny(self._scheduler, **self._places[place])
            start = asyncio.ensure_future(nanny)
            await asyncio.wait([start], timeout=_STARTING)
            if not start.done():
                nanny.kill_worker()
            await start
        except Exception as error:  # noqa: BLE001  whatever Dask found
            _log.debug("a worker could not start", exc_info=True)
            return error
        return None


class _Nanny(Nanny):
    """A nanny that has one worker in its life."""

    def __init__(self, scheduler: str, **options: Any) -> None:
        super().__init__(scheduler, **options)
        self.silence_logs = logging.CRITICAL  # of the worker; the executor silences us
        self.lost = asyncio.Event()

    def kill_worker(self) -> None:
        if pid := self.pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _on_worker_exit_sync(self, exitcode: int) -> None:
        self.lost.set()
