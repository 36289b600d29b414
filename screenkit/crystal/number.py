"""CIF numbers: stricter than Python's `float`, and as fast on a whole column.

Not covered: the uncertainty in brackets, which is read over; `?` and `.`, which are no numbers.
"""

from __future__ import annotations

import re

import numpy as np

from screenkit.crystal.words import Words
from screenkit.errors import CrystalError

_NUMBER = re.compile(
    r"([+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d{1,6})?)(?:\(\d++\))?", re.ASCII
)


def read_number(text: str, tag: str, row: int | None = None) -> float:
    """Return a CIF number; an uncertainty in brackets is left out.

    Raises:
        CrystalError: bad_number; `float` takes more than CIF does (nan, 1_0, other digits).
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        where = tag if row is None else f"{tag} of atom site {row}"
        raise CrystalError("bad_number", f"{where} is not a CIF number")
    return float(match.group(1))


def read_numbers(words: Words, tag: str) -> np.ndarray:
    """Return a column of CIF numbers, (n,) float64.

    Raises:
        CrystalError: bad_number, and which site has it.
    """
    numbers = words.numbers()
    if numbers is not None:
        return numbers
    texts = words.texts()
    return np.array([read_number(text, tag, row) for row, text in enumerate(texts, start=1)])
