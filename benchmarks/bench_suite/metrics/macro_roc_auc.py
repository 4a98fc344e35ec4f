"""Macro area under the ROC curve: each class against all others, with the same weight for all classes."""

from __future__ import annotations

import numpy as np

from bench_suite.stats.intervals import area_under_roc
from bench_suite.stats.resampling import WeightedValues, area_by_weights

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0
RANGE = (0.0, 1.0)


def macro_roc_auc(targets: np.ndarray, scores: np.ndarray) -> float:
    """Return the mean over classes of the area under the ROC curve of one class against the rest, by its own scores.

    (1/K) Σₖ Uₖ / (nₖ (n − nₖ)), where Uₖ is the Mann-Whitney statistic of the scores of class k (Fawcett 2006, section
    9, doi 10.1016/j.patrec.2005.10.010). It is scikit-learn's `roc_auc_score` with `multi_class="ovr"`. For two classes
    it equals `roc_auc` if scores sum to 1.

    Args:
        targets: (n,) labels, integers.
        scores: (n, K), with columns in ascending order of the labels; only the order within a column counts.

    Returns:
        A fraction in [0, 1]; 1 is best, and 0.5 is chance.

    Raises:
        ValueError: there are no examples, the lengths differ, a class does not occur, or a score is not a number.
    """
    if len(targets) != len(scores):
        raise ValueError(f"{len(targets)} targets and {len(scores)} rows of scores")
    if len(targets) == 0:
        raise ValueError("no examples")
    if np.isnan(scores).any():
        raise ValueError("a score is not a number")
    labels = np.unique(targets)
    if len(labels) != scores.shape[1] or len(labels) < 2:
        raise ValueError(f"{len(labels)} classes occur among the targets, but there are scores of {scores.shape[1]}")
    by_class = np.ascontiguousarray(scores.T)  # contiguous columns are sorted and searched faster
    return float(np.mean([area_under_roc(targets == label, column) for label, column in zip(labels, by_class)]))


def by_weights(targets: np.ndarray, scores: np.ndarray) -> WeightedValues:
    """Return a function of weights (B, n) for the metric of B resamples; NaN if a class is missing."""
    areas = [area_by_weights(targets == label, column) for label, column in zip(np.unique(targets), scores.T)]
    return lambda weights: np.mean([area(weights) for area in areas], axis=0)
