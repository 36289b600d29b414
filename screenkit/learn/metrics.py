"""How good predictions are, always beside what is trivial: the median, and a line on density.

Not covered: uncertainty of the figures, and of single predictions.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr


def regression_metrics(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return n, MAE, RMSE, R2 and Spearman's rho of predictions (n,) against labels (n,).

    MAE and RMSE are in the label's unit. Rows without a label or a prediction are left out. R2 is
    1 - (sum of squared errors) / (sum of squares about the labels' mean), NaN where all labels are
    equal; Spearman's rho is NaN where all labels, or all predictions, are.
    """
    known = np.isfinite(truth) & np.isfinite(predicted)
    truth, predicted = truth[known], predicted[known]
    if not len(truth):
        return {"n": 0, "mae": np.nan, "rmse": np.nan, "r2": np.nan, "spearman": np.nan}
    error = predicted - truth
    spread = float(((truth - truth.mean()) ** 2).sum())
    constant = spread == 0 or np.ptp(predicted) == 0
    return {
        "n": len(truth),
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "r2": 1.0 - float((error**2).sum()) / spread if spread else np.nan,
        "spearman": np.nan if constant else float(spearmanr(truth, predicted).statistic),
    }


def baselines(
    train: np.ndarray, train_density: np.ndarray, test: np.ndarray, test_density: np.ndarray
) -> dict[str, dict[str, float]]:
    """Return the metrics on `test` (m,) of two trivial models fitted to `train` (n,).

    `median` predicts the training set's median for all; `linear_density` is a straight line on
    the crystal density (g/cm3), by least squares. Rows of `train` without a label or a density are
    left out; without any other row there are no baselines.
    """
    known = np.isfinite(train) & np.isfinite(train_density)
    if not known.any():
        return {}
    median = np.full(len(test), np.median(train[known]))
    design = np.stack([np.ones(known.sum()), train_density[known]], axis=1)
    line, *_ = np.linalg.lstsq(design, train[known], rcond=None)
    return {
        "median": regression_metrics(test, median),
        "linear_density": regression_metrics(test, line[0] + line[1] * test_density),
    }
