"""Matthews correlation: how far predicted and true classes go together, chance being 0."""

from __future__ import annotations

import math

import numpy as np

from bench_suite.stats.intervals import counts_of_classes

UNIT = "correlation"
BETTER = "higher"
IDEAL = 1.0


def matthews_correlation(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Correlation of true and predicted classes, R_K = (c s − Σₖ pₖ tₖ) / √((s² − Σₖ pₖ²) (s² − Σₖ tₖ²)).

    Of s examples c are right, tₖ are of class k and pₖ are said to be (Gorodkin 2004, doi
    10.1016/j.compbiolchem.2004.09.006; for two classes Matthews 1975). Arguments: `targets`, `predictions` (n,) of
    labels, any whole numbers. Returns a value in [-1, 1]: 1 is best, 0 what guessing reaches whatever the shares of the
    classes. Raises `ValueError` where there are no examples, or all targets or all predictions are of one class (the
    quotient is undefined; scikit-learn says 0).
    """
    counts = counts_of_classes(targets, predictions)
    of_class, said, right = ([int(count) for count in each] for each in counts)  # of Python: squares do not overflow
    n = len(targets)
    spread = (n * n - sum(count * count for count in said)) * (n * n - sum(count * count for count in of_class))
    if spread == 0:
        raise ValueError("all targets or all predictions are of one class")
    together = sum(right) * n - sum(a * b for a, b in zip(of_class, said))
    return together / math.sqrt(spread)
