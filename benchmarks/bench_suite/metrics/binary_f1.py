"""Binary F1: precision and recall of the positive class in one number."""

from __future__ import annotations

import numpy as np

from bench_suite.stats.resampling import WeightedValues

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0
RANGE = (0.0, 1.0)


def binary_f1(targets: np.ndarray, predictions: np.ndarray, positive: int = 1) -> float:
    """Return F1 = 2 TP / (2 TP + FP + FN) of the positive class, the harmonic mean of its precision and recall.

    True negatives do not count (van Rijsbergen 1979, chapter 7). It is scikit-learn's `f1_score` with
    `average="binary"` and `pos_label`.

    Args:
        targets: (n,) class numbers.
        predictions: (n,) class numbers.
        positive: number of the positive class.

    Returns:
        A fraction in [0, 1]; 1 is best.

    Raises:
        ValueError: there are no examples, the lengths differ, or no target and no prediction is positive.
    """
    if len(targets) != len(predictions):
        raise ValueError(f"{len(targets)} targets and {len(predictions)} predictions")
    if len(targets) == 0:
        raise ValueError("no examples")
    true, predicted = targets == positive, predictions == positive
    total = int(true.sum()) + int(predicted.sum())
    if total == 0:
        raise ValueError("no example is of the positive class, and none is predicted to be")
    return 2.0 * int((true & predicted).sum()) / total


def by_weights(targets: np.ndarray, predictions: np.ndarray, positive: int = 1) -> WeightedValues:
    """Return `binary_f1` as a function of weights (B, n); NaN without a positive target or prediction."""
    true, predicted = targets == positive, predictions == positive
    both, either = (true & predicted).astype(np.float64), true.astype(np.float64) + predicted

    def values(weights: np.ndarray) -> np.ndarray:
        total = weights @ either
        return np.where(total > 0, 2.0 * (weights @ both) / np.maximum(total, 1.0), np.nan)

    return values
