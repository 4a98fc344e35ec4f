"""Power: detectable and required effects solve the equations that the docstrings state."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

from bench_suite.stats.paired import Difference, nested_difference, seeds_only_difference
from bench_suite.stats.power import (
    SampleSize,
    min_detectable_effect,
    min_detectable_loss,
    required_sample_size,
    with_more_examples,
    with_more_seeds,
)

LEVEL = 0.01
Z = float(stats.norm.ppf(1 - LEVEL) + stats.norm.ppf(0.95))


def difference(variance: float, df: float = math.inf, **changes: float) -> Difference:
    """Return a difference of 0 over 1,000 examples and one seed."""
    return replace(Difference(0.0, variance, 0.0, variance, df, 1000, 1), **changes)


# ── the least effect ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("power", [0.95, 0.8])
def test_with_many_degrees_of_freedom_the_effect_is_the_sum_of_two_quantiles(power: float) -> None:
    c = stats.norm.ppf(1 - LEVEL) + stats.norm.ppf(power)
    assert min_detectable_effect(difference(4e-4), LEVEL, power) == pytest.approx(0.02 * c)
    assert min_detectable_effect(difference(4e-4), LEVEL) == pytest.approx(0.02 * Z)


@pytest.mark.parametrize(("df", "power"), [(2.0, 0.95), (4.0, 0.8), (30.0, 0.95)])
def test_a_t_test_finds_the_effect_with_the_stated_power(df: float, power: float) -> None:
    effect = min_detectable_effect(difference(4e-4, df), LEVEL, power)
    assert stats.nct.sf(stats.t.ppf(1 - LEVEL, df), df, effect / 0.02) == pytest.approx(power, abs=1e-4)


def test_for_a_very_large_critical_value_the_spread_decides() -> None:
    """t(1 − α) · √(quantile of χ²(df) at the power / df): a variance estimate that is too large hides the effect."""
    df, level = 1.0, 1e-3
    critical = stats.t.ppf(1 - level, df)
    expected = critical * math.sqrt(stats.chi2.ppf(0.95, df) / df) * 0.02
    assert critical > 50
    assert min_detectable_effect(difference(4e-4, df), level) == pytest.approx(expected)


# ── the least loss ──────────────────────────────────────────────────────────────────────────────


def test_without_growth_the_loss_is_the_tolerance_and_the_effect_at_the_median_variance() -> None:
    assert min_detectable_loss(difference(4e-4), 0.05, LEVEL) == pytest.approx(0.05 + 0.02 * Z)
    for df in (2.0, 9.0):
        corrected = difference(4e-4 * df / stats.chi2.ppf(0.5, df), df)
        for power in (0.95, 0.7):
            expected = 0.05 + min_detectable_effect(corrected, LEVEL, power)
            assert min_detectable_loss(difference(4e-4, df), 0.05, LEVEL, power) == pytest.approx(expected)


@pytest.mark.parametrize("value", [0.03, 0.0, -0.02])
@pytest.mark.parametrize("variance", [0.0, 1e-6, 1e-4])
@pytest.mark.parametrize("tolerance", [0.0, 0.05])
def test_the_least_loss_solves_its_equation_for_many_examples(value: float, variance: float, tolerance: float) -> None:
    """L − Δ = c · √V(L): V grows with the loss beyond the observed one, and is at least the variance of the loss."""
    growth = 1e-3
    one = difference(variance, value=value, n=10**6)
    loss = min_detectable_loss(one, tolerance, LEVEL, growth=growth)
    seen = max(0.0, -value)
    grown = variance + growth * max(0.0, loss - seen) * (1 - loss - seen)
    total = max(grown, growth * loss * (1 - loss))
    assert loss - tolerance == pytest.approx(Z * math.sqrt(total), rel=1e-3)


def test_with_few_degrees_of_freedom_what_is_lost_has_more_of_them() -> None:
    """Each part of the variance has its own degrees of freedom: those of the difference, and n − 1 for the loss."""
    seen, growth, df, n = 1e-5, 1e-3, 3.0, 1000
    loss = min_detectable_loss(difference(seen, df), 0.01, LEVEL, growth=growth)
    before = seen * df / (2 * special.gammaincinv(df / 2, 0.5))
    added = growth * loss * (1 - loss)
    total = before + added
    combined_df = total**2 / (before**2 / df + (2 * before * added + added**2) / (n - 1))
    assert combined_df > 2 * df
    assert loss - 0.01 == pytest.approx(min_detectable_effect(difference(total, combined_df), LEVEL), rel=1e-3)


def test_of_seeds_alone_what_is_lost_has_the_degrees_of_freedom_of_the_seeds() -> None:
    alone = seeds_only_difference([-0.001, 0.001, 0.0, 0.0005, -0.0005])
    loss = min_detectable_loss(alone, 0.0, LEVEL, growth=1e-3)
    before = alone.variance * 4 / stats.chi2.ppf(0.5, 4)
    total = before + 1e-3 * loss * (1 - loss)
    assert loss == pytest.approx(min_detectable_effect(difference(total, 4.0), LEVEL), rel=1e-3)


def test_no_loss_is_found_if_all_answers_lost_would_not_be() -> None:
    assert min_detectable_loss(difference(0.2), 0.0, LEVEL, growth=1e-3) == math.inf
    assert min_detectable_loss(difference(1e-4), 1.0, LEVEL, growth=1e-3) == math.inf
    assert min_detectable_loss(difference(1e-4), 0.9, LEVEL, growth=1e-3) < 1.0


# ── required sample size ────────────────────────────────────────────────────────────────────────


def test_more_examples_are_required_in_proportion_to_the_variance() -> None:
    """n · V / (Δ/c)², rounded up: 1,000 examples with a standard error of 0.01 detect 0.01 if there are c² as many."""
    one = difference(1e-4)
    assert required_sample_size(one, 0.01, LEVEL) == SampleSize(math.ceil(1000 * Z**2), 1)
    weak = (stats.norm.ppf(1 - LEVEL) + stats.norm.ppf(0.5)) ** 2
    assert required_sample_size(one, 0.01, LEVEL, 0.5) == SampleSize(math.ceil(1000 * weak), 1)
    assert required_sample_size(one, 0.5, LEVEL) == SampleSize(1000, 1), "never fewer than there are"
    assert required_sample_size(one, 0.0, LEVEL) is None
    assert required_sample_size(replace(one, n=0), 0.01, LEVEL) is None


def test_the_examples_that_a_loss_needs_are_those_of_its_least_variance() -> None:
    none = nested_difference(np.zeros(100))
    expected = math.ceil((0.01 - 0.01**2) * (Z / 0.01) ** 2)
    assert required_sample_size(none, 0.01, LEVEL) == SampleSize(expected, 1)


def test_more_seeds_are_required_if_their_variance_alone_is_too_large() -> None:
    """The seeds' part becomes half of the allowed variance; the examples share the rest."""
    allowed = (0.01 / Z) ** 2
    main = Difference(0.0, allowed / 4, allowed * 2, allowed * 2.25, 5.0, 1000, 3)
    seeds = math.ceil(2 * 3 * allowed * 2 / allowed - 1e-9)
    plan = required_sample_size(main, 0.01, LEVEL)
    assert plan is not None
    assert plan.seeds in (seeds, seeds + 1)  # 12 exactly, except for rounding
    left = allowed - 3 * 2 * allowed / plan.seeds
    assert plan.n == max(1000, math.ceil(1000 * allowed / 4 / left))
    wide = required_sample_size(replace(main, examples=4 * allowed), 0.01, LEVEL)
    assert wide is not None
    assert wide.n == math.ceil(1000 * 4 * allowed / left)
    assert wide.seeds == plan.seeds


def test_half_of_what_is_allowed_is_left_for_examples_before_more_seeds_are_required() -> None:
    allowed = (0.01 / Z) ** 2
    for share, more in ((0.49, False), (0.51, True)):
        main = Difference(0.0, allowed, allowed * share, allowed * (1 + share), 5.0, 1000, 3)
        plan = required_sample_size(main, 0.01, LEVEL)
        assert plan is not None
        seeds = 4 if more else 3
        left = allowed * (1 - share * 3 / seeds)
        assert plan == SampleSize(math.ceil(1000 * allowed / left), seeds)


def test_more_seeds_by_hand() -> None:
    """a is unchanged, b and the residual shrink as 1/S, and each has its own degrees of freedom."""
    a, b, residual = 4e-4, 6e-4, 2e-4
    main = Difference(-0.01, a, b, a + b - residual, 7.0, 500, 3)
    more = with_more_seeds(main, 12)
    variance = a + b / 4 - residual / 4
    assert (more.value, more.examples, more.n, more.count) == (-0.01, a, 500, 12)
    assert (more.seeds, more.variance) == pytest.approx((b / 4, variance))
    assert more.df == pytest.approx(variance**2 / (a**2 / 499 + (b / 4) ** 2 / 11))
    same = with_more_seeds(main, 3)
    assert (same.seeds, same.variance) == pytest.approx((main.seeds, main.variance))
    much = with_more_seeds(replace(main, variance=b), 12)
    assert much.variance == pytest.approx(a + b / 4 - a / 4)
    floor = with_more_seeds(Difference(0.0, a, b, a + b, 7.0, 500, 3), 12)
    assert floor.variance == pytest.approx(a + b / 4), "no residual"
    exact = with_more_seeds(Difference(0.0, 0.0, 0.0, 0.0, math.inf, 500, 3), 12)
    assert (exact.variance, exact.df) == (0.0, math.inf)


def test_more_examples_shrink_their_part_of_the_variance_and_leave_that_of_the_seeds() -> None:
    a, b, residual = 4e-5, 1e-5, 2e-6
    main = Difference(-0.01, a, b, a + b - residual, 7.0, 500, 3)
    more = with_more_examples(main, 2_000)
    variance = a / 4 + b - residual / 4
    assert (more.value, more.seeds, more.n, more.count) == (-0.01, b, 2_000, 3)
    assert (more.examples, more.variance) == pytest.approx((a / 4, variance))
    assert more.df == pytest.approx(variance**2 / ((a / 4) ** 2 / 1_999 + b**2 / 2))
    assert with_more_examples(main, 500).variance == pytest.approx(main.variance)
    assert with_more_examples(replace(main, variance=a), 2_000).variance == pytest.approx(a / 4 + b - b / 4)
    alone = with_more_examples(Difference(0.0, a, 0.0, a, 499.0, 500, 1), 1_000)
    assert (alone.variance, alone.df) == pytest.approx((a / 2, 999.0))
    of_two_seeds = with_more_examples(Difference(0.0, 1e-9, 1e-4, 1e-4, 1.0, 500, 2), 1_000)
    assert of_two_seeds.df == pytest.approx(1.0, rel=1e-3), "the seeds decide, and there are two"
    exact = with_more_examples(Difference(0.0, 0.0, 0.0, 0.0, math.inf, 500, 1), 1_000)
    assert (exact.variance, exact.df) == (0.0, math.inf)
