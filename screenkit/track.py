"""Track: how a flow says how far it is, without knowing who listens.

The library never prints. A flow takes a `Track`, tells it what happens, and returns its result; the
command line passes one that draws (`cli/show.py`), a script passes none. Every method here does
nothing, so that `Track()` is silence.

A long stage is `start`, any number of `advance` or `epoch`, `finish`. A flow may have several
stages, one after the other. A Track is called from one thread, in the driver's process.
"""

from __future__ import annotations


class Track:
    """One who is told. Subclass it and override what you want to hear."""

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Begin a stage.

        Args:
            label: what is being done, such as `Predicting`.
            total: how many steps the stage has: structures, epochs or trainings. 0 when unknown.
            done: how many of them an earlier run has finished.
        """

    def advance(self, structures: int, failed: int = 0) -> None:
        """So many more structures are on disk, of which `failed` did not come out `ok`."""

    def feed(self, busy: float, watched: float, queue: float) -> None:
        """How well a device was fed while the last structures were done.

        Args:
            busy: seconds in which it had work.
            watched: seconds of which these are some.
            queue: structures that were ready when it began a batch, beside those of the batch.
        """

    def epoch(self, values: dict[str, float]) -> None:
        """One more epoch is over; `values` are its figures by name, such as `valid_error`.

        The first of them is its number. Where that is called `fold` or `trial`, so many steps are
        over instead.
        """

    def note(self, text: str) -> None:
        """Something worth a line that is not an error: a device chosen, a worker replaced."""

    def finish(self) -> None:
        """End the stage, whether or not it is complete."""


class Relay(Track):
    """Passes on all it is told; for a Track in between that does one thing more."""

    def __init__(self, listener: Track) -> None:
        self._listener = listener

    def start(self, label: str, total: int, done: int = 0) -> None:
        self._listener.start(label, total, done)

    def advance(self, structures: int, failed: int = 0) -> None:
        self._listener.advance(structures, failed)

    def feed(self, busy: float, watched: float, queue: float) -> None:
        self._listener.feed(busy, watched, queue)

    def epoch(self, values: dict[str, float]) -> None:
        self._listener.epoch(values)

    def note(self, text: str) -> None:
        self._listener.note(text)

    def finish(self) -> None:
        self._listener.finish()
