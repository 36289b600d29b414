"""run.log: what happened when, in the folder of a run."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from screenkit.errors import OutputError, ScreenkitError
from screenkit.track import Relay, Track

RUN_LOG = "run.log"
"""Name of the log in the run's folder."""
BEGUN = "begun"
"""First word of the line that a run writes when it begins."""

_log = logging.getLogger("screenkit")


class _Written(Relay):
    """Writes down what it is told."""

    def __init__(self, listener: Track) -> None:
        super().__init__(listener)
        self._done = self._not_ok = self._total = 0

    def start(self, label: str, total: int, done: int = 0) -> None:
        self._total, self._done, self._not_ok = total, done, 0
        _log.info("%s: %d of %d done before", label, done, total)
        super().start(label, total, done)

    def advance(self, structures: int, failed: int = 0) -> None:
        self._done += structures
        self._not_ok += failed
        _log.info("%d of %d, %d not ok", self._done, self._total, self._not_ok)
        super().advance(structures, failed)

    def feed(self, busy: float, watched: float, queue: float) -> None:
        _log.info("device busy %.2f of %.2f s, %.0f structures ready", busy, watched, queue)
        super().feed(busy, watched, queue)

    def epoch(self, values: dict[str, float]) -> None:
        _log.info("%s", ", ".join(f"{name} {value:.6g}" for name, value in values.items()))
        super().epoch(values)

    def note(self, text: str) -> None:
        _log.info("%s", text)
        super().note(text)


class _File(logging.FileHandler):
    """A full disk silences the log and not the run: whatever else finds no room says so itself."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)

    def close(self) -> None:
        with suppress(OSError):
            super().close()


@contextmanager
def run_log(folder: Path, listener: Track | None) -> Iterator[Track]:
    """Append to `folder/run.log` until the end; yields a Track that writes and passes on.

    Raises:
        OutputError: the file cannot be opened.
    """
    try:
        handler = _File(folder / RUN_LOG, encoding="utf-8", errors="replace")
    except OSError as error:
        raise OutputError(
            f"cannot write {folder / 'run.log'}: {error.strerror}", hint="give another --output"
        ) from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level, spread = _log.level, _log.propagate
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    _log.propagate = False  # the file is the place for it, the screen is the Track's
    _log.info("%s: process %d on %s", BEGUN, os.getpid(), socket.gethostname())
    try:
        yield _Written(listener or Track())
    except KeyboardInterrupt:
        _log.warning("stopped by Ctrl-C, or by whoever ended the process")
        raise
    except ScreenkitError as error:
        _log.error("stopped by %s: %s", type(error).__name__, error)
        raise
    finally:
        _log.removeHandler(handler)
        _log.setLevel(level)
        _log.propagate = spread
        handler.close()
