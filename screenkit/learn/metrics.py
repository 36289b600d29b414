"""How good predictions are, always beside what is trivial: the median, and a line on density; for
a class its share, and a logistic line on density.

Not covered: uncertainty of the figures, and of single predictions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_LEAST = 1e-15
"""Probability that a log loss takes for zero."""


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
    from scipy.stats import spearmanr  # slow to wake, and the page of a screening has no labels

    return {
        "n": len(truth),
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "r2": 1.0 - float((error**2).sum()) / spread if spread else np.nan,
        "spearman": np.nan if constant else float(spearmanr(truth, predicted).statistic),
    }


def rank_correlations(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """Return Spearman's rho and Kendall's tau-b of two orders (n,), without NaN.

    NaN where all of one are equal. tau-b knows ties (Kendall 1945, Biometrika 33, 239).
    """
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return {"spearman": np.nan, "kendall": np.nan}
    from scipy.stats import kendalltau, spearmanr

    return {
        "spearman": float(spearmanr(first, second).statistic),
        "kendall": float(kendalltau(first, second).statistic),
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


def classification_metrics(truth: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Return n, share, ROC AUC, accuracy and log loss of probabilities (n,) of being in a class.

    `truth` is 1 inside and 0 outside; rows without a label or a prediction are left out. `share` is
    that of the members, accuracy counts 0.5 and more as inside, the log loss is in nats. ROC AUC is
    NaN where all or none are members.
    """
    known = np.isfinite(truth) & np.isfinite(probability)
    inside, probability = truth[known] > 0.5, probability[known].astype(np.float64)
    if not len(inside):
        return {"n": 0, "share": np.nan, "roc_auc": np.nan, "accuracy": np.nan, "log_loss": np.nan}
    surprise = np.where(inside, probability, 1.0 - probability)
    return {
        "n": len(inside),
        "share": float(inside.mean()),
        "roc_auc": _roc_auc(inside, probability) if inside.any() and not inside.all() else np.nan,
        "accuracy": float(((probability >= 0.5) == inside).mean()),
        "log_loss": float(-np.log(np.clip(surprise, _LEAST, 1.0)).mean()),
    }


def class_baselines(
    train: np.ndarray, train_density: np.ndarray, test: np.ndarray, test_density: np.ndarray
) -> dict[str, dict[str, float]]:
    """Return the metrics on `test` (m,) of two trivial models of a class, fitted to `train` (n,).

    `share` gives all the share of the members in the training set; `logistic_density` is a
    logistic line on the crystal density (g/cm3), by maximum likelihood. Rows of `train` without a
    label or a density are left out; without both kinds of rows there are no baselines.
    """
    known = np.isfinite(train) & np.isfinite(train_density)
    inside = train[known] > 0.5
    if not known.any() or inside.all() or not inside.any():
        return {}
    centre, spread = train_density[known].mean(), train_density[known].std() or 1.0
    line = _logistic_line((train_density[known] - centre) / spread, inside)
    seen = np.isfinite(test_density)
    probability = np.full(len(test), np.nan)
    probability[seen] = line((test_density[seen] - centre) / spread)
    return {
        "share": classification_metrics(test, np.full(len(test), inside.mean())),
        "logistic_density": classification_metrics(test, probability),
    }


def roc_points(truth: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shares of false and of true members taken, (p,) each, as the bound of 1 falls to 0.

    As for `classification_metrics`; both kinds must be there.
    """
    from sklearn.metrics import roc_curve

    false, true, _ = roc_curve(truth, probability)
    return false, true


def _roc_auc(inside: np.ndarray, probability: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(inside, probability))


def _logistic_line(values: np.ndarray, inside: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the probability of being inside as a function of standardised values (n,)."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1e9).fit(values[:, None], inside)
    return lambda given: fitted.predict_proba(given[:, None])[:, 1] if len(given) else given
