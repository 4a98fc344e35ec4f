"""Power: the least loss that a comparison finds, and the examples and seeds that would decide one.

That losses are found as often as is said is simulated by `pytest -m slow tests/comparison/test_error_rates.py -s`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from bench_suite.stats.paired import SLACK, Difference, least_variance, quantile

POWER = 0.95
"A difference counts as one that could be found where it is found in this share of comparisons."
FAR = 50.0
"Critical values of t beyond this come of one to three degrees of freedom and a very small level."


def min_detectable_effect(difference: Difference, level: float, power: float = POWER) -> float:
    """How far from a value the truth must be to be told from it in a share `power` of comparisons, one-sided.

    c · √V, where Student's t with df degrees of freedom and non-centrality c exceeds t(1 − α, df) with chance `power`.
    With many degrees c = z(1 − α) + z(power), so that for right and wrong answers it is c · √(share of examples that
    differ / n) (Card et al. 2020, arXiv 2010.06595).
    """
    from scipy import special

    critical = quantile(1 - level, difference.df)
    if math.isinf(difference.df):
        return (critical + quantile(power, math.inf)) * difference.error
    if critical > FAR:  # the spread decides alone, and the exact quantile takes seconds
        share = 2 * float(special.gammaincinv(difference.df / 2, power)) / difference.df
        return critical * math.sqrt(share) * difference.error
    return float(special.nctdtrinc(difference.df, 1 - power, critical)) * difference.error


def min_detectable_loss(
    difference: Difference, tolerance: float, level: float, power: float = POWER, growth: float = 0.0
) -> float:
    """The least loss L, tolerance included, told from the tolerance in a share `power` of comparisons; perhaps ∞.

    L − Δ = c · √V(L) with c as for `min_detectable_effect`. Answers that are lost differ where none did before, so that
    a loss varies more than what was seen: V(L) = V · df / median of χ²(df) + `growth` · (L − seen) · (1 − L − seen), of
    the loss that was seen, and never less than of this loss alone, `growth` · L · (1 − L). The first factor is 1 but
    for few degrees of freedom: half of all estimates by 2 are below 0.69 of it.
    """
    from scipy import optimize, special

    if math.isfinite(difference.df):
        middle = 2 * special.gammaincinv(difference.df / 2, 0.5)
        difference = replace(difference, variance=difference.variance * difference.df / middle)
    if not growth:
        return tolerance + min_detectable_effect(difference, level, power)
    seen = max(0.0, -difference.value)

    def short(loss: float) -> float:
        """How much more than `loss` had to be lost to be found: positive where next to nothing is lost."""
        further = growth * max(0.0, loss - seen) * max(0.0, 1 - loss - seen)
        more = max(further, growth * loss * (1 - loss) - difference.variance)
        return tolerance + min_detectable_effect(_grown(difference, more), level, power) - loss

    if short(1.0) >= 0:
        return math.inf  # nobody loses more answers than there are
    return float(optimize.brentq(short, max(tolerance, SLACK), 1.0, rtol=1e-4))


def _grown(difference: Difference, more: float) -> Difference:
    """The difference with so much more variance, of as many examples, or of seeds where it is of seeds alone."""
    if more == 0.0:
        return difference
    units = (difference.n or difference.count) - 1
    before = difference.variance
    variance = before + more
    below = before**2 / difference.df + (2 * before * more + more**2) / units
    return replace(difference, variance=variance, df=variance**2 / below)


@dataclass(frozen=True)
class Needed:
    """Test examples and seeds that would decide."""

    n: int
    seeds: int


def required_sample_size(difference: Difference, margin: float, level: float, power: float = POWER) -> Needed | None:
    """How many examples and seeds tell a difference of `margin` in a share `power` of comparisons; None for none.

    Seeds are kept where examples alone can do it, else there are so many that their part of the variance is half of
    what is allowed. A plan by normal quantiles, from variances that were themselves estimated: an order of magnitude.
    """
    min_detectable_effect = quantile(1 - level, math.inf) + quantile(power, math.inf)
    allowed = (margin / min_detectable_effect) ** 2
    if allowed <= 0 or difference.n == 0:
        return None
    of_example = max(difference.examples, least_variance(difference, margin)) * difference.n
    of_seed = difference.seeds * difference.count
    left = allowed - difference.seeds
    if left >= allowed / 2:
        return Needed(max(difference.n, math.ceil(of_example / left)), difference.count)
    seeds = max(difference.count + 1, math.ceil(2 * of_seed / allowed))
    return Needed(max(difference.n, math.ceil(of_example / (allowed - of_seed / seeds))), seeds)


def with_more_seeds(difference: Difference, count: int) -> Difference:
    """What the difference would be known by with so many seeds, on the same examples and with the same spreads."""
    share = difference.count / count
    residual = max(0.0, difference.examples + difference.seeds - difference.variance) * share
    seeds = difference.seeds * share
    variance = max(difference.examples + seeds - residual, difference.examples, seeds)
    below = difference.examples**2 / (difference.n - 1) + seeds**2 / (count - 1)
    df = max(variance**2 / below, 1.0) if below else math.inf
    return replace(difference, seeds=seeds, variance=variance, df=df, count=count)
