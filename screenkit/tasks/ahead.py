"""Work that is done a little ahead of the one who needs it, by a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

_Item = TypeVar("_Item")


def ahead(items: Iterable[_Item], depth: int) -> Iterator[_Item]:
    """Yield the items, made by a thread of their own that is at most `depth` ahead.

    An exception in the making is raised here, in its place.
    """
    made: queue.Queue[tuple[_Item | None, BaseException | None]] = queue.Queue(depth)
    stopped = threading.Event()

    def offer(item: _Item | None, error: BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                made.put((item, error), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def make() -> None:
        try:
            for item in items:
                if not offer(item, None):
                    return
            offer(None, StopIteration())
        except BaseException as error:  # noqa: BLE001  raised again by the one who waits
            offer(None, error)

    thread = threading.Thread(target=make, name="screenkit-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            assert item is not None
            yield item
    finally:
        stopped.set()
        thread.join()
