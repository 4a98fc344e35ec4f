"""Paired differences: intervals have their coverage, tests keep their level, and no input divides by zero."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench_suite.comparison.evidence import Evidence
from bench_suite.stats import paired, power
from bench_suite.stats.paired import (
    MIN_P,
    Difference,
    benjamini_hochberg,
    holm,
    mcnemar,
    mcnemar_two_sided,
    nested_difference,
    p_differs,
    p_not_worse,
    p_regressed,
    resampled_difference,
    seeds_only_difference,
    sign_flips,
    unpaired_difference,
    welch_difference,
)
from bench_suite.stats.power import min_detectable_effect, min_detectable_loss, required_sample_size

numbers = st.floats(-1e3, 1e3, allow_nan=False)
probabilities = st.floats(1e-12, 1.0)


def answers(random: np.random.Generator, seeds: int, n: int, worse: float, better: float) -> np.ndarray:
    """Return differences of −1, 0 and 1 with these shares."""
    drawn = random.random((seeds, n))
    return np.where(drawn < worse, -1.0, np.where(drawn < worse + better, 1.0, 0.0))


# ── differences ─────────────────────────────────────────────────────────────────────────────────


def test_one_seed_is_scipys_paired_t_interval() -> None:
    random = np.random.default_rng(0)
    base, head = random.normal(size=(2, 60))
    oracle = stats.ttest_rel(head, base)
    difference = nested_difference(head - base)
    assert difference.interval(0.9) == pytest.approx(tuple(oracle.confidence_interval(0.9)))
    assert p_differs(difference) == pytest.approx(oracle.pvalue)
    assert p_regressed(difference) == pytest.approx(stats.ttest_rel(head, base, alternative="less").pvalue)


def test_where_examples_agree_it_is_the_t_interval_of_the_seeds() -> None:
    of_seed = np.array([0.1, 0.3, 0.2, 0.6])
    difference = nested_difference(np.repeat(of_seed[:, None], 50, axis=1))
    oracle = stats.ttest_1samp(of_seed, 0.0)
    assert difference.df == pytest.approx(3)
    assert difference.interval() == pytest.approx(tuple(oracle.confidence_interval(0.95)))


def test_the_variance_is_the_three_terms_by_hand() -> None:
    d = np.array([[1.0, 0.0, -1.0, 2.0], [0.0, 0.0, 1.0, 3.0]])
    of_example, of_seed, mean = d.mean(0), d.mean(1), d.mean()
    a, b = of_example.var(ddof=1) / 4, of_seed.var(ddof=1) / 2
    residual = sum((d[s, i] - of_example[i] - of_seed[s] + mean) ** 2 for s in (0, 1) for i in range(4)) / 3 / 8
    difference = nested_difference(d)
    assert (difference.value, difference.examples, difference.seeds) == pytest.approx((mean, a, b))
    assert difference.variance == pytest.approx(max(a + b - residual, a, b))
    assert difference.df == pytest.approx(difference.variance**2 / (a**2 / 3 + b**2 / 1))


def test_clusters_of_one_example_change_nothing_but_degrees_and_copies_in_a_cluster_tell_nothing_new() -> None:
    d = np.random.default_rng(0).normal(size=(2, 30))
    alone = nested_difference(d)
    assert nested_difference(d, np.arange(30)).variance == pytest.approx(alone.variance)
    copied = nested_difference(np.repeat(d, 5, axis=1), np.repeat(np.arange(30), 5))
    assert copied.n == 30
    assert copied.examples == pytest.approx(alone.examples)
    assert nested_difference(np.repeat(d, 5, axis=1)).examples < alone.examples / 4


def test_examples_that_are_alike_can_be_counted_instead_of_given() -> None:
    d = answers(np.random.default_rng(0), 3, 40, 0.3, 0.2)
    whole = nested_difference(np.hstack([d, np.zeros((3, 60))]))
    short = nested_difference(d, alike=60)
    for part in ("value", "examples", "seeds", "variance", "df", "n", "differing"):
        assert getattr(short, part) == pytest.approx(getattr(whole, part)), part


@settings(max_examples=60)
@given(
    st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=4),
    st.floats(0.01, 50),
    st.permutations(range(3)),
)
def test_scale_and_order_do_not_matter_and_the_two_sides_are_mirrors(rows, scale, order) -> None:
    d = np.array(rows)
    difference, mirrored = nested_difference(d), nested_difference(-d)
    assert math.isfinite(difference.variance)
    assert difference.variance >= max(difference.examples, difference.seeds)
    assert difference.df >= 1
    assert mirrored.value == pytest.approx(-difference.value, abs=1e-9)
    assert nested_difference(d[:, list(order)] * scale).error == pytest.approx(
        difference.error * scale, rel=1e-6, abs=1e-6
    )
    for p in (p_regressed(difference), p_not_worse(difference, 0.1), p_differs(difference)):
        assert 0 < p <= 1


def test_resampling_a_mean_gives_what_pairing_its_examples_gives() -> None:
    random = np.random.default_rng(1)
    d = random.normal(size=(3, 200)) + random.normal(size=200) + random.normal(0, 0.1, (3, 1))
    rows = random.integers(0, 200, (4000, 200))
    draws = d[:, rows].mean(axis=2).T
    exact, drawn = nested_difference(d), resampled_difference(d.mean(axis=1), draws, 200)
    assert drawn.examples == pytest.approx(exact.examples, rel=0.08)
    assert drawn.seeds == pytest.approx(exact.seeds)
    assert drawn.variance == pytest.approx(exact.variance, rel=0.08)


def test_the_variance_over_clusters_is_that_of_their_sums_by_hand() -> None:
    """a = Σ_c (Σ_{i ∈ c} (d_i − δ))² · C/(C − 1) / n²; seven examples of three patients."""
    d = np.array([[1.0, 0.0, -1.0, 2.0, 0.5, 0.0, 1.0], [0.0, 0.0, 1.0, 3.0, 0.0, -1.0, 0.0]])
    labels = np.array(["p", "q", "p", "r", "r", "r", "q"])
    difference, mean = nested_difference(d, labels), d.mean()
    sums = [float((d.mean(0) - mean)[labels == label].sum()) for label in "pqr"]
    a, b = sum(total**2 for total in sums) * 3 / 2 / 49, d.mean(1).var(ddof=1) / 2
    rest = d - d.mean(0) - d.mean(1)[:, None] + mean
    variance = max(a + b - float(np.square(rest).sum()) / 6 / 14, a, b)
    assert (difference.value, difference.examples, difference.seeds, difference.variance) == pytest.approx(
        (mean, a, b, variance)
    )
    assert difference.df == pytest.approx(variance**2 / (a**2 / 2 + b**2 / 1))
    assert (difference.n, difference.count, difference.sample_unit) == (3, 2, "clusters")
    assert (difference.variance_per_loss, difference.differing, difference.discordant) == (0.0, None, None), (
        "of numbers"
    )


def test_of_right_and_wrong_answers_the_share_that_differs_is_known() -> None:
    d = np.array([[1, 0, 0, -1, 0, -1], [0, 0, 0, -1, 0, 1]])
    two = nested_difference(d)
    assert (two.n, two.count, two.sample_unit) == (6, 2, "test examples")
    assert (two.variance_per_loss, two.differing, two.discordant) == (1 / 12, 5 / 12, None)
    one = nested_difference(d[0])
    assert (one.variance_per_loss, one.differing, one.discordant) == (1 / 6, 1 / 2, (2, 1))
    more = nested_difference(d[0], alike=4)
    assert (more.n, more.variance_per_loss, more.differing, more.discordant) == (10, 1 / 10, 3 / 10, (2, 1))
    clusters = nested_difference(d[0], np.array([0, 0, 1, 1, 2, 2]))
    assert (clusters.n, clusters.variance_per_loss, clusters.differing, clusters.discordant) == (3, 1 / 3, 1 / 2, None)
    halves = nested_difference(d / 2)
    assert (halves.variance_per_loss, halves.differing, halves.discordant) == (0.0, None, None)
    assert nested_difference(np.zeros((1, 1)), alike=1).n == 2, "two examples are enough"


def test_the_variance_is_never_below_that_of_the_examples_or_of_the_seeds() -> None:
    """Both terms contain the effect of a seed on single examples, and this effect can exceed either term."""
    agree = nested_difference(np.array([[1.0, -1.0, 2.0, 0.0], [-1.0, 1.0, 0.0, 2.2]]))
    assert agree.variance == agree.examples > agree.seeds > 0
    mirrored = nested_difference(np.array([[3.0, 1.0, 3.0, 1.1], [-3.0, -1.0, -3.0, -1.0]]))
    assert mirrored.variance == mirrored.seeds > mirrored.examples > 0


def test_resampled_terms_by_hand() -> None:
    values, draws = [0.1, 0.3], np.array([[0.1, 0.2], [-0.4, -0.2], [0.8, 0.7]])
    difference = resampled_difference(values, draws, 5)
    means = draws.mean(axis=1)
    a, b = means.var(ddof=1) * 5 / 4, np.var(values, ddof=1) / 2
    residual = float((draws - means[:, None]).var(axis=0, ddof=1).sum()) * 2 / 1 / 2**2 * 5 / 4
    variance = max(a + b - residual, a, b)
    assert (difference.value, difference.examples, difference.seeds, difference.variance) == pytest.approx(
        (0.2, a, b, variance)
    )
    assert difference.df == pytest.approx(variance**2 / (a**2 / 4 + b**2 / 1))
    assert (difference.n, difference.count, difference.variance_per_loss, difference.sample_unit) == (
        5,
        2,
        0.0,
        "test examples",
    )
    other = resampled_difference(values, draws, 5, df=2.5, weight=0.5, sample_unit="clusters")
    assert other.df == pytest.approx(variance**2 / (a**2 / 2.5 + b**2 / 1))
    assert (other.variance_per_loss, other.sample_unit) == (0.25, "clusters")


def test_two_examples_and_two_resamples_are_enough() -> None:
    pair = resampled_difference([0.5], np.array([[0.0], [1.0]]), 2)
    assert (pair.examples, pair.df) == (1.0, 1.0)


def test_resamples_of_32_bits_are_computed_with_64() -> None:
    draws = (1000 + np.random.default_rng(0).normal(0, 0.01, (500, 2))).astype(np.float32)
    difference, exact = (
        resampled_difference([1000.0, 1000.1], resamples, 50) for resamples in (draws, draws.astype(np.float64))
    )
    assert difference == exact


def test_unpaired_terms_by_hand() -> None:
    difference = unpaired_difference([0.1, 0.3, 0.2], [0.02, 0.04, 0.04], 100)
    a, b = (0.02**2 + 2 * 0.04**2) / 3, 0.01 / 3
    assert (difference.value, difference.examples, difference.seeds, difference.variance) == pytest.approx(
        (0.2, a, b, a + b)
    )
    assert difference.df == pytest.approx((a + b) ** 2 / (a**2 / 99 + b**2 / 2))
    assert (difference.n, difference.count) == (100, 3)
    for n in (0, 1):
        unknown = unpaired_difference([0.1], [0.02], n)
        assert (unknown.n, unknown.df, unknown.variance) == (0, math.inf, pytest.approx(0.0004))
    assert unpaired_difference([0.1], [0.02], 2).df == 1.0


def test_seeds_alone_have_one_degree_of_freedom_less_than_seeds() -> None:
    difference = seeds_only_difference([0.1, 0.3, 0.2])
    assert (difference.value, difference.variance) == (pytest.approx(0.2), pytest.approx(0.01 / 3))
    assert (difference.examples, difference.df, difference.n, difference.count) == (0.0, pytest.approx(2.0), 0, 3)
    one = seeds_only_difference([0.1])
    assert (one.value, one.seeds, one.variance, one.df, one.count) == (0.1, 0.0, 0.0, math.inf, 1)


def test_of_equal_values_welchs_difference_has_no_variance() -> None:
    difference = welch_difference([1.0, 1.0], [3.0, 3.0, 3.0])
    assert difference == Difference(2.0, 0.0, 0.0, 0.0, math.inf, 0, 2)
    spread = welch_difference([1.0, 2.0], [3.0, 3.0, 6.0])
    assert (spread.value, spread.examples, spread.n, spread.count) == (2.5, 0.0, 0, 2)
    assert spread.seeds == spread.variance == pytest.approx(0.5 / 2 + 3 / 3)


def test_welchs_test_is_scipys() -> None:
    random = np.random.default_rng(2)
    base, head = random.normal(0, 1, 6), random.normal(1, 3, 9)
    oracle = stats.ttest_ind(head, base, equal_var=False)
    difference = welch_difference(base, head)
    assert difference.df == pytest.approx(oracle.df)
    assert p_differs(difference) == pytest.approx(oracle.pvalue)
    assert difference.interval() == pytest.approx(tuple(oracle.confidence_interval(0.95)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nested_difference(np.zeros((2, 1))), "one example"),
        (lambda: nested_difference(np.zeros((2, 0))), "no examples"),
        (lambda: nested_difference(np.array([[0.0, math.nan]])), "1 differences are not finite"),
        (lambda: nested_difference(np.zeros((1, 4)), np.zeros(4)), "one cluster"),
        (lambda: welch_difference([1.0], [1.0, 2.0]), "fewer than two"),
        (lambda: welch_difference([1.0, math.inf], [1.0, 2.0]), "not a finite"),
        (lambda: welch_difference([1.0, 2.0], [1.0]), "fewer than two"),
        (lambda: resampled_difference([math.nan], np.zeros((9, 1)), 5), "not a finite"),
        (lambda: resampled_difference([0.0], np.array([[0.0], [math.inf]]), 5), "not a finite"),
        (lambda: resampled_difference([0.0], np.zeros((9, 1)), 1), "fewer than two examples or resamples"),
        (lambda: resampled_difference([0.0], np.zeros((1, 1)), 5), "fewer than two examples or resamples"),
        (lambda: sign_flips([0.1, math.nan]), "not a finite"),
        (lambda: sign_flips([]), "no seeds"),
    ],
)
def test_what_cannot_be_told_is_said(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


# ── tests ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("worse", "better", "one_sided", "two_sided"),
    [
        (0, 0, 1 / 2, 1.0),
        (1, 0, 1 / 4, 1 / 2),
        (0, 1, 3 / 4, 1 / 2),
        (2, 1, 5 / 16, 5 / 8),
        (1, 2, 11 / 16, 5 / 8),
        (3, 3, 1 / 2, 1.0),
        (4, 0, 1 / 32, 1 / 16),
        (10**4, 0, MIN_P, MIN_P),
    ],
)
def test_mcnemars_mid_p_by_hand(worse: int, better: int, one_sided: float, two_sided: float) -> None:
    assert mcnemar(worse, better) == pytest.approx(one_sided, rel=1e-9, abs=0)
    assert mcnemar_two_sided(worse, better) == pytest.approx(two_sided, rel=1e-9, abs=0)


def test_mcnemars_mid_p_is_the_formula_and_agrees_with_mlxtend() -> None:
    evaluate = pytest.importorskip("mlxtend.evaluate", reason="mlxtend is not installed; the extra `test` brings it")
    for worse, better in ((0, 0), (1, 0), (3, 9), (9, 3), (7, 7), (30, 50)):
        law = stats.binom(worse + better, 0.5)
        least = min(worse, better)
        formula = min(1.0, 2 * law.cdf(least) - law.pmf(least)) if worse + better else 1.0
        assert mcnemar_two_sided(worse, better) == pytest.approx(formula)
        exact = evaluate.mcnemar(np.array([[10, worse], [better, 10]]), exact=True)[1] if worse + better else 1.0
        assert mcnemar_two_sided(worse, better) <= exact + 1e-12, "mid-p is never above the exact one"
        assert mcnemar(worse, better) + mcnemar(better, worse) == pytest.approx(1.0)
    assert mcnemar(9, 3) < 0.1 < mcnemar(3, 9)


def test_one_seed_of_answers_is_judged_by_mcnemar() -> None:
    d = np.zeros(500)
    d[:12], d[12:15] = -1, 1
    difference = nested_difference(d)
    assert difference.discordant == (12, 3)
    assert p_regressed(difference) == mcnemar(12, 3)
    assert p_differs(difference) == mcnemar_two_sided(12, 3)
    assert p_regressed(difference, 0.01) != mcnemar(12, 3), "with a tolerance the binomial law says nothing"


def test_flipping_signs_takes_all_of_them_and_is_never_zero() -> None:
    assert sign_flips([-1.0, -2.0, -3.0]) == 1 / 8
    assert sign_flips([1.0, 2.0, 3.0]) == 1.0
    assert sign_flips([-0.1] * 7) == 1 / 128 < 0.01 < sign_flips([-0.1] * 6)
    assert sign_flips([-1.0] * 20) == 1 / (paired.SAMPLED_FLIPS + 1)
    d = np.random.default_rng(0).normal(-0.3, 1, 9)
    oracle = stats.permutation_test((d,), np.mean, permutation_type="samples", alternative="less", n_resamples=512)
    assert sign_flips(d) == pytest.approx(oracle.pvalue)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_tied_flips_count_as_ties_whatever_their_rounding(tenths) -> None:
    """Tenths have no exact binary form, so equal sums may differ in the last digit; integers do not."""
    sums = [sum(s * v for s, v in zip(signs, tenths)) for signs in itertools.product((1, -1), repeat=len(tenths))]
    exact = sum(total <= sum(tenths) for total in sums) / len(sums)
    assert sign_flips([value / 10 for value in tenths]) == exact


@pytest.mark.parametrize(
    ("value", "tolerance", "regressed", "not_worse"),
    [(0.0, 0.01, False, True), (-0.01, 0.01, False, True), (-0.02, 0.01, True, False), (0.0, 0.0, False, True)],
)
def test_without_variance_the_difference_is_compared_directly(value, tolerance, regressed, not_worse) -> None:
    exact = Difference(value, 0.0, 0.0, 0.0, math.inf, 100, 1)
    assert (p_regressed(exact, tolerance) == MIN_P) is regressed
    assert (p_not_worse(exact, tolerance) == MIN_P) is not_worse
    assert p_differs(exact) == (MIN_P if value else 1.0)


def test_what_rounding_leaves_is_no_difference() -> None:
    for value in (paired.SLACK / 2, -paired.SLACK / 2):
        exact = Difference(value, 0.0, 0.0, 0.0, math.inf, 100, 1)
        assert (p_differs(exact), p_regressed(exact)) == (1.0, 1.0)
        assert p_not_worse(Difference(value - 0.1, 0.0, 0.0, 0.0, math.inf, 100, 1), 0.1) == MIN_P
    lost = Difference(-3 * paired.SLACK, 0.0, 0.0, 0.0, math.inf, 100, 1)
    assert (p_differs(lost), p_regressed(lost), p_not_worse(lost, 0.0)) == (MIN_P, MIN_P, 1.0)


@pytest.mark.parametrize("df", [4.0, math.inf])
@pytest.mark.parametrize(("value", "variance", "tolerance"), [(-0.5, 1.0, 0.2), (0.3, 0.25, 0.1), (-0.01, 1e-4, 0.0)])
def test_tests_against_a_tolerance_are_those_of_students_t(df, value, variance, tolerance) -> None:
    law = stats.norm if math.isinf(df) else stats.t(df)
    difference = Difference(value, variance, 0.0, variance, df, 5, 1)
    t = (value + tolerance) / math.sqrt(variance)
    assert p_regressed(difference, tolerance) == pytest.approx(law.cdf(t))
    assert p_not_worse(difference, tolerance) == pytest.approx(law.sf(t))
    assert p_differs(difference) == pytest.approx(2 * law.sf(abs(value) / math.sqrt(variance)))
    assert p_differs(Difference(0.0, variance, 0.0, variance, df, 5, 1)) == 1.0
    assert paired.quantile(0.9, df) == pytest.approx(law.ppf(0.9))
    low, high = difference.interval()
    assert (low, high) == difference.interval(0.95)
    assert (high - value, value - low) == pytest.approx([law.ppf(0.975) * math.sqrt(variance)] * 2)


def test_the_least_variance_of_a_loss_is_that_of_the_share_that_must_differ() -> None:
    """Δ/(nS) − Δ²/n: of 50 examples under two seeds a loss of a tenth has at least (0.1 / 2 − 0.01) / 50."""
    d = nested_difference(np.zeros((2, 50)))
    assert paired.least_variance(d, 0.1) == pytest.approx((0.1 / 2 - 0.01) / 50)
    assert paired.least_variance(d, 0.9) == 0.0
    assert paired.least_variance(Difference(0.0, 0.0, 0.0, 0.0, math.inf, 0, 1), 0.1) == 0.0
    error = math.sqrt(paired.least_variance(d, 0.1))
    assert p_not_worse(d, 0.1) == pytest.approx(stats.norm.sf(0.1 / error))
    assert p_regressed(d, 0.1) == pytest.approx(stats.norm.cdf(0.1 / error))
    seen = np.zeros((2, 50))
    seen[:, :10] = -1
    most = nested_difference(seen)
    assert most.examples > paired.least_variance(most, 0.1)
    assert p_not_worse(most, 0.1) == pytest.approx(stats.t.sf(-0.1 / most.error, most.df)), "counted once"


def test_up_to_13_seeds_all_flips_are_taken_and_of_more_a_fixed_draw() -> None:
    assert sign_flips([-1.0] * 13) == 2**-13
    many = list(np.random.default_rng(0).normal(-0.2, 1, 14))
    p = sign_flips(many)
    assert p == sign_flips(many, seed=0) != sign_flips(many, seed=1)
    assert p * (paired.SAMPLED_FLIPS + 1) == pytest.approx(round(p * (paired.SAMPLED_FLIPS + 1)))
    oracle = stats.permutation_test((many,), np.mean, permutation_type="samples", alternative="less", n_resamples=2**14)
    assert p == pytest.approx(oracle.pvalue, abs=0.02)
    assert sign_flips([0.1, 0.2, -0.3] * 5) == pytest.approx(0.5, abs=0.06), "equal sums count, whatever their rounding"
    assert sign_flips([1.0] * 14) == 1.0


def test_few_examples_without_a_difference_do_not_prove_that_there_is_none() -> None:
    assert p_not_worse(nested_difference(np.zeros((1, 50))), 0.01) > 0.2
    assert p_not_worse(nested_difference(np.zeros((1, 5000))), 0.01) < 0.001


def test_no_p_is_zero_however_strong_the_evidence() -> None:
    strong = Difference(-1.0, 1e-12, 0.0, 1e-12, math.inf, 10**6, 1)
    assert p_regressed(strong) == MIN_P > 0
    assert p_not_worse(strong, 0.1) == 1.0
    assert mcnemar(10**5, 0) > 0


def test_with_few_seeds_the_gate_asks_the_seeds_too() -> None:
    base = [0.80, 0.82]
    main = Difference(-0.02, 1e-6, 1e-6, 2e-6, 4.0, 1000, 2)
    assert p_regressed(main) < 0.01
    head = [0.80, 0.78]
    seeds = (seeds_only_difference([h - b for b, h in zip(base, head)]), welch_difference(base, head))
    assert Evidence(main, seeds).p_regressed(0.0) == 2 * min(p_regressed(test) for test in seeds) > 0.05


# ── many tests ──────────────────────────────────────────────────────────────────────────────────


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_adjusted_p_values_are_at_most_1_and_keep_their_places() -> None:
    assert holm([0.9, 0.02, 0.5]) == pytest.approx([1.0, 0.06, 1.0])
    assert holm([0.2]) == [0.2]
    assert benjamini_hochberg([0.9, 0.02, 0.5]) == pytest.approx([0.9, 0.06, 0.75])
    assert benjamini_hochberg([0.04, 0.03]) == pytest.approx([0.04, 0.04])


@given(st.lists(probabilities, min_size=1, max_size=20))
def test_benjamini_hochberg_is_scipys_and_holm_is_no_less_strict(values) -> None:
    adjusted = benjamini_hochberg(values)
    assert adjusted == pytest.approx(stats.false_discovery_control(values))
    for value, one, many in zip(values, adjusted, holm(values)):
        assert value <= one * (1 + 1e-12)
        assert one <= many * (1 + 1e-12)
        assert many <= 1


@pytest.mark.parametrize("values", [[], [0.3], [0.05] * 6, [MIN_P] * 3, [1.0, 1.0], [0.01, 0.02, 0.02, 1.0]])
def test_benjamini_hochberg_is_scipys_for_one_value_ties_and_the_ends(values: list[float]) -> None:
    assert benjamini_hochberg(values) == pytest.approx(list(stats.false_discovery_control(values)), rel=1e-12, abs=0)


# ── power ───────────────────────────────────────────────────────────────────────────────────────


def test_what_a_difference_is_told_by_is_the_formula() -> None:
    """10,000 examples of which 5 % differ, α 0.01 two-sided, power 0.95: 0.94 points (STATISTICS, 7)."""
    d = np.zeros(10_000)
    d[:250], d[250:500] = 1, -1
    assert min_detectable_effect(nested_difference(d), 0.005) == pytest.approx(0.0094, abs=1e-4)


@pytest.mark.parametrize(("df", "level"), [(1.3, 1e-4), (2.0, 1e-4), (3.0, 1e-6)])
def test_far_out_the_spread_alone_decides_what_is_told(df: float, level: float) -> None:
    from scipy import special

    one = Difference(0.0, 0.0, 1.0, 1.0, df, 0, 3)
    assert stats.t.ppf(1 - level, df) > power.MAX_EXACT_QUANTILE
    exact = special.nctdtrinc(df, 0.05, stats.t.ppf(1 - level, df))
    assert min_detectable_effect(one, level) == pytest.approx(exact, rel=1e-3)


def test_the_least_loss_that_is_found_solves_its_equation() -> None:
    """A loss L of answers adds L / n to the variance: L − Δ = c · √((0.05 + L) / n); the observed loss does not add."""
    d = np.zeros(10_000)
    d[:250], d[250:500] = 1, -1
    c = stats.norm.ppf(0.99) + stats.norm.ppf(0.95)
    loss = min_detectable_loss(nested_difference(d), 0.01, 0.01, growth=1e-4)
    assert loss - 0.01 == pytest.approx(c * math.sqrt((0.05 + loss) * 1e-4), rel=0.01)
    d[500:900] = -1
    lost = nested_difference(d)
    assert min_detectable_loss(lost, 0.01, 0.01, growth=1e-4) == pytest.approx(0.01 + c * lost.error, rel=0.01)


def test_a_loss_is_found_that_nothing_seen_makes_likely() -> None:
    """No example differs, so the observed variance is 0. The detectable loss depends on the loss alone and is not 0."""
    none = Evidence(nested_difference(np.zeros((1, 1000))))
    c = stats.norm.ppf(0.99) + stats.norm.ppf(0.95)
    assert none.min_detectable_loss(0.0, 0.01) == pytest.approx(c**2 / 1000, rel=0.02)
    two = Evidence(nested_difference(np.zeros((2, 1000))), (seeds_only_difference([0.0, 0.0]),))
    assert two.min_detectable_loss(0.0, 0.01) > 0.5
    apart = Evidence(nested_difference(np.zeros((2, 1000))), (seeds_only_difference([-0.1, 0.1]),))
    assert apart.min_detectable_loss(0.0, 0.01) == math.inf


@given(
    value=st.floats(-1, 0.5),
    variance=st.sampled_from([0.0, 1e-9, 1e-4, 0.2]),
    df=st.sampled_from([1.0, 4.0, math.inf]),
    tolerance=st.sampled_from([0.0, 0.01, 0.5]),
    growth=st.sampled_from([0.0, 1e-4, 0.1]),
)
def test_what_is_found_is_never_less_than_the_tolerance_nor_than_what_a_loss_brings(
    value, variance, df, tolerance, growth
) -> None:
    one = Difference(value, variance, 0.0, variance, df, 0, 3)
    loss = min_detectable_loss(one, tolerance, 0.01, growth=growth)
    assert loss >= tolerance
    if math.isfinite(loss) and growth:
        least = 3.9 * math.sqrt(max(0.0, growth * loss * (1 - loss)))
        assert loss - tolerance >= least * 0.99


def test_with_few_degrees_of_freedom_the_least_loss_is_found_as_often_as_is_said() -> None:
    """Half of all estimated losses are below the loss that is detected in 95 of 100, half above."""
    random = np.random.default_rng(5)
    runs = [seeds_only_difference(random.normal(0.0, 1.0, 4)) for _ in range(2000)]
    loss = float(np.median([min_detectable_loss(run, 0.0, 0.01) for run in runs]))
    detected = [p_regressed(seeds_only_difference(random.normal(-loss, 1.0, 4))) <= 0.01 for _ in range(2000)]
    assert np.mean(detected) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(("seeds", "spread"), [(1, 0.0), (4, 0.0), (3, 0.02)])
def test_with_what_would_decide_it_is_decided(seeds: int, spread: float) -> None:
    random = np.random.default_rng(3)
    few = nested_difference(answers(random, seeds, 400, 0.05, 0.05) + random.normal(0, spread, (seeds, 1)))
    plan = required_sample_size(few, 0.01, 0.01)
    assert plan is not None
    assert plan.n >= 400
    variance = few.examples * few.n / plan.n + few.seeds * few.count / plan.seeds
    assert (stats.norm.ppf(0.99) + stats.norm.ppf(0.95)) * math.sqrt(variance) <= 0.01 * 1.001
    assert required_sample_size(few, 0.0, 0.01) is None


def test_examples_that_do_not_differ_decide_once_there_are_enough_of_them() -> None:
    """100 equal examples do not rule out a loss of one in a hundred; the required number of examples does."""
    plan = required_sample_size(nested_difference(np.zeros(100)), 0.01, 0.01)
    assert plan is not None
    assert (
        p_not_worse(nested_difference(np.zeros(100)), 0.01)
        > 0.01
        >= p_not_worse(nested_difference(np.zeros(plan.n)), 0.01)
    )


def test_seeds_alone_find_nothing_where_their_flips_cannot() -> None:
    values = (-0.1, -0.2, -0.15)
    evidence = Evidence(seeds_only_difference(values), flips=values)
    assert evidence.min_detectable_loss(0.0, 0.01) == evidence.min_detectable_effect(0.01) == math.inf
    assert evidence.p_regressed(0.0) == 1 / 8
    assert evidence.p_differs() == 1 / 4


def test_examples_taken_as_independent_give_a_wider_interval() -> None:
    random = np.random.default_rng(4)
    hard = random.random(1000)
    base, head = (np.stack([(random.random(1000) > hard) for _ in range(3)]).astype(float) for _ in "ab")
    errors = [math.hypot(*(side[s].std(ddof=1) / math.sqrt(1000) for side in (base, head))) for s in range(3)]
    wide = unpaired_difference([float((head[s] - base[s]).mean()) for s in range(3)], errors, 1000)
    assert wide.variance > nested_difference(head - base).variance
    assert wide.value == pytest.approx(nested_difference(head - base).value)


# ── coverage and error rates ────────────────────────────────────────────────────────────────────


def rates(seeds: int, n: int, spread: float, trials: int, together: float = 0.0) -> tuple[float, float, float]:
    """Return the coverage of the 95 % interval, and the false alarm rates at 0.01 of `main` alone and with the seeds.

    5 % of the examples differ. `spread` is the standard deviation of each side's accuracy over seeds. The share
    `together` of its variance, and of the single answers, is the same on both sides.
    """
    random = np.random.default_rng(0)
    covered = alone = agreed = 0
    for _ in range(trials):
        unsure = random.binomial(n, 0.1)
        share = unsure / n
        common = random.normal(0, spread, (seeds, 1)) * math.sqrt(together)
        moves = [common + random.normal(0, spread, (seeds, 1)) * math.sqrt(1 - together) for _ in range(2)]
        drawn = random.random((seeds, unsure))
        other = np.where(random.random((seeds, unsure)) < together, drawn, random.random((seeds, unsure)))
        base, head = (x < 0.5 + move / share for x, move in zip((drawn, other), moves))
        difference = nested_difference(head.astype(float) - base, alike=n - unsure)
        low, high = difference.interval()
        covered += low <= 0 <= high
        alone += p_regressed(difference) <= 0.01
        values = [side.sum(axis=1) / n for side in (base, head)]
        pair = (seeds_only_difference(values[1] - values[0]), welch_difference(*values)) if seeds > 1 else ()
        agreed += Evidence(difference, pair).p_regressed(0.0) <= 0.01
    return covered / trials, alone / trials, agreed / trials


def test_the_nested_interval_covers_quickly() -> None:
    covered, _, alarms = rates(3, 500, 0.005, 300)
    assert covered >= 0.92
    assert alarms <= 0.03


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_coverage_and_false_alarms_as_the_docs_state_them() -> None:
    """Printed by `pytest -m slow tests/stats/test_paired.py -s`, quoted in docs/appendix/comparing.md."""
    print("\nseeds  examples  spread  together  coverage  main alone  with the seeds")
    for seeds in (1, 2, 3, 5, 10):
        for n in (500, 2000):
            for spread, together in ((0.0, 0.0), (0.005, 0.0), (0.02, 0.0), (0.02, 0.8)):
                if seeds == 1 and spread:
                    continue
                covered, alone, agreed = rates(seeds, n, spread, 3000, together)
                print(
                    f"{seeds:5}  {n:8,}  {spread:6}  {together:8}  {covered:8.3f}  {alone:10.4f}  {agreed:14.4f}",
                    flush=True,
                )
                assert covered >= (0.86 if seeds == 2 else 0.92)
                assert agreed <= 0.0155  # 0.01 and three standard errors


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_coverage_of_resampled_metrics_as_the_docs_state_it() -> None:
    """ROC AUC and macro F1 of models that differ by seed; printed by the same command."""
    from bench_suite.metrics.macro_f1 import macro_f1
    from bench_suite.metrics.roc_auc import roc_auc

    print("\nmetric    seeds  examples  coverage")
    for name, seeds in (("roc_auc", 1), ("roc_auc", 3), ("macro_f1", 3)):
        random = np.random.default_rng(0)
        trials, n, covered = 250, 300, 0
        for _ in range(trials):
            targets = random.integers(0, 2, n)
            easy = targets + random.normal(0, 1, n)  # both models' shared evidence about an example
            sides = [easy + random.normal(0, 0.7, (seeds, n)) for _ in range(2)]

            def of(scores: np.ndarray, rows: np.ndarray, targets: np.ndarray = targets, name: str = name) -> float:
                if name == "roc_auc":
                    return roc_auc(targets[rows], scores[rows])
                return macro_f1(targets[rows], (scores[rows] > 0.5).astype(np.int64))

            def difference(rows: np.ndarray, sides=sides, seeds: int = seeds, of=of) -> list[float]:
                return [of(sides[1][s], rows) - of(sides[0][s], rows) for s in range(seeds)]

            draws = np.array([difference(random.integers(0, n, n)) for _ in range(100)])
            low, high = resampled_difference(difference(np.arange(n)), draws, n).interval()
            covered += low <= 0 <= high
        print(f"{name:8}  {seeds:5}  {n:8}  {covered / trials:8.3f}", flush=True)
        assert covered / trials >= 0.91  # 0.95 and three standard errors
