"""A campaign as one page: what each round asked, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from screenkit.report.chart import Axis, Chart, Line, Points, span
from screenkit.report.figures import Figure, side_by_side
from screenkit.report.page import About, Page, Section, table
from screenkit.report.words import figure, number


@dataclass(frozen=True, slots=True)
class RoundTold:
    """One round; numbers are NaN where there are none."""

    number: int
    rule: str
    asked: int
    outcomes: Mapping[str, int]
    known: int
    best: float
    mae: float
    spearman: float
    note: str


@dataclass(frozen=True, eq=False)
class CampaignPage:
    """What the page tells."""

    about: About
    target: str
    unit: str
    lead: str
    structures: int
    asked: int
    rounds: Sequence[RoundTold]
    best: Sequence[Mapping[str, object]]
    """`name`, `value`, `error`, `round`; the best first."""


def campaign_page(told: CampaignPage) -> Page:
    """Return the page."""
    unit = f" ({told.unit})" if told.unit else ""
    values = [one.best for one in told.rounds if np.isfinite(one.best)]
    cards = [
        (number(told.structures), "structures"),
        (number(len([one for one in told.rounds if one.asked])), "rounds"),
        (number(told.asked), "asked about"),
        (figure(values[-1]) if values else "–", escape(f"best found{unit}")),
    ]
    figures = [Figure.of(chart) for chart in _charts(told, unit)]
    sections = [
        told.about.opening(cards),
        Section("Round by round", side_by_side(figures) + _rounds(told, unit), "Rounds"),
        Section(
            "The best that were found", _best(told, unit), "Best",
            "Simulated or looked up, not predicted.",
        ),
        *told.about.closing(),
    ]  # fmt: skip
    return Page.of("campaign", told.about.title, escape(told.lead), sections, figures)


def _charts(told: CampaignPage, unit: str) -> list[Chart]:
    rounds = np.array([one.number for one in told.rounds], float)
    shown = (
        ("best", f"best {told.target}{unit}", "The best found so far", "The best that is known at "
         "the end of each round."),
        ("mae", f"mean abs. error{unit}", "Error of the predictions", "Of what each round asked "
         "about, by the model that chose it."),
        ("spearman", "Spearman's rank correlation", "Order of the predictions", "Of what each "
         "round asked about, by the model that chose it."),
        ("known", "structures", "What is known", "Structures with a value at the end of each "
         "round."),
    )  # fmt: skip
    drawn = []
    for name, label, title, caption in shown:
        values = np.array([float(getattr(one, name)) for one in told.rounds])
        there = np.isfinite(values)
        if not there.any():
            continue
        x, y = rounds[there], values[there]
        drawn.append(
            Chart(
                f"rounds-{name}", title, caption,
                Axis("round", -0.4, float(rounds.max()) + 0.4, [f"{n:.0f}" for n in rounds]),
                Axis(label, *span(y, pad=0.08, zero=name in ("mae", "known"))),
                [Line(x, y, "good"), Points(x, y, "good")],
                {"round": rounds.astype(int), name: values},
            )
        )  # fmt: skip
    return drawn


def _rounds(told: CampaignPage, unit: str) -> str:
    heads = ["round", "rule", "asked", "known", f"best{unit}", f"error{unit}", "Spearman", "became"]
    rows = [
        [
            str(one.number),
            escape(one.rule),
            number(one.asked),
            number(one.known),
            figure(one.best),
            figure(one.mae),
            figure(one.spearman),
            escape(
                one.note or ", ".join(f"{count} {word}" for word, count in one.outcomes.items())
            ),
        ]
        for one in told.rounds
    ]
    return table(heads, rows, texts=2)


def _best(told: CampaignPage, unit: str) -> str:
    rows = [
        [f"<bdi>{escape(str(one['name']))}</bdi>", _with(one), str(one["round"])]
        for one in told.best
    ]
    return table(["structure", f"{told.target}{unit}", "found in round"], rows) if rows else ""


def _with(one: Mapping[str, object]) -> str:
    value, error = one["value"], one["error"]
    shown = figure(value) if isinstance(value, float | int) else "–"
    return shown + (f" ± {error:.2g}" if isinstance(error, float) and error else "")
