"""Probabilities: check that scores are those of classes that exclude one another, before a metric reads them so."""

from __future__ import annotations

import numpy as np

TOLERANCE = 0.01
"""Largest distance of a row's sum from 1. Rounding to float16 changes a sum by at most 0.0005, to bfloat16 by 0.004;
scores that are no probabilities, such as margins, miss 1 by far more in some row."""
REMEDY = "let the model return probabilities of the classes, or no scores"


def require_probabilities(scores: np.ndarray) -> None:
    """Raise ValueError unless each row of `scores` (n, classes) is at least 0 everywhere and sums to 1.

    Every metric that reads a score as a probability calls it, so that all of them refuse the same scores.

    Raises:
        ValueError: a score is not a number, a score is below 0, or a row does not sum to 1. The message is the reason
            that a record contains in place of the metric.
    """
    if scores.ndim != 2:
        raise ValueError(f"scores must be (n, classes) probabilities, not {scores.shape}")
    if len(scores) == 0:
        return
    # A product with ones takes a third of the time of `sum(axis=1)`, and a metric is computed a thousand times.
    sums = scores @ np.ones(scores.shape[1], dtype=np.result_type(scores.dtype, np.float32))
    least, greatest = float(sums.min()), float(sums.max())
    if np.isnan(least):
        raise ValueError("a score is not a number")
    lowest = float(scores.min())
    if lowest < 0.0:
        raise ValueError(f"scores are no probabilities: one is {lowest:.3g}; {REMEDY}")
    furthest = least if 1.0 - least > greatest - 1.0 else greatest
    if abs(furthest - 1.0) > TOLERANCE:
        raise ValueError(f"scores are no probabilities: those of one example sum to {furthest:.3g}; {REMEDY}")


def require_constant_sum(scores: np.ndarray) -> None:
    """Raise ValueError unless the two columns of `scores` (n, 2) have the same sum in each row.

    Only then does one column rank the examples as their difference does. Probabilities sum to 1, and margins of
    opposite sign to 0; two logits have no constant sum.

    Raises:
        ValueError: the sums differ. NaN is ignored.
    """
    if len(scores) == 0:
        return
    sums = scores[:, 0] + scores[:, 1]
    if float(sums.max() - sums.min()) > 2 * TOLERANCE * float(np.abs(scores).max()):
        raise ValueError(
            "the scores of the two classes do not have the same sum for each example, so one of them does not rank the "
            f"examples; {REMEDY}"
        )
