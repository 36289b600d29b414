"""The labels of a library as one HTML page that needs nothing beside itself.

Not covered: structures one by one; they are in `labels.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from screenkit.report import svg
from screenkit.report.page import again, card_row, document, outcomes, reasons, remark_list
from screenkit.report.words import duration, figure, number

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

    title: str
    counts: Mapping[str, int]
    """Structures by outcome."""
    codes: Mapping[str, int]
    """Structures by reason, those that are not `ok`."""
    henry: Sequence[HenrySpread]
    tolerance: float
    """Relative."""
    others: Sequence[Spread]
    """Labels of other kinds."""
    seconds: float
    structures_per_second: float
    recipe: str
    provenance: Mapping[str, str]
    remarks: Sequence[str] = ()


def label_page(told: LabelPage) -> str:
    """Return the page as HTML."""
    cards = [
        (number(sum(told.counts.values())), "structures"),
        (number(told.counts.get("ok", 0)), "labelled"),
        (duration(told.seconds), "this run"),
        (figure(told.structures_per_second), "structures per second"),
    ]
    body = [
        f"<header><h1>{escape(told.title)}</h1><p>Labels from physics: every number is computed "
        "from the structure, none is predicted by a model.</p></header>",
        card_row(cards),
        remark_list(told.remarks),
        outcomes(told.counts),
        *(_histogram(one) for one in told.henry),
        _accuracy(told.henry, told.tolerance),
        _quantiles([one.logs for one in told.henry] + list(told.others)),
        reasons(told.codes),
        again(told.provenance, told.recipe),
    ]
    return document(told.title, "".join(body))


def _histogram(one: HenrySpread) -> str:
    drawing = svg.histogram(one.logs.values, None, "log10 of the dimensionless Henry coefficient")
    if not drawing:
        return ""
    return f"<section><h2>{escape(one.title)}</h2>{drawing}</section>"


def _accuracy(henry: Sequence[HenrySpread], tolerance: float) -> str:
    """Return how far the numbers may be from those of a finer grid."""
    if not henry:
        return ""
    lines = "".join(
        f'<tr><td class="text">{escape(one.title)}</td><td>{number(len(one.errors.values))}</td>'
        + "".join(f"<td>{_percent(one.errors.quantile(q))}</td>" for q in (0.5, 0.95, 1.0))
        + f"<td>{number(one.missed)}</td></tr>"
        for one in henry
    )
    return (
        '<section><h2>Estimated error</h2><div class="wide"><table><thead><tr>'
        '<th class="text">gas</th><th>structures</th><th>median</th><th>95 % are below</th>'
        f"<th>largest</th><th>above {_percent(tolerance)}</th></tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
        "<p>Of the dimensionless coefficient, as the refinement of the grid shows it. Structures "
        "above the tolerance have the warning <code>tolerance_not_reached</code>.</p></section>"
    )


def _quantiles(spreads: Sequence[Spread]) -> str:
    heads = "".join(f"<th>{share:.0%}</th>" for share in _QUANTILES)
    lines = "".join(
        f'<tr><td class="text"><code>{escape(one.name)}</code></td>'
        f'<td class="text">{escape(one.unit)}</td><td>{number(len(one.values))}</td>'
        + "".join(f"<td>{figure(one.quantile(share))}</td>" for share in _QUANTILES)
        + "</tr>"
        for one in spreads
    )
    return (
        '<section><h2>Quantiles</h2><div class="wide"><table><thead><tr>'
        f'<th class="text">label</th><th class="text">unit</th><th>structures</th>{heads}</tr>'
        f"</thead><tbody>{lines}</tbody></table></div>"
        "<p>All labels of all structures are in <code>labels.csv</code>.</p></section>"
    )


def _percent(value: float) -> str:
    return f"{value * 100:.2g} %" if np.isfinite(value) else "–"
