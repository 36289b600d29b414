"""Intervals: how far a prediction may be off, learned from structures kept apart.

Split-conformal prediction: the errors on a calibration set, which the model has not learned from,
give a half-width that a new error stays below with a stated probability, whatever the model and the
noise are. Where members of an ensemble disagree more, the interval may grow with their spread.

Sources: Lei et al. 2018, J. Am. Stat. Assoc. 113, 1094, algorithm 2; with a spread, section 5.2
there (equation 12).

Not covered: structures unlike those of the calibration set, of which it says nothing.
"""

from __future__ import annotations

import math

import numpy as np


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
    return float(known[place - 1]) if place <= len(known) else math.inf


def scores(errors: np.ndarray, spreads: np.ndarray | None, floor: float) -> np.ndarray:
    """Return (n,) errors in units of how far apart the members of an ensemble are.

    Args:
        errors: (n,), absolute.
        spreads: (n,), standard deviations over members; None leaves the errors as they are.
        floor: added to each spread, so that members that agree by chance promise nothing.
    """
    return errors if spreads is None else errors / (spreads + floor)


def bounds(
    predictions: np.ndarray, width: float, spreads: np.ndarray | None, floor: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper end of each interval, (n,) each.

    Args:
        predictions: (n,), on the scale on which `scores` were made.
        width: `half_width` of those scores.
        spreads: as there, of these structures.
        floor: as there.
    """
    reach = width * (1.0 if spreads is None else spreads + floor)
    return predictions - reach, predictions + reach


def coverage(labels: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Return the share of labels within their intervals; NaN labels are left out."""
    known = np.isfinite(labels)
    inside = (labels >= low) & (labels <= high)
    return float(inside[known].mean()) if known.any() else math.nan
