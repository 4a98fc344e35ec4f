"""Log loss: the negative logarithm of the probability of the true class."""

from __future__ import annotations

import numpy as np

from bench_suite.stats.intervals import class_numbers
from bench_suite.stats.probabilities import require_probabilities

UNIT = "nats"
BETTER = "lower"
IDEAL = 0.0
RANGE = (0.0, None)


def log_loss(targets: np.ndarray, scores: np.ndarray) -> float:
    """Return the mean negative logarithm of the probability of the true class: −(1/n) Σ ln p[i, yᵢ].

    It is a proper score (Good 1952). Probabilities are clipped to at least the machine epsilon ε of their type (1.2e-7
    for float32), so an example of probability 0 costs 16 nats instead of infinity.

    Args:
        targets: (n,) class numbers, or labels if all of them occur.
        scores: (n, K) probabilities, in ascending order of the labels; rows sum to 1 within 0.01.

    Returns:
        Nats in [0, −ln ε]; 0 is best, and ln K is the loss of equal probabilities for K classes.

    Raises:
        ValueError: there are no examples, a target lies outside the classes, a score is not a number, or scores are no
            probabilities.
    """
    if len(targets) != len(scores):
        raise ValueError(f"{len(targets)} targets and {len(scores)} rows of scores")
    if len(targets) == 0:
        raise ValueError("no examples")
    targets = class_numbers(targets, scores.shape[1])
    require_probabilities(scores)
    return float(per_example(targets, scores).mean()) + 0.0


def per_example(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the loss of each example in nats: (n,) float64, whose mean is the metric. Nothing is checked."""
    of_truth = scores[np.arange(len(targets)), targets]
    return -np.log(np.clip(of_truth, np.finfo(scores.dtype).eps, 1.0).astype(np.float64))
