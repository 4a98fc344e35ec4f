"""Average precision: how well scores rank the examples of the positive class, if these are rare."""

from __future__ import annotations

import numpy as np

from bench_suite.stats.probabilities import require_constant_sum
from bench_suite.stats.resampling import WeightedValues

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0
RANGE = (0.0, 1.0)


def average_precision(targets: np.ndarray, scores: np.ndarray, positive: int = 1) -> float:
    """Return Σₜ (Rₜ − Rₜ₋₁) Pₜ: the mean precision over the recalls that the thresholds of the scores reach.

    Pₜ and Rₜ are precision and recall if all examples with at least the t-th greatest distinct score are predicted to
    be positive. There is no interpolation, which would be too good (Davis and Goadrich 2006, doi
    10.1145/1143844.1143874). It is scikit-learn's `average_precision_score`.

    Args:
        targets: (n,) class numbers.
        scores: (n,) of the positive class, or (n, 2), of which its column is used; both columns then have the same sum
            in each row, such as 1 for probabilities.
        positive: number of the positive class.

    Returns:
        A fraction in [0, 1]; 1 is best, and the share of positive examples is chance.

    Raises:
        ValueError: there are no examples, the lengths differ, there are more than two classes, no example is positive,
            or a score is not a number.
    """
    if scores.ndim == 2:
        if scores.shape[1] != 2:
            raise ValueError(f"defined for two classes; there are {scores.shape[1]}")
        require_constant_sum(scores)
        scores = scores[:, positive]
    if len(targets) != len(scores):
        raise ValueError(f"{len(targets)} targets and {len(scores)} scores")
    if len(targets) == 0:
        raise ValueError("no examples")
    if np.isnan(scores).any():
        raise ValueError("a score is not a number")
    hits = targets == positive
    if not hits.any():
        raise ValueError("no example is of the positive class")
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], hits[order]
    last = np.append(ranked[1:] != ranked[:-1], True)  # examples with equal scores are predicted together
    true_positives = np.cumsum(hits)[last]
    precision = true_positives / (np.flatnonzero(last) + 1)
    return float((np.diff(true_positives, prepend=0) * precision).sum() / hits.sum())


def by_weights(targets: np.ndarray, scores: np.ndarray, positive: int = 1) -> WeightedValues:
    """Return `average_precision` as a function of weights (B, n); NaN without a positive example."""
    ranked = scores if scores.ndim == 1 else scores[:, positive]
    order = np.argsort(-ranked, kind="stable")
    hits = (targets == positive)[order].astype(np.float64)
    last = np.append(ranked[order][1:] != ranked[order][:-1], True)

    def values(weights: np.ndarray) -> np.ndarray:
        drawn = weights[:, order]
        true_positives = np.cumsum(drawn * hits, axis=1)[:, last]
        precision = true_positives / np.maximum(np.cumsum(drawn, axis=1)[:, last], 1.0)
        gains = np.diff(true_positives, prepend=0.0, axis=1)
        total = true_positives[:, -1]
        return np.where(total > 0, (gains * precision).sum(axis=1) / np.maximum(total, 1.0), np.nan)

    return values
