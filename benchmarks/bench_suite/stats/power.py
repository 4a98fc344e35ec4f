"""Power: the least loss that a comparison finds, and the examples and seeds that would decide it.

`pytest -m slow tests/comparison/test_error_rates.py -s` simulates that losses are found as often as stated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

from bench_suite.stats.paired import SLACK, Difference, least_variance, quantile

POWER = 0.95
"A difference counts as detectable if this share of comparisons finds it."
ROUNDING = 1e-6
"Relative error of quantiles, amply."
MAX_EXACT_QUANTILE = 50.0
"Critical values of t above this come from one to three degrees of freedom and a very small level."


def min_detectable_effect(difference: Difference, level: float, power: float = POWER) -> float:
    """Return how far the truth must lie from a value for a one-sided test to find it with this power.

    c · √V, where Student's t with df degrees of freedom and non-centrality c exceeds t(1 − α, df) with chance `power`.
    With many degrees of freedom c = z(1 − α) + z(power). For right and wrong answers it is then c · √(share of examples
    that differ / n) (Card et al. 2020, arXiv 2010.06595).
    """
    return _detectable_errors(difference.df, level, power) * difference.error


def is_detectable(difference: Difference, margin: float, level: float) -> bool:
    """Return whether `min_detectable_effect` is at most `margin`.

    The exact c is needed only if the c of a normal law, which is never larger, would do.
    """
    least = _detectable_errors(math.inf, level, POWER) * difference.error
    return least * (1 - ROUNDING) <= margin and min_detectable_effect(difference, level) <= margin


@lru_cache(maxsize=10_000)
def _detectable_errors(df: float, level: float, power: float) -> float:
    """Return c of `min_detectable_effect`; the tests of equally many seeds have the same df, so the same c."""
    from scipy import special

    critical = quantile(1 - level, df)
    if math.isinf(df):
        return critical + quantile(power, math.inf)
    if critical > MAX_EXACT_QUANTILE:  # the spread decides alone, and the exact quantile takes seconds
        share = 2 * float(special.gammaincinv(df / 2, power)) / df
        return critical * math.sqrt(share)
    return float(special.nctdtrinc(df, 1 - power, critical))


def min_detectable_loss(
    difference: Difference, tolerance: float, level: float, power: float = POWER, growth: float = 0.0
) -> float:
    """Return the least loss L, tolerance included, that a comparison finds with this power; ∞ if it finds none.

    L − Δ = c · √V(L) with c from `min_detectable_effect`. Lost answers differ where none did before, so a loss varies
    more than the observed difference: V(L) = V · df / median of χ²(df) + `growth` · (L − seen) · (1 − L − seen), where
    `seen` is the observed loss. V(L) is never below the variance of this loss alone, `growth` · L · (1 − L). The factor
    of V is near 1 except for few degrees of freedom: with 2, half of all estimates are below 0.69 of the true variance.

    Args:
        difference: the observed difference.
        tolerance: Δ, the loss that is allowed.
        level: level of the one-sided test.
        power: share of comparisons that find the loss.
        growth: variance that each unit of a loss adds; 0 if it is not known.
    """
    from scipy import special

    if math.isfinite(difference.df):
        median = 2 * special.gammaincinv(difference.df / 2, 0.5)
        difference = replace(difference, variance=difference.variance * difference.df / median)
    if not growth:
        return tolerance + min_detectable_effect(difference, level, power)
    from scipy import optimize  # slow to import

    seen = max(0.0, -difference.value)

    def shortfall(loss: float) -> float:
        """Return how much larger than `loss` a loss must be to be found: positive for the smallest losses."""
        further = growth * max(0.0, loss - seen) * max(0.0, 1 - loss - seen)
        added = max(further, growth * loss * (1 - loss) - difference.variance)
        return tolerance + min_detectable_effect(_with_added_variance(difference, added), level, power) - loss

    if shortfall(1.0) >= 0:
        return math.inf  # more answers than there are cannot be lost
    return float(optimize.brentq(shortfall, max(tolerance, SLACK), 1.0, rtol=1e-4))


def _with_added_variance(difference: Difference, added: float) -> Difference:
    """Return the difference with more variance, from as many examples, or seeds if only seeds are compared."""
    if added == 0.0:
        return difference
    units = (difference.n or difference.count) - 1
    before = difference.variance
    variance = before + added
    below = before**2 / difference.df + (2 * before * added + added**2) / units
    return replace(difference, variance=variance, df=variance**2 / below)


@dataclass(frozen=True)
class SampleSize:
    """Test examples (or clusters) and seeds that would decide a comparison."""

    n: int
    seeds: int


def required_sample_size(
    difference: Difference, margin: float, level: float, power: float = POWER
) -> SampleSize | None:
    """Return how many examples and seeds find a difference of `margin` with this power; None if no number does.

    The seeds stay as they are if more examples suffice. Otherwise there are so many seeds that their part of the
    variance is half of what is allowed. The result is an order of magnitude: it uses normal quantiles, and variances
    that were themselves estimated.
    """
    quantiles = quantile(1 - level, math.inf) + quantile(power, math.inf)
    allowed = (margin / quantiles) ** 2 - difference.between_runs
    if allowed <= 0 or difference.n == 0:
        return None
    of_example = max(difference.examples, least_variance(difference, margin)) * difference.n
    of_seed = difference.seeds * difference.count
    left = allowed - difference.seeds
    if left >= allowed / 2:
        return SampleSize(max(difference.n, math.ceil(of_example / left)), difference.count)
    seeds = max(difference.count + 1, math.ceil(2 * of_seed / allowed))
    return SampleSize(max(difference.n, math.ceil(of_example / (allowed - of_seed / seeds))), seeds)


def with_more_seeds(difference: Difference, count: int) -> Difference:
    """Return the difference as `count` seeds would give it, on the same examples and with the same spreads."""
    share = difference.count / count
    residual = max(0.0, difference.examples + difference.seeds - _within_runs(difference)) * share
    seeds = difference.seeds * share
    variance = max(difference.examples + seeds - residual, difference.examples, seeds) + difference.between_runs
    below = difference.examples**2 / (difference.n - 1) + seeds**2 / (count - 1) + _below_of_runs(difference)
    df = max(variance**2 / below, 1.0) if below else math.inf
    return replace(difference, seeds=seeds, variance=variance, df=df, count=count)


def with_more_examples(difference: Difference, n: int) -> Difference:
    """Return the difference as `n` examples would give it, under the same seeds and with the same spreads."""
    share = difference.n / n
    residual = max(0.0, difference.examples + difference.seeds - _within_runs(difference)) * share
    examples = difference.examples * share
    variance = max(examples + difference.seeds - residual, examples, difference.seeds) + difference.between_runs
    below = examples**2 / (n - 1) + (difference.seeds**2 / (difference.count - 1) if difference.count > 1 else 0.0)
    below += _below_of_runs(difference)
    df = max(variance**2 / below, 1.0) if below else math.inf
    return replace(difference, examples=examples, variance=variance, df=df, n=n)


def _within_runs(difference: Difference) -> float:
    """Return the part of V from examples and seeds."""
    return difference.variance - difference.between_runs


def _below_of_runs(difference: Difference) -> float:
    """Return what the variance between runs adds below Satterthwaite's fraction: what df states beside the rest."""
    if not difference.between_runs:
        return 0.0
    own = difference.examples**2 / max(1, difference.n - 1)
    own += difference.seeds**2 / (difference.count - 1) if difference.count > 1 else 0.0
    return max(0.0, difference.variance**2 / difference.df - own)
