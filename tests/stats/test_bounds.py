"""Bounds: each test of a difference can be read off its bound, at any level and tolerance."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bench_suite.stats.bounds import flips_upper_bound, lower_bound, upper_bound
from bench_suite.stats.paired import (
    Difference,
    mcnemar,
    mcnemar_two_sided,
    nested_difference,
    p_differs,
    p_not_worse,
    p_regressed,
    resampled_difference,
    seeds_only_difference,
    sign_flips,
    welch_difference,
)

LEVELS = (0.3, 0.05, 0.01, 0.01 / 20)


def some_difference(random: np.random.Generator) -> Difference:
    """Return a difference of a random kind: answers, numbers, clusters, resamples, seeds alone, or processes."""
    n, seeds = int(random.integers(10, 400)), int(random.integers(1, 6))
    shift = random.normal(0, 0.03)
    numbers = random.normal(shift, 0.2, (seeds, n)) + random.normal(0, 0.02, (seeds, 1))
    answers = np.sign(shift) * (random.random((seeds, n)) < abs(shift)) + random.choice([-1, 1], (seeds, n)) * (
        random.random((seeds, n)) < 0.05
    )
    kinds = [
        lambda: nested_difference(np.clip(answers, -1, 1)),
        lambda: nested_difference(np.clip(answers[:1], -1, 1)),
        lambda: nested_difference(numbers),
        lambda: nested_difference(numbers, np.arange(n) // 4),
        lambda: resampled_difference(numbers.mean(axis=1), random.normal(0, 0.02, (50, seeds)), n, df=7, weight=0.02),
        lambda: seeds_only_difference(random.normal(shift, 0.02, seeds + 1)),
        lambda: welch_difference(random.normal(0, 0.02, 5), random.normal(shift, 0.05, 6)),
    ]
    return kinds[random.integers(len(kinds))]()


@pytest.mark.parametrize("seed", range(8))
def test_each_test_is_read_off_its_bound(seed: int) -> None:
    random = np.random.default_rng(seed)
    seen = set()
    for _ in range(80):
        difference = some_difference(random)
        tolerance = float(random.choice([0.0, 0.004, 0.02, 0.1]))
        for level in LEVELS:
            is_worse = p_regressed(difference, tolerance) <= level
            assert (upper_bound(difference, level, tolerance) < -tolerance) == is_worse
            seen.add(("worse", is_worse))
            if tolerance:
                is_not_worse = p_not_worse(difference, tolerance) <= level
                assert (lower_bound(difference, level, tolerance) > -tolerance) == is_not_worse
                seen.add(("not worse", is_not_worse))
            differs = p_differs(difference) <= level
            low, high = lower_bound(difference, level / 2), upper_bound(difference, level / 2)
            assert low <= difference.value <= high
            assert (not low <= 0 <= high) == differs
            seen.add(("differs", differs))
    assert len(seen) == 6, "each test rejects in some cases and not in others"


def test_many_examples_give_students_interval_and_no_variance_the_difference_itself() -> None:
    d = np.random.default_rng(0).normal(0.1, 1.0, 50)
    oracle = stats.ttest_1samp(d, 0).confidence_interval(0.9)
    difference = nested_difference(d)
    assert (lower_bound(difference, 0.05), upper_bound(difference, 0.05)) == pytest.approx(tuple(oracle))
    certain = Difference(-0.1, 0.0, 0.0, 0.0, math.inf, 0, 1)
    assert (lower_bound(certain, 0.01, 0.05), upper_bound(certain, 0.01, 0.05)) == (-0.1, -0.1)


def test_few_examples_without_a_difference_have_the_spread_of_a_loss_of_the_tolerance() -> None:
    difference = nested_difference(np.zeros(10))
    half = -lower_bound(difference, 0.01, 0.02)
    assert half == pytest.approx(stats.norm.ppf(0.99) * math.sqrt((0.02 - 0.02**2) / 10), rel=1e-6)
    assert upper_bound(difference, 0.01, 0.02) == half


@pytest.mark.parametrize(("worse", "better"), [(0, 0), (9, 0), (0, 9), (20, 8), (8, 20), (150, 100), (1, 1)])
def test_answers_of_one_seed_have_bounds_on_the_side_that_mcnemars_test_finds(worse: int, better: int) -> None:
    n = 400
    d = np.zeros(n)
    d[:worse], d[worse : worse + better] = -1, 1
    difference = nested_difference(d)
    for level in LEVELS:
        low, high = lower_bound(difference, level), upper_bound(difference, level)
        assert (high < 0) == (mcnemar(worse, better) <= level)
        assert (low > 0) == (mcnemar(better, worse) <= level)
        assert low <= difference.value <= high
        assert (not lower_bound(difference, level / 2) <= 0 <= upper_bound(difference, level / 2)) == (
            mcnemar_two_sided(worse, better) <= level
        )


def test_the_exact_bound_is_the_share_that_the_mid_p_test_no_longer_rejects() -> None:
    """The wider of it and of Student's bound counts: the exact one for 7 of 8, Student's one for 30 of 31."""
    n, level = 500, 0.01
    for worse, better, is_exact in ((7, 1, True), (30, 1, False)):
        d = np.zeros(n)
        d[:worse], d[worse : worse + better] = -1, 1
        shares = np.linspace(0, 1, 200_001)
        law = stats.binom(worse + better, shares)
        share = shares[np.searchsorted(law.sf(worse) + law.pmf(worse) / 2, level)]
        exact = (worse + better) * (1 - 2 * share) / n
        student = nested_difference(d).value + stats.t.ppf(1 - level, n - 1) * nested_difference(d).error
        assert (exact > student) == is_exact
        assert upper_bound(nested_difference(d), level) == pytest.approx(max(exact, student), abs=1e-4)


@pytest.mark.parametrize("seeds", [1, 2, 5, 7, 9, 14])
def test_sign_flips_are_read_off_the_means_of_subsets(seeds: int) -> None:
    random = np.random.default_rng(seeds)
    for _ in range(10):
        values = list(random.normal(-0.02, 0.03, seeds))
        for level in (0.3, 0.01, 0.002):
            bound = flips_upper_bound(values, level)
            assert math.isinf(bound) == (level < 0.5**seeds)
            for tolerance in (0.0, 0.01, 0.03):
                is_rejected = sign_flips([value + tolerance for value in values]) <= level
                assert (bound < -tolerance) == is_rejected
    if seeds == 7:
        assert flips_upper_bound([-0.1] * 6 + [-0.3], 1 / 128) == pytest.approx(-0.1), "the largest mean of a subset"


def test_a_larger_variance_widens_both_bounds() -> None:
    narrow = seeds_only_difference([-0.01, 0.0, 0.01])
    wide = replace(narrow, variance=4 * narrow.variance)
    assert lower_bound(wide, 0.01) == pytest.approx(2 * lower_bound(narrow, 0.01))
    assert upper_bound(wide, 0.01) == pytest.approx(2 * upper_bound(narrow, 0.01))
