"""The anytime-valid test: values by hand, the decision, the interval, and what would decide."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench_suite.stats.anytime import (
    MAX_BLOCKS,
    autocorrelation,
    decide,
    half_width,
    log_e_value,
    log_evidence,
    required_blocks,
)


def test_the_evidence_is_that_of_the_formula_by_hand():
    # n = 3, mean 2, s² = 1, T² = 12, ν = 2: E = 4^(-1/2) · [(1 + 6) / (1 + 6/4)]^(3/2) = 0.5 · 2.8^1.5
    assert math.exp(log_e_value([1.0, 2.0, 3.0])) == pytest.approx(0.5 * 2.8**1.5)
    # Against a mean of 2, T² = 0: E = 4^(-1/2).
    assert math.exp(log_e_value([1.0, 2.0, 3.0], 2.0)) == pytest.approx(0.5)


def test_the_evidence_is_the_integral_that_defines_it():
    """E = ∫ t(T; ν, δ√n) N(δ; 0, g) dδ / t(T; ν): a mixture of non-central t densities over a central one."""
    stats = pytest.importorskip("scipy.stats")
    integrate = pytest.importorskip("scipy.integrate")
    values = np.array([0.05, 0.02, 0.09, 0.04, 0.06])
    n, t = len(values), values.mean() / values.std(ddof=1) * math.sqrt(len(values))
    mixture = integrate.quad(
        lambda delta: stats.nct.pdf(t, n - 1, delta * math.sqrt(n)) * stats.norm.pdf(delta), -8, 8, limit=200
    )[0]
    assert math.exp(log_e_value(values)) == pytest.approx(mixture / stats.t.pdf(t, n - 1), rel=1e-4)


def test_two_blocks_say_nothing():
    assert log_e_value([1.0, 1.0]) == 0.0
    assert decide([1.0, 1.0], 0.05, 0.01).verdict == "cannot tell"
    assert decide([], 0.05, 0.01).ratio is None


def test_equal_blocks_are_the_limit_of_the_formula():
    assert log_e_value([0.1] * 6) == pytest.approx(2.5 * math.log(7))
    assert log_e_value([0.1] * 6) == pytest.approx(log_evidence(6, 0.1, 1e-18), abs=1e-6)
    assert decide([0.1] * 6, 0.05, 0.01).verdict == "slower"
    assert decide([0.0] * 6, 0.05, 0.01).verdict == "not slower"
    assert decide([-0.3] * 6, 0.05, 0.01).verdict == "not slower"


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e6])
def test_the_evidence_does_not_depend_on_the_scale(factor):
    values = [0.3, 0.1, 0.4, 0.2]
    assert log_e_value([factor * value for value in values]) == pytest.approx(log_e_value(values))


def test_the_interval_contains_zero_if_and_only_if_the_evidence_against_it_is_below_the_limit():
    random = np.random.default_rng(3)
    decided = set()
    for _ in range(300):
        values = list(random.normal(random.choice([0.0, 0.03, 0.08]), 0.03, random.integers(3, 25)))
        decision = decide(values, 10.0, 0.01)
        outside = decision.low is not None and not decision.low <= 1.0 <= decision.high
        assert outside == (log_e_value(values) >= -math.log(0.01))
        decided.add(outside)
    assert decided == {True, False}


def test_an_interval_of_few_blocks_is_unbounded():
    assert half_width(3, 1.0, 0.01) is None
    assert half_width(30, 1.0, 0.01) is not None


def test_a_slowdown_and_none_are_told_apart_and_slower_comes_first():
    random = np.random.default_rng(1)
    noise = list(random.normal(0.0, 0.01, 20))
    noise = [value - sum(noise) / 20 for value in noise]
    assert decide([value + math.log(1.05) for value in noise], 0.05, 0.01).verdict == "slower"
    assert decide(noise, 0.05, 0.01).verdict == "not slower"
    assert decide([value + math.log(1.025) for value in noise], 0.05, 0.01).verdict == "slower"
    assert decide([value - 1.0 for value in noise], 0.05, 0.01).verdict == "not slower"


def test_the_blocks_that_would_decide_do_decide():
    for spread in (0.012, 0.067):
        required = required_blocks(0.0, spread, 0.05, 0.01)
        squares = (required - 1) * spread**2
        assert log_evidence(required, math.log(1.05), squares) >= -math.log(0.01)
        assert log_evidence(required - 1, math.log(1.05), (required - 2) * spread**2) < -math.log(0.01)
    assert required_blocks(math.log(1.05) / 2, 50.0, 0.05, 1e-9) is None or MAX_BLOCKS


def test_an_undecided_comparison_says_how_many_blocks_would_decide():
    decision = decide([0.1, -0.1, 0.1, -0.1], 0.05, 0.01)
    assert decision.verdict == "cannot tell"
    assert decision.required_blocks > 4
    assert decide([0.1] * 6, 0.05, 0.01).required_blocks is None


def test_a_trend_is_noticed_and_independent_blocks_are_not():
    first, dependent = autocorrelation([0.01 * step for step in range(30)])
    assert dependent
    assert first > 0.8
    random = np.random.default_rng(0)
    flagged = [autocorrelation(list(random.normal(size=40)))[1] for _ in range(500)]
    assert sum(flagged) <= 20
    assert autocorrelation([1.0] * 5) == (None, False)
    assert autocorrelation([1.0] * 20) == (None, False)
