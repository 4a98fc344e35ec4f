"""Log loss: how surprised the model is by the truth."""

from __future__ import annotations

import numpy as np

from bench_suite.stats.intervals import class_numbers

UNIT = "nats"
BETTER = "lower"
IDEAL = 0.0


def log_loss(targets: np.ndarray, scores: np.ndarray) -> float:
    """Mean negative logarithm of the probability given to the true class: −(1/n) Σ ln p[i, yᵢ].

    A proper score (Good 1952). Probabilities are kept above the machine epsilon of their type (1.2e-7 for float32),
    so that one example of probability 0 costs 16 nats and not infinity. Arguments: `targets` (n,) class numbers, or
    labels that all occur; `scores` (n, classes), in ascending order of the labels, rows that sum to 1. Returns nats in
    [0, −ln ε]; 0 is best, ln K what guessing evenly among K classes costs. Raises `ValueError` where there are no
    examples, a number lies outside the classes, a score is not a number, or scores are no probabilities.
    """
    if len(targets) != len(scores):
        raise ValueError(f"{len(targets)} targets and {len(scores)} rows of scores")
    if len(targets) == 0:
        raise ValueError("no examples")
    targets = class_numbers(targets, scores.shape[1])
    of_truth = scores[np.arange(len(targets)), targets]
    if np.isnan(of_truth).any():
        raise ValueError("a score is not a number")
    if of_truth.min() < 0.0 or of_truth.max() > 1.0 + 1e-3:
        raise ValueError("scores are no probabilities: one lies outside 0..1")
    return float(each(targets, scores).mean()) + 0.0


def each(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Loss of each example in nats: (n,) float64, whose mean is the metric; what it raises for is not looked at."""
    of_truth = scores[np.arange(len(targets)), targets]
    return -np.log(np.clip(of_truth, np.finfo(scores.dtype).eps, 1.0).astype(np.float64))
