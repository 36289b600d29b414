"""Readers: processes that work ahead of the one that holds a device.

A worker that has readers (`engage`) hands them what needs no device and takes the answers in their
order, at most two per reader ahead. A reader that dies costs the call it was at: who waits for that
gets a ReaderLostError, a new reader takes its place, and the others do not notice.

Not covered: what they are asked (`tasks/featurize.py`); a call that never ends.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import numpy as np

from screenkit.errors import ReaderLostError

_AHEAD = 2  # answers per reader that may wait to be taken
_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, eq=False)
class Parcel:
    """An answer with arrays, which travel as they lie in memory, copied once on each side."""

    head: Any
    arrays: Mapping[str, np.ndarray]
    """By name; of at least one dimension, and of numbers."""


class Readers:
    """Processes that each answer one call at a time; they start when there is something to do."""

    def __init__(self, count: int, memory_limit: int | None = None) -> None:
        """Prepare `count` readers that may hold `memory_limit` bytes each."""
        self.count = count
        self._memory_limit = memory_limit
        self._hands = ThreadPoolExecutor(count, "screenkit-reader")  # each waits for one reader
        self._idle: deque[_Reader] = deque()
        self._alive: set[_Reader] = set()

    def each(
        self, function: Callable[[_Item], _Answer], items: Iterable[_Item]
    ) -> Iterator[_Answer]:
        """Yield what a module's function makes of each item, in their order.

        Raises:
            ReaderLostError: the process that worked on the next answer died.
            Exception: what the function raised.
        """
        asked: deque[Future[_Answer]] = deque()
        try:
            for item in items:
                asked.append(self._hands.submit(self._ask, function, item))
                if len(asked) >= _AHEAD * self.count:
                    yield asked.popleft().result()
            while asked:
                yield asked.popleft().result()
        finally:
            for future in asked:
                future.cancel()

    def close(self) -> None:
        """End the processes, whatever they are at."""
        self._hands.shutdown(wait=False, cancel_futures=True)
        for reader in list(self._alive):
            reader.kill()

    def _ask(self, function: Callable[[_Item], _Answer], item: _Item) -> _Answer:
        try:
            reader = self._idle.pop()
        except IndexError:
            reader = _Reader(self._memory_limit)
            self._alive.add(reader)
        try:
            answer: _Answer = reader.ask(function, item)
            return answer
        finally:
            if reader.lost:
                self._alive.discard(reader)
            else:
                self._idle.append(reader)


class _Reader:
    """One process and the pipe to it."""

    def __init__(self, memory_limit: int | None) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, memory_limit), daemon=True)
        self._process.start()
        theirs.close()
        self.lost = False

    def ask(self, function: Any, item: Any) -> Any:
        """Return what the function made of the item, or raise what it raised."""
        try:
            self._pipe.send((function, item))
            answer, error, arrays = self._pipe.recv()
            if arrays is not None:
                received = {name: _receive(self._pipe, *kind) for name, kind in arrays.items()}
                answer = Parcel(answer, received)
        except (EOFError, OSError):
            self.kill()
            self.lost = True
            raise ReaderLostError(
                f"a process beside a worker ended with status {self._process.exitcode}"
            ) from None
        except BaseException:  # such as no memory for the answer, half of which is still to come
            self.kill()
            self.lost = True
            raise
        if error is not None:
            raise error
        return answer

    def kill(self) -> None:
        """End the process; who waits for its answer learns that it is lost."""
        self._process.kill()
        self._process.join()


def _serve(pipe: Connection, memory_limit: int | None) -> None:
    """Answer until the worker is gone, even in the middle of a call."""
    threading.Thread(target=_follow, daemon=True).start()
    if memory_limit:
        # More is a MemoryError, which is the trouble of one structure.
        resource.setrlimit(resource.RLIMIT_DATA, (memory_limit, memory_limit))
    with suppress(EOFError, OSError):
        while True:
            function, item = pipe.recv()
            answer, fault = None, None
            try:
                answer = function(item)
            except Exception as error:  # noqa: BLE001  raised again by the one who asked
                fault = error
            _send(pipe, answer, fault)


def _send(pipe: Connection, answer: Any, fault: Exception | None) -> None:
    if not isinstance(answer, Parcel):
        pipe.send((answer, fault, None))
        return
    kinds = {name: (array.shape, array.dtype.str) for name, array in answer.arrays.items()}
    pipe.send((answer.head, fault, kinds))
    for array in answer.arrays.values():
        rest = _bytes_of(np.ascontiguousarray(array))
        while rest:
            rest = rest[os.write(pipe.fileno(), rest) :]


def _receive(pipe: Connection, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Return the next array; a Connection's own way would copy it twice more."""
    array = np.empty(shape, dtype)
    rest = _bytes_of(array)
    while rest:
        count = os.readv(pipe.fileno(), [rest])
        if not count:
            raise EOFError
        rest = rest[count:]
    return array


def _bytes_of(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _follow() -> None:
    worker = multiprocessing.parent_process()
    if worker is not None:
        worker.join()
    os._exit(1)


_engaged: Readers | None = None


def engage(count: int, memory_limit: int | None = None) -> None:
    """Let this process have readers."""
    global _engaged
    dismiss()
    _engaged = Readers(count, memory_limit)


def dismiss() -> None:
    """Let this process have no readers any more."""
    global _engaged
    if _engaged is not None:
        _engaged.close()
    _engaged = None


def readers() -> Readers | None:
    """Return the readers of this process, None where it does all itself."""
    return _engaged
