"""The Dask executor of GPUs: one worker process per device, with readers ahead of it.

A worker takes two shards at once: while the network runs on one, its readers
(`executors/readers.py`) build the graphs of the next, and the device waits for no end of a shard.
A device is whatever CUDA_VISIBLE_DEVICES can name; where torch finds none behind the name, the
network runs on the CPU, and all else is the same.

Not covered: several workers per device; which cores lie near to which device.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from distributed import WorkerPlugin
from distributed.system import MEMORY_LIMIT

from screenkit.executors.dask_nannies import NannyExecutor
from screenkit.executors.readers import dismiss, engage

_SHARDS_AT_ONCE = 2
_READER_MEMORY = 2 * 2**30  # bytes; what a reader may have at least
_MAY_HAVE_CHILDREN = {"distributed.worker.daemon": False}


class CudaExecutor(NannyExecutor):
    """One worker per device of this machine."""

    def __init__(self, devices: Sequence[str], readers: int) -> None:
        """Prepare the workers.

        Args:
            devices: name of each, as CUDA_VISIBLE_DEVICES spells it.
            readers: processes per device.
        """
        memory = max(_READER_MEMORY, MEMORY_LIMIT // len(devices) // (readers + 1))
        super().__init__(
            [{"CUDA_VISIBLE_DEVICES": device} for device in devices],
            threads=_SHARDS_AT_ONCE,
            plugins=[_Engage(readers, memory)],
            settings=_MAY_HAVE_CHILDREN,
        )


def device_names(count: int) -> list[str]:
    """Return the names of the CUDA devices that this process may use."""
    names = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return names[:count] if all(names) else [str(i) for i in range(count)]


class _Engage(WorkerPlugin):
    """A worker has readers as long as it lives."""

    name = "screenkit-readers"

    def __init__(self, count: int, memory_limit: int) -> None:
        self._count = count
        self._memory_limit = memory_limit

    def setup(self, worker: Any) -> None:
        engage(self._count, self._memory_limit)

    def teardown(self, worker: Any) -> None:
        dismiss()
