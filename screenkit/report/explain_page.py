"""An explanation as one page: maps, tables and structures. Pictures stand in the page as data.

Not covered: structures that were not drawn; they are in the CIFs and in `atoms.h5`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from screenkit.report.page import About, Page, Section, table
from screenkit.report.words import figure, number

_LINES = 20


@dataclass(frozen=True, eq=False)
class Line:
    """One group of atoms in a table."""

    group: str
    """Element or environment."""
    atoms: int
    structures: int
    mean: float
    """Mean weight, in the unit of the table."""
    weight_share: float
    atom_share: float
    enrichment: float


@dataclass(frozen=True, eq=False)
class Table:
    """Groups of atoms and how much they weigh."""

    title: str
    kind: str
    """Of the groups, in a word."""
    unit: str
    lines: Sequence[Line]
    file: str
    """Where all of them stand."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """A picture and its caption."""

    png: bytes
    caption: str


@dataclass(frozen=True, eq=False)
class ExplainPage:
    """What the page tells."""

    about: About
    method: str
    """What the weights are, in sentences."""
    structures: int
    atoms: int
    targets: Sequence[str]
    maps: Sequence[Drawing]
    """Periodic tables of the target that ranks."""
    other_maps: Sequence[Drawing]
    """Of the other targets."""
    tables: Sequence[Table]
    structures_drawn: Sequence[Drawing]
    counts: Mapping[str, int]
    """Structures by outcome."""


def explain_page(told: ExplainPage) -> Page:
    """Return the page."""
    others = sum(told.counts.values()) - told.counts.get("ok", 0)
    cards = [
        (number(told.structures), "structures explained"),
        (number(told.atoms), "atoms"),
        (number(len(told.targets)), "targets" if len(told.targets) > 1 else "target"),
        (number(others), "not ok; see failures.csv"),
    ]
    maps = "".join(_figure(drawing, "map") for drawing in told.maps)
    if told.other_maps:
        more = "".join(_figure(drawing, "map") for drawing in told.other_maps)
        maps += f"<details><summary>The other targets</summary>{more}</details>"
    drawn = "".join(_figure(drawing, "") for drawing in told.structures_drawn)
    sections = [
        told.about.opening(cards),
        Section(
            "Structures, the best first",
            f'<div class="figures">{drawn}</div>',
            "Structures",
            "As PNG and SVG, and more of them, in pictures/.",
        )
        if drawn
        else Section("", ""),
        Section("By element", maps, "Elements"),
        *(Section(one.title, _table(one), one.kind) for one in told.tables),
        *told.about.closing(),
    ]
    return Page.of("explanation", told.about.title, escape(told.method), sections, ())


def _figure(drawing: Drawing, kind: str) -> str:
    data = base64.b64encode(drawing.png).decode()
    caption = escape(drawing.caption)
    return (
        f'<figure class="{kind}"><img alt="{caption}" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _table(told: Table) -> str:
    if not told.lines:
        return ""
    unit = f" ({told.unit})" if told.unit else ""
    heads = ["atoms of", "atoms", "structures", f"mean weight{unit}", "share of atoms"]
    kept = told.lines[:_LINES]
    return table([*heads, "share of |weight|", "enrichment"], [_line(line) for line in kept]) + (
        f"<p>The {len(kept)} most frequent of {number(len(told.lines))}; all are in "
        f"<code>{escape(told.file)}</code>. Shares are means over structures.</p>"
    )


def _line(line: Line) -> list[str]:
    return [
        escape(line.group),
        number(line.atoms),
        number(line.structures),
        figure(line.mean),
        f"{line.atom_share:.1%}",
        f"{line.weight_share:.1%}",
        f"<b>×{figure(line.enrichment)}</b>",
    ]
