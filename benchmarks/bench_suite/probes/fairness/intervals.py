"""Proportions of several groups and their intervals: of one, the least, the largest difference, the least ratio.

A difference between groups is the largest of several absolute values. It is never below 0, and in a resample it is
mostly larger than in the data: the bootstrap percentiles of it, which other tools give, miss a true 0 almost always.
So the intervals here are projections of intervals that hold for all pairs of groups at once: of differences by a
bootstrap, of ratios by scores. What follows from all of them for the pair that is furthest apart holds as often, or
more often, whatever the number of groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bench_suite.contracts import Interval
from bench_suite.stats.intervals import checksum

LEVEL = 0.95
SMALLEST = 40.0
"Logarithms of ratios are looked for down to −40: no bound of groups of fewer than 10¹⁶ is smaller."
HALVINGS = 60
"Of the stretch in which a bound is looked for, to the last digit of a float."


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
    low, high = _largest(families, resamples)
    # The proportions are smoothed, so in tiny groups the observed value might lie outside.
    return value, Interval(min(low, value), min(max(high, value), 1.0), LEVEL)


def least_ratio(families: Sequence[Sequence[Rate]], resamples: int) -> tuple[float, Interval]:
    """The least ratio of two proportions of a family, and its interval, from the score intervals of all pairs.

    Each pair's interval (`_lower_ratio`) has level 1 − 0.05 / pairs, so that all hold together in 95 % (Bonferroni).
    Then the largest |logarithm of a ratio| lies between the largest of their lower bounds, or 0, and the largest of
    their upper ones. Nothing is drawn. Raises ValueError where all proportions are 0.
    """
    (rates,) = families
    hits, n = (np.array(each, dtype=np.float64) for each in ([r.hits for r in rates], [r.n for r in rates]))
    shares = hits / n
    if shares.max() == 0:
        raise ValueError("nobody is selected in any group")
    value = float(shares.min() / shares.max())
    first, second = np.triu_indices(len(rates), 1)
    z = NormalDist().inv_cdf(1 - (1 - LEVEL) / 2 / max(1, len(first)))
    # A pair taken the other way round has the ratio's reciprocal, so its upper bound is a lower one too.
    low, other = (_lower_ratio(hits[i], n[i], hits[j], n[j], z) for i, j in ((first, second), (second, first)))
    least_apart = float(np.max(np.maximum(low, other), initial=0.0))
    most_apart = float(np.max(np.maximum(-low, -other), initial=0.0))
    # Rounding: the value is within.
    return value, Interval(min(math.exp(-most_apart), value), max(math.exp(-least_apart), value), LEVEL)


def _lower_ratio(hits: np.ndarray, n: np.ndarray, other_hits: np.ndarray, other_n: np.ndarray, z: float) -> np.ndarray:
    """Logarithms of the lower bounds of p₁/p₂: the ratio θ at which the share p̂₁ lies z standard errors above θ·p̂₂.

    The score interval of Miettinen and Nurminen (1985): the error is that of the shares which are likeliest if θ is
    the truth. Less half an example of each group, since shares go in steps: without that correction for continuity the
    intervals of small groups in which few are selected hold the truth in 84 %, with it nowhere in less than 95 %.

    Arguments: four arrays (k,) of hits and examples of k pairs. Returns (k,), −∞ where the first has no hits.
    """
    low, high = np.full(len(hits), -SMALLEST), np.full(len(hits), SMALLEST)
    for _ in range(HALVINGS):  # the score falls as θ grows
        middle = (low + high) / 2
        ratio = np.exp(middle)
        supposed, other_supposed = _supposed(hits, n, other_hits, other_n, ratio)
        variance = supposed * (1 - supposed) / n + ratio**2 * other_supposed * (1 - other_supposed) / other_n
        error = np.sqrt(np.maximum(variance, 0.0) * (n + other_n) / (n + other_n - 1))
        above = (hits - 0.5) / n - ratio * (other_hits + 0.5) / other_n > z * error
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(hits == 0, -np.inf, (low + high) / 2)


def _supposed(
    hits: np.ndarray, n: np.ndarray, other_hits: np.ndarray, other_n: np.ndarray, ratio: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest proportions of two groups of which the first is `ratio` times the second."""
    total, linear = ratio * (n + other_n), ratio * (n + other_hits) + other_n + hits
    every = hits + other_hits
    other = 2 * every / (linear + np.sqrt(np.maximum(linear**2 - 4 * total * every, 0.0)))
    return np.minimum(ratio * other, 1.0), other


def _largest(families: Sequence[Sequence[Rate]], resamples: int) -> tuple[float, float]:
    """Bounds of the largest absolute difference.

    Examples are resampled within each group, so that sizes stay: binomial draws with the smoothed proportion, since
    from 0 or n hits nothing else would ever be drawn. The 95 % quantile c of the largest studentised deviation over all
    pairs gives intervals d ± c·s that hold together; the largest |d| lies between the largest of their lower bounds, or
    0, and the largest of their upper ones. c is never less than the normal 1.96 of one pair: in two groups of 10 of
    which one has rare hits it would be, and the interval would hold the truth in 84 %.
    """
    random = np.random.default_rng(_seed(families))
    deviation = np.zeros(resamples)
    counts = [(np.array([r.hits for r in rates]), np.array([r.n for r in rates])) for rates in families]
    for hits, n in counts:
        smooth = (hits + 1) / (n + 2)
        values, variances = _plain(random.binomial(n, smooth, (resamples, len(n))), n)
        for first in range(len(n) - 1):  # by group, since all pairs of 1,000 classes would not fit in memory
            rest = slice(first + 1, None)
            off = values[:, first, None] - values[:, rest] - (smooth[first] - smooth[rest])
            error = np.sqrt(variances[:, first, None] + variances[:, rest])
            deviation = np.maximum(deviation, np.max(np.abs(off) / error, axis=1))
    one_pair = NormalDist().inv_cdf((1 + LEVEL) / 2)
    reach = max(one_pair, float(np.quantile(deviation, LEVEL, method="higher")))
    lows, highs = [0.0], [0.0]
    for hits, n in counts:
        values, variances = _plain(hits, n)
        size = np.abs(values[:, None] - values[None, :])
        half = reach * np.sqrt(variances[:, None] + variances[None, :])
        pairs = np.triu_indices(len(n), 1)
        lows.append(float(np.max((size - half)[pairs])))
        highs.append(float(np.max((size + half)[pairs])))
    return max(lows), max(highs)


def _plain(hits: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    value = (hits + 1) / (n + 2)
    return value, value * (1 - value) / (n + 2)


def _seed(families: Sequence[Sequence[Rate]]) -> int:
    """Of the counts: the same predictions have the same interval."""
    return checksum({str(k): np.array([[r.hits, r.n] for r in rates]) for k, rates in enumerate(families)})
