"""The shortlist as a table that a reader sorts and filters, each structure with a drawing.

Not covered: how it is sorted (`script.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from screenkit.crystal.elements import SYMBOLS, atomic_number
from screenkit.report.element_colours import ELEMENT_COLOURS, hex_colour
from screenkit.report.page import broken
from screenkit.report.words import figure, flags, number
from screenkit.store.layout import OOD

_DISTANCE = "distance from the training set"
_LONG_NAME = 120  # characters; the rest is in the tooltip


@dataclass(frozen=True, slots=True)
class Portrait:
    """What a structure looks like."""

    formula: str
    """Of its cell, such as `C48 H28 O32 Zr6`."""
    elements: Sequence[str]
    drawing: str = ""
    """Inside of an SVG of 200 by 200; empty where it is not drawn."""
    weighted: bool = False
    """Its colours are weights, not elements."""


@dataclass(frozen=True, eq=False)
class Column:
    """A number of each structure, as the table shows it."""

    name: str
    """In the rows."""
    label: str
    """At the head, with its unit."""
    largest_first: bool = True


@dataclass(frozen=True, eq=False)
class ShortlistTable:
    """What the table tells."""

    rows: Sequence[Mapping[str, Any]]
    """As `Ranking.rows`; with `NAME_low` and `NAME_high` of the first column where known, `ood` and
    `ood_distance`."""
    columns: Sequence[Column]
    """The one that ranks first."""
    portraits: Mapping[str, Portrait]
    """By name of a structure."""


def shortlist_table(told: ShortlistTable) -> str:
    """Return the table as HTML."""
    if not told.rows:
        return ""
    drawn = any(portrait.drawing for portrait in told.portraits.values())
    scale = _Scale.of(told)
    odd = "ood" in told.rows[0]
    warned = any(_warnings(row) for row in told.rows)
    heads = [
        "<th></th>" if drawn else "",
        '<th data-sort="u">rank</th><th class="text" data-sort="u">structure</th>',
        *(
            f'<th data-sort="{"d" if column.largest_first else "u"}">{broken(column.label)}</th>'
            for column in told.columns
        ),
        f'<th data-sort="u">{_DISTANCE}</th>' if odd else "",
        '<th data-sort="u">atoms</th><th data-sort="u">density (g/cm³)</th>',
        '<th class="text">warnings</th>' if warned else "",
    ]
    has = _Has(drawn, odd, warned)
    lines = [_row(row, told, scale, has) for row in told.rows]
    return (
        '<div class="sortable short"><div class="wide"><table><thead><tr>'
        f"{''.join(heads)}</tr></thead><tbody>{''.join(lines)}</tbody></table></div></div>"
        f"{_chips(told)}"
    )


@dataclass(frozen=True, slots=True)
class _Has:
    """Which columns there are beside those that always are."""

    drawings: bool
    odd: bool
    warnings: bool


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where numbers stand in the bars of the first column."""

    low: float
    high: float
    intervals: bool

    @classmethod
    def of(cls, told: ShortlistTable) -> _Scale:
        name = told.columns[0].name
        values = [row[name] for row in told.rows]
        ends = [row.get(f"{name}{end}", math.nan) for row in told.rows for end in ("_low", "_high")]
        known = [end for end in ends if math.isfinite(end)]
        if known:
            low, high = min([*known, *values]), max([*known, *values])
        else:
            low, high = 0.0, max(map(abs, values))
        return cls(low, high if high > low else low + 1.0, bool(known))

    def share(self, value: float) -> float:
        """Return a place in percent."""
        return float(np.clip((value - self.low) / (self.high - self.low), 0, 1)) * 100


def _row(row: Mapping[str, Any], told: ShortlistTable, scale: _Scale, has: _Has) -> str:
    name = str(row["name"])
    short = name if len(name) <= _LONG_NAME else name[: _LONG_NAME - 1] + "…"
    portrait = told.portraits.get(name, Portrait("", ()))
    picture = ""
    if portrait.drawing:
        picture = (
            f'<svg class="mini" viewBox="0 0 200 200" aria-label="{escape(short)}">'
            f"{portrait.drawing}</svg>"
        )
    formula = f"<small>{escape(portrait.formula)}</small>" if portrait.formula else ""
    first, *others = told.columns
    cells = [
        f'<td class="draw">{picture}</td>' if has.drawings else "",
        f'<td data-head="rank" data-v="{row["rank"]}">{row["rank"]}</td>',
        f'<td class="name" title="{escape(name)}"><b><bdi>{escape(short)}</bdi></b>{formula}</td>',
        f'<td data-head="{escape(first.label)}" data-v="{_exact(row[first.name])}">'
        f"<b>{figure(row[first.name])}</b>{_bar(row, first.name, scale)}</td>",
        *(
            f'<td data-head="{escape(column.label)}" data-v="{_exact(row[column.name])}">'
            f"{figure(row[column.name])}</td>"
            for column in others
        ),
        _odd(row) if has.odd else "",
        f'<td data-head="atoms" data-v="{row["n_atoms"]}">{number(row["n_atoms"])}</td>',
        f'<td data-head="density (g/cm³)" data-v="{_exact(row["density_g_cm3"])}">'
        f"{figure(row['density_g_cm3'])}</td>",
        f'<td class="odd">{escape(_warnings(row))}</td>' if has.warnings else "",
    ]
    words = escape(" ".join(portrait.elements))
    return f'<tr data-words="{words}">{"".join(cells)}</tr>'


def _bar(row: Mapping[str, Any], name: str, scale: _Scale) -> str:
    """Return the interval of a prediction, or how large it is beside the others."""
    value = scale.share(row[name])
    low, high = (row.get(f"{name}{end}", math.nan) for end in ("_low", "_high"))
    if not scale.intervals:
        return f'<span class="fill"><i style="width:{scale.share(abs(row[name])):.1f}%"></i></span>'
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    start, stop = scale.share(low), scale.share(high)
    said = f"{figure(low)} to {figure(high)}"
    return (
        f'<span class="range"><i style="left:{start:.1f}%;width:{stop - start:.1f}%"></i>'
        f'<b style="left:{value:.1f}%"></b></span><small>{said}</small>'
    )


def _odd(row: Mapping[str, Any]) -> str:
    distance = float(row.get("ood_distance", math.nan))
    mark = '<span class="badge">out of domain</span> ' if row["ood"] == 1 else ""
    return f'<td data-head="{_DISTANCE}" data-v="{_exact(distance)}">{mark}{distance:.2f}</td>'


def _warnings(row: Mapping[str, Any]) -> str:
    """Return what is odd about a structure beside its distance, which has a column."""
    return flags({key: value for key, value in row.items() if key != OOD})


def _chips(told: ShortlistTable) -> str:
    """Return which colour is which element, of those that are drawn."""
    portraits = [p for p in told.portraits.values() if p.drawing]
    plain = [p for p in portraits if not p.weighted]
    parts = []
    symbols = {symbol for portrait in plain for symbol in portrait.elements}
    for symbol in sorted(symbols, key=SYMBOLS.index):
        colour = hex_colour(ELEMENT_COLOURS[atomic_number(symbol) or 0])
        parts.append(f'<span><i style="background:{colour}"></i>{symbol}</span>')
    if len(plain) < len(portraits):
        parts.append("<span>Where no element's colour: weights of the atoms, see explain</span>")
    return f'<div class="chips">{"".join(parts)}</div>' if parts else ""


def _exact(value: float) -> str:
    return f"{value:.9g}" if math.isfinite(value) else ""
