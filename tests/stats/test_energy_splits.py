"""The energy statistic of E-divisive: compared with its definition, pair by pair."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.stats.energy_splits import MIN_SIDE, best_position, largest_split, largest_statistics


def statistic(x: np.ndarray, y: np.ndarray) -> float:
    """Return Q = nm/(n+m) · (2 E|X−Y| − E|X−X′| − E|Y−Y′|) by its definition."""
    n, m = len(x), len(y)
    between = np.mean([abs(a - b) for a in x for b in y])
    of_x = np.mean([abs(a - b) for i, a in enumerate(x) for b in x[:i]])
    of_y = np.mean([abs(a - b) for i, a in enumerate(y) for b in y[:i]])
    return float(n * m / (n + m) * (2 * between - of_x - of_y))


def all_splits(values: np.ndarray) -> dict[tuple[int, int], float]:
    return {
        (begin, end): statistic(values[:begin], values[begin:end])
        for end in range(2 * MIN_SIDE, len(values) + 1)
        for begin in range(MIN_SIDE, end - MIN_SIDE + 1)
    }


@pytest.mark.parametrize("n", [6, 7, 13, 30])
def test_the_largest_statistic_is_that_of_the_definition_over_all_begins_and_ends(n):
    values = np.random.default_rng(n).normal(size=n)
    known = all_splits(values)
    (begin, _), largest = max(known.items(), key=lambda pair: pair[1])
    split = largest_split(values)
    assert split.statistic == pytest.approx(largest)
    assert split.position == begin


def test_many_series_at_once_have_the_statistics_of_each_by_itself():
    columns = np.random.default_rng(0).normal(size=(41, 7))
    alone = [largest_split(column).statistic for column in columns.T]
    assert largest_statistics(columns) == pytest.approx(alone)


def test_a_long_series_scans_a_part_of_the_ends_and_the_last_one_always():
    values = np.concatenate([np.zeros(197), np.ones(103)]) + np.random.default_rng(1).normal(0, 0.01, 300)
    known = [statistic(values[:197], values[197:end]) for end in range(200, 301)]
    split = largest_split(values)
    assert split.position == 197
    assert split.statistic == pytest.approx(max(known))  # that of the last end


def test_a_short_change_back_and_forth_is_a_split_although_both_ends_are_alike():
    values = np.concatenate([np.zeros(15), np.ones(8), np.zeros(15)]) + np.random.default_rng(2).normal(0, 0.1, 38)
    assert largest_split(values).position in (15, 23)


def test_the_best_position_is_that_of_the_largest_statistic_up_to_the_end():
    values = np.random.default_rng(3).normal(size=25)
    known = {begin: statistic(values[:begin], values[begin:]) for begin in range(MIN_SIDE, 25 - MIN_SIDE + 1)}
    assert best_position(values) == max(known, key=known.__getitem__)


def test_equal_values_have_no_statistic():
    assert largest_split(np.zeros(10)).statistic == 0
