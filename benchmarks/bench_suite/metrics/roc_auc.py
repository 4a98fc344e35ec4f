"""Area under the ROC curve: does an example of the positive class score higher than one of the negative?"""

from __future__ import annotations

import numpy as np

from bench_suite.stats.intervals import area_under_roc

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0


def roc_auc(targets: np.ndarray, scores: np.ndarray) -> float:
    """Chance that a random example of the positive class scores higher than one of the negative, ties counting a half.

    U / (n₀ n₁), U the Mann-Whitney statistic of the positive scores, from mid-ranks (Fawcett 2006,
    doi 10.1016/j.patrec.2005.10.010; Hanley and McNeil 1982). Arguments: `targets` (n,) of two labels, numbers or
    text, of which the greater is the positive class, as 1 is of 0 and 1; `scores` (n, 2), of which column 1 is used, or
    (n,) of the positive class. Returns a fraction in [0, 1]: 1 is best, 0.5 chance. Raises `ValueError` where there are
    more than two classes, only one occurs, or a score is not a number.
    """
    if scores.ndim == 2:
        if scores.shape[1] != 2:
            raise ValueError(f"defined for two classes; there are {scores.shape[1]} (macro_roc_auc is for more)")
        scores = scores[:, 1]
    if len(targets) != len(scores):
        raise ValueError(f"{len(targets)} targets and {len(scores)} scores")
    if len(targets) == 0:
        raise ValueError("no examples")
    if targets.dtype.kind not in "biuf":
        targets = np.unique(targets, return_inverse=True)[1]  # text has an order too
    least, greatest = targets.min(), targets.max()
    if least == greatest:
        raise ValueError("only one class occurs among the targets")
    positive = targets == greatest
    if not (positive | (targets == least)).all():
        raise ValueError(f"defined for two classes; there are {len(np.unique(targets))} among the targets")
    if np.isnan(scores).any():
        raise ValueError("a score is not a number")
    return area_under_roc(positive, scores)
