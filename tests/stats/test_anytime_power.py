"""Error rates of the anytime-valid test: it holds its level however often it is looked at, and finds slowdowns."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench_suite.stats.anytime import decide
from bench_suite.stats.anytime_power import crossings, simulate


def test_equal_programs_are_called_slower_at_most_as_often_as_the_level_allows():
    values = np.random.default_rng(0).normal(0.0, 0.067, (4000, 200))
    slower, _ = crossings(values, 10.0, 0.05)
    assert (slower < 200).mean() <= 0.025 + 0.01  # one of two directions


def test_a_slowdown_of_the_margin_is_rarely_called_none_and_is_found():
    rates = simulate(0.012, 0.05, 0.05, 0.01, 300, 1000)
    assert rates.slower >= 0.99
    assert rates.median_blocks <= 8
    assert simulate(0.067, 0.05, 0.05, 0.01, 300, 1000).slower >= 0.98


def test_no_slowdown_is_decided_and_is_no_alarm():
    rates = simulate(0.067, 0.0, 0.05, 0.01, 300, 1000)
    assert rates.slower <= 0.01
    assert rates.not_slower >= 0.98


def test_a_small_budget_leaves_comparisons_undecided():
    rates = simulate(0.13, 0.05, 0.05, 0.01, 10, 500)
    assert rates.undecided > 0.5
    assert rates.median_blocks == 10
    assert rates.slower + rates.not_slower + rates.undecided == pytest.approx(1.0)


def test_the_simulation_decides_as_the_test_does():
    values = np.random.default_rng(5).normal(0.03, 0.02, (50, 30))
    slower, fast = crossings(values, 0.05, 0.01)
    for row, first, second in zip(values, slower, fast):
        end = min(int(min(first, second)), 29)
        expected = "cannot tell" if min(first, second) == 30 else "slower" if first <= second else "not slower"
        assert decide(list(row[: end + 1]), 0.05, 0.01).verdict == expected
        if end > 2:
            assert decide(list(row[:end]), 0.05, 0.01).verdict == "cannot tell"


def test_observed_noise_is_drawn_with_its_own_spread():
    observed = [0.02, -0.02] * 10
    rates = simulate(observed, 0.05, 0.05, 0.01, 300, 300)
    assert rates.slower > 0.98
    assert rates.median_blocks == pytest.approx(simulate(0.02, 0.05, 0.05, 0.01, 300, 300).median_blocks, abs=2)


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "share", "blocks"), [(0.012, 0.9995, 7), (0.067, 0.996, 26), (0.13, 0.99, 86)])
def test_the_stated_rates(noise, share, blocks):
    """20,000 trials of 300 blocks at α = 0.01: false alarms in both directions, and a slowdown of 5 %."""
    random = np.random.default_rng(2)
    alarms = 0
    for sign in (1, -1):
        values = sign * random.normal(0.0, noise, (10_000, 300))
        alarms += int((crossings(values, 10.0, 0.01)[0] < 300).sum())
    assert alarms / 20_000 <= 0.005
    rates = simulate(noise, 0.05, 10.0, 0.01, 300, 20_000)
    assert rates.slower + rates.not_slower >= share
    assert rates.median_blocks == pytest.approx(blocks, abs=5)
    assert math.isclose(simulate(noise, 0.0, 0.05, 0.01, 300, 20_000).slower, 0.0, abs_tol=0.005)
