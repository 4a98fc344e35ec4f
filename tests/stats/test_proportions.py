"""Proportions agree with SciPy."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from bench_suite.stats.proportions import binomial_p, clopper_pearson, wilson


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (45, 50), (450, 500), (1, 3)])
def test_the_interval_is_wilsons(hits: int, n: int) -> None:
    expected = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    interval = wilson(hits, n)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert wilson(hits, n, 0.5).high <= interval.high + 1e-12


@pytest.mark.parametrize(
    ("hits", "n"), [(0, 1), (1, 1), (0, 40), (40, 40), (3, 10), (199, 200), (3, 900), (450, 900), (57, 1000)]
)
def test_the_exact_interval_is_that_of_clopper_and_pearson(hits: int, n: int) -> None:
    expected = binomtest(hits, n).proportion_ci(0.95, method="exact")
    interval = clopper_pearson(hits, n)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("hits", "n", "share"), [(45, 50, 0.9), (40, 50, 0.9), (50, 50, 0.9), (0, 5, 0.5)])
def test_p_counts_all_counts_that_are_no_more_probable(hits: int, n: int, share: float) -> None:
    assert binomial_p(hits, n, share) == pytest.approx(binomtest(hits, n, share).pvalue)
    assert binomial_p(25, 50, 0.5) == pytest.approx(1.0)
    assert binomial_p(0, 10, 0.5) == pytest.approx(2 / 2**10)
