"""Macro F1: precision and recall in one number, every class weighing the same."""

from __future__ import annotations

import numpy as np

from bench_suite.stats.intervals import counts_of_classes

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0


def macro_f1(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean over classes of F1ₖ = 2 TPₖ / (2 TPₖ + FPₖ + FNₖ), the harmonic mean of precision and recall.

    The classes are those that occur among targets or predictions; this is the mean of F1s, not the F1 of means (Opitz
    and Burst 2019, arXiv 1911.03347). Arguments: `targets`, `predictions` (n,) of labels, any whole numbers. Returns
    a fraction in [0, 1]; 1 is best. Raises `ValueError` where there are no examples.
    """
    of_class, said, right = counts_of_classes(targets, predictions)
    occurs = (of_class + said) > 0
    return float((2.0 * right[occurs] / (of_class + said)[occurs]).mean())
