"""Proportions: the intervals of Wilson and of Clopper and Pearson, and the exact test of a stated share."""

from __future__ import annotations

import math

from bench_suite.contracts import Interval


def wilson(hits: int, n: int, level: float = 0.95) -> Interval:
    """Return the score interval of a share of n independent examples (Wilson 1927)."""
    from scipy import special

    z = float(special.ndtri((1 + level) / 2))
    share, slack = hits / n, z * z / n
    middle = (share + slack / 2) / (1 + slack)
    half = z * math.sqrt(share * (1 - share) / n + slack / (4 * n)) / (1 + slack)
    # The share is inside despite rounding.
    return Interval(max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share)), level)


def clopper_pearson(hits: int, n: int, level: float = 0.95) -> Interval:
    """Return the exact interval of a share of n independent examples (Clopper and Pearson 1934).

    A bound is the share at which so many hits or more, or so many or fewer, have the probability (1 − level) / 2.
    """
    from scipy import special

    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(special.betaincinv(hits, n - hits + 1, tail))
    high = 1.0 if hits == n else float(special.betaincinv(hits + 1, n - hits, 1 - tail))
    return Interval(low, high, level)


def binomial_p(hits: int, n: int, share: float) -> float:
    """Return the two-sided p of a count of n independent examples under a stated share.

    It is the probability of all counts that are at most as probable as the observed one (scipy.stats.binomtest).
    """
    from scipy import stats

    return float(stats.binomtest(hits, n, share).pvalue)
