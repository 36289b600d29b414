"""Two small drawings for the page, as SVG text that takes its colours from the page's style.

Not covered: plots for print (`parity.py`).
"""

from __future__ import annotations

import math
from html import escape

import numpy as np

from screenkit.report.words import number

_WIDTH = 960
_LEFT, _RIGHT = 64, 12


def ticks(low: float, high: float, wanted: int = 6) -> list[float]:
    """Return about `wanted` round numbers (1, 2 or 5 times a power of ten) in [low, high]."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    rough = span / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def histogram(values: np.ndarray, chosen: np.ndarray | None, label: str) -> str:
    """Draw how many structures have which value, and which of them are on the shortlist.

    Args:
        values: (n,) finite numbers, one per structure.
        chosen: (m,) those on the shortlist; None where there is no such thing.
        label: name and unit of the axis.

    Returns:
        An `<svg>` element; an empty text where there is nothing to draw.
    """
    if values.size == 0:
        return ""
    height, bottom, top = 300, 48, 14
    edges = _edges(values)
    low, high = float(edges[0]), float(edges[-1])
    everyone, _ = np.histogram(np.clip(values, low, high), edges)
    shortlisted, _ = np.histogram(np.clip([] if chosen is None else chosen, low, high), edges)
    if beyond := int(((values < low) | (values > high)).sum()):
        label += f"; beyond the axis, counted in the outermost bars: {beyond}"
    highest = int(everyone.max())

    def x(value: float) -> float:
        share = (value - low) / (high - low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(count: float) -> float:
        return height - bottom - count / highest * (height - bottom - top)

    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" class="plot" '
        f'aria-label="Histogram of {escape(label)}">'
    ]
    for count in ticks(0, highest, 4):
        if count == int(count):
            parts.append(_horizontal(y(count), number(count)))
    ends = [min(low, float(values.min())), *edges[1:-1], max(high, float(values.max()))]
    for i, (n, m) in enumerate(zip(everyone, shortlisted, strict=True)):
        span = f"{_short(ends[i])} to {_short(ends[i + 1])}"
        on_it = "" if chosen is None else f", {m} on the shortlist"
        title = f"{span}: {n} structures{on_it}"
        left, right = x(edges[i]) + 0.75, x(edges[i + 1]) - 0.75
        box = f'x="{left:.2f}" width="{max(right - left, 0.5):.2f}"'
        parts.append(f"<g><title>{escape(title)}</title>")
        parts.append(f'<rect class="all" {box} y="{y(n):.2f}" height="{y(0) - y(n):.2f}"/>')
        if m:
            # One structure among thousands must still be seen.
            tall = max(y(0) - y(m), 2.0)
            parts.append(f'<rect class="chosen" {box} y="{y(0) - tall:.2f}" height="{tall:.2f}"/>')
        parts.append("</g>")
    parts.append(
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(0)}" y2="{y(0)}"/>'
    )
    for value in ticks(low, high, 8):
        parts.append(
            f'<text class="tick" x="{x(value):.2f}" y="{y(0) + 18:.2f}" '
            f'text-anchor="middle">{_short(value)}</text>'
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text class="label" x="{middle}" y="{height - 6}" '
        f'text-anchor="middle">{escape(label)}</text></svg>'
    )
    return "".join(parts)


def outcome_bar(counts: dict[str, int]) -> str:
    """Draw the outcomes as one bar, a part per outcome, as wide as its share."""
    total = sum(counts.values())
    if total == 0:
        return ""
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} 22" class="bar" role="img" '
        'preserveAspectRatio="none" aria-label="Outcomes">'
    ]
    place = 0.0
    for outcome, count in counts.items():
        width = count / total * _WIDTH
        if count:
            width = max(width, 3.0)
        parts.append(
            f'<rect class="{escape(outcome)}" x="{place:.2f}" width="{width:.2f}" height="22">'
            f"<title>{count} {escape(outcome)}</title></rect>"
        )
        place += width
    return "".join(parts) + "</svg>"


def _edges(values: np.ndarray) -> np.ndarray:
    """Return bin edges: about as many bins as the square root of n, between 8 and 60.

    They end two widths of the middle 90 % beyond it, where the values go on, so that a prediction
    or two gone astray do not press all others into one bar.
    """
    first, last = np.quantile(values, [0.05, 0.95])
    low = max(float(values.min()), 3 * first - 2 * last)
    high = min(float(values.max()), 3 * last - 2 * first)
    if high - low <= 1e-9 * abs(low):  # one value, but for what rounding makes of it
        spread = abs(low) * 0.05 or 0.5
        low, high = low - spread, high + spread
    bins = int(np.clip(math.sqrt(values.size) * 1.5, 8, 60))
    return np.linspace(low, high, bins + 1)


def _horizontal(y: float, text: str) -> str:
    return (
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.2f}" y2="{y:.2f}"/>'
        f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.2f}" text-anchor="end">{text}</text>'
    )


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "\u2212")
