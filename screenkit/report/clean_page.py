"""A cleaning as one page.

Not covered: structures one by one; they are in `clean.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from screenkit.report.against import Quantity, against, spreads
from screenkit.report.figures import Figure, side_by_side
from screenkit.report.funnel import Step, funnel
from screenkit.report.page import About, Page, Section, file_stem, reasons, table
from screenkit.report.words import number


@dataclass(frozen=True, eq=False)
class CleanPage:
    """What the page tells."""

    about: About
    steps: Sequence[Step]
    codes: Mapping[str, int]
    """Structures by reason, those that are not `ok`."""
    flagged: Mapping[str, int]
    """Structures that are `ok`, by warning."""
    duplicates: int
    geometry: Sequence[Quantity]
    """Of those that are `ok`."""
    pairs: Sequence[tuple[Quantity, Quantity]]
    """What is drawn against what: across, up."""


def clean_page(told: CleanPage) -> Page:
    """Return the page."""
    total = told.steps[0].left
    cards = [
        (number(total), "structures"),
        (number(told.steps[-1].left), "kept"),
        (number(told.duplicates), "equal an earlier one"),
        *told.about.pace(),
    ]
    way = funnel(told.steps)
    pairs = [
        against(
            f"{file_stem(y.name)}-against-{file_stem(x.name)}", f"{y.name} against {x.name}", x, y
        )
        for x, y in told.pairs
    ]  # fmt: skip
    shapes = spreads(told.geometry)
    shown = [Figure.of(chart) for chart in pairs if chart is not None]
    sections = [
        told.about.opening(cards),
        Section("From the library to what is kept", way.html + reasons(told.codes, total), "Kept"),
        Section("What was odd but accepted", _flagged(told.flagged), "Warnings"),
        Section(
            "What the structures are like", side_by_side(shapes + shown), "Structures",
            "Those that pass the checks.",
        ),
        *told.about.closing(),
    ]  # fmt: skip
    lead = "Which structures of the library are worth computing with, and which are there twice."
    return Page.of("cleaning", told.about.title, lead, sections, [way, *shapes, *shown])


def _flagged(flagged: Mapping[str, int]) -> str:
    if not flagged:
        return ""
    order = sorted(flagged.items(), key=lambda item: (-item[1], item[0]))
    rows = [[f"<code>{escape(word)}</code>", number(count)] for word, count in order]
    return table(["warning", "structures"], rows)
