"""How numbers are spread: a histogram, and among them those that were chosen."""

from __future__ import annotations

import math

import numpy as np

from screenkit.report.chart import Axis, Bars, Chart, short


def histogram(
    name: str, title: str, label: str, values: np.ndarray, chosen: np.ndarray | None = None
) -> Chart | None:
    """Return how many structures have which value; None where there is nothing to draw.

    Args:
        name: of its files.
        title: of the figure.
        label: name and unit of the axis.
        values: (n,) finite numbers, one per structure.
        chosen: (m,) those on the shortlist; None where there is no such thing.
    """
    if not values.size:
        return None
    edges = bin_edges(values)
    low, high = float(edges[0]), float(edges[-1])
    everyone, _ = np.histogram(np.clip(values, low, high), edges)
    picked, _ = np.histogram(np.clip([] if chosen is None else chosen, low, high), edges)
    beyond = int(((values < low) | (values > high)).sum())
    ends = [min(low, float(values.min())), *edges[1:-1], max(high, float(values.max()))]
    titles = [
        f"{short(ends[i])} to {short(ends[i + 1])}: {n} structures"
        + ("" if chosen is None else f", {m} on the shortlist")
        for i, (n, m) in enumerate(zip(everyone, picked, strict=True))
    ]
    layers = [Bars(edges, everyone, "all", titles)]
    table: dict[str, np.ndarray] = {
        "from": np.array(ends[:-1]),
        "to": np.array(ends[1:]),
        "structures": everyone,
    }
    legend: list[tuple[str, str]] = []
    middle = float(np.median(values))
    caption = f"{len(values)} structures; half of them are below {short(middle)}."
    if chosen is not None:
        layers.append(Bars(edges, picked, "chosen", titles))
        table["shortlist"] = picked
        legend = [("all", "all that are ranked"), ("chosen", "on the shortlist")]
    if beyond:
        caption += f" Beyond the axis, counted in the outermost bars: {beyond}."
    return Chart(
        name, title, caption, Axis(label, low, high),
        Axis("structures", 0.0, float(everyone.max()) * 1.04), layers, table, legend,
    )  # fmt: skip


def bin_edges(values: np.ndarray) -> np.ndarray:
    """Return bin edges: about as many bins as the square root of n, between 8 and 60.

    They end two widths of the middle 90 % beyond it, where the values go on, so that a prediction
    or two gone astray do not press all others into one bar.
    """
    low, high = middle_of(values)
    if high - low <= 1e-9 * abs(low):  # one value, but for what rounding makes of it
        room = abs(low) * 0.05 or 0.5
        low, high = low - room, high + room
    bins = int(np.clip(math.sqrt(values.size) * 1.5, 8, 60))
    return np.linspace(low, high, bins + 1)


def middle_of(values: np.ndarray) -> tuple[float, float]:
    """Return between which numbers values lie, but for those far from all others."""
    first, last = np.quantile(values, [0.05, 0.95])
    low = max(float(values.min()), 3 * first - 2 * last)
    high = min(float(values.max()), 3 * last - 2 * first)
    return float(low), float(high)
