"""Proportions: Wilson's interval of a share, and the exact test that it has a stated value."""

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
    return Interval(max(0.0, middle - half), min(1.0, middle + half), level)


def binomial_p(hits: int, n: int, share: float) -> float:
    """Return the two-sided p of a count of n independent examples under a stated share.

    It is the probability of all counts that are at most as probable as the observed one (scipy.stats.binomtest).
    """
    from scipy import stats

    return float(stats.binomtest(hits, n, share).pvalue)
