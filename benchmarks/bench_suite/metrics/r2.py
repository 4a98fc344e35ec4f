"""R²: the share of the targets' variance that the predictions explain."""

from __future__ import annotations

import math

import numpy as np

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0


def r2(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Coefficient of determination 1 − Σ (yᵢ − ŷᵢ)² / Σ (yᵢ − ȳ)².

    Arguments: `targets`, `predictions` (n,) of numbers. Returns a value in (−∞, 1]: 1 is best, 0 what the mean of the
    targets reaches, below 0 worse than that. Raises `ValueError` where the lengths differ, all targets are equal (the
    quotient is undefined; so it is for fewer than two), or a value is not finite.
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
