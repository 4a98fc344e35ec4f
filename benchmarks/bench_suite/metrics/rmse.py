"""Root mean squared error of a regression."""

from __future__ import annotations

import math

import numpy as np

from bench_suite.stats.resampling import WeightedValues, mean_by_weights

UNIT = "unit of the target"
BETTER = "lower"
IDEAL = 0.0
RANGE = (0.0, None)


def rmse(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Return the root of the mean squared error, √(Σ (yᵢ − ŷᵢ)² / n), in the unit of the target.

    It is never below the mean absolute error.

    Args:
        targets: (n,) numbers.
        predictions: (n,) numbers.

    Returns:
        A value in [0, ∞); 0 is best.

    Raises:
        ValueError: there are no examples, the lengths differ, or a value is not finite.
    """
    if len(targets) != len(predictions):
        raise ValueError(f"{len(targets)} targets and {len(predictions)} predictions")
    if len(targets) == 0:
        raise ValueError("no examples")
    error = np.asarray(targets, dtype=np.float64) - predictions
    square = float(np.dot(error, error)) / len(error)
    if not math.isfinite(square):
        raise ValueError("a target or a prediction is not a finite number")
    return math.sqrt(square)


def by_weights(targets: np.ndarray, predictions: np.ndarray) -> WeightedValues:
    """Return a function of weights (B, n) for the metric of B resamples."""
    mean = mean_by_weights(np.square(np.asarray(targets, dtype=np.float64) - predictions))
    return lambda weights: np.sqrt(mean(weights))
