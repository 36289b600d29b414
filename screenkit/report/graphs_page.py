"""The graphs of a library as one page.

Not covered: structures one by one; they are in `graphs.h5` and `failures.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from screenkit.report.against import Quantity, spreads
from screenkit.report.figures import side_by_side
from screenkit.report.funnel import Step, funnel
from screenkit.report.page import About, Page, Section, facts, reasons
from screenkit.report.words import number


@dataclass(frozen=True, eq=False)
class GraphsPage:
    """What the page tells."""

    about: About
    steps: Sequence[Step]
    codes: Mapping[str, int]
    """Structures by reason, those that are not `ok`."""
    held: Mapping[str, str]
    """What the graphs hold, by name."""
    geometry: Sequence[Quantity]
    """Of those that are `ok`."""
    size: int
    """Bytes."""


def graphs_page(told: GraphsPage) -> Page:
    """Return the page."""
    total = told.steps[0].left
    cards = [
        (number(total), "structures"),
        (number(told.steps[-1].left), "have a graph"),
        (f"{told.size / 1e6:.3g} MB", "on disk"),
        *told.about.pace(),
    ]
    way = funnel(told.steps)
    shapes = spreads(told.geometry)
    sections = [
        told.about.opening(cards),
        Section("From the library to the graphs", way.html + reasons(told.codes, total), "Kept"),
        Section("What a graph holds", facts(told.held), "Graphs"),
        Section(
            "What the structures are like", side_by_side(shapes), "Structures",
            "Those that have a graph.",
        ),
        *told.about.closing(),
    ]  # fmt: skip
    lead = "The graphs of a library, built once, for any number of trainings."
    return Page.of("featurization", told.about.title, lead, sections, [way, *shapes])
