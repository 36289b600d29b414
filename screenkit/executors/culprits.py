"""Which structures of a shard kill the process that works on them.

A child process takes them one by one and says which it begins; when it dies, that one did it, and
the next child goes on behind it. Where it was a signal, that structure is tried once more, alone:
the signal may have come from elsewhere, and no innocent is blamed.

Not covered: structures that kill only together.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from screenkit.crystal.document import Document
from screenkit.executors.executor import Task

_LOOK = 0.1  # seconds between two looks at the child
_TIME_LIMIT = 600.0  # seconds for one structure
_SIGNAL = "its process was killed by signal"


def find_culprits(
    task: Task, documents: Sequence[Document], memory_limit: int | None = None
) -> dict[str, str]:
    """Return name -> how its process died, for the structures that kill it on their own.

    Args:
        memory_limit: bytes; a structure that needs more is a culprit.
    """
    culprits: dict[str, str] = {}
    rest = list(documents)
    while rest:
        begun, reason = _watch(task, rest, memory_limit)
        if reason is None or begun is None:
            break
        if not reason.startswith(_SIGNAL) or _watch(task, [rest[begun]], memory_limit)[1]:
            culprits[rest[begun].name] = reason
        rest = rest[begun + 1 :]
    return culprits


def _watch(
    task: Task, documents: list[Document], memory_limit: int | None
) -> tuple[int | None, str | None]:
    """Let a child try the documents; return the last that it began and how it died, if it did."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_try_each, args=(task, documents, theirs), daemon=True)
    child.start()
    theirs.close()
    begun: int | None = None
    since = time.monotonic()
    reason = None
    try:
        while True:
            wait([ours, child.sentinel], timeout=_LOOK)
            latest, open_still = _latest(ours, begun)
            if latest != begun:
                begun, since = latest, time.monotonic()
            if not open_still:
                child.join()
                return begun, reason or _cause(child.exitcode or 0)
            reason = reason or _excess(child.pid or 0, memory_limit, time.monotonic() - since)
            if reason:
                child.kill()
    finally:
        child.kill()
        child.join()
        ours.close()


def _try_each(task: Task, documents: list[Document], pipe: Connection) -> None:
    _be_quiet()
    for i, document in enumerate(documents):
        pipe.send(i)
        try:
            task.attempt([document])
        except Exception as error:  # noqa: BLE001  comes again when the shard is done for good
            del error
    pipe.close()


def _be_quiet() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _latest(pipe: Any, begun: int | None) -> tuple[int | None, bool]:
    """Return the last number in the pipe, and whether more may come."""
    try:
        while pipe.poll():
            begun = pipe.recv()
    except EOFError:
        return begun, False
    return begun, True


def _excess(pid: int, memory_limit: int | None, seconds: float) -> str | None:
    if seconds > _TIME_LIMIT:
        return f"did not end within {_TIME_LIMIT:.0f} s"
    if memory_limit and _resident(pid) > 0.95 * memory_limit:
        return f"needs more than the {memory_limit / 2**30:.1f} GiB of a worker"
    return None


def _resident(pid: int) -> int:
    """Return the bytes of memory that a process holds; 0 where nobody can tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _cause(status: int) -> str | None:
    if status == 0:
        return None
    if status > 0:
        return f"its process ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = "unknown"
    return f"{_SIGNAL} {-status} ({name})"
