"""Numbers of structures: how each is spread, and one against another, in hexagons and points."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from screenkit.report.chart import Axis, Chart, Hexagons, Layer, Points, span
from screenkit.report.figures import Figure
from screenkit.report.page import file_stem
from screenkit.report.spread import histogram, middle_of

FEW = 600
"""Points; above, hexagons say how many there are where."""
MARKED = 500
"""Points of the shortlist that are drawn; the best of them."""
_ACROSS = 44  # hexagons along x
_TOGETHER = 2**16  # points


@dataclass(frozen=True, eq=False)
class Quantity:
    """One number of each structure."""

    name: str
    label: str
    """With its unit."""
    values: np.ndarray
    """(n,); NaN where there is none."""


def spreads(quantities: Sequence[Quantity]) -> list[Figure]:
    """Return a histogram of each; of one without any number none."""
    charts = (
        histogram(file_stem(q.name), q.name, q.label, q.values[q.values == q.values])
        for q in quantities
    )
    return [Figure.of(chart) for chart in charts if chart is not None]


def against(
    name: str, title: str, x: Quantity, y: Quantity, chosen: np.ndarray | None = None
) -> Chart | None:
    """Return `y` against `x`; None where no structure has both.

    Args:
        name: of its files.
        title: of the figure.
        chosen: (m,) places of those on the shortlist, the best first; None where there is none.
    """
    known = np.isfinite(x.values) & np.isfinite(y.values)
    xs, ys = (one.values[known].astype(float, copy=False) for one in (x, y))
    count = len(xs)
    if not count:
        return None
    (left, right), (low, high) = (span(np.array(middle_of(values))) for values in (xs, ys))
    inside = (xs >= left) & (xs <= right) & (ys >= low) & (ys <= high)
    beyond = int((~inside).sum())
    if beyond:
        xs = xs[inside]
        ys = ys[inside]
    layers, table = _crowd(xs, ys, (left, right), (low, high))
    kind = "hexagon" if isinstance(layers[0], Hexagons) else "dot"
    caption = f"{count} structures" + ("." if kind == "dot" else ", counted by hexagon.")
    legend = []
    if chosen is not None and len(chosen):
        best = chosen[known[chosen]][:MARKED]
        layers.append(Points(x.values[best].astype(float), y.values[best].astype(float), "chosen"))
        legend = [("chosen", "on the shortlist")]
        if len(best) == MARKED:
            caption += f" Of the shortlist, the best {MARKED} are marked."
    if beyond:
        caption += f" Outside the frame: {beyond}."
    return Chart(
        name, title, caption, Axis(x.label, left, right), Axis(y.label, low, high), layers,
        {x.name: table[0], y.name: table[1], "structures": table[2]}, legend,
    )  # fmt: skip


def _crowd(
    xs: np.ndarray, ys: np.ndarray, across: tuple[float, float], up: tuple[float, float]
) -> tuple[list[Layer], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return points, or hexagons where there are many, and the numbers of the figure."""
    if len(xs) <= FEW:
        return [Points(xs, ys, "good")], (xs, ys, np.ones(len(xs), int))
    hexagons = hexagons_of(xs, ys, across, up)
    return [hexagons], (hexagons.x, hexagons.y, hexagons.counts)


def hexagons_of(
    xs: np.ndarray,
    ys: np.ndarray,
    across: tuple[float, float],
    up: tuple[float, float],
    frame: float = 0.62,
) -> Hexagons:
    """Return how many points lie in each hexagon of a honeycomb; empty ones are left out.

    A point belongs to the nearer of two middles, one of either rectangular lattice that make up a
    honeycomb (Carr et al. 1987, J. Am. Stat. Assoc. 82, 424).

    Args:
        xs: (n,).
        ys: (n,).
        across: ends of the x axis, which says how wide a hexagon is.
        up: ends of the y axis.
        frame: height over width of the drawing (`svg.py`), in which hexagons are regular.
    """
    width = (across[1] - across[0]) / _ACROSS
    rows = max(1, round(_ACROSS * frame / math.sqrt(3)))
    tall = (up[1] - up[0]) / rows  # of two rows of hexagons
    found: Counter[tuple[float, float]] = Counter()
    for start in range(0, len(xs), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        u, v = (xs[part] - across[0]) / width, (ys[part] - up[0]) / tall
        first = np.stack([np.floor(u + 0.5), np.floor(v + 0.5)])
        second = np.stack([np.floor(u) + 0.5, np.floor(v) + 0.5])
        distance = [(u - one[0]) ** 2 + 3 * (v - one[1]) ** 2 for one in (first, second)]
        middles = np.where(distance[0] <= distance[1], first, second)
        there, many = np.unique(middles, axis=1, return_counts=True)
        found.update(dict(zip(zip(*there.tolist(), strict=True), many.tolist(), strict=True)))
    places = np.array(sorted(found)).reshape(-1, 2).T
    counts = np.array([found[place] for place in sorted(found)])
    return Hexagons(
        across[0] + places[0] * width, up[0] + places[1] * tall, counts, width, tall * 2 / 3
    )
