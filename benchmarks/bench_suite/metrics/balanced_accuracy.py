"""Balanced accuracy: accuracy in which all classes have the same weight."""

from __future__ import annotations

import numpy as np

from bench_suite.stats.intervals import counts_of_classes
from bench_suite.stats.resampling import WeightedValues, counts_by_weights

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0
RANGE = (0.0, 1.0)


def balanced_accuracy(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Return the mean recall of the classes that occur among the targets.

    (1/K) Σₖ |{i: yᵢ = k, ŷᵢ = k}| / |{i: yᵢ = k}|, over the K classes among the targets (Brodersen et al. 2010,
    doi 10.1109/ICPR.2010.764).

    Args:
        targets: (n,) labels, any integers.
        predictions: (n,) labels, any integers.

    Returns:
        A fraction in [0, 1]; 1 is best, and 1/K is that of a constant prediction.

    Raises:
        ValueError: there are no examples.
    """
    targets_by_class, _, correct = counts_of_classes(targets, predictions)
    present = targets_by_class > 0
    return float((correct[present] / targets_by_class[present]).mean())


def by_weights(targets: np.ndarray, predictions: np.ndarray) -> WeightedValues:
    """Return a function of weights (B, n) for the metric of B resamples."""
    counts = counts_by_weights(targets, predictions)

    def values(weights: np.ndarray) -> np.ndarray:
        targets_by_class, _, correct = counts(weights)
        recall = correct / np.maximum(targets_by_class, 1.0)  # 0 for a class that the resample lacks
        return recall.sum(axis=1) / (targets_by_class > 0).sum(axis=1)

    return values
