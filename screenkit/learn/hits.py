"""What of the truly best stands among the predicted best, and how far two orders agree.

The early part of an order is what a screening is for; a mean over all of it hides that part
(Truchon and Bayly 2007, J. Chem. Inf. Model. 47, 488).

Not covered: how sure these figures are (`recall.py`).
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

COUNTS = (10, 100)
"""Lengths of shortlists that are looked at."""
PERCENTS = (1, 5, 10)
"""Lengths in percent of all, rounded up."""


def best(values: np.ndarray, count: int) -> np.ndarray:
    """Return (count,) places of the largest, best first; of equals the first."""
    return np.argsort(-values, kind="stable")[:count]


def share_of(percent: int | Fraction, total: int) -> int:
    """Return how many are so many percent of all, rounded up."""
    return int(-(-percent * total // 100))


def truly_best(truth: np.ndarray, count: int) -> np.ndarray:
    """Return (n,) bool: the `count` largest of (n,), and whatever equals the last of them."""
    return truth >= np.partition(truth, -count)[-count]


def hits(member: np.ndarray, predicted: np.ndarray, count: int) -> int:
    """Return how many of the `count` largest predictions (n,) are members (n,) bool."""
    return int(member[best(predicted, count)].sum())


def recall(member: np.ndarray, predicted: np.ndarray, count: int) -> float:
    """Return hits / members: the share of the members that so long a shortlist holds."""
    return hits(member, predicted, count) / member.sum() if member.any() else np.nan


def enrichment(member: np.ndarray, predicted: np.ndarray, count: int) -> float:
    """Return (hits / count) / (members / n): how many times as many members a shortlist holds as
    one of equal length by chance (Truchon and Bayly 2007, eq. 1). At most n / count.
    """
    return recall(member, predicted, count) * len(member) / count


def early_metrics(
    truth: np.ndarray, predicted: np.ndarray, better: str, is_class: bool = False
) -> dict[str, float]:
    """Return `hits_at_K`, `recall_at_P_percent` and `enrichment_at_P_percent` of an order.

    A shortlist of k is held against the truly best k, and whatever equals the last of these; for a
    class against all of its members. NaN where a shortlist would be the whole.

    Args:
        truth: (n,) labels, of a class 1 inside; NaN where unknown.
        predicted: (n,), likewise.
        better: `max` or `min`: which end is good.
        is_class: `truth` says who is inside.
    """
    known = np.isfinite(truth) & np.isfinite(predicted)
    sign = -1.0 if better == "min" else 1.0
    truth, predicted = sign * truth[known], sign * predicted[known]
    total = len(truth)
    inside = np.abs(truth) > 0.5
    figures: dict[str, float] = {}
    for count in COUNTS:
        fits = count < total
        member = inside if is_class or not fits else truly_best(truth, count)
        figures[f"hits_at_{count}"] = hits(member, predicted, count) if fits else np.nan
    for percent in PERCENTS:
        count = share_of(percent, total)
        fits = count < total
        member = inside if is_class or not fits else truly_best(truth, count)
        name = f"at_{percent}_percent"
        figures[f"recall_{name}"] = recall(member, predicted, count) if fits else np.nan
        figures[f"enrichment_{name}"] = enrichment(member, predicted, count) if fits else np.nan
    return figures


def overlap(first: np.ndarray, second: np.ndarray, count: int) -> float:
    """Return which share of the `count` largest of one (n,) is among those of the other."""
    both = np.intersect1d(best(first, count), best(second, count))
    return len(both) / count
