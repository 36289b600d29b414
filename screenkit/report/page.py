"""What all pages share: the skeleton, and the blocks that they are built of.

A page needs nothing beside itself: style, script, drawings and pictures stand in it, and it asks
nothing of any network, which its policy forbids. Every text that comes from a file is escaped. It
opens from a disk, in a mail, in ten years; without its script it only does not sort.

Not covered: what is in which page (`screening_page.py`, `label_page.py`, ...).
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from screenkit.report.figures import Figure, write_figures
from screenkit.report.script import SCRIPT
from screenkit.report.style import STYLE
from screenkit.report.words import duration, figure, number
from screenkit.store.publish import replace_text

PAGE = "report.html"
"""Name of the page in the folder of a run."""
_HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{_HASH}'; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page under a heading."""

    title: str
    body: str
    """As HTML; a section without any is left out."""
    short: str = ""
    """What it is called at the top of the page; the title where not said."""
    note: str = ""
    """A sentence below the heading."""


@dataclass(frozen=True, eq=False)
class Page:
    """One page and its figures."""

    html: str
    figures: Sequence[Figure] = ()

    @classmethod
    def of(
        cls,
        kind: str,
        title: str,
        lead: str,
        sections: Sequence[Section],
        figures: Sequence[Figure],
    ) -> Page:
        """Return a page.

        Args:
            kind: a word or two above the title.
            title: plain text.
            lead: a sentence below it, as HTML.
            sections: in order.
            figures: all that stand in them.
        """
        kept = [section for section in sections if section.body]
        links = "".join(
            f'<a href="#s{i}">{escape(section.short or section.title)}</a>'
            for i, section in enumerate(kept)
            if section.title
        )
        head = (
            f'<header><p class="kind">{escape(kind)}</p><h1>{escape(title)}</h1>'
            f'<p class="lead">{lead}</p></header>'
        )
        body = "".join(_section(section, i) for i, section in enumerate(kept))
        # The cards come before the links, which lead below them.
        first, rest = ("", body) if kept and kept[0].title else (_section(kept[0], 0), "")
        if first:
            rest = "".join(_section(section, i) for i, section in enumerate(kept) if i)
        return cls(document(title, f"{head}{first}<nav>{links}</nav>{rest}"), figures)

    def write(self, run: Path) -> None:
        """Write the page, and then its figures, into the folder of a run.

        Raises:
            StorageError: the disk is full, or a file cannot be written.
        """
        replace_text(run / PAGE, self.html)
        write_figures(self.figures, run)


def _section(section: Section, place: int) -> str:
    head = f"<h2>{escape(section.title)}</h2>" if section.title else ""
    note = f"<p>{escape(section.note)}</p>" if section.note else ""
    return f'<section id="s{place}">{head}{note}{section.body}</section>'


@dataclass(frozen=True, eq=False)
class About:
    """What every page says of its run."""

    title: str
    recipe: str = ""
    """As used, in YAML."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """What one needs to do it again, in the order shown."""
    remarks: Sequence[str] = ()
    """What a reader must know first."""
    cost: Mapping[str, str] = field(default_factory=dict)
    seconds: float = math.nan
    """Wall time of the last run."""
    rate: float = math.nan
    """Structures per second; NaN where it did nothing itself."""

    def pace(self) -> list[tuple[str, str]]:
        """Return cards of how long it took."""
        rate = number(self.rate) if self.rate >= 100 else figure(self.rate)
        return [(duration(self.seconds), "this run"), (rate, "structures per second")]

    def opening(self, cards: Sequence[tuple[str, str]], doubts: Sequence[str] = ()) -> Section:
        """Return the first section: figures at a glance, and what a reader must know first."""
        return Section("", card_row(cards) + remark_list([*self.remarks, *doubts]))

    def closing(self) -> tuple[Section, Section]:
        """Return the last sections: what it has cost, and how to do it again."""
        shown = (
            f"<details><summary>The recipe as used</summary><pre>{escape(self.recipe)}</pre>"
            "</details>"
            if self.recipe
            else ""
        )
        again = Section("To do it again", facts(self.provenance) + shown, "Provenance")
        return Section("Cost", facts(self.cost)), again


def document(title: str, body: str) -> str:
    """Return a page of our style that asks nothing of the network; pictures stand in it as data.

    Args:
        title: plain text.
        body: HTML.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="referrer" content="no-referrer">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{body}</main><script>{SCRIPT}</script></body></html>\n"
    )


def card_row(cards: Sequence[tuple[str, str]]) -> str:
    """Return numbers and what they count, side by side, as HTML."""
    shown = "".join(f"<div><b>{value}</b><span>{label}</span></div>" for value, label in cards)
    return f'<div class="cards">{shown}</div>'


def remark_list(remarks: Sequence[str]) -> str:
    """Return what a reader must know first, as HTML."""
    if not remarks:
        return ""
    items = "".join(f"<li>{escape(remark)}</li>" for remark in remarks)
    return f'<div class="remarks"><ul>{items}</ul></div>'


def reasons(codes: Mapping[str, int], total: int) -> str:
    """Return the structures that are not `ok` by reason as HTML; nothing where there are none.

    Args:
        codes: structures by reason.
        total: structures of the library.
    """
    if not codes:
        return ""
    most = max(codes.values())
    lines = "".join(
        f'<tr><td class="text"><code>{escape(code)}</code></td><td>{number(count)}</td>'
        f"<td>{count / max(total, 1):.1%}</td>"
        f'<td class="reason"><span style="width:{count / most * 100:.1f}%"></span></td></tr>'
        for code, count in sorted(codes.items(), key=lambda item: (-item[1], item[0]))
    )
    return (
        '<h3>Why structures were left out</h3><table class="reasons"><tbody>'
        f"{lines}</tbody></table><p>Each of them, with what was found, is in "
        "<code>failures.csv</code>.</p>"
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    """Return a table as HTML.

    Args:
        heads: plain texts.
        rows: cells, as HTML.
        texts: how many columns at the left hold texts.
    """
    kind = ['class="text"' if i < texts else "" for i in range(len(heads))]
    head = "".join(f"<th {k}>{escape(h)}</th>" for k, h in zip(kind, heads, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f"<td {k}>{cell}</td>" for k, cell in zip(kind, row, strict=True))
        + "</tr>"
        for row in rows
    )
    inside = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="wide"><table>{inside}</table></div>'


def facts(pairs: Mapping[str, str]) -> str:
    """Return names and texts as a table in HTML; those without a text are left out, and so is a
    table of none.
    """
    lines = "".join(
        f'<tr><th class="text">{escape(key)}</th><td class="text"><code>{escape(value)}</code></td>'
        "</tr>"
        for key, value in pairs.items()
        if value
    )
    return f'<table class="facts"><tbody>{lines}</tbody></table>' if lines else ""


def file_stem(name: str) -> str:
    """Return a name as a part of that of a file: letters, digits, `.`, `_` and `-`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:80] or "x"


def broken(label: str) -> str:
    """Return a label as HTML that may be broken after each underscore."""
    return escape(label).replace("_", "_<wbr>")
