"""Brier score: the mean squared error of probabilities."""

from __future__ import annotations

import numpy as np

from bench_suite.stats.intervals import class_numbers
from bench_suite.stats.probabilities import require_probabilities
from bench_suite.stats.resampling import WeightedValues, mean_by_weights

UNIT = "score"
BETTER = "lower"
IDEAL = 0.0
RANGE = (0.0, 2.0)


def brier_score(targets: np.ndarray, scores: np.ndarray) -> float:
    """Return the mean squared error of probabilities, a proper score (Brier 1950).

    More than two classes: (1/n) Σᵢ Σₖ (p[i, k] − [yᵢ = k])², in [0, 2]. Two classes: (1/n) Σ (p[i, 1] − yᵢ)², in
    [0, 1], which is half of that sum. Both are scikit-learn's `brier_score_loss`.

    Args:
        targets: (n,) class numbers, or labels if all of them occur.
        scores: (n, K) probabilities, in ascending order of the labels; rows sum to 1 within 0.01.

    Returns:
        0 is best. Equal probabilities for two classes have 0.25, and for K > 2 classes 1 − 1/K.

    Raises:
        ValueError: there are no examples, a target lies outside the classes, or scores are no probabilities.
    """
    if len(targets) != len(scores):
        raise ValueError(f"{len(targets)} targets and {len(scores)} rows of scores")
    if len(targets) == 0:
        raise ValueError("no examples")
    targets = class_numbers(targets, scores.shape[1])
    require_probabilities(scores)
    return float(per_example(targets, scores).mean())


def per_example(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the squared error of each example: (n,) float64, whose mean is the metric. Nothing is checked."""
    probabilities = scores.astype(np.float64)
    if scores.shape[1] == 2:
        return np.asarray((probabilities[:, 1] - (targets == 1)) ** 2)
    of_truth = probabilities[np.arange(len(targets)), targets]
    return np.asarray((probabilities**2).sum(axis=1) - 2.0 * of_truth + 1.0)


def by_weights(targets: np.ndarray, scores: np.ndarray) -> WeightedValues:
    """Return a function of weights (B, n) for the metric of B resamples."""
    return mean_by_weights(per_example(class_numbers(targets, scores.shape[1]), scores))
