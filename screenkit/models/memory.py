"""Memory that a network has freed stays with the process, for the arrays of its next batch.

glibc returns freed memory to the system, and the next array pays a page fault for every 4 kB of it.
It does so by thresholds that grow with what was freed; who holds long columns once and again lets
them be returned at once.

Not covered: other C libraries, which are left as they are; the memory of devices.
"""

from __future__ import annotations

import ctypes
import functools

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # malloc.h


@functools.cache
def keep_freed_memory() -> None:
    """Ask the C library to keep what is freed; without effect where it cannot."""
    _set(_MMAP_MAX, 0)
    _set(_TRIM_THRESHOLD, -1)


def return_freed_memory() -> None:
    """Ask the C library to return arrays above 1 MiB as they are freed; likewise. Without effect
    after `keep_freed_memory`: a process that has had a network may have another."""
    if keep_freed_memory.cache_info().currsize:
        return
    _set(_MMAP_THRESHOLD, 2**20)
    _set(_TRIM_THRESHOLD, 2**20)


def _set(option: int, value: int) -> None:
    try:
        ctypes.CDLL(None).mallopt(option, value)
    except (OSError, TypeError, AttributeError):
        return
