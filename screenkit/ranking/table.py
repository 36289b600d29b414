"""CSV that a spreadsheet, pandas and R read alike, and that runs nothing when it is opened.

RFC 4180 quoting, lines end in LF. A text that begins with `= + - @`, TAB or CR gets a leading `'`,
because a spreadsheet would compute it (CWE-1236). A number that is missing is an empty cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

_QUOTED = re.compile(r'[",\r\n]')
_COMPUTED = ("=", "+", "-", "@", "\t", "\r")


def text_cell(text: str) -> str:
    """Return a text as one cell."""
    if text.startswith(_COMPUTED):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def text_cells(texts: Iterable[str]) -> list[str]:
    """Return texts as cells."""
    return [text_cell(text) for text in texts]


def number_cells(values: np.ndarray, digits: int = 6) -> list[str]:
    """Return (n,) numbers as cells: integers whole, others with `digits` significant digits."""
    if values.dtype.kind in "iub":
        return [str(value) for value in values.tolist()]
    form = f"%.{digits}g"
    # Comparing a number with itself finds NaN without a call per cell.
    return [form % value if value == value else "" for value in values.tolist()]


def lines(columns: Sequence[Sequence[str]]) -> str:
    """Return columns of cells as CSV lines."""
    return "".join(",".join(row) + "\n" for row in zip(*columns, strict=True))
