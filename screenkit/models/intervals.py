"""Intervals: how far a prediction may be off, learned from structures kept apart.

Split-conformal prediction: the errors on a calibration set, which the model has not learned from,
give a half-width that a new error stays below with a stated probability, whatever the model and the
noise are. Errors are first divided by what errors usually are there, so that the interval is wide
where the model is bad: usual is the mean over calibration structures that are near in one number,
the prediction itself or the spread of an ensemble.

Sources: Lei et al. 2018, J. Am. Stat. Assoc. 113, 1094, algorithm 2; divided by a local size,
section 5.2 there (equation 12).

Not covered: structures unlike those of the calibration set, of which it says nothing; what errors
depend on beside that one number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

LEVEL = 0.9
"""The usual level of an interval."""
WINDOW = 100
"""Calibration structures that say what an error usually is: half of them on either side."""
_LEAST = WINDOW // 8  # on either side, where there are not so many: at the ends, which matter most
FLOOR = 0.2
"""Of the mean error, added to what is usual: luck in a corner promises nothing."""
_FOLDS = 10


def half_width(errors: np.ndarray, level: float) -> float:
    """Return what the next error is not above, with probability `level` at least.

    Args:
        errors: (n,), absolute, of a calibration set; NaN ones have no label and are left out.
        level: above 0 and below 1.

    Returns:
        The k-th smallest of them, k = ceil((n + 1) level); infinite where n is too small for that.
    """
    known = np.sort(errors[np.isfinite(errors)])
    place = math.ceil((len(known) + 1) * level - 1e-9)
    return float(known[place - 1]) if 0 < place <= len(known) else math.inf


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """What the error usually is, as a function of one number."""

    places: np.ndarray
    """(n,) float64, ascending. The number, of each calibration structure."""
    sums: np.ndarray
    """(n + 1,) float64. Sums of the errors of the first 0, 1, ... of them."""

    @classmethod
    def of(cls, places: np.ndarray, errors: np.ndarray) -> Usual:
        """Learn from n structures, n > 0: places (n,) and absolute errors (n,), finite."""
        order = np.argsort(places, kind="stable")
        return cls(places[order], np.concatenate([[0.0], np.cumsum(errors[order])]))

    def at(self, places: np.ndarray) -> np.ndarray:
        """Return (m,): the mean error of the structures about each place, by rank, and a little of
        the mean of all.

        As many on either side, `WINDOW` in all, fewer near the ends: a mean that leans to one side
        would be too small where errors grow.
        """
        n = len(self.places)
        rank = np.searchsorted(self.places, places)
        half = np.clip(np.minimum(rank, n - rank), _LEAST, WINDOW // 2)
        start, stop = np.maximum(rank - half, 0), np.minimum(rank + half, n)
        near = (self.sums[stop] - self.sums[start]) / (stop - start)
        # Never 0, where a model is right about all of them.
        return near + max(FLOOR * self.sums[-1] / n, 1e-12)


def usual_apart(places: np.ndarray, errors: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return (n,): what is usual for each calibration structure, as said by those of other groups.

    In tenths: a group is in one of ten, and the other nine say what is usual in it.

    Args:
        places: (n,) finite.
        errors: (n,) finite, absolute.
        groups: (n,) number of the group of each.
    """
    found = np.empty(len(places))
    for fold in range(_FOLDS):
        here = groups % _FOLDS == fold
        rest = ~here if not here.all() else here
        if here.any():
            found[here] = Usual.of(places[rest], errors[rest]).at(places[here])
    return found


def coverage(labels: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Return the share of labels within their intervals; NaN labels are left out."""
    known = np.isfinite(labels) & ~np.isnan(low)
    inside = (labels >= low) & (labels <= high)
    return float(inside[known].mean()) if known.any() else math.nan
