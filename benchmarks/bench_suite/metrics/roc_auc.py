"""Area under the ROC curve: does an example of the positive class score higher than one of the negative?"""

from __future__ import annotations

import numpy as np

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0


def roc_auc(targets: np.ndarray, scores: np.ndarray) -> float:
    """Chance that a random example of class 1 scores higher than one of class 0, ties counting a half.

    U / (n₀ n₁), U the Mann-Whitney statistic of the scores of class 1, from mid-ranks (Fawcett 2006,
    doi 10.1016/j.patrec.2005.10.010; Hanley and McNeil 1982). Arguments: `targets` (n,) of 0 and 1; `scores` (n, 2),
    of which column 1 is used, or (n,) of the positive class. Returns a fraction in [0, 1]: 1 is best, 0.5 chance.
    Raises `ValueError` where there are more than two classes, only one occurs, or a score is not a number.
    """
    if scores.ndim == 2:
        if scores.shape[1] != 2:
            raise ValueError(f"defined for two classes; there are {scores.shape[1]}")
        scores = scores[:, 1]
    if len(targets) != len(scores):
        raise ValueError(f"{len(targets)} targets and {len(scores)} scores")
    positive = targets == 1
    positives = int(np.count_nonzero(positive))
    negatives = len(targets) - positives
    if positives == 0 or negatives == 0:
        raise ValueError("only one class occurs among the targets" if len(targets) else "no examples")
    if np.isnan(scores).any():
        raise ValueError("a score is not a number")
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) + 1  # one past each run of equal scores
    starts = np.append(0, ends[:-1])
    # The mid-rank of a run of equal scores at positions start + 1 .. end is (start + 1 + end) / 2.
    positives_in_run = np.diff(np.append(0, np.cumsum(positive[order])[ends - 1]))
    rank_sum = float(((starts + 1 + ends) / 2.0 * positives_in_run).sum())
    return (rank_sum - positives * (positives + 1) / 2.0) / (positives * negatives)
