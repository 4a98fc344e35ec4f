"""Simulated rates of change points: compared with those of whole searches."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.stats.change_point_rates import alarm_rate, block_length, p_of_dependence, power
from bench_suite.stats.change_points import change_points


def noise(n: int = 30, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


def alike(n: int = 60, seed: int = 0) -> np.ndarray:
    """Return values of which each is the mean of four neighbours of noise."""
    return np.convolve(np.random.default_rng(seed).normal(size=n + 3), np.ones(4) / 4, "valid")


def test_false_alarms_of_shuffled_residuals_are_about_as_many_as_the_level_states():
    rate = alarm_rate(noise(), "a", trials=2000)
    assert rate.trials == 2000
    assert 0.1 <= rate.per_hundred <= 1.0
    assert alarm_rate(noise(), "a", trials=2000) == rate


def test_a_least_change_lowers_false_alarms():
    assert alarm_rate(noise(), "a", least=3.0, trials=500).alarms == 0


def test_neighbours_that_are_alike_are_noticed_and_raise_more_false_alarms():
    assert p_of_dependence(alike()) < 0.05 < p_of_dependence(noise())
    assert alarm_rate(alike(), trials=300).per_hundred > 5
    assert 2 <= block_length(noise()) <= block_length(alike()) <= 15


def test_the_false_alarms_of_neighbours_that_are_alike_are_those_of_such_series():
    actual = np.mean([bool(change_points(alike(40, seed), str(seed))) for seed in range(25)])
    simulated = np.mean([alarm_rate(alike(40, seed), trials=50).per_hundred / 100 for seed in range(10)])
    assert simulated == pytest.approx(actual, abs=0.25)
    assert min(simulated, actual) > 0.1


def test_the_power_is_the_share_of_whole_searches_that_find_the_change():
    values = noise()
    simulated = power(values, 1.3, 15, "b", trials=300)
    step = np.where(np.arange(30) >= 15, 1.3, 0.0)
    random = np.random.default_rng(5)
    actual = np.mean([bool(change_points(random.permutation(values) + step, str(seed))) for seed in range(40)])
    assert simulated == pytest.approx(actual, abs=0.2)


def test_power_grows_with_the_change_and_with_the_runs_after_it():
    shares = [power(noise(), shift, 10, trials=60) for shift in (0.5, 1.5, 3.0)]
    assert shares == sorted(shares)
    assert shares[-1] > 0.9
    assert power(noise(), 2.0, 3, trials=60) < power(noise(), 2.0, 10, trials=60)


def test_values_without_noise_raise_no_false_alarm_and_hide_no_change():
    assert alarm_rate(np.zeros(20), trials=100).alarms == 0
    assert p_of_dependence(np.zeros(20)) == 1.0
    assert power(np.zeros(20), 0.1, 5, trials=20) == 1.0
    assert power(np.zeros(20), 0.1, 5, least=0.2, trials=20) == 0.0
