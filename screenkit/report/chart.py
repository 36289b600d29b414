"""Chart: a figure as numbers; `svg.py` draws it into a page, `chart_png.py` as a picture.

A chart has two axes, layers from the back to the front, a caption, and the table of its numbers. It
says what each layer is (`kind`), and those who draw choose the colour.

Not covered: three dimensions, axes on the right, charts without axes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from screenkit.ranking.table import lines, number_cells, text_cells

KINDS = ("all", "chosen", "good", "guide")
"""What a layer may be: everything, what was chosen, what is right, what the eye is to hold it
against."""


@dataclass(frozen=True, eq=False)
class Axis:
    """One direction of a chart."""

    label: str
    """What it is, with its unit in brackets."""
    low: float
    high: float
    words: Sequence[str] = ()
    """Not empty: names of the places 0, 1, 2, ..."""

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places on the axis and what stands there."""
        if self.words:
            return [(float(i), word) for i, word in enumerate(self.words)]
        places = ticks(self.low, self.high)
        return [(place, short(place, places)) for place in places]

    def share(self, values: np.ndarray) -> np.ndarray:
        """Return where numbers stand between the ends of the axis, 0 to 1."""
        return (np.asarray(values, float) - self.low) / (self.high - self.low)


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars that stand on the axis."""

    edges: np.ndarray
    """(n + 1,)."""
    heights: np.ndarray
    """(n,)."""
    kind: str = "all"
    titles: Sequence[str] = ()
    """(n,) what is said of each where a pointer rests on it."""


@dataclass(frozen=True, eq=False)
class Hexagons:
    """How many points there are where, by hexagon."""

    x: np.ndarray
    """(n,) their middles."""
    y: np.ndarray
    counts: np.ndarray
    """(n,) int64, above 0."""
    width: float
    """Of each, along x."""
    height: float


@dataclass(frozen=True, eq=False)
class Points:
    """Points, with error bars where both ends are given."""

    x: np.ndarray
    """(n,)."""
    y: np.ndarray
    kind: str = "all"
    names: Sequence[str] = ()
    """(n,) what is said of each where a pointer rests on it."""
    low: np.ndarray | None = None
    """(n,) lower end of the error bars along y."""
    high: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Line:
    """A line through points, in their order."""

    x: np.ndarray
    y: np.ndarray
    kind: str = "guide"
    steps: bool = False
    """It keeps its height until the next point."""


Layer = Bars | Hexagons | Points | Line


@dataclass(frozen=True, eq=False)
class Chart:
    """One figure."""

    name: str
    """Of its files: `figures/NAME.png` and `.csv`."""
    title: str
    caption: str
    """What is seen, in sentences."""
    x: Axis
    y: Axis
    layers: Sequence[Layer]
    table: Mapping[str, np.ndarray | Sequence[str]]
    """Its numbers by heading; columns of equal length."""
    legend: Sequence[tuple[str, str]] = ()
    """Kind and meaning of what needs to be told apart."""
    square: bool = False
    """Both axes have one scale."""
    notes: Sequence[str] = field(default=())
    """Lines for the upper left corner."""


def csv_of(table: Mapping[str, np.ndarray | Sequence[str]]) -> str:
    """Return columns as CSV with a line of heads; numbers with six digits."""
    columns = [
        number_cells(column)
        if isinstance(column, np.ndarray) and column.dtype != object
        else text_cells(map(str, column))
        for column in table.values()
    ]
    return lines([[head] for head in text_cells(table)]) + lines(columns)


def span(*columns: np.ndarray, pad: float = 0.04, zero: bool = False) -> tuple[float, float]:
    """Return the ends of an axis that holds all finite numbers of some columns, with a margin.

    Args:
        pad: margin on either side, as a share of the whole.
        zero: the axis begins at 0 where no number is below.
    """
    values = np.concatenate([np.asarray(column, float).ravel() for column in columns])
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if zero and low >= 0:
        return 0.0, high * (1 + pad) or 1.0
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        room = abs(low) * 0.05 or 0.5
        return low - room, high + room
    return low - pad * (high - low), high + pad * (high - low)


def ticks(low: float, high: float, wanted: int = 6) -> list[float]:
    """Return about `wanted` round numbers (1, 2 or 5 times a power of ten) in [low, high]."""
    reach = high - low
    if not (math.isfinite(reach) and reach > 0):
        return [low]
    rough = reach / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def short(value: float, beside: Sequence[float] = ()) -> str:
    """Return a number as it stands at an axis: all digits that tell it from those beside it."""
    step = min(np.diff(beside), default=0.0) if len(beside) > 1 else 0.0
    size = max(map(abs, beside), default=abs(value))
    digits = 4
    if step > 0 and size > 0:
        digits = max(
            1, math.floor(math.log10(size) + 1e-9) - math.floor(math.log10(step) + 1e-9) + 1
        )
    text = f"{0.0 if abs(value) < 1e-12 * (size or 1) else value:.{max(digits, 4)}g}"
    if 1e4 <= abs(value) < 1e7 and float(value).is_integer():
        text = f"{value:,.0f}".replace(",", "\u202f")
    return text.replace("-", "\u2212")
