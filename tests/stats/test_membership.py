"""Claims about membership scores: against scikit-learn and SciPy, published values, and coverage in simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score, roc_curve

from bench_suite.stats.membership import advantage, area, curve, hits_at


def scores(random: np.random.Generator, members: int, others: int, gap: float, digits: int | None = None):
    """Return normal scores with this distance of their means; rounded scores have ties."""
    drawn = random.normal(gap, 1, members), random.normal(0, 1, others)
    return drawn if digits is None else tuple(np.round(values, digits) for values in drawn)


def labelled(members: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat([1, 0], [len(members), len(others)]), np.concatenate([members, others])


@pytest.mark.parametrize("digits", [None, 1, 0])
def test_the_area_is_scikit_learns_with_ties_counted_half(digits):
    members, others = scores(np.random.default_rng(0), 300, 200, 0.7, digits)
    value, interval = area(members, others)
    assert value == pytest.approx(roc_auc_score(*labelled(members, others)))
    above = (members[:, None] > others) + 0.5 * (members[:, None] == others)  # DeLong et al. by their definition
    error = math.sqrt(above.mean(axis=1).var(ddof=1) / 300 + above.mean(axis=0).var(ddof=1) / 200)
    assert interval.high - interval.low == pytest.approx(2 * stats.norm.ppf(0.975) * error)


@pytest.mark.parametrize(("members", "others", "gap"), [(200, 200, 0.0), (400, 1000, 0.5), (100, 100, 1.5)])
def test_the_interval_of_the_area_covers_the_truth_as_often_as_it_says(members, others, gap):
    random, truth = np.random.default_rng(1), stats.norm.cdf(gap / math.sqrt(2))
    intervals = [area(*scores(random, members, others, gap))[1] for _ in range(1000)]
    assert 0.92 <= np.mean([interval.low <= truth <= interval.high for interval in intervals]) <= 0.97


def test_scores_that_all_agree_have_an_area_of_a_half_and_no_interval():
    assert area(np.ones(10), np.ones(20)) == (0.5, None)


@pytest.mark.parametrize("digits", [None, 1, 0])
@pytest.mark.parametrize("rate", [0.01, 0.1])
def test_the_true_positive_rate_is_the_greatest_of_scikit_learns_curve_within_the_rate(rate, digits):
    members, others = scores(np.random.default_rng(2), 500, 1000, 0.7, digits)
    false, true, _ = roc_curve(*labelled(members, others), drop_intermediate=False)
    hits, above = hits_at(members, others, rate)
    assert hits / 500 == pytest.approx(true[false <= rate].max())
    assert above <= rate * 1000


def test_a_rate_allows_exactly_the_non_members_that_it_says():
    others = np.arange(1000.0)
    assert hits_at(np.array([999.5, 990.5, 989.5, 989.0]), others, 0.01) == (3, 10)
    assert hits_at(np.array([999.5, 998.5]), others, 0.001) == (2, 1)
    assert hits_at(np.array([5.0]), others, 1.0) == (1, 1000)


def test_the_advantage_of_scores_that_know_nothing_is_zero_on_average_and_the_best_threshold_alone_is_not():
    random = np.random.default_rng(3)
    measured, naive, covered = [], [], 0
    for _ in range(400):
        members, others = scores(random, 200, 300, 0.0)
        result = advantage(members, others, random)
        measured.append(result.value)
        false, true, _ = roc_curve(*labelled(members, others))
        naive.append((true - false).max())
        covered += result.interval.low <= 0.0 <= result.interval.high
    assert abs(np.mean(measured)) < 3 * np.std(measured) / math.sqrt(400)
    assert np.mean(naive) > 0.05
    assert covered / 400 >= 0.93


def test_the_advantage_nears_the_best_one_possible_and_its_interval_covers_what_it_measures():
    random, gap = np.random.default_rng(4), 1.0
    best = 2 * stats.norm.cdf(gap / 2) - 1  # the threshold half way
    results = [advantage(*scores(random, 1000, 1000, gap), random) for _ in range(300)]
    assert best - 0.02 < np.mean([result.value for result in results]) <= best + 0.005
    assert np.mean([result.interval.low <= best <= result.interval.high for result in results]) >= 0.9


def test_the_interval_of_the_advantage_is_newcombes():
    """Newcombe 1998, table II, example (a): 56/70 − 48/80 by method 10 is 0.2 with 0.0524 to 0.3339."""
    members, others = np.repeat([1.0, 0.0], [56, 14]), np.repeat([1.0, 0.0], [48, 32])
    result = advantage(members, others, np.random.default_rng(0))
    assert result.value == pytest.approx(0.2)
    assert (result.interval.low, result.interval.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_the_points_of_the_curve_are_those_of_scikit_learn():
    members, others = scores(np.random.default_rng(5), 500, 1000, 0.7)
    false, true, _ = roc_curve(*labelled(members, others), drop_intermediate=False)
    points = curve(members, others)
    assert points[0][0] == 1 / 1000
    assert points[-1] == [1.0, 1.0]
    for x, y in points:
        assert y == pytest.approx(true[false <= x + 1e-12].max())


def test_clusters_of_equal_scores_count_once_and_clusters_of_one_example_as_no_clusters():
    members, others = scores(np.random.default_rng(5), 100, 80, 0.5)
    single = area(members, others, (np.arange(100), np.arange(80)))[1]
    plain = area(members, others)[1]
    assert (single.low, single.high) == pytest.approx((plain.low, plain.high))
    copies = np.repeat(members, 4), np.repeat(others, 4)
    value, interval = area(*copies, (np.repeat(np.arange(100), 4), np.repeat(np.arange(80), 4)))
    assert value == pytest.approx(area(members, others)[0])
    assert (interval.low, interval.high, interval.over) == pytest.approx((plain.low, plain.high, "clusters"))
    assert area(*copies, (np.zeros(400), None))[1] is None
