"""Gauge: how well the device of this process is fed.

One batch is on the device at a time, whichever shard it belongs to. The device counts as busy from
the moment a batch begins its way to it until the results are back.

Not covered: what the device does meanwhile, which may be little (launches of small kernels).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Gauge:
    """Lets one batch at a time onto the device, and keeps count."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turn = threading.Lock()
        self._since: float | None = None
        self._busy = 0.0
        self._queues: list[int] = []

    @contextmanager
    def running(self, queue: int) -> Iterator[None]:
        """Hold the device for one batch; `queue` structures are ready behind it."""
        with self._turn:
            began = self._clock()
            if self._since is None:
                self._since = began
            self._queues.append(queue)
            try:
                yield
            finally:
                self._busy += self._clock() - began

    def read(self) -> tuple[float, float, float]:
        """Return busy seconds, all seconds and mean queue since the last reading; count anew."""
        with self._turn:
            now = self._clock()
            seconds = 0.0 if self._since is None else now - self._since
            queue = sum(self._queues) / len(self._queues) if self._queues else 0.0
            reading = self._busy, seconds, queue
            self._since, self._busy, self._queues = now, 0.0, []
            return reading
