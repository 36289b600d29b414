"""Recall: what share of the truly best structures a shortlist holds, as far as one may be sure.

A calibration set says which structures are truly the best and what the model predicts for them. The
best are those with a label as good as that of its best n%: a structure of a library is one
of them if its label is as good, however many there are.

If structures to be screened are alike, the share of their best that is predicted above the j-th
lowest of m such predictions is distributed as Beta(m + 1 - j, j), whatever the model: a tolerance
interval without a distribution (Wilks 1941, Ann. Math. Stat. 12, 91). So a threshold can be chosen
for a wanted recall, and a recall be bounded for a given threshold (Clopper and Pearson 1934). Where
structures come in groups that are found or lost together, m of them say no more than m over the
design effect (Korn and Graubard 1998, Survey Methodology 24, 193). A library with few of the best
may also have bad luck: its own number enters as a second sample does.

Not covered: structures unlike those of the calibration set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from screenkit.learn.hits import share_of, truly_best

CONFIDENCE = 0.95
_JUDGED_AT = 0.8
"""Recall at which it is looked how far groups are found together."""


@dataclass(frozen=True, slots=True)
class Best:
    """What a model predicts for the truly best structures of a calibration set."""

    predictions: np.ndarray
    """(m,) float64, ascending, larger is better."""
    least: float = math.nan
    """The worst label among them."""
    share: float = math.nan
    """Of the calibration set."""
    design: float = 1.0
    """1 or more: as many of them say together what one alone would."""

    @classmethod
    def of(
        cls,
        predictions: np.ndarray,
        labels: np.ndarray,
        percent: int | Fraction,
        groups: np.ndarray | None = None,
    ) -> Best:
        """Return the best of a calibration set.

        Args:
            predictions: (n,), larger is better.
            labels: (n,), larger is better; NaN ones are left out.
            percent: of the structures that count as the best, above 0 and up to 100, rounded up;
                what equals the last of them counts too.
            groups: (n,) number of the group of each; None: each is its own.
        """
        known = np.isfinite(labels) & np.isfinite(predictions)
        truth, said = labels[known], predictions[known].astype(np.float64)
        if not len(truth):
            return cls(np.array([]))
        member = truly_best(truth, share_of(percent, len(truth)))
        order = np.argsort(said[member], kind="stable")
        design = 1.0
        if groups is not None:
            design = _design(said[member][order], groups[known][member][order])
        least, share = float(truth[member].min()), float(member.mean())
        return cls(said[member][order], least, share, design)

    def size(self, library: int | None = None) -> float:
        """Return as how many independent ones they count, for a library of so many structures."""
        size = len(self.predictions) / self.design
        expected = math.inf if library is None else self.share * library / self.design
        return size if math.isinf(expected) or not size else 1 / (1 / size + 1 / expected)

    def found(self, threshold: float) -> float:
        """Return the share of them that is predicted at or above a threshold; NaN of none."""
        kept = len(self.predictions) - np.searchsorted(self.predictions, threshold, side="left")
        return float(kept) / len(self.predictions) if len(self.predictions) else math.nan

    def bound(
        self, threshold: float, library: int | None = None, confidence: float = CONFIDENCE
    ) -> float:
        """Return what the recall is at least, for a threshold that was chosen without them.

        Args:
            threshold: predictions at or above it are on the shortlist.
            library: how many structures the shortlist is chosen from; None: any large number.
            confidence: how sure one wants to be.
        """
        return self._bound(self.found(threshold), library, confidence)

    def _bound(self, share: float, library: int | None, confidence: float) -> float:
        from scipy.special import betaincinv  # a tenth of a second, where no recall is asked for

        size = self.size(library)
        kept = share * size
        return float(betaincinv(kept, size - kept + 1, 1.0 - confidence)) if kept > 0 else 0.0

    def threshold(
        self, recall: float, library: int | None = None, confidence: float = CONFIDENCE
    ) -> float:
        """Return the highest threshold whose recall is at least `recall`, so far as one is sure.

        Returns:
            A prediction of one of the best; minus infinity where they are too few to be so sure:
            then all structures must be kept.
        """
        most = len(self.predictions)
        for place in range(most, 0, -1):  # a higher threshold loses more
            if self._bound((most + 1 - place) / most, library, confidence) >= recall:
                return float(self.predictions[place - 1])
        return -math.inf


def fewest(recall: float, confidence: float = CONFIDENCE) -> int:
    """Return how many of the best a calibration set must have for `Best.threshold` to be finite."""
    return math.ceil(math.log(1.0 - confidence) / math.log(recall) - 1e-9)


def most_sure(size: float, confidence: float = CONFIDENCE) -> float:
    """Return the largest recall that so many of the best allow to be sure of."""
    return (1.0 - confidence) ** (1.0 / size) if size > 0 else 0.0


def _design(predictions: np.ndarray, groups: np.ndarray) -> float:
    """Return how many times the variance of a recall is larger because of groups, 1 at least.

    That of a ratio, linearised (Cochran 1977, Sampling Techniques, equation 11.5), over that
    of independent structures.

    Args:
        predictions: (m,) of the best, ascending.
        groups: (m,) of the same.
    """
    m, numbers = len(predictions), np.unique(groups, return_inverse=True)[1].reshape(-1)
    count = int(numbers.max()) + 1
    found = predictions >= predictions[math.floor((1 - _JUDGED_AT) * m)]
    share = float(found.mean())
    if count == m or share in (0.0, 1.0):
        return 1.0
    if count == 1:
        return float(m)
    apart = np.bincount(numbers, weights=found - share)
    variance = count / (count - 1) * float((apart**2).sum()) / m**2
    return max(1.0, variance / (share * (1 - share) / m))
