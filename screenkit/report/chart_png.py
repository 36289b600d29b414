"""A Chart as a PNG for slides and papers: on white, with its title.

Not covered: the same chart in a page (`svg.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from screenkit.report.chart import Bars, Chart, Hexagons, Layer, Line, Points
from screenkit.report.drawing import GREY, INK, LINE, MEAN, POINT, SOFT, image, name_axes, plain

_COLOURS = {"all": "#8fa6c4", "chosen": MEAN, "good": POINT, "guide": GREY}
_CORNERS = np.array([(0, 1), (1, 0.5), (1, -0.5), (0, -1), (-1, -0.5), (-1, 0.5)])


def draw_png(chart: Chart) -> bytes:
    """Return a chart as a PNG. Equal data give equal bytes."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    size = (4.6, 4.6) if chart.square else (5.6, 3.8)
    with rc_context({"font.size": 9}):
        figure = Figure(figsize=size, facecolor="white")
        # Margins by hand: a layout that finds its own draws everything twice.
        axis = figure.add_axes((0.15, 0.14, 0.72 if _crowded(chart) else 0.81, 0.76))
        name_axes(axis, chart.title, chart.x.label, chart.y.label)
        axis.set_xlim(chart.x.low, chart.x.high)
        axis.set_ylim(chart.y.low, chart.y.high)
        for one, set_ticks in ((chart.x, axis.set_xticks), (chart.y, axis.set_yticks)):
            set_ticks([place for place, _ in one.ticks], [plain(text) for _, text in one.ticks])
        axis.grid(axis="y", color=LINE, linewidth=0.5)
        axis.set_axisbelow(True)
        for layer in chart.layers:
            _layer(axis, layer, figure)
        if chart.notes:
            axis.text(
                0.03, 0.97, plain("\n".join(chart.notes)), ha="left", va="top",
                transform=axis.transAxes, color=INK,
            )  # fmt: skip
        _legend(axis, chart)
        return image(figure, "png")


def _crowded(chart: Chart) -> bool:
    return any(isinstance(layer, Hexagons) for layer in chart.layers)


def _legend(axis: Any, chart: Chart) -> None:
    from matplotlib.patches import Patch

    if chart.legend:
        axis.legend(
            handles=[Patch(color=_COLOURS[kind], label=plain(word)) for kind, word in chart.legend],
            fontsize=7.5, frameon=False, loc="upper right",
        )  # fmt: skip


def _layer(axis: Any, layer: Layer, figure: Any) -> None:
    if isinstance(layer, Hexagons):
        _hexagons(axis, layer, figure)
        return
    colour = _COLOURS[layer.kind]
    if isinstance(layer, Bars):
        axis.bar(
            layer.edges[:-1], layer.heights, np.diff(layer.edges), align="edge", color=colour,
            edgecolor="white", linewidth=0.3,
        )  # fmt: skip
    elif isinstance(layer, Line):
        style = "--" if layer.kind == "guide" else "-"
        where = "steps-post" if layer.steps else "default"
        axis.plot(layer.x, layer.y, color=colour, linewidth=1.2, linestyle=style, drawstyle=where)
    else:
        _points(axis, layer, colour)


def _points(axis: Any, layer: Points, colour: str) -> None:
    if layer.low is not None and layer.high is not None:
        axis.vlines(layer.x, layer.low, layer.high, color=colour, linewidth=0.8, alpha=0.6)
    few = len(layer.x) < 400
    axis.scatter(
        layer.x, layer.y, s=14 if few else 4, color=colour, alpha=0.9 if few else 0.35,
        linewidths=0, zorder=3,
    )  # fmt: skip


def _hexagons(axis: Any, layer: Hexagons, figure: Any) -> None:
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import LogNorm

    if not len(layer.x):
        return
    corners = _CORNERS * (layer.width / 2, layer.height / 2)
    polygons = np.stack([layer.x, layer.y], axis=1)[:, None] + corners
    shades = PolyCollection(
        list(polygons), array=layer.counts, norm=LogNorm(1, max(int(layer.counts.max()), 2)),
        cmap="Blues", edgecolors="white", linewidths=0.1,
    )  # fmt: skip
    axis.add_collection(shades)
    bar = figure.colorbar(shades, cax=figure.add_axes((0.89, 0.3, 0.015, 0.45)))
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7, colors=SOFT)
    bar.set_label("structures in a hexagon", size=7.5, color=SOFT)
