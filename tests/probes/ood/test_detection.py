"""AUROC and false positive rate against scikit-learn and two Gaussians, and the coverage of their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special
from sklearn.metrics import roc_auc_score, roc_curve

from bench_suite.probes.ood.detection import (
    MIN_EXAMPLES,
    Scored,
    accepting_threshold,
    auroc,
    estimates,
    false_positive_rate,
)

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize(("n", "m", "ties"), [(200, 200, False), (37, 400, False), (333, 50, True)])
def test_both_numbers_are_scikit_learns_with_the_test_split_as_the_positive_class(n: int, m: int, ties: bool) -> None:
    test, others = RANDOM.normal(1.0, 1, n), RANDOM.normal(size=m)
    if ties:
        test, others = np.round(test), np.round(others)
    labels, scores = np.repeat([1, 0], [n, m]), np.concatenate([test, others])
    assert auroc(test, others) == pytest.approx(roc_auc_score(labels, scores))
    rates, hits, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert false_positive_rate(test, others) == pytest.approx(rates[np.flatnonzero(hits >= 0.95 - 1e-12)[0]])


def test_the_auroc_is_the_same_in_the_other_direction_and_the_rate_is_not() -> None:
    test, others = RANDOM.normal(1.0, 1, 400), RANDOM.exponential(size=300)
    assert auroc(test, others) == pytest.approx(auroc(-others, -test))
    assert false_positive_rate(test, others) != pytest.approx(false_positive_rate(-others, -test), abs=0.02)


@pytest.mark.parametrize("n", [MIN_EXAMPLES, 100, 101, 2000])
def test_the_threshold_is_the_largest_that_accepts_95_percent(n: int) -> None:
    test = RANDOM.permutation(np.arange(n, dtype=float))
    threshold = accepting_threshold(test)
    assert (test >= threshold).mean() >= 0.95
    assert (test > threshold).mean() < 0.95


@pytest.mark.parametrize("distance", [0.5, 1.5])
def test_two_gaussians_have_the_values_of_the_formulas(distance: float) -> None:
    grid = special.ndtri((np.arange(5000) + 0.5) / 5000)
    assert auroc(grid, grid - distance) == pytest.approx(special.ndtr(distance / 2**0.5), abs=2e-4)
    assert false_positive_rate(grid, grid - distance) == pytest.approx(special.ndtr(1.644854 - distance), abs=1e-3)


def test_the_interval_contains_the_value_and_depends_on_the_seed_alone() -> None:
    test, others = Scored(RANDOM.normal(1.0, 1, 300)), Scored(RANDOM.normal(size=200))
    first, again, other = (estimates(test, others, 200, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    for estimate in first:
        assert estimate.interval is not None
        assert estimate.interval.low < estimate.value < estimate.interval.high
        assert estimate.interval.over == "examples"


def test_resamples_are_the_metrics_of_the_drawn_examples() -> None:
    """The same draws one by one, with the plain functions."""
    from bench_suite.probes.ood.detection import _resampled

    test, others = Scored(np.round(RANDOM.normal(1.0, 1, 60), 1)), Scored(np.round(RANDOM.normal(size=41), 1))
    areas, rates = next(_resampled(test, others, 50, 9))
    random = np.random.default_rng(9)
    rows, columns = random.integers(0, 60, (50, 60)), random.integers(0, 41, (50, 41))
    for number in range(50):
        drawn = test.values[rows[number]], others.values[columns[number]]
        assert areas[number] == pytest.approx(auroc(*drawn))
        assert rates[number] == pytest.approx(false_positive_rate(*drawn))


def test_clusters_are_drawn_as_a_whole() -> None:
    values = RANDOM.normal(1.0, 1, 100), RANDOM.normal(size=100)
    single = estimates(*map(Scored, values), 400, 0)
    copies = [Scored(np.repeat(part, 4), np.repeat(np.arange(100), 4)) for part in values]
    clustered = estimates(copies[0], copies[1], 400, 0)
    naive = estimates(*[Scored(part.values) for part in copies], 400, 0)
    for one, of_clusters, of_rows in zip(single, clustered, naive):
        widths = [part.interval.high - part.interval.low for part in (one, of_clusters, of_rows)]
        assert of_clusters.interval.over == "clusters"
        assert widths[1] == pytest.approx(widths[0], rel=0.2)
        assert widths[2] < 0.7 * widths[1]


def test_sets_that_are_separated_have_the_interval_of_as_many_pairs() -> None:
    area, rate = estimates(Scored(np.arange(100.0) + 1000), Scored(np.arange(40.0)), 100, 0)
    assert (area.value, rate.value) == (1.0, 0.0)
    assert area.interval.low == pytest.approx(0.025 ** (1 / 40))
    assert rate.interval.high == pytest.approx(1 - 0.025 ** (1 / 40))
    turned, _ = estimates(Scored(np.arange(40.0)), Scored(np.arange(100.0) + 1000), 100, 0)
    assert (turned.value, turned.interval.low) == (0.0, 0.0)
    clusters = np.zeros(100)
    assert estimates(Scored(np.arange(100.0), clusters), Scored(np.arange(9.0) - 99), 100, 0)[0].interval is None


def coverage(n: int, m: int, distance: float, trials: int, resamples: int) -> np.ndarray:
    """Return the shares of trials in which the intervals of AUROC and rate contain the truth."""
    random = np.random.default_rng(n + m)
    truth = special.ndtr(distance / 2**0.5), special.ndtr(1.644854 - distance)
    covered = np.zeros(2)
    for trial in range(trials):
        sets = Scored(random.normal(distance, 1, n)), Scored(random.normal(size=m))
        for number, estimate in enumerate(estimates(*sets, resamples, trial)):
            covered[number] += estimate.interval.low <= truth[number] <= estimate.interval.high
    return covered / trials


def test_the_intervals_cover_the_truth_as_often_as_they_say() -> None:
    assert (np.abs(coverage(200, 150, 1.5, 400, 200) - 0.95) < 0.035).all()


@pytest.mark.slow
@pytest.mark.parametrize("distance", [0.5, 1.5, 3.0])
@pytest.mark.parametrize(("n", "m"), [(50, 50), (100, 100), (500, 500), (100, 2000), (2000, 100)])
def test_coverage_as_the_page_states_it(n: int, m: int, distance: float) -> None:
    area, rate = coverage(n, m, distance, 500, 200)
    print(f"{n} test, {m} others, distance {distance}: AUROC {area:.3f}, rate {rate:.3f}")
    assert 0.89 <= area <= 0.98
    assert 0.87 <= rate <= 0.98
