"""Confusion matrix: which class is taken for which."""

from __future__ import annotations

import numpy as np


def confusion_matrix(targets: np.ndarray, predictions: np.ndarray, classes: int | None = None) -> np.ndarray:
    """Counts C[i, j] of examples of true class i that were predicted to be of class j.

    Arguments: `targets`, `predictions` (n,) int64 class numbers from 0; `classes`, how many there are (default: up to
    the largest that occurs). Returns (classes, classes) int64, which sums to n.
    Raises `ValueError` where there are no examples, the lengths differ, or a number lies outside the classes.
    """
    if len(targets) != len(predictions):
        raise ValueError(f"{len(targets)} targets and {len(predictions)} predictions")
    if len(targets) == 0:
        raise ValueError("no examples")
    highest = max(int(targets.max()), int(predictions.max()))
    count = highest + 1 if classes is None else classes
    if highest >= count or min(int(targets.min()), int(predictions.min())) < 0:
        raise ValueError(f"a class number lies outside 0..{count - 1}")
    cells = targets.astype(np.int64) * count + predictions
    return np.bincount(cells, minlength=count * count).reshape(count, count)
