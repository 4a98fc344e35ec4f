"""Mean absolute error of a regression."""

from __future__ import annotations

import numpy as np

UNIT = "unit of the target"
BETTER = "lower"
IDEAL = 0.0
RANGE = (0.0, None)


def mae(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Return the mean absolute error Σ |yᵢ − ŷᵢ| / n, in the unit of the target.

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
    error = float(per_example(targets, predictions).mean())
    if not np.isfinite(error):
        raise ValueError("a target or a prediction is not a finite number")
    return error


def per_example(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Return the absolute error of each example: (n,), whose mean is the metric."""
    return np.abs(targets - predictions)
