"""Accuracy: the share of correct predictions."""

from __future__ import annotations

import numpy as np

from bench_suite.stats.resampling import WeightedValues, mean_by_weights

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0
RANGE = (0.0, 1.0)
PROPORTION = True


def accuracy(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Return the share of examples whose predicted class is the true one: Σ [ŷᵢ = yᵢ] / n.

    Args:
        targets: (n,) class numbers.
        predictions: (n,) class numbers.

    Returns:
        A fraction in [0, 1]; 1 is best.

    Raises:
        ValueError: there are no examples, or the lengths differ.
    """
    if len(targets) != len(predictions):
        raise ValueError(f"{len(targets)} targets and {len(predictions)} predictions")
    if len(targets) == 0:
        raise ValueError("no examples")
    return float(np.count_nonzero(targets == predictions)) / len(targets)


def per_example(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Return 1.0 for each correct prediction and 0.0 for the others: (n,) float64, whose mean is the accuracy."""
    return (targets == predictions).astype(np.float64)


def by_weights(targets: np.ndarray, predictions: np.ndarray) -> WeightedValues:
    """Return a function of weights (B, n) for the metric of B resamples."""
    return mean_by_weights(per_example(targets, predictions))
