"""Shifts between two samples: compared with SciPy's rank-sum test, and their coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench_suite.stats.shift import EXACT_PAIRS, _lower_rank, _rank_sum_shares, running_median, shift_between


@pytest.mark.parametrize(("m", "n"), [(1, 1), (3, 4), (8, 8), (5, 30), (20, 40), (50, 50)])
def test_the_shares_of_the_rank_sum_are_those_of_scipy(m, n):
    shares = _rank_sum_shares(m, n)
    assert shares.sum() == pytest.approx(1)
    for u in {0, 1, m * n // 4, m * n // 2}:
        expected = stats.mannwhitneyu(*samples_of(m, n, u), method="exact", alternative="less").pvalue
        assert shares[: u + 1].sum() == pytest.approx(float(expected), rel=1e-6)


def samples_of(m: int, n: int, u: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two samples of which `u` pairs have the larger value in the first one."""
    ranks = list(range(m))  # of the first sample among all: 0 … m − 1 has U = 0
    for index in reversed(range(m)):
        up = min(n, u)
        ranks[index] += up
        u -= up
    rest = [rank for rank in range(m + n) if rank not in ranks]
    return np.asarray(ranks, dtype=float), np.asarray(rest, dtype=float)


def test_the_interval_ends_where_the_rank_sum_test_would_reject():
    random = np.random.default_rng(0)
    before, after = random.normal(size=9), random.normal(size=12) + 1
    shift = shift_between(before, after)
    inside, outside = shift.low + 1e-9, shift.low - 1e-9
    assert stats.mannwhitneyu(before, after - inside, method="exact").pvalue > 0.05
    assert stats.mannwhitneyu(before, after - outside, method="exact").pvalue <= 0.05


def test_a_known_shift_is_found_whatever_a_stray_value_does():
    before, after = np.arange(10.0), np.arange(10.0) + 5
    after[3] = 1e6
    assert shift_between(before, after).value == pytest.approx(5, abs=1)
    assert shift_between(np.zeros(5), np.ones(6)) == shift_between(np.zeros(5), np.ones(6))
    assert (shift_between(np.zeros(5), np.ones(6)).low, shift_between(np.zeros(5), np.ones(6)).high) == (1, 1)


def test_too_few_values_have_no_interval():
    shift = shift_between(np.arange(3.0), np.arange(3.0) + 9)
    assert (shift.value, shift.low, shift.high) == (9, None, None)
    assert shift_between(np.arange(3.0), np.arange(3.0) + 9, level=0.9).low is not None


def test_the_normal_approximation_continues_the_exact_ranks():
    side = int(EXACT_PAIRS**0.5)
    exact, normal = _lower_rank(side, side, 0.95), _lower_rank(side, side + 1, 0.95)
    assert exact is not None
    assert normal is not None
    assert 0 < normal - exact < side


def test_the_running_median_removes_single_values_and_keeps_steps():
    assert running_median([0, 0, 9, 0, 0, 5, 5, 5]).tolist() == [0, 0, 0, 0, 0, 5, 5, 5]
    assert running_median([9, 0, 0, 0, 9]).tolist() == [0, 0, 0, 0, 0]


@pytest.mark.slow
@pytest.mark.parametrize(("m", "n"), [(5, 20), (20, 20), (60, 60)])
def test_intervals_contain_the_shift_as_often_as_they_state(m, n):
    random = np.random.default_rng(m)
    trials, hits = 2000, 0
    for _ in range(trials):
        shift = shift_between(random.normal(size=m), random.normal(size=n) + 0.7)
        hits += shift.low <= 0.7 <= shift.high
    print(m, n, hits / trials)
    assert 0.94 <= hits / trials <= 0.98
