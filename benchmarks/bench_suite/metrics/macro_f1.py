"""Macro F1: precision and recall in one number, with the same weight for all classes."""

from __future__ import annotations

import numpy as np

from bench_suite.stats.intervals import counts_of_classes
from bench_suite.stats.resampling import WeightedValues, counts_by_weights

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0
RANGE = (0.0, 1.0)


def macro_f1(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Return the mean over classes of F1ₖ = 2 TPₖ / (2 TPₖ + FPₖ + FNₖ), the harmonic mean of precision and recall.

    The classes are those that occur among targets or predictions. It is the mean of F1s, not the F1 of means (Opitz
    and Burst 2019, arXiv 1911.03347).

    Args:
        targets: (n,) labels, any integers.
        predictions: (n,) labels, any integers.

    Returns:
        A fraction in [0, 1]; 1 is best.

    Raises:
        ValueError: there are no examples.
    """
    targets_by_class, predictions_by_class, correct = counts_of_classes(targets, predictions)
    total = targets_by_class + predictions_by_class
    present = total > 0
    return float((2.0 * correct[present] / total[present]).mean())


def by_weights(targets: np.ndarray, predictions: np.ndarray) -> WeightedValues:
    """Return a function of weights (B, n) for the metric of B resamples."""
    counts = counts_by_weights(targets, predictions)

    def values(weights: np.ndarray) -> np.ndarray:
        targets_by_class, predictions_by_class, correct = counts(weights)
        total = targets_by_class + predictions_by_class
        return (2.0 * correct / np.maximum(total, 1.0)).sum(axis=1) / (total > 0).sum(axis=1)

    return values
