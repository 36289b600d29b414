"""What simulations found, as one page: loadings with error bars, predictions beside them.

Not covered: the outputs of an engine themselves; they lie in the folders of the decks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from screenkit.report.chart import Axis, Chart, Layer, Line, Points, span
from screenkit.report.figures import Figure, side_by_side
from screenkit.report.funnel import Step, funnel
from screenkit.report.page import About, Page, Section, file_stem, table
from screenkit.report.words import duration, figure, number

_LISTED = 500
_ISOTHERMS = 12  # structures in one chart of isotherms


@dataclass(frozen=True, slots=True)
class Result:
    """One simulation; numbers are NaN where there are none."""

    name: str
    gas: str
    temperature: float
    """K."""
    pressure: float
    """Pa."""
    outcome: str
    """`ok`, `doubtful` or `failed`."""
    code: str
    message: str
    loading: float
    """mol/kg."""
    loading_error: float
    heat: float
    """kJ/mol."""
    heat_error: float
    predicted: float
    """mol/kg."""
    seconds: float

    @property
    def state(self) -> str:
        """Such as `CO2, 298 K, 0.15 bar`."""
        return f"{self.gas}, {self.temperature:g} K, {self.pressure / 1e5:g} bar"


@dataclass(frozen=True, eq=False)
class GcmcPage:
    """What the page tells."""

    about: About
    results: Sequence[Result]


def gcmc_page(told: GcmcPage) -> Page:
    """Return the page."""
    counts = dict.fromkeys(("ok", "doubtful", "failed"), 0)
    for one in told.results:
        counts[one.outcome] = counts.get(one.outcome, 0) + 1
    total, run = len(told.results), counts["ok"] + counts["doubtful"]
    seconds = sum(one.seconds for one in told.results if math.isfinite(one.seconds))
    cards = [
        (number(total), "simulations"),
        (number(counts["ok"]), "to be believed"),
        (number(counts["doubtful"]), "doubtful"),
        (number(counts["failed"]), "not run, or failed"),
        (duration(seconds), "of one core"),
    ]
    steps = [
        Step("prepared", total),
        Step("have a result", run, f"{number(total - run)} not run, or failed"),
        Step("to be believed", counts["ok"], f"{number(counts['doubtful'])} doubtful"),
    ]
    way = funnel(steps, "simulations")
    compared = _figures(_compared(told.results))
    isotherms = _figures(_isotherms(told.results))
    sections = [
        told.about.opening(cards),
        Section("From decks to loadings", way.html + _codes(told.results), "Funnel"),
        Section("Prediction and simulation", side_by_side(compared), "Predictions"),
        Section("Loadings", _table(told.results), "Loadings", "Absolute, with error bars."),
        Section("Isotherms", side_by_side(isotherms)),
        *told.about.closing(),
    ]
    lead = "Grand-canonical Monte Carlo: what each simulation found, and what of it is believed."
    return Page.of("simulations", told.about.title, lead, sections, [way, *compared, *isotherms])


def _figures(charts: Sequence[Chart]) -> list[Figure]:
    return [Figure.of(chart) for chart in charts]


def _states(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Return those that are believed by state point."""
    states: dict[str, list[Result]] = {}
    for one in results:
        if one.outcome == "ok" and math.isfinite(one.loading):
            states.setdefault(one.state, []).append(one)
    return states


def _compared(results: Sequence[Result]) -> list[Chart]:
    drawn = []
    for state, all_of in _states(results).items():
        some = [one for one in all_of if math.isfinite(one.predicted)]
        if not some:
            continue
        x = np.array([one.predicted for one in some])
        y, low, high = _bars(some)
        ends = span(x, low, high)
        drawn.append(
            Chart(
                f"simulated-against-predicted-{file_stem(state)}", state,
                f"{len(some)} structures whose simulation is believed. On the dashed line "
                "prediction and simulation agree; bars: 95 % of the simulation's own error.",
                Axis("predicted (mol/kg)", *ends), Axis("simulated (mol/kg)", *ends),
                [
                    Line(np.array(ends), np.array(ends)),
                    Points(x, y, "good", [one.name for one in some], low, high),
                ],
                {
                    "name": [one.name for one in some], "predicted_mol_kg": x,
                    "simulated_mol_kg": y, "low": low, "high": high,
                },
                square=True,
            )
        )  # fmt: skip
    return drawn


def _isotherms(results: Sequence[Result]) -> list[Chart]:
    """Return loading against pressure for each gas and temperature with several pressures."""
    groups: dict[tuple[str, float], dict[str, list[Result]]] = {}
    for one in results:
        if one.outcome == "ok" and math.isfinite(one.loading):
            by_name = groups.setdefault((one.gas, one.temperature), {})
            by_name.setdefault(one.name, []).append(one)
    drawn = []
    for (gas, temperature), by_name in groups.items():
        lines = {n: sorted(r, key=lambda one: one.pressure) for n, r in by_name.items()}
        lines = {n: r for n, r in lines.items() if len(r) > 1}
        if not lines:
            continue
        layers: list[Layer] = []
        for name, some in list(lines.items())[:_ISOTHERMS]:
            x = np.log10([one.pressure / 1e5 for one in some])
            y, low, high = _bars(some)
            layers += [Line(x, y, "all"), Points(x, y, "good", [name] * len(some), low, high)]
        every = [one for some in lines.values() for one in some]
        y, low, high = _bars(every)
        first = f"; the first {_ISOTHERMS} are drawn" if len(lines) > _ISOTHERMS else ""
        drawn.append(
            Chart(
                f"isotherms-{file_stem(gas)}-{temperature:g}K", f"{gas}, {temperature:g} K",
                f"Loading against pressure of {len(lines)} structures{first}. A pointer on a dot "
                "names its structure.",
                Axis("log10 of the pressure in bar", *span(
                    np.log10([one.pressure / 1e5 for one in every])
                )),
                Axis("loading (mol/kg)", *span(low, high, zero=True)), layers,
                {
                    "name": [one.name for one in every],
                    "pressure_Pa": np.array([one.pressure for one in every]),
                    "loading_mol_kg": y, "low": low, "high": high,
                },
            )
        )  # fmt: skip
    return drawn


def _bars(some: Sequence[Result]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return loadings and both ends of their error bars."""
    loading = np.array([one.loading for one in some])
    error = np.nan_to_num(np.array([one.loading_error for one in some]))
    return loading, loading - error, loading + error


def _codes(results: Sequence[Result]) -> str:
    counts: dict[tuple[str, str], int] = {}
    for one in results:
        if one.outcome != "ok":
            counts[one.outcome, one.code] = counts.get((one.outcome, one.code), 0) + 1
    if not counts:
        return ""
    rows = [
        [f"<code>{escape(code)}</code>", escape(outcome), number(count)]
        for (outcome, code), count in sorted(counts.items(), key=lambda item: -item[1])
    ]
    return "<h3>Why they are not believed</h3>" + table(["code", "outcome", "number"], rows, 2)


def _table(results: Sequence[Result]) -> str:
    heads = (
        '<th class="text" data-sort="u">structure</th><th class="text" data-sort="u">state</th>'
        '<th data-sort="d">loading (mol/kg)</th><th data-sort="d">predicted (mol/kg)</th>'
        '<th data-sort="d">heat (kJ/mol)</th><th class="text" data-sort="u">outcome</th>'
    )
    lines = "".join(_line(one) for one in results[:_LISTED])
    more = ""
    if len(results) > _LISTED:
        more = f"<p>The first {_LISTED} of {number(len(results))}.</p>"
    return (
        f'{more}<div class="sortable short"><div class="wide"><table><thead><tr>{heads}</tr>'
        f"</thead><tbody>{lines}</tbody></table></div></div>"
        "<p>All of them are in <code>results.csv</code>.</p>"
    )


def _line(one: Result) -> str:
    mark = escape(one.outcome)
    if one.outcome != "ok":
        mark = f'<span class="badge">{mark}</span> {escape(one.message or one.code)}'
    return (
        f'<tr data-words=""><td class="name" title="{escape(one.name)}">'
        f"<b><bdi>{escape(one.name[:120])}</bdi></b></td>"
        f'<td class="text" data-head="at">{escape(one.state)}</td>'
        f'<td data-head="loading (mol/kg)" data-v="{_exact(one.loading)}">'
        f"{_with(one.loading, one.loading_error)}</td>"
        f'<td data-head="predicted (mol/kg)" data-v="{_exact(one.predicted)}">'
        f"{figure(one.predicted)}</td>"
        f'<td data-head="heat (kJ/mol)" data-v="{_exact(one.heat)}">'
        f'{_with(one.heat, one.heat_error)}</td><td class="odd">{mark}</td></tr>'
    )


def _with(value: float, error: float) -> str:
    return figure(value) + (f" ± {error:.2g}" if math.isfinite(error) else "")


def _exact(value: float) -> str:
    return f"{value:.9g}" if math.isfinite(value) else ""
