"""R²: the share of the targets' variance that the predictions explain."""

from __future__ import annotations

import math

import numpy as np

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0
RANGE = (None, 1.0)


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
