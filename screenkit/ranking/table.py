"""CSV that a spreadsheet, pandas and R read alike, and that runs nothing when it is opened.

RFC 4180 quoting, lines end in LF. A text that begins with `= + - @`, TAB, CR or LF gets a leading
`'`, because a spreadsheet would compute it (CWE-1236). A number that is missing is an empty cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from screenkit.crystal.library import COMPUTED
from screenkit.store.publish import replace_text
from screenkit.store.store import Store

_QUOTED = re.compile(r'[",\r\n]')
_COMPUTED = re.escape("".join(COMPUTED))
_ODD = re.compile(rf'[",\r\n]|(?:^|\0)[{_COMPUTED}]')  # in texts with NULs between them
_CHUNK = 65_536  # rows

Column = Sequence[str] | np.ndarray
"""Texts, or (n,) numbers."""


def text_cell(text: str) -> str:
    """Return a text as one cell."""
    if text.startswith(COMPUTED):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def text_cells(texts: Iterable[str]) -> list[str]:
    """Return texts as cells."""
    cells = list(texts)
    if not _ODD.search("\0".join(cells)):  # the usual case, ten times as fast
        return cells
    return [text_cell(text) for text in cells]


def number_cells(values: np.ndarray, digits: int | None = 6) -> list[str]:
    """Return (n,) numbers as cells: integers whole, others with `digits` significant digits, or
    with None as many as it takes to read the same number again.
    """
    if values.dtype.kind in "iub":
        return [str(value) for value in values.tolist()]
    if digits is None:
        return ["" if text == "nan" else text for text in values.astype(str).tolist()]
    form = f"%.{digits}g"
    # Comparing a number with itself finds NaN without a call per cell.
    return [form % value if value == value else "" for value in values.tolist()]


def lines(columns: Sequence[Sequence[str]]) -> str:
    """Return columns of cells as CSV lines."""
    return "".join(",".join(row) + "\n" for row in zip(*columns, strict=True))


def mixed_lines(columns: Sequence[Column]) -> str:
    """Return texts, and (n,) numbers as `number_cells` writes them, as CSV lines.

    A line is one format, which takes half the time of one for each number.
    """
    forms: list[str] = []
    cells: list[Sequence[Any]] = []
    for column in columns:
        if not isinstance(column, np.ndarray):
            forms.append("%s")
            cells.append(text_cells(column))
        elif column.dtype.kind == "f" and not np.isnan(column).any():
            forms.append("%.6g")
            cells.append(column.tolist())
        else:
            forms.append("%s")
            cells.append(number_cells(column))
    form = ",".join(forms) + "\n"
    return "".join([form % row for row in zip(*cells, strict=True)])


def write_table(
    store: Store,
    columns: Sequence[str],
    path: Path,
    more: Mapping[str, Sequence[str]] = MappingProxyType({}),
    digits: int | None = 8,
) -> None:
    """Write columns of every row, in library order, under a line of heads.

    Args:
        columns: as `Store.column` knows them, targets included; they are the heads.
        more: cells of columns that follow, by head; a cell per row of the store.
        digits: of numbers that are not whole, as for `number_cells`.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    replace_text(path, _table(store, columns, more, digits))


def _table(
    store: Store, columns: Sequence[str], more: Mapping[str, Sequence[str]], digits: int | None
) -> Iterator[str]:
    yield ",".join(text_cells([*columns, *more])) + "\n"
    for start in range(0, len(store), _CHUNK):
        stop = start + _CHUNK
        read = [store.column(name, start, stop) for name in columns]
        cells = [
            text_cells(part) if part.dtype == object else number_cells(part, digits)
            for part in read
        ]
        yield lines([*cells, *(rest[start:stop] for rest in more.values())])
