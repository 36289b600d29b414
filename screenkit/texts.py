"""Texts: many short texts in one run of bytes, for a million names in little memory.

A Python string has some 50 bytes beside its letters; here a text has 9.

Not covered: texts with a NUL in them, and searching.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import overload

import numpy as np

_TOGETHER = 4096  # texts


@dataclass(frozen=True, eq=False)
class Texts(Sequence[str]):
    """Texts in an order; read like a tuple of str, each of which is made as it is asked for."""

    data: bytearray
    """UTF-8, with a NUL behind each text."""
    starts: np.ndarray
    """(n + 1,) int64. Text i begins at data[starts[i]]; the last is the length of the data."""

    @classmethod
    def of(cls, texts: Iterable[str]) -> Texts:
        """Pack texts, which are taken as they come.

        Raises:
            ValueError: one has a NUL.
        """
        data, starts = bytearray(), bytearray(8)
        for run in map(_run, _pieces(texts)):
            ends = np.flatnonzero(np.frombuffer(run, dtype=np.uint8) == 0)
            starts += (ends + (len(data) + 1)).tobytes()
            data += run
        return cls(data, np.frombuffer(starts, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        places = range(len(self))[index]
        if isinstance(places, int):
            return self.data[self.starts[places] : self.starts[places + 1] - 1].decode()
        if places.step != 1:
            return self.take(np.array(places, dtype=np.int64))
        if not places:
            return []
        run = self.data[self.starts[places.start] : self.starts[places.stop] - 1]
        return run.decode().split("\0")

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), _TOGETHER):
            yield from self[first : first + _TOGETHER]

    def take(self, places: np.ndarray) -> list[str]:
        """Return the texts of places (m,)."""
        starts, stops = self.starts[places].tolist(), (self.starts[places + 1] - 1).tolist()
        return [self.data[start:stop].decode() for start, stop in zip(starts, stops, strict=True)]

    def keep(self, places: np.ndarray) -> Texts:
        """Return the texts of places (m,), packed."""
        firsts = range(0, len(places), _TOGETHER)
        return Texts.of(t for first in firsts for t in self.take(places[first : first + _TOGETHER]))


def _pieces(texts: Iterable[str]) -> Iterator[list[str]]:
    todo = iter(texts)
    while piece := list(islice(todo, _TOGETHER)):
        yield piece


def _run(texts: list[str]) -> bytes:
    run = "\0".join([*texts, ""]).encode()
    if run.count(0) != len(texts):
        raise ValueError(f"a text with a NUL: {next(text for text in texts if chr(0) in text)!r}")
    return run
