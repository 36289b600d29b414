"""The labels of a library as one page.

Not covered: structures one by one; they are in `labels.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from screenkit.report.against import Quantity, against
from screenkit.report.figures import Figure, side_by_side
from screenkit.report.funnel import Step, funnel
from screenkit.report.page import About, Page, Section, file_stem, reasons, table
from screenkit.report.spread import histogram
from screenkit.report.words import figure, number

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Spread:
    """How one label is spread over the structures that have it."""

    name: str
    unit: str
    values: np.ndarray
    """(n,) finite."""

    def quantile(self, share: float) -> float:
        """Return the value that `share` of the structures are below; NaN where there is none."""
        return float(np.quantile(self.values, share)) if len(self.values) else float("nan")

    @property
    def label(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True, eq=False)
class HenrySpread:
    """The Henry coefficients of one gas at one temperature."""

    gas: str
    temperature: float
    """K."""
    logs: Spread
    """Of log10 of the dimensionless coefficient."""
    errors: Spread
    """Estimated relative errors."""
    missed: int
    """How many structures did not reach the tolerance."""

    @property
    def title(self) -> str:
        """Such as `H2, 77 K`."""
        return f"{self.gas}, {self.temperature:.10g} K"


@dataclass(frozen=True, eq=False)
class LabelPage:
    """What the page tells."""

    about: About
    steps: Sequence[Step]
    codes: Mapping[str, int]
    """Structures by reason, those that are not `ok`."""
    henry: Sequence[HenrySpread]
    tolerance: float
    """Relative."""
    others: Sequence[Spread]
    """Labels of other kinds."""
    pairs: Sequence[tuple[Quantity, Quantity]]
    """What is drawn against what: across, up."""


def label_page(told: LabelPage) -> Page:
    """Return the page."""
    total, ok = told.steps[0].left, told.steps[-1].left
    cards = [
        (number(total), "structures"),
        (number(ok), "labelled"),
        *told.about.pace(),
    ]
    way = funnel(told.steps)
    henry, others, pairs = _henry(told.henry), _others(told.others), _pairs(told.pairs)
    spreads = [one.logs for one in told.henry] + list(told.others)
    sections = [
        told.about.opening(cards),
        Section("From the library to the labels", way.html + reasons(told.codes, total), "Funnel"),
        Section("Henry coefficients", side_by_side(henry), "Henry"),
        Section("Estimated errors", _accuracy(told.henry, told.tolerance), "Errors"),
        Section("Pores and other labels", side_by_side(others), "Pores"),
        Section("Labels and structure", side_by_side(pairs), "Structure"),
        Section("Quantiles", _quantiles(spreads)),
        *told.about.closing(),
    ]
    lead = (
        "Labels from physics: every number is computed from the structure, none is predicted by a "
        "model."
    )
    return Page.of("labels", told.about.title, lead, sections, [way, *henry, *others, *pairs])


def _henry(henry: Sequence[HenrySpread]) -> list[Figure]:
    label = "log10 of the dimensionless Henry coefficient"
    charts = [
        histogram(file_stem(one.logs.name), one.title, label, one.logs.values) for one in henry
    ]
    return [Figure.of(chart) for chart in charts if chart is not None]


def _others(spreads: Sequence[Spread]) -> list[Figure]:
    charts = [histogram(file_stem(s.name), s.name, s.label, s.values) for s in spreads]
    return [Figure.of(chart) for chart in charts if chart is not None]


def _pairs(pairs: Sequence[tuple[Quantity, Quantity]]) -> list[Figure]:
    charts = [
        against(
            f"{file_stem(y.name)}-against-{file_stem(x.name)}", f"{y.name} against {x.name}", x, y
        )
        for x, y in pairs
    ]  # fmt: skip
    return [Figure.of(chart) for chart in charts if chart is not None]


def _accuracy(henry: Sequence[HenrySpread], tolerance: float) -> str:
    """Return how far the numbers may be from those of a finer grid."""
    if not henry:
        return ""
    heads = ["gas", "structures", "median", "95 % are below", "largest", _above(tolerance)]
    rows = [
        [
            escape(one.title),
            number(len(one.errors.values)),
            *(_percent(one.errors.quantile(q)) for q in (0.5, 0.95, 1.0)),
            number(one.missed),
        ]
        for one in henry
    ]
    return (
        "<p>Of the dimensionless coefficient, as the refinement of the grid shows it. Structures "
        "above the tolerance have the warning <code>tolerance_not_reached</code>.</p>"
        + table(heads, rows)
    )


def _quantiles(spreads: Sequence[Spread]) -> str:
    heads = ["label", "unit", "structures", *(f"{share:.0%}" for share in _QUANTILES)]
    rows = [
        [
            f"<code>{escape(one.name)}</code>",
            escape(one.unit),
            number(len(one.values)),
            *(figure(one.quantile(share)) for share in _QUANTILES),
        ]
        for one in spreads
    ]
    return (
        table(heads, rows, texts=2)
        + "<p>All labels of all structures are in <code>labels.csv</code>.</p>"
    )


def _above(tolerance: float) -> str:
    return f"above {_percent(tolerance)}"


def _percent(value: float) -> str:
    return f"{value * 100:.2g} %" if np.isfinite(value) else "–"
