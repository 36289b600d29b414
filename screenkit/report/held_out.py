"""Predictions beside labels, as charts: parity, and whether what is promised holds.

Of a regression the share of labels within their intervals, of a class how often a probability is
right (a reliability diagram).

Not covered: figures as numbers (`learn/metrics.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from screenkit.learn.metrics import roc_points
from screenkit.report.against import FEW, hexagons_of
from screenkit.report.chart import Axis, Chart, Layer, Line, Points, span

_BINS = 10
_Z = 1.96  # of a 95 % interval
_SQUARE = 0.88  # height over width of a square chart, but for its margins


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What is known of a target on structures kept apart from training."""

    target: str
    unit: str
    prediction: np.ndarray
    """(n,) float64; of a class, its probability."""
    label: np.ndarray
    """(n,) float64; of a class, 0 or 1."""
    low: np.ndarray | None = None
    """(n,) lower ends of the intervals."""
    high: np.ndarray | None = None
    level: float = math.nan
    """Share of the labels that the intervals promise to hold."""
    is_class: bool = False
    where: str = "structures kept apart from training"
    names: Sequence[str] = ()
    errors: np.ndarray | None = None
    """(n,) half-widths of the error bars of the labels, where they have some."""
    measured: str = "label"
    """What the labels are."""
    notes: Sequence[str] = ()

    @property
    def known_names(self) -> list[str]:
        """Names of those that have both."""
        return [self.names[i] for i in np.flatnonzero(self.known).tolist()]

    @property
    def known(self) -> np.ndarray:
        """(n,) bool: where both are there."""
        return np.isfinite(self.prediction) & np.isfinite(self.label)


def charts_of(held: HeldOut, stem: str) -> list[Chart]:
    """Return all that can be shown of a target."""
    if not held.known.any():
        return []
    drawn = [_roc(held, stem), _reliability(held, stem)] if held.is_class else [parity(held, stem)]
    coverage = None if held.is_class else _coverage(held, stem)
    return [chart for chart in [*drawn, coverage] if chart is not None]


def parity(held: HeldOut, stem: str) -> Chart:
    """Return predictions against labels."""
    known = held.known
    truth, predicted = held.label[known], held.prediction[known]
    ends = span(truth, predicted)
    unit = f" ({held.unit})" if held.unit else ""
    layers: list[Layer] = []
    many = len(truth) > FEW
    if many:
        layers.append(hexagons_of(truth, predicted, ends, ends, _SQUARE))
    layers.append(Line(np.array(ends), np.array(ends)))
    if not many:
        names = held.known_names if len(held.names) else ()
        layers.append(Points(truth, predicted, "good", names))
    error = np.abs(truth - predicted)
    said = "counted by hexagon" if many else "one dot each"
    table = {"label": truth, "prediction": predicted}
    if len(held.names):
        table = {"name": held.known_names, **table}
    return Chart(
        f"{stem}-parity", f"{held.target}: predicted against {held.measured}",
        f"{len(truth)} {held.where}, {said}. On the line a prediction is right; half of them are "
        f"off by less than {float(np.median(error)):.3g}{f' {held.unit}' if held.unit else ''}.",
        Axis(f"{held.measured}{unit}", *ends), Axis(f"predicted{unit}", *ends), layers, table,
        square=True, notes=[*held.notes],
    )  # fmt: skip


def _coverage(held: HeldOut, stem: str) -> Chart | None:
    """Return which share of the labels lies within its interval, by tenths of the predictions."""
    if held.low is None or held.high is None or not math.isfinite(held.level):
        return None
    known = held.known & np.isfinite(held.low) & np.isfinite(held.high)
    if known.sum() < 2 * _BINS:
        return None
    order = np.argsort(held.prediction[known], kind="stable")
    inside = ((held.label >= held.low) & (held.label <= held.high))[known][order]
    predicted = held.prediction[known][order]
    parts = np.array_split(np.arange(len(order)), _BINS)
    middles = np.array([predicted[part].mean() for part in parts])
    shares = np.array([inside[part].mean() for part in parts])
    low, high = wilson(shares, np.array([len(part) for part in parts]))
    unit = f" ({held.unit})" if held.unit else ""
    x = Axis(f"predicted {held.target}{unit}", *span(predicted))
    level = np.full(2, held.level)
    return Chart(
        f"{stem}-coverage", f"{held.target}: labels within the {held.level:.0%} interval",
        f"{len(order)} {held.where}, in tenths from the lowest predictions to the highest: the "
        f"share of labels within their interval, {inside.mean():.1%} in all. Dashed: what is "
        "promised. Bars: what chance allows (95 %, Wilson).",
        x, Axis("share within", min(0.5, float(low.min())), 1.02),
        [Line(np.array([x.low, x.high]), level), Points(middles, shares, "good", (), low, high)],
        {
            "prediction": middles, "share_within": shares, "low": low, "high": high,
            "structures": np.array([len(part) for part in parts]),
        },
    )  # fmt: skip


def _reliability(held: HeldOut, stem: str) -> Chart:
    """Return how many of those with a probability of so much are in the class."""
    known = held.known
    probability, truth = held.prediction[known], held.label[known]
    place = np.clip((probability * _BINS).astype(int), 0, _BINS - 1)
    there = np.unique(place)
    counts = np.array([(place == i).sum() for i in there])
    middles = np.array([probability[place == i].mean() for i in there])
    shares = np.array([truth[place == i].mean() for i in there])
    low, high = wilson(shares, counts)
    ends = np.array([0.0, 1.0])
    return Chart(
        f"{stem}-reliability", f"{held.target}: how often a probability is right",
        f"{len(truth)} {held.where}, by tenths of the probability: the share that is in the class. "
        "On the dashed line a probability means what it says. Bars: what chance allows (95 %, "
        "Wilson).",
        Axis("predicted probability", 0, 1), Axis("share in the class", 0, 1.02),
        [Line(ends, ends), Points(middles, shares, "good", (), low, high)],
        {
            "probability": middles, "share": shares, "low": low, "high": high,
            "structures": counts,
        },
        square=True,
    )  # fmt: skip


def _roc(held: HeldOut, stem: str) -> Chart | None:
    known = held.known
    truth, probability = held.label[known], held.prediction[known]
    if np.ptp(truth) == 0:
        return None
    others, members = roc_points(truth, probability)
    ends = np.array([0.0, 1.0])
    return Chart(
        f"{stem}-roc", f"{held.target}: who is found, and at what price",
        f"{len(truth)} {held.where}, {truth.mean():.0%} of them in the class. As the probability "
        "asked for falls, more members are found and more others with them; dashed: chance.",
        Axis("share of the others taken", 0, 1), Axis("share of the members taken", 0, 1.02),
        [Line(ends, ends), Line(others, members, "good")],
        {"others_taken": others, "members_taken": members}, square=True, notes=[*held.notes],
    )  # fmt: skip


def wilson(shares: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the 95 % intervals of shares of so many (Wilson 1927)."""
    z2 = _Z**2 / counts
    middle = (shares + z2 / 2) / (1 + z2)
    reach = _Z / (1 + z2) * np.sqrt(shares * (1 - shares) / counts + z2 / (4 * counts))
    return middle - reach, middle + reach
