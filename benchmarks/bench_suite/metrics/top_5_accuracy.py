"""Top-5 accuracy: how often the true class is among the five likeliest."""

from __future__ import annotations

import numpy as np

from bench_suite.stats.intervals import class_numbers

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0
RANGE = (0.0, 1.0)
PROPORTION = True
K = 5


def top_5_accuracy(targets: np.ndarray, scores: np.ndarray) -> float:
    """Return the share of examples whose true class is among the five highest scores, the usual metric of ImageNet.

    (1/n) Σ clip((5 − aᵢ) / bᵢ, 0, 1), where aᵢ classes score higher than the true class of example i, and bᵢ classes
    score the same, the true one included. For ties, an example thus counts with the probability that a random order
    places the true class among the five. A model with the same score for all K classes gets 5/K, like guessing.

    Args:
        targets: (n,) class numbers from 0, or labels if all of them occur.
        scores: (n, K), in ascending order of the labels; only their order counts.

    Returns:
        A fraction in [0, 1]; 1 is best.

    Raises:
        ValueError: there are no examples, there are five classes or fewer, a target lies outside the classes, or a
            score is not a number.
    """
    if len(targets) != len(scores):
        raise ValueError(f"{len(targets)} targets and {len(scores)} rows of scores")
    if len(targets) == 0:
        raise ValueError("no examples")
    classes = scores.shape[1]
    if classes <= K:
        raise ValueError(f"defined for more than five classes; there are {classes}")
    targets = class_numbers(targets, classes)
    if np.isnan(scores).any():
        raise ValueError("a score is not a number")
    return float(per_example(targets, scores).mean())


def per_example(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return each example's share of the metric: (n,) in [0, 1], whose mean is the metric. Nothing is checked."""
    of_truth = scores[np.arange(len(targets)), targets][:, None]
    higher = (scores > of_truth).sum(axis=1)
    as_high = (scores == of_truth).sum(axis=1)
    return np.clip((K - higher) / as_high, 0.0, 1.0)
