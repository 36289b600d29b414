"""Stages take turns, round by round; ratios are medians over the rounds, with their range.

In its turn a stage that is soon done is repeated, so that no figure hangs on one short moment.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

Rounds = Mapping[str, Sequence[float]]
"""Seconds per structure of each stage, round by round."""

TURN = 0.05
"""Seconds that a turn takes at least."""


@dataclass(frozen=True)
class Stage:
    """Something to time."""

    do: Callable[[], object]
    structures: int
    """How many it does at once."""
    warm: bool = False
    """It has been done before, as peers have when a sample is chosen: no round goes before."""


def time_rounds(stages: Mapping[str, Stage], rounds: int) -> dict[str, list[float]]:
    """Return seconds per structure, wall time; a first round, which warms up, does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in stages}
    with torch.inference_mode():
        for turn in range(rounds + 1):
            for name, stage in stages.items():
                if not turn and stage.warm:
                    continue
                spent = _turn(stage.do)
                if turn:
                    seconds[name].append(spent / stage.structures)
    return seconds


def _turn(do: Callable[[], object]) -> float:
    """Return the seconds that something takes, over as many repeats as fill a turn."""
    started, repeats = time.perf_counter(), 0
    while (spent := time.perf_counter() - started) < TURN or not repeats:
        do()
        repeats += 1
    return spent / repeats


def quickest(seconds: Rounds, *names: str) -> list[float]:
    """Return the quickest of several stages, round by round; of those that were timed."""
    return [min(turn) for turn in zip(*(seconds[n] for n in names if n in seconds), strict=True)]


def ratio(seconds: Rounds, others: Sequence[str], own: Sequence[str]) -> dict[str, float] | None:
    """Return how many times as long the others take, together, as ours together.

    Returns:
        `median`, `least` and `most` of the rounds' ratios; None where a stage was not timed.
    """
    if not all(seconds.get(name) for name in (*others, *own)):
        return None
    above, below = (np.sum([seconds[name] for name in names], axis=0) for names in (others, own))
    return spread((above / below).tolist())


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, least and most, to four digits."""
    told = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {name: float(f"{value:.4g}") for name, value in told.items()}


@dataclass(frozen=True)
class Line:
    """start + slope * x, through points."""

    start: float
    slope: float
    off: float
    """The largest distance of a point from the line, as a share of it."""


def straight_line(x: Sequence[float], y: Sequence[float]) -> Line:
    """Return the line of least squares, in which each point counts by its share of it."""
    given, wanted = np.asarray(x, float), np.asarray(y, float)
    columns = np.stack([1.0 / wanted, given / wanted], axis=1)
    (start, slope), *_ = np.linalg.lstsq(columns, np.ones(len(wanted)), rcond=None)
    off = np.abs(wanted / (start + slope * given) - 1.0).max()
    return Line(float(f"{start:.4g}"), float(f"{slope:.4g}"), round(float(off), 4))
