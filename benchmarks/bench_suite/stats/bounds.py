"""Bounds of a difference that invert the tests of `paired`: each test can be read off its bound.

An upper bound at some level lies below −Δ exactly if `p_regressed` at the tolerance Δ does not exceed the level, and a
lower bound above −Δ exactly if `p_not_worse` does not. So a verdict and the interval that is printed cannot disagree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench_suite.stats.paired import SLACK, Difference, flipped_signs, mcnemar, quantile, variance_at


def upper_bound(difference: Difference, level: float, tolerance: float = 0.0) -> float:
    """Return the one-sided upper bound whose position against −Δ is the test `p_regressed`.

    δ + t(1 − α, df) · √V, with the V that the test uses at this tolerance. For right and wrong answers of one seed
    without a tolerance see `_exact_upper_bound`. Without variance it is δ.

    Args:
        difference: head − base.
        level: α, the chance that the bound lies below the truth.
        tolerance: Δ, the loss that is allowed.
    """
    student = difference.value - quantile(level, difference.df) * math.sqrt(variance_at(difference, tolerance))
    if difference.discordant is None or tolerance != 0.0:
        return student
    return _exact_upper_bound(*difference.discordant, difference.n, level, student)


def lower_bound(difference: Difference, level: float, tolerance: float = 0.0) -> float:
    """Return the one-sided lower bound whose position against −Δ is the test `p_not_worse`, or that of a gain at Δ = 0.

    Arguments as of `upper_bound`.
    """
    student = difference.value + quantile(level, difference.df) * math.sqrt(variance_at(difference, tolerance))
    if difference.discordant is None or tolerance != 0.0:
        return student
    worse, better = difference.discordant
    return -_exact_upper_bound(better, worse, difference.n, level, -student)


def _exact_upper_bound(worse: int, better: int, n: int, level: float, student: float) -> float:
    """Return an upper bound of (better − worse) / n that is below 0 exactly if `mcnemar` does not exceed the level.

    Given m = worse + better examples that differ, the exact bound is m (1 − 2π) / n, where π is the least chance of
    *worse* that the mid-p test does not reject. It takes m as known, so far from 0 it is too narrow: Student's bound
    replaces it wherever that one is wider and lies on the same side of 0.
    """
    m = worse + better
    exact = m * (1 - 2 * _least_share(worse, m, level)) / n
    is_loss = mcnemar(worse, better) <= level
    return exact if is_loss and student >= 0 else max(exact, student)


def _least_share(count: int, m: int, level: float) -> float:
    """Return the π at which P(X > count) + P(X = count) / 2 of a binomial (m, π) is the level; 0 if count is 0."""
    from scipy import optimize, special

    if count == 0:
        return 0.0

    def excess(share: float) -> float:
        at_least = special.betainc(count, m - count + 1, share)
        above = special.betainc(count + 1, m - count, share) if count < m else 0.0
        return float(at_least + above) / 2 - level

    return float(optimize.brentq(excess, 0.0, 1.0))


def flips_upper_bound(values: Sequence[float], level: float) -> float:
    """Return the upper bound that is below −Δ exactly if `sign_flips` of the values + Δ does not exceed the level.

    Flipping the signs of a subset of the seeds does not raise the sum if the subset's mean is at least −Δ. So p is the
    share of such subsets, the empty one included, and the bound is the largest mean that must be below −Δ.

    Args:
        values: (S,) the difference under each seed.
        level: of the one-sided test.

    Returns:
        The bound; ∞ if so few seeds never reach the level.
    """
    d = np.asarray(values, dtype=np.float64)
    signs, more = flipped_signs(len(d))
    is_flipped = signs < 0
    sizes = is_flipped.sum(axis=1)
    means = np.where(sizes == 0, math.inf, is_flipped @ d / np.maximum(sizes, 1))
    allowed = math.floor(level * (len(signs) + more) + SLACK) - more
    return float(np.sort(means)[::-1][allowed]) if 0 <= allowed < len(means) else math.inf
