"""Progress on stderr: a bar on a terminal, a line now and then in a log, or nothing.

Not covered: what is shown at the end (`show.py`).
"""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from screenkit.cli import options as opt
from screenkit.report.words import duration, number
from screenkit.track import Track

_EVERY = 10.0  # seconds between two plain lines
_LATELY = 32  # shards whose devices are shown
_JOBS = "screenkit.executors.slurm"  # whose log says how jobs stand


@contextmanager
def track(mode: opt.Progress | None, verbose: bool, quiet: bool) -> Iterator[Track]:
    """Yield the Track that the options ask for; what it draws is complete afterwards.

    `verbose` lets the run's log be read on stderr while it is written. It says all that a bar
    says, so there is no bar then, unless `mode` asks for one.
    """
    if verbose and not quiet:
        mode = mode or opt.Progress.NONE
        log = _listen()
    else:
        log = None
    told = _choose(mode or opt.Progress.AUTO, quiet)
    jobs = _Notes(told)
    logging.getLogger(_JOBS).addHandler(jobs)
    try:
        yield told
    finally:
        logging.getLogger(_JOBS).removeHandler(jobs)
        told.finish()
        if log:
            logging.getLogger("screenkit").removeHandler(log)


def _choose(mode: opt.Progress, quiet: bool) -> Track:
    if quiet or mode is opt.Progress.NONE:
        return Track()
    # A terminal that cannot move its cursor, as in an editor or in CI, gets lines.
    console = Console(stderr=True)
    if mode is opt.Progress.AUTO and not (console.is_terminal and not console.is_dumb_terminal):
        mode = opt.Progress.PLAIN
    if mode is opt.Progress.PLAIN:
        return PlainTrack(lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    return RichTrack(Console(stderr=True, force_terminal=True))


class _Notes(logging.Handler):
    """Tells of jobs in a cluster's queue: they may wait for hours before anything is done."""

    def __init__(self, listener: Track) -> None:
        super().__init__(logging.INFO)
        self._listener = listener

    def emit(self, record: logging.LogRecord) -> None:
        self._listener.note(record.getMessage())


def _listen() -> logging.Handler:
    """Let the library's log be read on stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("screenkit")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    return handler


@dataclass
class Pace:
    """How far a stage is, and how fast; in words."""

    label: str
    total: int
    """0 when unknown."""
    before: int
    """Steps that an earlier run has done; they say nothing of the pace of this one."""
    clock: Callable[[], float] = time.monotonic
    done: int = 0
    """Steps of this run."""
    failed: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    """Of the last epoch."""
    fed: deque[tuple[float, float, float]] = field(default_factory=lambda: deque(maxlen=_LATELY))
    """Of the devices, lately: busy seconds, all seconds, and queue."""
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def count(self) -> str:
        """Return `256 of 1 098 (23%)`."""
        done = self.before + self.done
        if not self.total:
            return number(done)
        return f"{number(done)} of {number(self.total)} ({done * 100 // self.total}%)"

    def detail(self) -> str:
        """Return rate, time left and failures; for epochs their time and last figures."""
        step = next(iter(self.figures), "")  # such as `epoch`
        parts = [f"{name} {value:.4g}" for name, value in self.figures.items() if name != step]
        seconds = self.clock() - self.started
        if self.done and seconds > 0:
            rate = self.done / seconds
            unit = f"{1 / rate:.3g} s/{step}" if step else f"{rate:.3g} structures/s"
            parts.append(unit)
            left = self.total - self.before - self.done
            if left > 0:
                parts.append(f"{duration(left / rate)} left")
        if not self.figures:
            parts.append(f"{number(self.failed)} not ok")
        if self.fed:
            busy, watched, queues = map(sum, zip(*self.fed, strict=True))
            share = busy / watched if watched else 0.0
            ready = number(round(queues / len(self.fed)))
            parts.append(f"devices {share:.0%} busy, {ready} structures ready")
        return ", ".join(parts)


class PlainTrack(Track):
    """Lines for a log: one when a stage begins, at most one every 10 s, one when it ends."""

    def __init__(
        self, write: Callable[[str], Any], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._pace: Pace | None = None
        self._said = 0.0  # when
        self._told = 0  # how many steps were done then

    def start(self, label: str, total: int, done: int = 0) -> None:
        self.finish()
        self._pace = Pace(label, total, done, self._clock)
        self._said, self._told = self._clock(), 0
        self._write(f"{label}: {self._pace.count()}")

    def advance(self, structures: int, failed: int = 0) -> None:
        if self._pace:
            self._pace.done += structures
            self._pace.failed += failed
            self._maybe_say(self._pace)

    def feed(self, busy: float, watched: float, queue: float) -> None:
        if self._pace:
            self._pace.fed.append((busy, watched, queue))

    def epoch(self, values: dict[str, float]) -> None:
        if self._pace:
            self._pace.done += 1
            self._pace.figures = values
            self._maybe_say(self._pace)

    def note(self, text: str) -> None:
        self._write(text)

    def finish(self) -> None:
        if self._pace and self._pace.done > self._told:
            self._say(self._pace)
        self._pace = None

    def _maybe_say(self, pace: Pace) -> None:
        if self._clock() - self._said >= _EVERY:
            self._say(pace)

    def _say(self, pace: Pace) -> None:
        self._said, self._told = self._clock(), pace.done
        self._write(f"{pace.label}: {pace.count()}, {pace.detail()}")


class RichTrack(Track):
    """A bar on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: Progress | None = None
        self._bar: TaskID | None = None
        self._pace: Pace | None = None

    def start(self, label: str, total: int, done: int = 0) -> None:
        self.finish()
        self._pace = Pace(label, total, done)
        self._bars = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[count]}"),
            TextColumn("[dim]{task.fields[detail]}[/]"),
            TimeElapsedColumn(),
            console=self._console,
        )
        self._bar = self._bars.add_task(
            escape(label), total=total or None, completed=done, count=self._pace.count(), detail=""
        )
        self._bars.start()

    def advance(self, structures: int, failed: int = 0) -> None:
        if self._pace:
            self._pace.done += structures
            self._pace.failed += failed
            self._draw(self._pace)

    def feed(self, busy: float, watched: float, queue: float) -> None:
        if self._pace:
            self._pace.fed.append((busy, watched, queue))

    def epoch(self, values: dict[str, float]) -> None:
        if self._pace:
            self._pace.done += 1
            self._pace.figures = values
            self._draw(self._pace)

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def finish(self) -> None:
        if self._bars:
            self._bars.stop()
        self._bars = self._pace = None

    def _draw(self, pace: Pace) -> None:
        if self._bars is not None and self._bar is not None:
            self._bars.update(
                self._bar,
                completed=pace.before + pace.done,
                count=pace.count(),
                detail=pace.detail(),
            )
