"""CIF text -> tokens: where each word stands and what it is, in compiled passes over the bytes.

Takes what writers of frameworks make, and nothing out of the ordinary: a text with a save frame, a
control character or a quote without end is left to gemmi (`syntax.py`), which knows what is wrong
with it.

Not covered: what the words say (`words.py`), which of them belong together (`blocks.py`).
"""

from __future__ import annotations

import numpy as np

from screenkit.crystal.kernel import kernel
from screenkit.crystal.words import Text, Words

BARE, QUOTED, FIELD, TAG, LOOP, DATA, _ODD = range(7)
"""Kinds of tokens: values as they stand, in quotes, in a text field; tags; `loop_`; `data_NAME`."""

_WORD, _BLANK, _STRANGE = range(3)


def _classes() -> np.ndarray:
    """Return what each byte is."""
    classes = np.full(256, _STRANGE, np.uint8)
    classes[0x21:0x7F] = _WORD
    classes[[ord(blank) for blank in " \t\n\r"]] = _BLANK
    return classes


def _plain() -> np.ndarray:
    """Return which bytes only a value without quotes begins with."""
    plain = np.zeros(256, np.bool_)
    plain[0x21:0x7F] = True
    plain[[ord(letter) for letter in "_#;$'\"dDlLsSgG"]] = False
    return plain


_CLASSES = _classes()
_PLAIN = _plain()
_SPACE, _TAB, _DELETE = 0x20, 0x09, 0x7F
_NEWLINE, _RETURN, _HASH, _SEMICOLON, _DOLLAR, _QUOTE, _DOUBLE = (ord(c) for c in "\n\r#;$'\"")
_UNDERSCORE, _A, _Z = (ord(c) for c in "_AZ")
_DATA, _LOOP, _SAVE, _STOP, _GLOBAL = (
    np.frombuffer(word, np.uint8) for word in (b"data_", b"loop_", b"save_", b"stop_", b"global_")
)


def split(text: bytes) -> tuple[Words, np.ndarray, np.ndarray] | None:
    """Return the tokens of a CIF, where the tags, `loop_` and `data_NAME` are, and their kinds.

    None: out of the ordinary.
    """
    data = np.frombuffer(text, np.uint8)
    begin, end, marks, kinds, fine = _split(data, _CLASSES, _PLAIN)
    if not fine:
        return None
    return Words(Text(text, data, begin, end), range(len(begin))), marks, kinds


@kernel
def _edges(data):
    """Return where words begin and end by turns, and whether there is a strange byte."""
    n = len(data)
    blanks = np.empty(n, np.uint8)
    usual = 0
    for i in range(n):
        blanks[i] = (
            (data[i] == _SPACE) | (data[i] == _TAB) | (data[i] == _NEWLINE) | (data[i] == _RETURN)
        )
        usual += blanks[i] | ((data[i] > _SPACE) & (data[i] < _DELETE))
    edges = np.empty(n + 2, np.int32)
    count, was = np.uint64(0), np.uint8(1)
    for i in range(n):
        # Written in any case: a branch would be guessed wrong at every edge.
        edges[count] = i
        count += np.uint64(blanks[i] != was)
        was = blanks[i]
    edges[count] = n
    return edges, np.int64(count), usual < n


@kernel
def _split(data, classes, plain):
    n = len(data)
    edges, changes, strange = _edges(data)
    most = changes // 2 + 1
    begin, end = np.empty(most, np.int32), np.empty(most, np.int32)
    marks, kinds = np.empty(most, np.int32), np.empty(most, np.uint8)
    count, marked, edge = 0, 0, 0
    fine = True
    while fine and edge < changes:
        start, i = edges[edge], edges[edge + 1]
        first, kind = data[start], BARE
        edge += 2
        stop = i
        if not plain[first]:
            if first == _HASH:
                while i < n and data[i] != _NEWLINE:
                    i += 1
            elif first == _SEMICOLON and (start == 0 or data[start - 1] == _NEWLINE):
                kind = FIELD
                start += 1
                stop, i, fine = _end_of_field(data, classes, start)
            elif first in (_QUOTE, _DOUBLE):
                kind = QUOTED
                start += 1
                stop, i, fine = _end_of_quote(data, classes, start, first)
            else:
                kind = _kind(data, start, stop)
                if kind == DATA:
                    start += len(_DATA)
            while edge < changes and edges[edge] < i:
                edge += 2  # words in a comment, in quotes or in a text field
            if first == _HASH:
                continue
        fine = fine and kind != _ODD and (i >= n or classes[data[i]] == _BLANK)
        if strange:
            for j in range(start, stop):
                fine = fine and classes[data[j]] != _STRANGE
        if kind >= TAG:
            marks[marked], kinds[marked] = count, kind
            marked += 1
        begin[count], end[count] = start, stop
        count += 1
    return begin[:count], end[:count], marks[:marked], kinds[:marked], fine


@kernel
def _end_of_field(data, classes, start):
    """Return the end of a text field, what comes after its semicolon, and whether all is well."""
    n, i, fine = len(data), start, True
    while i + 1 < n and not (data[i] == _NEWLINE and data[i + 1] == _SEMICOLON):
        fine = fine and classes[data[i]] != _STRANGE
        i += 1
    stop = i - 1 if i > start and data[i - 1] == _RETURN else i
    return stop, i + 2, fine and i + 2 <= n


@kernel
def _end_of_quote(data, classes, start, quote):
    """Return the end of what is quoted, what comes after it, and whether all is well."""
    n, i = len(data), start
    while i < n and not (data[i] == quote and (i + 1 == n or classes[data[i + 1]] == _BLANK)):
        if data[i] == _NEWLINE or data[i] == _RETURN or classes[data[i]] == _STRANGE:
            break
        if data[i] == quote and data[i + 1] == _HASH:
            break  # gemmi lets a comment follow a quote
        i += 1
    fine = i < n and data[i] == quote and (i + 1 == n or data[i + 1] != _HASH)
    return i, i + 1, fine


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
