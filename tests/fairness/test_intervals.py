"""Claims about the intervals of what lies between groups."""

import numpy as np
import pytest
from scipy.stats import binomtest

from bench_suite.fairness.intervals import Rate, largest_difference, least, least_ratio, of_one
from bench_suite.stats import bootstrap_interval


def test_the_interval_of_one_rate_is_scipys_wilson_and_has_a_width_at_0_and_at_1():
    for hits, n in ((0, 10), (3, 10), (10, 10), (45, 50)):
        scipy = binomtest(hits, n).proportion_ci(0.95, method="wilson")
        interval = of_one(Rate(hits, n))
        assert (interval.low, interval.high) == pytest.approx((scipy.low, scipy.high), abs=1e-12)
        assert interval.low < interval.high


def test_no_examples_have_no_rate():
    with pytest.raises(ValueError, match="no examples"):
        _ = Rate(0, 0).value


def test_the_values_are_those_of_the_formulas():
    rates = [Rate(9, 10), Rate(5, 10), Rate(14, 20)]
    assert largest_difference([rates], 200)[0] == pytest.approx(0.4)
    assert largest_difference([rates, [Rate(1, 10), Rate(6, 10)]], 200)[0] == pytest.approx(0.5)
    assert least_ratio([rates], 200)[0] == pytest.approx(5 / 9)
    assert least([rates], 200)[0] == 0.5


def test_the_value_lies_in_its_interval_and_the_interval_within_what_is_possible():
    random = np.random.default_rng(0)
    for _ in range(100):
        sizes = random.integers(1, 60, random.integers(2, 6))
        rates = [Rate(int(random.binomial(n, random.choice([0.0, 0.3, 0.9, 1.0]))), int(n)) for n in sizes]
        for measure in (largest_difference, least_ratio, least):
            if measure is least_ratio and not any(rate.hits for rate in rates):
                continue
            value, interval = measure([rates], 100)
            assert 0 <= interval.low <= value <= interval.high <= 1
            assert interval.low < interval.high


def test_a_ratio_of_nothing_to_nothing_has_no_value():
    with pytest.raises(ValueError, match="nobody is selected"):
        least_ratio([[Rate(0, 20), Rate(0, 30)]], 100)
    assert least_ratio([[Rate(0, 20), Rate(3, 30)]], 100)[0] == 0.0


def test_the_same_counts_have_the_same_interval():
    rates = [[Rate(30, 40), Rate(25, 50)]]
    assert largest_difference(rates, 200) == largest_difference(rates, 200)


def test_a_thousand_classes_fit_in_memory():
    random = np.random.default_rng(1)
    rates = [Rate(int(hits), 50) for hits in random.binomial(50, 0.8, 1000)]
    value, interval = largest_difference([rates], 100)
    assert interval.low < value <= interval.high


def covered(sizes, proportions, trials, resamples):
    """Shares of trials in which the truth lies in the interval: of difference, ratio, least; and percentiles of it."""
    random = np.random.default_rng(5)
    sizes, proportions = np.array(sizes), np.array(proportions)
    low, high = proportions.min(), proportions.max()
    truths = {largest_difference: high - low, least_ratio: low / high, least: low}
    found = {measure: [] for measure in truths}
    plain = []
    for _ in range(trials):
        hits = random.binomial(sizes, proportions)
        rates = [Rate(int(k), int(n)) for k, n in zip(hits, sizes)]
        for measure, truth in truths.items():
            if measure is least_ratio and not hits.any():
                continue
            interval = measure([rates], resamples)[1]
            found[measure].append(interval.low <= truth <= interval.high)
        drawn = random.binomial(sizes, hits / sizes, (resamples, len(sizes))) / sizes
        ends = np.quantile(drawn.max(1) - drawn.min(1), [0.025, 0.975])
        plain.append(ends[0] <= high - low <= ends[1])
    return [float(np.mean(each)) for each in (*found.values(), plain)]


@pytest.mark.parametrize(
    ("sizes", "proportions"), [((40, 350), (0.9, 0.9)), ((40, 350), (0.7, 0.9)), ((50,) * 4, (0.8,) * 4)]
)
def test_the_intervals_cover_the_truth_and_percentiles_miss_a_difference_of_0(sizes, proportions):
    *mine, percentiles = covered(sizes, proportions, trials=200, resamples=200)
    assert min(mine) > 0.9
    assert percentiles < 0.05 or len(set(proportions)) > 1


CASES = {
    "2 groups, equal": ((40, 350), (0.9, 0.9)),
    "2 groups, 20 points apart": ((40, 350), (0.7, 0.9)),
    "2 small groups, equal": ((10, 10), (0.5, 0.5)),
    "2 small groups, 30 points apart": ((10, 10), (0.9, 0.6)),
    "2 small groups, rare": ((14, 35), (0.05, 0.2)),
    "2 large groups, 5 points apart": ((1000, 1000), (0.5, 0.45)),
    "5 groups, equal": ((50,) * 5, (0.8,) * 5),
    "5 groups, one 30 points apart": ((50,) * 5, (0.8, 0.8, 0.8, 0.8, 0.5)),
    "4 groups of different size": ((20, 30, 100, 500), (0.95, 0.9, 0.9, 0.85)),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_coverage_of_what_lies_between_groups_as_the_page_states_it(case):
    sizes, proportions = CASES[case]
    *mine, percentiles = covered(sizes, proportions, trials=2000, resamples=400)
    print(f"\n| {case} | {' | '.join(f'{share:.3f}' for share in (*mine, percentiles))} |")
    assert min(mine) > 0.92


@pytest.mark.slow
@pytest.mark.parametrize(("n", "proportion"), [(10, 0.9), (30, 0.9), (30, 0.97), (100, 0.9)])
def test_coverage_of_one_rate_as_the_page_states_it(n, proportion):
    random = np.random.default_rng(2)
    wilson, bootstrap, none = 0, 0, 0
    for _ in range(2000):
        hits = int(random.binomial(n, proportion))
        interval = of_one(Rate(hits, n))
        wilson += interval.low <= proportion <= interval.high
        rows = {"right": (np.arange(n) < hits).astype(float)}
        drawn, _ = bootstrap_interval(lambda right: float(right.mean()), rows, resamples=200)
        none += drawn is None
        bootstrap += drawn is not None and drawn.low <= proportion <= drawn.high
    shares = [wilson / 2000, bootstrap / 2000, none / 2000]
    print(f"\n| {n} | {proportion} | {' | '.join(f'{share:.3f}' for share in shares)} |")
    assert wilson / 2000 > 0.92
