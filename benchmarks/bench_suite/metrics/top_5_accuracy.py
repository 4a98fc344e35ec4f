"""Top-5 accuracy: how often the true class is among the five likeliest."""

from __future__ import annotations

import numpy as np

from bench_suite.stats.intervals import class_numbers

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0
K = 5


def top_5_accuracy(targets: np.ndarray, scores: np.ndarray) -> float:
    """Share of examples whose true class is among the five of the highest scores, as ImageNet is judged.

    (1/n) Σ clip((5 − aᵢ) / bᵢ, 0, 1): of example i, aᵢ classes score higher than the true one and bᵢ as high, the true
    one among them. So where classes tie, an example counts by the chance that a random order of them puts the true one
    among the five; a model that gives all K classes the same score has 5/K, as guessing has. Arguments: `targets` (n,)
    class numbers from 0, or labels that all occur; `scores` (n, K), in ascending order of the labels, of which only the
    order counts. Returns a fraction in [0, 1]; 1 is
    best. Raises `ValueError` where there are no examples, five classes or fewer, a number lies outside the classes, or
    a score is not a number.
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
    return float(each(targets, scores).mean())


def each(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Chance of each example to be among the five: (n,) in [0, 1], whose mean is the metric; nothing is checked."""
    of_truth = scores[np.arange(len(targets)), targets][:, None]
    higher = (scores > of_truth).sum(axis=1)
    as_high = (scores == of_truth).sum(axis=1)
    return np.clip((K - higher) / as_high, 0.0, 1.0)
