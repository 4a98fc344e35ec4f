"""Expected calibration error: how far confidences are from accuracies, in 15 bins of equal width."""

from __future__ import annotations

import numpy as np

from bench_suite.stats.calibration import BINS, bin_numbers, expected_error, top_label
from bench_suite.stats.intervals import class_numbers
from bench_suite.stats.probabilities import require_probabilities
from bench_suite.stats.resampling import WeightedValues

UNIT = "fraction"
BETTER = "lower"
IDEAL = 0.0
RANGE = (0.0, 1.0)


def expected_calibration_error(targets: np.ndarray, scores: np.ndarray) -> float:
    """Return Σ (n_b / n) |mean confidence − accuracy| over 15 bins of the likeliest class's score.

    Bin m is ((m − 1)/15, m/15], and the first one contains 0 (Guo et al. 2017, arXiv 1706.04599). Nothing is debiased:
    a calibrated model has an error above 0, which the probe `calibration` states as its floor.

    Args:
        targets: (n,) class numbers, or labels if all of them occur.
        scores: (n, K) probabilities, in ascending order of the labels; rows sum to 1 within 0.01.

    Returns:
        A fraction in [0, 1]; 0 is best.

    Raises:
        ValueError: there are no examples, a target lies outside the classes, or scores are no probabilities.
    """
    if len(targets) != len(scores):
        raise ValueError(f"{len(targets)} targets and {len(scores)} rows of scores")
    if len(targets) == 0:
        raise ValueError("no examples")
    require_probabilities(scores)
    return expected_error(*top_label(class_numbers(targets, scores.shape[1]), scores))


def by_weights(targets: np.ndarray, scores: np.ndarray) -> WeightedValues:
    """Return a function of weights (B, n) for the metric of B resamples."""
    confidences, correct = top_label(class_numbers(targets, scores.shape[1]), scores)
    order = np.argsort(bin_numbers(confidences, BINS), kind="stable")
    starts = np.flatnonzero(np.diff(bin_numbers(confidences, BINS)[order], prepend=-1))
    residuals = (confidences.astype(np.float64) - correct)[order]

    def values(weights: np.ndarray) -> np.ndarray:
        sums = np.add.reduceat(weights.take(order, axis=1) * residuals, starts, axis=1)
        return np.asarray(np.abs(sums).sum(axis=1) / weights.sum(axis=1))

    return values
