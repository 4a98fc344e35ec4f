"""Accuracy: how often the prediction is right."""

from __future__ import annotations

import numpy as np

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0


def accuracy(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Share of examples whose predicted class is the true one: Σ [ŷᵢ = yᵢ] / n.

    Arguments: `targets`, `predictions` (n,) of class numbers. Returns a fraction in [0, 1]; 1 is best.
    Raises `ValueError` where there are no examples or the lengths differ.
    """
    if len(targets) != len(predictions):
        raise ValueError(f"{len(targets)} targets and {len(predictions)} predictions")
    if len(targets) == 0:
        raise ValueError("no examples")
    return float(np.count_nonzero(targets == predictions)) / len(targets)


def each(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """1.0 for each example that is right, else 0.0: (n,) float64, whose mean is the accuracy."""
    return (targets == predictions).astype(np.float64)
