"""The periodic table, each element in the colour of its number.

Source: the look of Fig. 3c and d of Xie and Grossman 2018.

Not covered: elements beyond oganesson; several numbers per element.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from screenkit.crystal.elements import SYMBOLS
from screenkit.report.drawing import INK, LINE, image, plain
from screenkit.report.shades import Shades, handy, ink_on

_GAP = 0.06  # of a cell
_WHITE, _EMPTY = np.ones(4), "#9aa3b2"


@dataclass(frozen=True, eq=False)
class ElementsMap:
    """What one table tells."""

    title: str
    quantity: str
    """What the colour bar shows."""
    unit: str
    values: Mapping[str, float]
    """Number by symbol; elements that are not named stay empty."""
    atoms: Mapping[str, int]
    """How many atoms each number is the mean of."""
    ratio: bool = False
    """The numbers are ratios, 1 in the middle."""
    signed: bool = False
    """Their sign matters, even where all have the same."""


def place(number: int) -> tuple[int, int]:
    """Return row and column, from 0, of an element; lanthanides and actinides in rows 7 and 8."""
    if 57 <= number <= 71 or 89 <= number <= 103:
        return (7, number - 57 + 2) if number <= 71 else (8, number - 89 + 2)
    first = (1, 3, 11, 19, 37, 55, 87)
    row = sum(number >= start for start in first) - 1
    offset = number - first[row]
    if row == 0:
        return 0, 17 * offset
    if row in (1, 2):
        return row, offset if offset < 2 else offset + 10
    # Lutetium and lawrencium close their rows of 15, so that hafnium follows in column 4.
    return row, offset if row < 5 or offset < 2 else offset - 14


def draw_elements_map(told: ElementsMap, form: str = "png") -> bytes:
    """Return the table as an image; `form` is `png` or `svg`. Equal data give equal bytes."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=(11.0, 6.9), facecolor="white")
    axis = figure.add_axes((0.02, 0.02, 0.96, 0.88))
    axis.set_xlim(-0.1, 18.1)
    axis.set_ylim(9.6, -0.1)
    axis.axis("off")
    figure.text(0.025, 0.945, plain(told.title), size=15, weight="bold", color=INK, va="center")
    finite = {symbol: value for symbol, value in told.values.items() if np.isfinite(value)}
    numbers, unit = np.array(list(finite.values())), ""
    if not told.ratio:
        numbers, unit = handy(numbers, told.unit)
    known = dict(zip(finite, numbers, strict=True))
    shades = Shades.of(numbers, told.ratio, told.signed)
    for number, symbol in enumerate(SYMBOLS[1:], start=1):
        row, column = place(number)
        x, y = column + _GAP / 2, row + _GAP / 2 + (0.45 if row >= 7 else 0.0)
        fill = shades.colours(np.array([known[symbol]]))[0] if symbol in known else _WHITE
        axis.add_patch(
            Rectangle((x, y), 1 - _GAP, 1 - _GAP, facecolor=fill, edgecolor=LINE, linewidth=0.6)
        )
        if symbol in known:
            shown = f"×{known[symbol]:.2g}" if told.ratio else _figure(known[symbol])
            _write(axis, symbol, (x + 0.47, y), (shown, _short(told.atoms[symbol])), ink_on(fill))
        else:
            axis.text(x + 0.47, y + 0.47, symbol, ha="center", va="center", size=10, color=_EMPTY)
    shades.bar(figure, axis, told.quantity + unit, (0.19, 0.845, 0.42, 0.024))
    return image(figure, form)


def _write(
    axis: Any, symbol: str, top: tuple[float, float], below: tuple[str, str], ink: str
) -> None:
    """Write an element's symbol, and below it number and count of atoms, into its cell."""
    x, y = top
    value, count = below
    for text, down, size in ((value.replace("-", "\u2212"), 0.57, 9.0), (count, 0.80, 7.5)):
        axis.text(x, y + down, text, ha="center", va="center", size=size, color=ink)
    axis.text(x, y + 0.29, symbol, ha="center", va="center", size=13, weight="bold", color=ink)


def _figure(value: float) -> str:
    """Return a number in at most six letters, where it is below a million."""
    size = abs(value)
    return f"{value:.3f}" if size < 0.1 else f"{value:.3g}" if size < 1000 else f"{value:.0f}"


def _short(count: int) -> str:
    """Return a count in at most five letters."""
    for unit, size in (("M", 1_000_000), ("k", 10_000)):
        if count >= size:
            return f"{count / (size if unit == 'M' else 1000):.3g}{unit}"
    return str(count)
