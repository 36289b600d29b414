"""One screening as one HTML page that needs nothing beside itself.

Styles and drawings stand in the page; no script, no font, no address outside. Every text that
comes from a file is escaped. The page opens from a disk, in a mail, in ten years.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from screenkit.ranking.ranking import Ranking
from screenkit.report import svg
from screenkit.report.style import STYLE
from screenkit.report.words import duration, figure, flags, number
from screenkit.store.publish import replace_text

_SHOWN = 25
_LONG_NAME = 120  # characters; the rest is in the tooltip


@dataclass(frozen=True, eq=False)
class Study:
    """What the page tells."""

    title: str
    ranking: Ranking
    shortlist: Ranking
    counts: Mapping[str, int]
    """Structures by outcome: `ok`, `filtered`, `failed`."""
    codes: Mapping[str, int]
    """Structures by reason, those that are not `ok`."""
    seconds: float
    """Wall time of the run that ended with this page."""
    structures_per_second: float
    """Rate of that run, over what it did itself; NaN where it did nothing."""
    recipe: str
    """The recipe as used, in YAML."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """What one needs to do it again: command, versions, hashes. In the order shown."""
    remarks: Sequence[str] = ()
    """What a reader must know before believing the numbers."""


def write_page(study: Study, path: Path) -> None:
    """Write the page. It appears whole or not at all.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    replace_text(path, [page(study)])


def page(study: Study) -> str:
    """Return the page as HTML."""
    body = "".join(
        [
            _head(study),
            remark_list(study.remarks),
            outcomes(study.counts),
            _distribution(study),
            _best(study),
            reasons(study.codes),
            again(study.provenance, study.recipe),
        ]
    )
    return document(study.title, body)


def document(title: str, body: str) -> str:
    """Return a page of our style that asks nothing of the network; pictures stand in it as data.

    Args:
        title: plain text.
        body: HTML.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _head(study: Study) -> str:
    ranking = study.ranking
    direction = "largest first" if ranking.better == "max" else "smallest first"
    cards = [
        (number(sum(study.counts.values())), "structures"),
        (number(len(ranking)), "ranked"),
        (number(len(study.shortlist)), "on the shortlist"),
        (duration(study.seconds), "this run"),
        (number(study.structures_per_second), "structures per second"),
    ]
    rules = ", then ".join(study.shortlist.rules)
    rule = f" Shortlist: {escape(rules)}." if rules else ""
    return (
        f"<header><h1>{escape(study.title)}</h1>"
        f"<p>Ranked by <b>{escape(_label(ranking, ranking.target))}</b>, {direction}.{rule}</p>"
        f"</header>{card_row(cards)}"
    )


def remark_list(remarks: Sequence[str]) -> str:
    """Return what a reader must know first, as HTML."""
    if not remarks:
        return ""
    items = "".join(f"<li>{escape(remark)}</li>" for remark in remarks)
    return f'<section class="remarks"><ul>{items}</ul></section>'


def card_row(cards: Sequence[tuple[str, str]]) -> str:
    """Return numbers and what they count, side by side, as HTML."""
    shown = "".join(f"<div><b>{value}</b><span>{label}</span></div>" for value, label in cards)
    return f'<section class="cards">{shown}</section>'


def outcomes(counts: Mapping[str, int]) -> str:
    """Return the structures by outcome as HTML, a part of a bar for each."""
    counts = {name: counts.get(name, 0) for name in ("ok", "filtered", "failed")}
    legend = "".join(
        f'<span><i class="{name}"></i>{number(count)} {name}</span>'
        for name, count in counts.items()
    )
    return (
        "<section><h2>Every structure has one outcome</h2>"
        f'{svg.outcome_bar(counts)}<p class="legend">{legend}</p></section>'
    )


def _distribution(study: Study) -> str:
    ranking, target = study.ranking, study.ranking.target
    if not len(ranking):
        return "<section><h2>Nothing could be ranked</h2></section>"
    drawing = svg.histogram(
        ranking.values(target), study.shortlist.values(target), _label(ranking, target)
    )
    return (
        f"<section><h2>Predicted {escape(target)}</h2>{drawing}"
        '<p class="legend"><span><i class="all"></i>ranked</span>'
        '<span><i class="chosen"></i>on the shortlist</span></p></section>'
    )


def _best(study: Study) -> str:
    shortlist = study.shortlist
    rows = shortlist.rows(0, _SHOWN)
    if not rows:
        return "<section><h2>The shortlist is empty</h2></section>"
    names = [shortlist.target, *(n for n in shortlist.target_names if n != shortlist.target)]
    heads = "".join(f"<th>{_broken(_label(shortlist, name))}</th>" for name in names)
    best = max(abs(row[shortlist.target]) for row in rows) or 1.0
    lines = "".join(_row(row, names, best) for row in rows)
    return (
        f"<section><h2>The best {len(rows)} of {number(len(shortlist))} on the shortlist</h2>"
        '<div class="wide"><table><thead><tr><th>rank</th><th class="text">name</th>'
        f'{heads}<th>atoms</th><th>g/cm³</th><th class="text">flags</th></tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
        "<p>All of them are in <code>shortlist.csv</code>; every ranked structure is in "
        "<code>ranking.csv</code>.</p></section>"
    )


def _row(row: Mapping[str, Any], names: Sequence[str], best: float) -> str:
    name = str(row["name"])
    short = name if len(name) <= _LONG_NAME else name[: _LONG_NAME - 1] + "…"
    share = min(abs(row[names[0]]) / best, 1.0) * 100
    values = "".join(f"<td>{figure(row[name])}</td>" for name in names[1:])
    return (
        f'<tr><td>{row["rank"]}</td><td class="name" title="{escape(name)}">{escape(short)}</td>'
        f'<td class="main"><span style="width:{share:.1f}%"></span>'
        f"<b>{figure(row[names[0]])}</b></td>"
        f"{values}<td>{number(row['n_atoms'])}</td><td>{figure(row['density_g_cm3'])}</td>"
        f'<td class="text flags">{escape(flags(row))}</td></tr>'
    )


def reasons(codes: Mapping[str, int]) -> str:
    """Return the structures that are not `ok` by reason as HTML; nothing where there are none."""
    if not codes:
        return ""
    most = max(codes.values())
    lines = "".join(
        f'<tr><td class="text"><code>{escape(code)}</code></td><td>{number(count)}</td>'
        f'<td class="main reason"><span style="width:{count / most * 100:.1f}%"></span></td></tr>'
        for code, count in sorted(codes.items(), key=lambda item: (-item[1], item[0]))
    )
    return (
        "<section><h2>Why structures were left out</h2>"
        f'<table class="reasons"><tbody>{lines}</tbody></table>'
        "<p>Each of them, with what was found, is in <code>failures.csv</code>.</p></section>"
    )


def again(provenance: Mapping[str, str], recipe: str) -> str:
    """Return what one needs to do a run again, as HTML."""
    lines = "".join(
        f'<tr><th class="text">{escape(key)}</th><td class="text"><code>{escape(value)}</code></td>'
        "</tr>"
        for key, value in provenance.items()
    )
    return (
        "<section><h2>To do it again</h2>"
        f'<table class="facts"><tbody>{lines}</tbody></table>'
        "<details><summary>The recipe as used</summary>"
        f"<pre>{escape(recipe)}</pre></details></section>"
    )


def _label(ranking: Ranking, name: str) -> str:
    unit = next((str(t["unit"]) for t in ranking.store.targets if t["name"] == name), "")
    return f"{name} ({unit})" if unit else name


def _broken(label: str) -> str:
    """Return a label that may be broken after each underscore."""
    return escape(label).replace("_", "_<wbr>")
