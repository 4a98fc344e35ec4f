"""R²: the share of the targets' variance that the predictions explain."""

from __future__ import annotations

import math

import numpy as np

from bench_suite.stats.resampling import WeightedValues

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0
RANGE = (None, 1.0)
CANCELLED = 1e-3
"If the variance of a resample's targets is a smaller share of their squares, too many digits cancel."


def r2(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Return the coefficient of determination 1 − Σ (yᵢ − ŷᵢ)² / Σ (yᵢ − ȳ)².

    Args:
        targets: (n,) numbers.
        predictions: (n,) numbers.

    Returns:
        A value in (−∞, 1]; 1 is best, 0 is that of the targets' mean, and a value below 0 is worse than the mean.

    Raises:
        ValueError: there are no examples, the lengths differ, a value is not finite, or all targets are equal, as with
            a single one: then the quotient is undefined.
    """
    if len(targets) != len(predictions):
        raise ValueError(f"{len(targets)} targets and {len(predictions)} predictions")
    if len(targets) == 0:
        raise ValueError("no examples")
    truth = np.asarray(targets, dtype=np.float64)
    error, spread = truth - predictions, truth - truth.mean()
    unexplained, total = float(np.dot(error, error)), float(np.dot(spread, spread))
    if not (math.isfinite(unexplained) and math.isfinite(total)):
        raise ValueError("a target or a prediction is not a finite number")
    if total == 0.0 or np.ptp(truth) == 0.0:
        raise ValueError("all targets are equal")
    return 1.0 - unexplained / total


def by_weights(targets: np.ndarray, predictions: np.ndarray) -> WeightedValues:
    """Return a function of weights (B, n) for the metric of B resamples.

    It is NaN if the targets of a resample vary so little that rounding decides; `r2` is then computed from its rows.
    """
    truth = np.asarray(targets, dtype=np.float64)
    centred = truth - truth.mean()
    sums = np.stack([np.square(truth - predictions), centred, np.square(centred)], axis=1)

    def values(weights: np.ndarray) -> np.ndarray:
        unexplained, first, second = (weights @ sums).T
        total = second - first * first / weights.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(total > CANCELLED * second, 1.0 - unexplained / total, np.nan)

    return values
