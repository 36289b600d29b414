"""A training, or several of them, as one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from screenkit.report.chart import Axis, Chart, Line, Points, span
from screenkit.report.figures import Figure, side_by_side
from screenkit.report.held_out import HeldOut, charts_of
from screenkit.report.page import About, Page, Section, file_stem

_WHO = ("model", "median", "linear_density", "share", "logistic_density")
_SHORT = {"median": "median", "linear_density": "density line", "logistic_density": "density line"}


@dataclass(frozen=True, eq=False)
class History:
    """How one training went, epoch by epoch."""

    epochs: np.ndarray
    """(e,)."""
    train_loss: np.ndarray
    valid_error: np.ndarray
    best: int
    """The epoch whose weights were kept."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Several trainings side by side: the error of each, by who predicts."""

    target: str
    measure: str
    """What the numbers are, with their unit."""
    errors: Mapping[str, np.ndarray]
    """(p,) by `model`, `median`, ...; NaN where there is none."""
    names: Sequence[str]
    """(p,)."""


@dataclass(frozen=True, eq=False)
class Trials:
    """The trials of a search."""

    errors: np.ndarray
    """(t,) validation errors; infinite where a trial came to none."""
    values: Mapping[str, np.ndarray]
    """(t,) by setting that is a number."""


@dataclass(frozen=True, eq=False)
class TrainingPage:
    """What the page tells."""

    about: About
    lead: str
    cards: Sequence[tuple[str, str]]
    scores: str
    """Figures beside trivial models, as HTML."""
    held: Sequence[HeldOut]
    history: History | None
    parts: Sequence[Parts]
    trials: Trials | None


def training_page(told: TrainingPage) -> Page:
    """Return the page."""
    tested = [Figure.of(c) for one in told.held for c in charts_of(one, file_stem(one.target))]
    went = [Figure.of(chart) for chart in _history(told.history)]
    parts = [Figure.of(chart) for one in told.parts if (chart := _parts(one)) is not None]
    trials = [Figure.of(chart) for chart in _trials(told.trials)]
    sections = [
        told.about.opening(told.cards),
        Section(
            "How good the model is", told.scores + side_by_side(tested), "Model",
            "On structures that were kept apart from the training, beside models that know nothing "
            "or the density alone.",
        ),
        Section("Part by part", side_by_side(parts), "Parts"),
        Section("The search", side_by_side(trials), "Search"),
        Section("How the training went", side_by_side(went), "Training"),
        *told.about.closing(),
    ]  # fmt: skip
    return Page.of(
        "training", told.about.title, told.lead, sections, [*tested, *parts, *trials, *went]
    )  # fmt: skip


def _history(history: History | None) -> list[Chart]:
    if history is None or len(history.epochs) < 2:
        return []
    x = Axis("epoch", *span(history.epochs, pad=0.02))
    drawn = []
    for name, values, label in (
        ("valid-error", history.valid_error, "error on the validation set (standard deviations)"),
        ("train-loss", history.train_loss, "loss on the training set"),
    ):
        known = np.isfinite(values)
        if not known.any():
            continue
        ends = span(values[known], zero=True)
        best = np.full(2, float(history.best))
        drawn.append(
            Chart(
                name, label[0].upper() + label[1:].split(" (")[0],
                f"{len(values)} epochs. Dashed: epoch {history.best}, whose weights were kept as "
                "it had the least error on the validation set.",
                x, Axis(label, *ends),
                [Line(best, np.array(ends)), Line(history.epochs[known], values[known], "good")],
                {"epoch": history.epochs, name.replace("-", "_"): values},
            )
        )  # fmt: skip
    return drawn


def _parts(told: Parts) -> Chart | None:
    shown = [who for who in _WHO if who in told.errors]
    places, values, names = [], [], []
    for place, who in enumerate(shown):
        column = told.errors[who]
        offsets = np.linspace(-0.25, 0.25, len(column)) if len(column) > 1 else np.zeros(1)
        places.append(place + offsets)
        values.append(column)
        names += [f"{part}, {who}" for part in told.names]
    if not shown:
        return None
    xs, ys = np.concatenate(places), np.concatenate(values)
    known = np.isfinite(ys)
    if not known.any():
        return None
    means = [
        Line(np.array([i - 0.3, i + 0.3]), np.full(2, np.nanmean(told.errors[who])), "chosen")
        for i, who in enumerate(shown)
        if np.isfinite(told.errors[who]).any()
    ]
    kept = np.flatnonzero(known).tolist()
    return Chart(
        f"parts-{file_stem(told.target)}", told.target,
        f"{len(told.names)} trainings, one dot each; the lines are means.",
        Axis("", -0.5, len(shown) - 0.5, [_SHORT.get(who, who) for who in shown]),
        Axis(told.measure, *span(ys[known], zero=True)),
        [Points(xs[known], ys[known], "good", [names[i] for i in kept]), *means],
        {"part": [*told.names], **{who: told.errors[who] for who in shown}},
    )  # fmt: skip


def _trials(trials: Trials | None) -> list[Chart]:
    if trials is None or not np.isfinite(trials.errors).any():
        return []
    numbers = np.arange(len(trials.errors), dtype=float)
    known = np.isfinite(trials.errors)
    errors = trials.errors[known]
    y = Axis("validation error", *span(errors))
    best = int(np.argmin(trials.errors))
    caption = f"{len(numbers)} trials, one dot each; orange: the best."
    drawn = [
        Chart(
            "trials", "Trial by trial", caption + " The line is the best so far.",
            Axis("trial", -0.5, len(numbers) - 0.5), y,
            [
                Line(numbers[known], np.minimum.accumulate(errors), "guide", steps=True),
                Points(numbers[known], errors, "good"),
                Points(numbers[best : best + 1], trials.errors[best : best + 1], "chosen"),
            ],
            {"trial": numbers.astype(int), "valid_error": trials.errors},
        )
    ]  # fmt: skip
    for name, values in trials.values.items():
        positive = bool((values > 0).all()) and values.max() > 5 * values.min()
        shown = np.log10(values) if positive else values
        drawn.append(
            Chart(
                f"trials-{file_stem(name)}", f"Against {name}", caption,
                Axis(f"log10 of {name}" if positive else name, *span(shown)), y,
                [
                    Points(shown[known], errors, "good"),
                    Points(shown[best : best + 1], trials.errors[best : best + 1], "chosen"),
                ],
                {name: values, "valid_error": trials.errors},
            )
        )  # fmt: skip
    return drawn
