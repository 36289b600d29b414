"""From numbers to colours that everyone can tell apart, with the colour bar that explains them.

Numbers of both signs get two hues that part at zero, ratios two that part at one; all else gets
one that grows lighter. Both maps read right in grey and for every kind of colour blindness.

Not covered: colours of the page itself (`style.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from screenkit.report.drawing import INK, SOFT, plain

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_EVEN = 0.215  # luminance on which white and ink have the same contrast
_OUTLIERS = 0.01  # share at either end that may lie beyond the colours
_MANY = 150  # numbers; with fewer, none is an outlier
_BOTH_SIGNS = 0.1  # of the larger side; less on the other side is no second sign


@dataclass(frozen=True, eq=False)
class Shades:
    """A colour for every number."""

    low: float
    high: float
    """Numbers beyond them have the colour of the nearer one."""
    two_hues: bool
    extend: str
    """Ends of the bar with an arrow: `neither`, `min`, `max` or `both`."""
    ratio: bool = False
    """The numbers are ratios: the scale is logarithmic, and its middle is 1."""

    @classmethod
    def of(cls, values: np.ndarray, ratio: bool = False, signed: bool = False) -> Shades:
        """Return shades that tell these finite numbers apart; outliers do not stretch them.

        Args:
            signed: the sign matters even where all numbers have the same.
        """
        given = np.log2(np.clip(values, 1 / 64, 64)) if ratio else np.asarray(values, float)
        if not given.size:
            given = np.array([0.0, 1.0])
        share = _OUTLIERS if given.size >= _MANY else 0.0
        low, high = (float(q) for q in np.quantile(given, [share, 1 - share]))
        two_hues = signed or ratio or (min(-low, high) > _BOTH_SIGNS * max(-low, high))
        if two_hues:
            high = max(-low, high) or 1.0
            low = -high
        elif high - low <= 1e-9 * max(abs(low), abs(high)):
            spread = abs(low) * 0.05 or 0.5
            low, high = low - spread, high + spread
        slack = 1e-6 * (high - low)
        under, over = given.min() < low - slack, given.max() > high + slack
        extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[
            (int(under), int(over))
        ]
        return cls(low, high, two_hues, extend, ratio)

    def colours(self, values: np.ndarray) -> np.ndarray:
        """Return (n, 4) RGBA of (n,) numbers."""
        given = np.log2(np.clip(values, 1 / 64, 64)) if self.ratio else values
        return self._map()(np.clip((given - self.low) / (self.high - self.low), 0, 1))

    def bar(self, figure: Any, axis: Any, label: str, place: Sequence[float]) -> None:
        """Draw the colour bar into a figure at (left, bottom, width, height), in its shares."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        box = figure.add_axes(place)
        mappable = ScalarMappable(Normalize(self.low, self.high), self._map())
        lying = place[2] > place[3]
        bar = figure.colorbar(
            mappable,
            cax=box,
            orientation="horizontal" if lying else "vertical",
            extend=self.extend,
        )
        if self.ratio:
            bar.ax.xaxis.set_major_locator(MaxNLocator(5, integer=self.high >= 1.5))
            bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"×{2.0**x:.2g}"))
        else:
            (bar.ax.xaxis if lying else bar.ax.yaxis).set_major_locator(MaxNLocator(5))
        bar.outline.set_linewidth(0.5)
        bar.outline.set_edgecolor(SOFT)
        bar.ax.tick_params(labelsize=10, color=SOFT, labelcolor=INK, length=3)
        bar.set_label(plain(label), size=11, color=INK)

    def _map(self) -> Any:
        from matplotlib import colormaps

        return colormaps["RdBu_r" if self.two_hues else "viridis"]


def handy(values: np.ndarray, unit: str) -> tuple[np.ndarray, str]:
    """Return numbers of a handy size and their unit in brackets, such as `(10⁻³ mol/kg)`."""
    size = float(np.abs(values).max(initial=0.0))
    power = 3 * math.floor(math.log10(size) / 3) if size > 0 else 0
    if size >= 0.1 and power <= 3:  # 0.1 to a million is read as it is
        power = 0
    ten = f"10{str(power).translate(_RAISED)}" if power else ""
    words = " ".join(part for part in (ten, unit) if part)
    return values * 10.0**-power, f" ({words})" if words else ""


def ink_on(fill: np.ndarray) -> str:
    """Return the colour of a text that can be read on a fill (RGBA): the higher contrast of two.

    Source: relative luminance and contrast ratio of WCAG 2.2.
    """
    linear = np.where(fill[:3] <= 0.04045, fill[:3] / 12.92, ((fill[:3] + 0.055) / 1.055) ** 2.4)
    return "white" if float(linear @ (0.2126, 0.7152, 0.0722)) < _EVEN else INK
