"""A screening, held against labels or not, as one page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from screenkit.report.against import Quantity, against
from screenkit.report.chart import Chart
from screenkit.report.elements_figure import elements_figure
from screenkit.report.figures import Figure, side_by_side
from screenkit.report.funnel import Step, funnel
from screenkit.report.held_out import HeldOut, charts_of
from screenkit.report.page import About, Page, Section, file_stem, reasons, table
from screenkit.report.shortlist_table import ShortlistTable, shortlist_table
from screenkit.report.spread import histogram
from screenkit.report.words import number


@dataclass(frozen=True, eq=False)
class Predicted:
    """One target over all structures that are ranked."""

    name: str
    label: str
    """With its unit."""
    read: Callable[[], np.ndarray]
    """Returns `values`; asked for them when they are needed, and one target at a time."""

    @property
    def values(self) -> np.ndarray:
        """(n,) the best structure first."""
        return self.read()


@dataclass(frozen=True, eq=False)
class ScreeningPage:
    """What the page tells."""

    about: About
    lead: str
    """What ranks and what chose, as plain text."""
    steps: Sequence[Step]
    """From the library to the shortlist."""
    codes: Mapping[str, int]
    """Structures by reason, those that are not `ok`."""
    targets: Sequence[Predicted]
    """The one that ranks first."""
    chosen: np.ndarray
    """(m,) places of the shortlist in the ranking."""
    geometry: Iterable[Quantity]
    """What is known of the structures that are ranked, beside predictions."""
    shortlist: ShortlistTable
    listed: int
    """Structures on the shortlist; the table has the best of them."""
    held: Sequence[HeldOut]
    """What is known of how good the model is."""
    doubts: Sequence[str]
    """Why something is not shown, by the heading where it would stand."""
    kind: str = "screening"
    apart: str = "On structures whose labels are known."
    """On which structures the model is held against labels."""
    missed: Sequence[Sequence[str]] = ()
    """What of the truly best the shortlist holds, row by row: which, from where on, how much of
    them by expectation and at least, how many are predicted to be as good."""
    scores: str = ""
    """Figures of an evaluation as numbers, in HTML."""


def screening_page(told: ScreeningPage) -> Page:
    """Return the page."""
    total = told.steps[0].left if told.steps else 0
    cards = [
        (number(total), "structures"),
        (number(len(told.targets[0].values)), "ranked"),
        (number(told.listed), "on the shortlist"),
        *told.about.pace(),
    ]
    way = funnel(told.steps)
    scores, geometry = _scores(told), _geometry(told)
    held = [Figure.of(chart) for one in told.held for chart in charts_of(one, _stem(one))]
    elements = elements_figure(
        [portrait.elements for portrait in told.shortlist.portraits.values()],
        "structures on the shortlist",
    )
    made_of = [elements] if elements else []
    sections = [
        told.about.opening(cards, told.doubts),
        Section(
            "From the library to the shortlist", way.html + reasons(told.codes, total), "Funnel"
        ),
        _shortlist(told),
        Section("Predictions", side_by_side(scores) or "<p>Nothing could be ranked.</p>"),
        Section(
            "How good the model is", told.scores + side_by_side(held), "Model",
            told.apart,
        ),
        Section(
            "Predictions and structure", side_by_side(geometry), "Structure",
            "What the structure alone says of the prediction, over all that are ranked.",
        ),
        Section("What the shortlist is made of", side_by_side(made_of), "Elements"),
        *told.about.closing(),
    ]  # fmt: skip
    figures = [way, *scores, *held, *geometry, *made_of]
    return Page.of(told.kind, told.about.title, escape(told.lead), sections, figures)


def _stem(held: HeldOut) -> str:
    prefix = "labels" if held.where.startswith("structures with") else "calibration"
    return f"{prefix}-{file_stem(held.target)}"


def _shortlist(told: ScreeningPage) -> Section:
    rows = len(told.shortlist.rows)
    if not rows:
        return Section("The shortlist is empty", "<p>No structure is left; see the funnel.</p>")
    which = f"The best {rows} of {number(told.listed)}. " if rows < told.listed else ""
    files = (
        f"<p>{which}All of the shortlist is in <code>shortlist.csv</code>, every ranked structure "
        "in <code>ranking.csv</code>.</p>"
    )
    body = files + shortlist_table(told.shortlist) + _missed(told)
    return Section("The shortlist", body, "Shortlist")


def _missed(told: ScreeningPage) -> str:
    """Return what the shortlist may have missed, as HTML."""
    if not told.missed:
        return ""
    heads = ["the truly best", "from", "on the shortlist, expected", "at least, 95 % sure"]
    rows = [[escape(cell) for cell in row] for row in told.missed]
    return (
        "<h3>What it may have missed</h3>"
        + table([*heads, "predicted to be as good"], rows)
        + "<p>From the structures that were kept apart from training, as far as these are like "
        "the library.</p>"
    )


def _scores(told: ScreeningPage) -> list[Figure]:
    charts: list[Chart | None] = []
    for i, target in enumerate(told.targets):
        name = "score" if i == 0 else f"score-{file_stem(target.name)}"
        values = target.values
        known = values[np.isfinite(values)].astype(np.float64)
        picked = values[told.chosen].astype(np.float64)
        picked = picked[np.isfinite(picked)]
        charts.append(histogram(name, f"{target.name}", target.label, known, picked))
    return [Figure.of(chart) for chart in charts if chart is not None]


def _geometry(told: ScreeningPage) -> list[Figure]:
    first = told.targets[0]
    score = Quantity(first.name, first.label, first.values)
    charts = [
        against(
            f"score-against-{file_stem(one.name)}", f"{first.name} against {one.label}", one, score,
            told.chosen,
        )
        for one in told.geometry
    ]  # fmt: skip
    return [Figure.of(chart) for chart in charts if chart is not None]
