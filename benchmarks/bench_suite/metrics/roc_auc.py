"""Area under the ROC curve: does an example of the positive class score higher than one of the negative?"""

from __future__ import annotations

import numpy as np

from bench_suite.stats.intervals import area_under_roc
from bench_suite.stats.probabilities import require_constant_sum
from bench_suite.stats.resampling import WeightedValues, area_by_weights

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0
RANGE = (0.0, 1.0)


def roc_auc(targets: np.ndarray, scores: np.ndarray) -> float:
    """Return the probability that a random positive example scores higher than a negative one; ties count a half.

    U / (n₀ n₁), where U is the Mann-Whitney statistic of the positive scores, from mid-ranks (Fawcett 2006,
    doi 10.1016/j.patrec.2005.10.010; Hanley and McNeil 1982).

    Args:
        targets: (n,) two labels, numbers or text; the greater one is the positive class, such as 1 of 0 and 1.
        scores: (n,) of the positive class, or (n, 2), of which column 1 is used; both columns then have the same sum
            in each row, such as 1 for probabilities.

    Returns:
        A fraction in [0, 1]; 1 is best, and 0.5 is chance.

    Raises:
        ValueError: there are no examples, the lengths differ, the number of classes is not two, a score is not a
            number, or the two columns have sums that differ from row to row.
    """
    if scores.ndim == 2:
        if scores.shape[1] != 2:
            raise ValueError(f"defined for two classes; there are {scores.shape[1]} (macro_roc_auc is for more)")
        require_constant_sum(scores)
        scores = scores[:, 1]
    if len(targets) != len(scores):
        raise ValueError(f"{len(targets)} targets and {len(scores)} scores")
    if len(targets) == 0:
        raise ValueError("no examples")
    if targets.dtype.kind not in "biuf":
        targets = np.unique(targets, return_inverse=True)[1]  # labels of text are sorted too
    least, greatest = targets.min(), targets.max()
    if least == greatest:
        raise ValueError("only one class occurs among the targets")
    positive = targets == greatest
    if not (positive | (targets == least)).all():
        raise ValueError(f"defined for two classes; there are {len(np.unique(targets))} among the targets")
    if np.isnan(scores).any():
        raise ValueError("a score is not a number")
    return area_under_roc(positive, scores)


def by_weights(targets: np.ndarray, scores: np.ndarray) -> WeightedValues:
    """Return a function of weights (B, n) for the metric of B resamples; NaN if a class is missing."""
    if targets.dtype.kind not in "biuf":
        targets = np.unique(targets, return_inverse=True)[1]
    return area_by_weights(targets == targets.max(), scores if scores.ndim == 1 else scores[:, 1])
