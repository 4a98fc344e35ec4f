"""Proportions of several groups and their intervals: of one, the least, the largest difference, the least ratio.

A difference between groups is the largest of several absolute values. It is never below 0, and in a resample it is
mostly larger than in the data: the bootstrap percentiles of it, which other tools give, miss a true 0 almost always.
So the intervals here are projections. A bootstrap gives intervals that hold for all pairs of groups at once; what
follows from all of them for the largest difference holds as often, or more often, whatever the number of groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bench_suite.contracts import Interval
from bench_suite.stats import checksum

LEVEL = 0.95


@dataclass(frozen=True)
class Rate:
    """A proportion: `hits` of `n` independent examples."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        """hits / n. Raises ValueError where there are no examples."""
        if self.n == 0:
            raise ValueError("no examples")
        return self.hits / self.n


def of_one(rate: Rate, level: float = LEVEL) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927): it has a width at 0 and at 1 too."""
    z, p, n = NormalDist().inv_cdf((1 + level) / 2), rate.value, rate.n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Interval(max(0.0, min(middle - half, p)), min(1.0, max(middle + half, p)), level)  # rounding: p is within


def least(families: Sequence[Sequence[Rate]], resamples: int) -> tuple[float, Interval]:
    """The least proportion of a family of groups, and its interval.

    Groups are independent, so G intervals of level 0.95^(1/G) hold together in 95 %; then the least proportion lies
    between the least of their lower and the least of their upper bounds. Nothing is drawn.
    """
    (rates,) = families
    each = [of_one(rate, LEVEL ** (1 / len(rates))) for rate in rates]
    interval = Interval(min(one.low for one in each), min(one.high for one in each), LEVEL)
    return min(rate.value for rate in rates), interval


def largest_difference(families: Sequence[Sequence[Rate]], resamples: int) -> tuple[float, Interval]:
    """The largest absolute difference of two proportions of one family, and its interval.

    One family of selection rates gives demographic parity; true positive rates and false positive rates, two families,
    give equalised odds. For the interval proportions are (hits + 1) / (n + 2) (Agresti and Caffo 2000).
    """
    value = max(max(rate.value for rate in rates) - min(rate.value for rate in rates) for rates in families)
    low, high = _largest(families, _plain, lambda p: p, resamples)
    # The proportions are smoothed, so in tiny groups the observed value might lie outside.
    return value, Interval(min(low, value), min(max(high, value), 1.0), LEVEL)


def least_ratio(families: Sequence[Sequence[Rate]], resamples: int) -> tuple[float, Interval]:
    """The least ratio of two proportions of a family, and its interval: of the largest difference of logarithms.

    For the interval logarithms are of (hits + ½) / (n + 1), with variance 1 / (hits + ½) − 1 / (n + 1) (Walter 1975).
    Raises ValueError where all proportions are 0.
    """
    values = [rate.value for rates in families for rate in rates]
    if max(values) == 0:
        raise ValueError("nobody is selected in any group")
    value = min(values) / max(values)
    low, high = _largest(families, _logarithm, np.log, resamples)
    return value, Interval(min(math.exp(-high), value), max(math.exp(-low), value), LEVEL)


def _largest(
    families: Sequence[Sequence[Rate]],
    scale: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    truth: Callable[[np.ndarray], np.ndarray],
    resamples: int,
) -> tuple[float, float]:
    """Bounds of the largest absolute difference, on a scale.

    Examples are resampled within each group, so that sizes stay: binomial draws with the smoothed proportion, since
    from 0 or n hits nothing else would ever be drawn. The 95 % quantile c of the largest studentised deviation over all
    pairs gives intervals d ± c·s that hold together; the largest |d| lies between the largest of their lower bounds, or
    0, and the largest of their upper ones.
    """
    random = np.random.default_rng(_seed(families))
    deviation = np.zeros(resamples)
    counts = [(np.array([r.hits for r in rates]), np.array([r.n for r in rates])) for rates in families]
    for hits, n in counts:
        smooth = (hits + 1) / (n + 2)
        values, variances = scale(random.binomial(n, smooth, (resamples, len(n))), n)
        expected = truth(smooth)
        for first in range(len(n) - 1):  # by group, since all pairs of 1,000 classes would not fit in memory
            rest = slice(first + 1, None)
            off = values[:, first, None] - values[:, rest] - (expected[first] - expected[rest])
            error = np.sqrt(variances[:, first, None] + variances[:, rest])
            deviation = np.maximum(deviation, np.max(np.abs(off) / error, axis=1))
    reach = float(np.quantile(deviation, LEVEL, method="higher"))
    lows, highs = [0.0], [0.0]
    for hits, n in counts:
        values, variances = scale(hits, n)
        size = np.abs(values[:, None] - values[None, :])
        half = reach * np.sqrt(variances[:, None] + variances[None, :])
        pairs = np.triu_indices(len(n), 1)
        lows.append(float(np.max((size - half)[pairs])))
        highs.append(float(np.max((size + half)[pairs])))
    return max(lows), max(highs)


def _plain(hits: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    value = (hits + 1) / (n + 2)
    return value, value * (1 - value) / (n + 2)


def _logarithm(hits: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.log((hits + 0.5) / (n + 1)), 1 / (hits + 0.5) - 1 / (n + 1)


def _seed(families: Sequence[Sequence[Rate]]) -> int:
    """Of the counts: the same predictions have the same interval."""
    return checksum({str(k): np.array([[r.hits, r.n] for r in rates]) for k, rates in enumerate(families)})
