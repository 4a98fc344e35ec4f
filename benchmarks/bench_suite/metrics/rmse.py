"""Root mean squared error of a regression."""

from __future__ import annotations

import math

import numpy as np

UNIT = "unit of the target"
BETTER = "lower"
IDEAL = 0.0


def rmse(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Root of the mean squared error, √(Σ (yᵢ − ŷᵢ)² / n), in the unit of the target.

    Arguments: `targets`, `predictions` (n,) of numbers. Returns a value in [0, ∞); 0 is best, and it is never below
    the mean absolute error. Raises `ValueError` where there are no examples, the lengths differ, or a value is not
    finite.
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
