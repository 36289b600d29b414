"""CIF text -> Tokens: where each word stands and what it is, in one compiled pass.

Takes what writers of frameworks make, and nothing out of the ordinary: a text with a save frame, a
control character or a quote without end is left to gemmi (`syntax.py`), which knows what is wrong
with it. Words become numbers and elements where they stand, without an object for each.

Not covered: which words belong together (`syntax.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from screenkit.crystal.elements import SYMBOLS
from screenkit.crystal.kernel import kernel

BARE, QUOTED, FIELD, TAG, LOOP, DATA, _ODD = range(7)
"""Kinds of tokens: values as they stand, in quotes, in a text field; tags; `loop_`; `data_NAME`."""

_WORD, _BLANK, _STRANGE = range(3)


def _classes() -> np.ndarray:
    """Return what each byte is."""
    classes = np.full(256, _STRANGE, np.uint8)
    classes[0x21:0x7F] = _WORD
    classes[[ord(blank) for blank in " \t\n\r"]] = _BLANK
    return classes


def _type_symbols() -> np.ndarray:
    """(128, 128) int16. Atomic number of two letters, or of one and 0; 0 where there is none."""
    table = np.zeros((128, 128), np.int16)
    for number, symbol in enumerate(SYMBOLS):
        for word in {symbol, symbol.upper()} if number else ():
            table[ord(word[0]), ord(word[1]) if len(word) == 2 else 0] = number
    return table


_CLASSES = _classes()
_TYPE_SYMBOLS = _type_symbols()
_MOST_DIGITS = 15  # any whole number of these is exact
_POWERS = np.array([float(10**power) for power in range(_MOST_DIGITS + 1)])
_NEWLINE, _RETURN, _HASH, _SEMICOLON, _DOLLAR, _QUOTE, _DOUBLE = (ord(c) for c in "\n\r#;$'\"")
_UNDERSCORE, _MINUS, _PLUS, _POINT, _ZERO, _NINE, _A, _Z = (ord(c) for c in "_-+.09AZ")
_DATA, _LOOP, _SAVE, _STOP, _GLOBAL = (
    np.frombuffer(word, np.uint8) for word in (b"data_", b"loop_", b"save_", b"stop_", b"global_")
)


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Values of a CIF, without their quotes: n places in one text."""

    text: np.ndarray
    """(bytes,) uint8."""
    begin: np.ndarray
    """(n,) int32."""
    end: np.ndarray
    """(n,) int32."""

    @classmethod
    def of(cls, texts: list[str]) -> Words:
        """Return texts that stand nowhere else."""
        parts = [text.encode("ascii", "replace") for text in texts]
        end = np.cumsum([len(part) for part in parts], dtype=np.int32)
        begin = end - np.array([len(part) for part in parts], np.int32)
        return cls(np.frombuffer(b"".join(parts) or b" ", np.uint8), begin, end)

    def __len__(self) -> int:
        return len(self.begin)

    def __getitem__(self, rows: Any) -> Words:
        """Return some of them, by a slice, a mask or places."""
        begin, end = self.begin[rows], self.end[rows]
        return Words(self.text, np.ascontiguousarray(begin), np.ascontiguousarray(end))

    def together(self) -> bytes:
        """Return all of them, each followed by a NUL."""
        joined: bytes = _join(self.text, self.begin, self.end).tobytes()
        return joined

    def texts(self) -> list[str]:
        """Return each by itself."""
        if len(self.begin) == 1:
            return [self.text[self.begin[0] : self.end[0]].tobytes().decode("ascii")]
        return self.together().decode("ascii").split("\0")[:-1]

    def distinct(self) -> set[str]:
        """Return those that differ."""
        if len(self) > 1 and _all_alike(self.text, self.begin, self.end):
            return set(self[:1].texts())
        return set(self.texts())

    def numbers(self) -> np.ndarray | None:
        """Return (n,) float64, to the last bit what Python's `float` gives.

        None where a word is no plain number of up to 15 digits: then they must be looked at one by
        one.
        """
        values, fine = _numbers(self.text, self.begin, self.end, _POWERS)
        return values if fine else None

    def elements(self) -> np.ndarray | None:
        """Return (n,) int16, atomic numbers; None where a word is not just a symbol."""
        numbers, fine = _elements(self.text, self.begin, self.end, _TYPE_SYMBOLS)
        return numbers if fine else None

    def begin_with(self, others: Words) -> bool:
        """Tell whether each begins with its counterpart among others of the same text."""
        return bool(_begin_with(self.text, self.begin, self.end, others.begin, others.end))


def split(text: bytes) -> tuple[Words, np.ndarray] | None:
    """Return the tokens of a CIF, and the kind of each, (n,) uint8; None: out of the ordinary."""
    data = np.frombuffer(text, np.uint8)
    begin, end, kinds, fine = _split(data, _CLASSES)
    return (Words(data, begin, end), kinds) if fine else None


@kernel
def _split(data, classes):
    n = len(data)
    begin, end = np.empty(n // 2 + 1, np.int32), np.empty(n // 2 + 1, np.int32)
    kinds = np.empty(n // 2 + 1, np.uint8)
    count, i = 0, 0
    fine = True
    while fine:
        while i < n and classes[data[i]] == _BLANK:
            i += 1
        if i >= n:
            break
        start, first = i, data[i]
        if first == _HASH:
            while i < n and data[i] != _NEWLINE:
                i += 1
            continue
        if first == _SEMICOLON and (i == 0 or data[i - 1] == _NEWLINE):
            kind = FIELD
            start += 1
            i = start
            while i + 1 < n and not (data[i] == _NEWLINE and data[i + 1] == _SEMICOLON):
                fine = fine and classes[data[i]] != _STRANGE
                i += 1
            stop = i - 1 if i > start and data[i - 1] == _RETURN else i
            i += 2
            fine = fine and i <= n
        elif first in (_QUOTE, _DOUBLE):
            kind = QUOTED
            start += 1
            i = start
            while i < n and not (
                data[i] == first and (i + 1 == n or classes[data[i + 1]] == _BLANK)
            ):
                if data[i] == _NEWLINE or data[i] == _RETURN or classes[data[i]] == _STRANGE:
                    break
                if data[i] == first and data[i + 1] == _HASH:
                    break  # gemmi lets a comment follow a quote
                i += 1
            stop = i
            fine = i < n and data[i] == first and (i + 1 == n or data[i + 1] != _HASH)
            i += 1
        else:
            while i < n and classes[data[i]] == _WORD:
                i += 1
            stop = i
            kind = _kind(data, start, stop)
            if kind == DATA:
                start += len(_DATA)
        fine = fine and kind != _ODD and (i >= n or classes[data[i]] == _BLANK)
        begin[count], end[count], kinds[count] = start, stop, kind
        count += 1
    return begin[:count].copy(), end[:count].copy(), kinds[:count].copy(), fine


@kernel
def _kind(data, start, stop):
    """Return the kind of a word without quotes; `_ODD` where only gemmi may judge."""
    size, first = stop - start, data[start]
    if first == _UNDERSCORE:
        return TAG if size > 1 else _ODD
    if _begins(data, start, stop, _DATA):
        return DATA if size > len(_DATA) else _ODD
    if _begins(data, start, stop, _LOOP):
        return LOOP if size == len(_LOOP) else _ODD
    for word in (_SAVE, _STOP, _GLOBAL):
        if _begins(data, start, stop, word):
            return _ODD
    return _ODD if first in (_DOLLAR, _SEMICOLON) else BARE


@kernel
def _begins(data, start, stop, word):
    """Tell whether a token begins with a word, in whatever case."""
    if stop - start < len(word):
        return False
    for i in range(len(word)):
        letter = data[start + i]
        if _A <= letter <= _Z:
            letter += 32
        if letter != word[i]:
            return False
    return True


@kernel
def _join(data, begin, end):
    size = 0
    for i in range(len(begin)):
        size += end[i] - begin[i] + 1
    joined = np.zeros(size, np.uint8)
    place = 0
    for i in range(len(begin)):
        for j in range(begin[i], end[i]):
            joined[place] = data[j]
            place += 1
        place += 1
    return joined


@kernel
def _all_alike(data, begin, end):
    size = end[0] - begin[0]
    for i in range(1, len(begin)):
        if end[i] - begin[i] != size:
            return False
        for j in range(size):
            if data[begin[i] + j] != data[begin[0] + j]:
                return False
    return True


@kernel
def _begin_with(data, begin, end, other_begin, other_end):
    for i in range(len(begin)):
        size = other_end[i] - other_begin[i]
        if end[i] - begin[i] < size:
            return False
        for j in range(size):
            if data[begin[i] + j] != data[other_begin[i] + j]:
                return False
    return True


@kernel
def _elements(data, begin, end, table):
    numbers = np.zeros(len(begin), np.int16)
    for i in range(len(begin)):
        size = end[i] - begin[i]
        if size != 1 and size != 2:
            return numbers, False
        second = data[begin[i] + 1] if size == 2 else 0
        numbers[i] = table[data[begin[i]], second]
        if numbers[i] == 0:
            return numbers, False
    return numbers, True


@kernel
def _numbers(data, begin, end, powers):
    """One quotient of two exact numbers, so that it is rounded once, as `float` rounds."""
    values = np.empty(len(begin), np.float64)
    for i in range(len(begin)):
        j, stop = begin[i], end[i]
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
                return values, False  # an exponent, an uncertainty, or no number
            j += 1
        if digits == 0 or digits > _MOST_DIGITS:
            return values, False
        value = float(whole) / powers[decimals]
        values[i] = -value if minus else value
    return values, True
