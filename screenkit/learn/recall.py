"""Recall: what share of the truly best structures a shortlist holds, as far as one may be sure.

A calibration set says which structures are truly the best and what the model predicts for them.
If structures to be screened are alike, the share of their best that is predicted above the j-th
lowest of m such predictions is distributed as Beta(m + 1 - j, j), whatever the model: a tolerance
interval without a distribution (Wilks 1941, Ann. Math. Stat. 12, 91). So a threshold can be chosen
for a wanted recall, and a recall be bounded for a given threshold (Clopper and Pearson 1934).

Not covered: structures unlike those of the calibration set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Best:
    """What a model predicts for the truly best structures of a calibration set."""

    predictions: np.ndarray
    """(m,) float64, ascending, larger is better."""

    @classmethod
    def of(cls, predictions: np.ndarray, labels: np.ndarray, share: float) -> Best:
        """Return the best of a calibration set.

        Args:
            predictions: (n,), larger is better.
            labels: (n,), larger is better; NaN ones are left out.
            share: of the structures that count as the best, above 0 and up to 1; ties with the
                last of them count too.
        """
        known = np.isfinite(labels) & np.isfinite(predictions)
        truth = np.sort(labels[known])
        least = truth[-max(1, round(share * len(truth)))] if len(truth) else math.inf
        return cls(np.sort(predictions[known & (labels >= least)]).astype(np.float64))

    def found(self, threshold: float) -> float:
        """Return the share of them that is predicted at or above a threshold; NaN of none."""
        kept = len(self.predictions) - np.searchsorted(self.predictions, threshold, side="left")
        return float(kept) / len(self.predictions) if len(self.predictions) else math.nan

    def bound(self, threshold: float, confidence: float = CONFIDENCE) -> float:
        """Return what the recall is at least, for a threshold that was chosen without them."""
        most = len(self.predictions)
        kept = most - int(np.searchsorted(self.predictions, threshold, side="left"))
        return float(beta.ppf(1.0 - confidence, kept, most - kept + 1)) if kept else 0.0

    def threshold(self, recall: float, confidence: float = CONFIDENCE) -> float:
        """Return the highest threshold whose recall is at least `recall`, so far as one is sure.

        Returns:
            A prediction of one of the best; minus infinity where they are too few to be so sure:
            then all structures must be kept.
        """
        most = len(self.predictions)
        for place in range(most, 0, -1):  # a higher threshold loses more
            if beta.cdf(recall, most + 1 - place, place) <= 1.0 - confidence:
                return float(self.predictions[place - 1])
        return -math.inf


def fewest(recall: float, confidence: float = CONFIDENCE) -> int:
    """Return how many of the best a calibration set must have for `Best.threshold` to be finite."""
    return math.ceil(math.log(1.0 - confidence) / math.log(recall) - 1e-9)
