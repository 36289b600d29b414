"""An explanation as one HTML page that needs nothing beside itself: maps, tables and structures.

Pictures stand in the page as data, in the style of `page.py`.

Not covered: structures that were not drawn; they are in the CIFs and in `atoms.h5`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from screenkit.report.page import again, card_row, document, remark_list
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

    title: str
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
    recipe: str
    provenance: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()


def explain_page(told: ExplainPage) -> str:
    """Return the page as HTML."""
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
    body = [
        f"<header><h1>{escape(told.title)}</h1><p>{escape(told.method)}</p></header>",
        card_row(cards),
        remark_list(told.remarks),
        f"<section><h2>By element</h2>{maps}</section>" if maps else "",
        *(_table(table) for table in told.tables),
        f'<section><h2>Structures, the best first</h2><div class="pictures">{drawn}</div></section>'
        if drawn
        else "",
        again(told.provenance, told.recipe),
    ]
    return document(told.title, "".join(body))


def _figure(drawing: Drawing, kind: str) -> str:
    data = base64.b64encode(drawing.png).decode()
    caption = escape(drawing.caption)
    return (
        f'<figure class="{kind}"><img alt="{caption}" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _table(table: Table) -> str:
    if not table.lines:
        return ""
    lines = "".join(_line(line) for line in table.lines[:_LINES])
    unit = f" ({escape(table.unit)})" if table.unit else ""
    kept = len(table.lines[:_LINES])
    return (
        f'<section><h2>{escape(table.title)}</h2><div class="wide"><table><thead><tr>'
        '<th class="text">atoms of</th><th>atoms</th><th>structures</th>'
        f"<th>mean weight{unit}</th><th>share of atoms</th><th>share of |weight|</th>"
        f"<th>enrichment</th></tr></thead><tbody>{lines}</tbody></table></div>"
        f"<p>The {kept} most frequent of {number(len(table.lines))}; all are in "
        f"<code>{escape(table.file)}</code>. Shares are means over structures.</p></section>"
    )


def _line(line: Line) -> str:
    return (
        f'<tr><td class="text">{escape(line.group)}</td><td>{number(line.atoms)}</td>'
        f"<td>{number(line.structures)}</td><td>{figure(line.mean)}</td>"
        f"<td>{line.atom_share:.1%}</td><td>{line.weight_share:.1%}</td>"
        f"<td><b>×{figure(line.enrichment)}</b></td></tr>"
    )
