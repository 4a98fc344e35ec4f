"""Matthews correlation: the correlation of predicted and true classes; chance is 0."""

from __future__ import annotations

import math

import numpy as np

from bench_suite.stats.intervals import counts_of_classes
from bench_suite.stats.resampling import WeightedValues, counts_by_weights

UNIT = "correlation"
BETTER = "higher"
IDEAL = 1.0
RANGE = (-1.0, 1.0)


def matthews_correlation(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Return the correlation of true and predicted classes, R_K = (c s − Σₖ pₖ tₖ) / √((s² − Σₖ pₖ²) (s² − Σₖ tₖ²)).

    Of s examples, c are predicted correctly, tₖ are of class k, and pₖ are predicted as class k (Gorodkin 2004, doi
    10.1016/j.compbiolchem.2004.09.006; for two classes Matthews 1975).

    Args:
        targets: (n,) labels, any integers.
        predictions: (n,) labels, any integers.

    Returns:
        A value in [-1, 1]; 1 is best, and 0 is that of guessing, for any class frequencies.

    Raises:
        ValueError: there are no examples, or all targets or all predictions are of one class. Then the quotient is
            undefined; scikit-learn returns 0.
    """
    counts = counts_of_classes(targets, predictions)
    # Python's integers, since squares could overflow.
    targets_by_class, predictions_by_class, correct = ([int(count) for count in column] for column in counts)
    n = len(targets)
    spread_of_targets = n * n - sum(count * count for count in targets_by_class)
    spread_of_predictions = n * n - sum(count * count for count in predictions_by_class)
    if spread_of_targets * spread_of_predictions == 0:
        raise ValueError("all targets or all predictions are of one class")
    covariance = sum(correct) * n - sum(a * b for a, b in zip(targets_by_class, predictions_by_class))
    return covariance / math.sqrt(spread_of_predictions * spread_of_targets)


def by_weights(targets: np.ndarray, predictions: np.ndarray) -> WeightedValues:
    """Return a function of weights (B, n) for the metric of B resamples; NaN if it is undefined."""
    counts = counts_by_weights(targets, predictions)

    def values(weights: np.ndarray) -> np.ndarray:
        targets_by_class, predictions_by_class, correct = counts(weights)
        n = weights.sum(axis=1)
        spread_of_targets = n * n - np.square(targets_by_class).sum(axis=1)
        spread_of_predictions = n * n - np.square(predictions_by_class).sum(axis=1)
        covariance = correct.sum(axis=1) * n - (targets_by_class * predictions_by_class).sum(axis=1)
        with np.errstate(invalid="ignore"):  # 0 / 0
            return covariance / np.sqrt(spread_of_predictions * spread_of_targets)

    return values
