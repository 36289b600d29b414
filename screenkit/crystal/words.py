"""Words: values of a CIF that become numbers and elements where they stand, in compiled passes.

Not covered: where they stand (`lexer.py`), which of them belong together (`blocks.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from screenkit.crystal.elements import SYMBOLS
from screenkit.crystal.kernel import kernel


def _type_symbols() -> np.ndarray:
    """(128, 128) int16. Atomic number of two letters, or of one and 0; 0 where there is none."""
    table = np.zeros((128, 128), np.int16)
    for number, symbol in enumerate(SYMBOLS):
        for word in {symbol, symbol.upper()} if number else ():
            table[ord(word[0]), ord(word[1]) if len(word) == 2 else 0] = number
    return table


_TYPE_SYMBOLS = _type_symbols()
_MOST_DIGITS = 15  # any whole number of these is exact
_POWERS = np.array([float(10**power) for power in range(_MOST_DIGITS + 1)])
_MINUS, _PLUS, _POINT, _ZERO, _NINE = (ord(c) for c in "-+.09")


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A text and where its n words stand."""

    raw: bytes
    data: np.ndarray
    """(bytes,) uint8. The same."""
    begin: np.ndarray
    """(n,) int32."""
    end: np.ndarray
    """(n,) int32."""


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Values of a CIF, without their quotes: some of the words of a text."""

    text: Text
    rows: range
    """Which of them."""

    @classmethod
    def of(cls, texts: list[str]) -> Words:
        """Return texts that stand nowhere else."""
        parts = [text.encode("ascii", "replace") for text in texts]
        end = np.cumsum([len(part) for part in parts], dtype=np.int32)
        begin = end - np.array([len(part) for part in parts], np.int32)
        raw = b"".join(parts) or b" "
        text = Text(raw, np.frombuffer(raw, np.uint8), begin, end)
        return cls(text, range(len(parts)))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: slice) -> Words:
        """Return some of them."""
        return Words(self.text, self.rows[places])

    def at(self, places: np.ndarray) -> Words:
        """Return those at places."""
        rows = self.rows.start + self.rows.step * places
        text = self.text
        chosen = Text(text.raw, text.data, text.begin[rows], text.end[rows])
        return Words(chosen, range(len(rows)))

    def _all(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, int, int]:
        text, rows = self.text, self.rows
        return text.data, text.begin, text.end, rows.start, rows.step, len(rows)

    def one(self, place: int) -> str:
        """Return one of them."""
        row, text = self.rows[place], self.text
        return text.raw[text.begin[row] : text.end[row]].decode("ascii")

    def together(self) -> str:
        """Return all of them, each followed by a NUL."""
        joined: str = _join(*self._all()).tobytes().decode("ascii")
        return joined

    def texts(self) -> list[str]:
        """Return each by itself."""
        return self.together().split("\0")[:-1]

    def distinct(self) -> set[str]:
        """Return those that differ."""
        if len(self) > 1 and _all_alike(*self._all()):
            return {self.one(0)}
        return set(self.texts())

    def numbers(self) -> np.ndarray | None:
        """Return (n,) float64; None as from `number_table`."""
        table = number_table([self])
        return None if table is None else table.reshape(-1)

    def elements(self) -> np.ndarray | None:
        """Return (n,) int16, atomic numbers; None where a word is not just a symbol."""
        numbers, fine = _elements(*self._all(), _TYPE_SYMBOLS)
        return numbers if fine else None

    def begin_with(self, others: Words) -> bool:
        """Tell whether each begins with its counterpart among others of the same text."""
        text, rows = others.text, others.rows
        return bool(_begin_with(*self._all(), text.begin, text.end, rows.start, rows.step))

    def hold(self, letters: str) -> bool:
        """Tell whether one of two letters is in any of them."""
        return bool(_hold(*self._all(), ord(letters[0]), ord(letters[1])))


def number_table(columns: Sequence[Words]) -> np.ndarray | None:
    """Return (n, columns) float64, to the last bit what Python's `float` gives.

    None where a word is no plain number of up to 15 digits: then they must be looked at one by one.
    """
    table = np.empty((len(columns[0]), len(columns)))
    for place, column in enumerate(columns):
        if not _numbers(*column._all(), _POWERS, table, place):
            return None
    return table


@kernel
def _join(data, begin, end, first, step, count):
    size = 0
    for i in range(first, first + count * step, step):
        size += end[i] - begin[i] + 1
    joined = np.zeros(size, np.uint8)
    place = 0
    for i in range(first, first + count * step, step):
        for j in range(begin[i], end[i]):
            joined[place] = data[j]
            place += 1
        place += 1
    return joined


@kernel
def _all_alike(data, begin, end, first, step, count):
    size = end[first] - begin[first]
    for i in range(first + step, first + count * step, step):
        if end[i] - begin[i] != size:
            return False
        for j in range(size):
            if data[begin[i] + j] != data[begin[first] + j]:
                return False
    return True


@kernel
def _begin_with(data, begin, end, first, step, count, begins, ends, other, other_step):
    for _ in range(count):
        size = ends[other] - begins[other]
        if end[first] - begin[first] < size:
            return False
        for j in range(size):
            if data[begin[first] + j] != data[begins[other] + j]:
                return False
        first, other = first + step, other + other_step
    return True


@kernel
def _hold(data, begin, end, first, step, count, one, other):
    for i in range(first, first + count * step, step):
        for j in range(begin[i], end[i]):
            if data[j] == one or data[j] == other:
                return True
    return False


@kernel
def _elements(data, begin, end, first, step, count, table):
    numbers = np.zeros(count, np.int16)
    for row in range(count):
        i = first + row * step
        size = end[i] - begin[i]
        if size != 1 and size != 2:
            return numbers, False
        second = data[begin[i] + 1] if size == 2 else 0
        numbers[row] = table[data[begin[i]], second]
        if numbers[row] == 0:
            return numbers, False
    return numbers, True


@kernel
def _numbers(data, begin, end, first, step, count, powers, table, column):
    """One quotient of two exact numbers, so that it is rounded once, as `float` rounds."""
    for row in range(count):
        j, stop = begin[first + row * step], end[first + row * step]
        minus = j < stop and data[j] == _MINUS
        if minus or (j < stop and data[j] == _PLUS):
            j += 1
        whole, digits, decimals = np.int64(0), 0, 0
        point = False
        while j < stop:
            letter = data[j]
            if letter == _POINT and not point:
                point = True
            elif _ZERO <= letter <= _NINE:
                whole = 10 * whole + (letter - _ZERO)
                digits += 1
                decimals += point
            else:
                return False  # an exponent, an uncertainty, or no number
            j += 1
        if digits == 0 or digits > _MOST_DIGITS:
            return False
        value = float(whole) / powers[decimals]
        table[row, column] = -value if minus else value
    return True
