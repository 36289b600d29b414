"""A Chart as SVG for a page: its colours are the page's, light or dark.

Not covered: pictures for print (`chart_png.py`).
"""

from __future__ import annotations

from html import escape

import numpy as np

from screenkit.report.chart import Axis, Bars, Chart, Hexagons, Layer, Line, Points
from screenkit.report.words import number

_WIDTH, _HEIGHT, _SQUARE = 460, 300, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 12, 46
_LETTER = 6.4  # width of one at the axis
_CORNERS = np.array([(0, 1), (1, 0.5), (1, -0.5), (0, -1), (-1, -0.5), (-1, 0.5)])
SHADES = 6
"""Of hexagons: the last is that of the fullest."""


class _Frame:
    """Where things stand in the drawing."""

    def __init__(self, chart: Chart) -> None:
        self.height = _SQUARE if chart.square else _HEIGHT
        widest = max((len(text) for _, text in chart.y.ticks), default=0)
        self.left = max(_LEFT, round(widest * _LETTER) + 34)
        self._x, self._y = chart.x, chart.y

    def x(self, values: np.ndarray | float) -> np.ndarray:
        return self.left + self._x.share(np.asarray(values)) * (_WIDTH - self.left - _RIGHT)

    def y(self, values: np.ndarray | float) -> np.ndarray:
        room = self.height - _TOP - _BOTTOM
        return self.height - _BOTTOM - self._y.share(np.asarray(values)) * room


def draw(chart: Chart) -> str:
    """Return a chart as an `<svg>` element."""
    frame = _Frame(chart)
    said = escape(f"{chart.title}: {chart.y.label} against {chart.x.label}")
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {frame.height}" role="img" class="plot" aria-label="{said}">'
    ]
    parts += [*_axis_y(chart.y, frame), *_axis_x(chart.x, frame)]
    for layer in chart.layers:
        parts += _layer(layer, frame)
    for i, note in enumerate(chart.notes):
        place = f'x="{frame.left + 10}" y="{_TOP + 16 + 17 * i}"'
        parts.append(f'<text class="note" {place}>{escape(note)}</text>')
    return "".join(parts) + "</svg>"


def _layer(layer: Layer, frame: _Frame) -> list[str]:
    if isinstance(layer, Bars):
        return _bars(layer, frame)
    if isinstance(layer, Hexagons):
        return _hexagons(layer, frame)
    return _points(layer, frame) if isinstance(layer, Points) else _line(layer, frame)


def _bars(layer: Bars, frame: _Frame) -> list[str]:
    left, right = frame.x(layer.edges[:-1]) + 0.4, frame.x(layer.edges[1:]) - 0.4
    floor, tops = float(frame.y(0.0)), frame.y(layer.heights)
    parts = []
    for i, height in enumerate(layer.heights):
        if height <= 0:
            continue
        tall = max(floor - float(tops[i]), 2.0)  # one among thousands must still be seen
        title = f"<title>{escape(layer.titles[i])}</title>" if layer.titles else ""
        parts.append(
            f'<rect class="{layer.kind}" x="{left[i]:.1f}" y="{floor - tall:.1f}" '
            f'width="{max(right[i] - left[i], 0.5):.1f}" height="{tall:.1f}">{title}</rect>'
        )
    return parts


def shade_of(counts: np.ndarray) -> np.ndarray:
    """Return (n,) int: the shade, 1 to `SHADES`, of counts, by their logarithm."""
    most = max(int(counts.max(initial=1)), 2)
    return 1 + np.floor(np.log(counts) / np.log(most) * (SHADES - 1e-6)).astype(int)


def _hexagons(layer: Hexagons, frame: _Frame) -> list[str]:
    """Draw one path for each shade."""
    if not len(layer.x):
        return []
    shades = shade_of(layer.counts)
    across = float(frame.x(layer.width) - frame.x(0.0)) / 2
    up = float(frame.y(0.0) - frame.y(layer.height)) / 2
    corners = np.round(_CORNERS * (across, up), 1)
    steps = np.diff(corners, axis=0)
    shape = "".join(f"l{x:g} {y:g}" for x, y in steps) + "z"
    xs, ys = frame.x(layer.x) + corners[0, 0], frame.y(layer.y) + corners[0, 1]
    parts = []
    for shade in range(1, SHADES + 1):
        here = shades == shade
        if here.any():
            path = "".join(
                f"M{x:.1f} {y:.1f}{shape}" for x, y in zip(xs[here], ys[here], strict=True)
            )
            parts.append(f'<path class="hex h{shade}" d="{path}"/>')
    return parts


def _points(layer: Points, frame: _Frame) -> list[str]:
    xs, ys = frame.x(layer.x), frame.y(layer.y)
    parts = []
    if layer.low is not None and layer.high is not None:
        lows, highs = frame.y(layer.low), frame.y(layer.high)
        bars = "".join(
            f"M{x:.1f} {low:.1f}V{high:.1f}" for x, low, high in zip(xs, lows, highs, strict=True)
        )
        parts.append(f'<path class="error {layer.kind}" d="{bars}"/>')
    if not layer.names:
        # A line of no length with round ends is a dot, and costs ten bytes.
        dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in zip(xs, ys, strict=True))
        few = " few" if len(xs) < 200 else ""
        return [*parts, f'<path class="dots {layer.kind}{few}" d="{dots}"/>']
    for x, y, name in zip(xs, ys, layer.names, strict=True):
        parts.append(
            f'<circle class="dot {layer.kind}" cx="{x:.1f}" cy="{y:.1f}" r="3.2">'
            f"<title>{escape(name)}</title></circle>"
        )
    return parts


def _line(layer: Line, frame: _Frame) -> list[str]:
    xs, ys = frame.x(layer.x), frame.y(layer.y)
    if not len(xs):
        return []
    path = f"M{xs[0]:.1f} {ys[0]:.1f}"
    for x, y in zip(xs[1:], ys[1:], strict=True):
        path += f"H{x:.1f}V{y:.1f}" if layer.steps else f"L{x:.1f} {y:.1f}"
    return [f'<path class="line {layer.kind}" d="{path}"/>']


def _axis_y(axis: Axis, frame: _Frame) -> list[str]:
    parts = []
    for place, text in axis.ticks:
        y = float(frame.y(place))
        parts.append(
            f'<path class="grid" d="M{frame.left} {y:.1f}H{_WIDTH - _RIGHT}"/>'
            f'<text class="tick" x="{frame.left - 7}" y="{y + 4:.1f}" text-anchor="end">'
            f"{escape(text)}</text>"
        )
    middle = (frame.height - _BOTTOM + _TOP) / 2
    parts.append(
        f'<text class="label"{_fitted(axis.label, 2 * middle - 8)} text-anchor="middle" '
        f'transform="translate(13 {middle:.0f}) rotate(-90)">{escape(axis.label)}</text>'
    )
    return parts


def _axis_x(axis: Axis, frame: _Frame) -> list[str]:
    floor = frame.height - _BOTTOM
    parts = [f'<path class="axis" d="M{frame.left} {floor}H{_WIDTH - _RIGHT}"/>']
    for place, text in axis.ticks:
        parts.append(
            f'<text class="tick" x="{float(frame.x(place)):.1f}" y="{floor + 17}" '
            f'text-anchor="middle">{escape(text)}</text>'
        )
    middle = (frame.left + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text class="label"{_fitted(axis.label, _WIDTH - 20)} x="{middle:.0f}" '
        f'y="{frame.height - 8}" text-anchor="middle">{escape(axis.label)}</text>'
    )
    return parts


def _fitted(text: str, room: float) -> str:
    """Return the attributes that press a text into its room, where it would be longer."""
    if len(text) * _LETTER <= room:
        return ""
    return f' textLength="{room:.0f}" lengthAdjust="spacingAndGlyphs"'


def hexagon_scale(counts: np.ndarray) -> str:
    """Return what the shades of hexagons mean, as HTML for a legend."""
    most = int(counts.max(initial=1))
    steps = "".join(f'<i class="hex h{shade}"></i>' for shade in range(1, SHADES + 1))
    return f'<span class="scale">1 {steps} {number(most)} in a hexagon</span>'
