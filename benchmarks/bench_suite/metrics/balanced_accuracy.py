"""Balanced accuracy: accuracy in which every class weighs the same."""

from __future__ import annotations

import numpy as np

from bench_suite.stats.intervals import counts_of_classes

UNIT = "fraction"
BETTER = "higher"
IDEAL = 1.0


def balanced_accuracy(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean over the classes that occur of the share of their examples that are found (recall).

    (1/K) Σₖ |{i: yᵢ = k, ŷᵢ = k}| / |{i: yᵢ = k}|, over the K classes among the targets (Brodersen et al. 2010,
    doi 10.1109/ICPR.2010.764). Arguments: `targets`, `predictions` (n,) of labels, any whole numbers. Returns a
    fraction in [0, 1]; 1 is best, 1/K is what guessing one class reaches. Raises `ValueError` where there are no
    examples.
    """
    of_class, _, right = counts_of_classes(targets, predictions)
    present = of_class > 0
    return float((right[present] / of_class[present]).mean())
