"""The error rates of a history, on the noise of its own runs."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.comparison.history import error_rates as history_rates
from bench_suite.comparison.history.changes import histories
from bench_suite.comparison.history.error_rates import RATIOS, rates_of


@pytest.fixture(autouse=True)
def few_trials(monkeypatch):
    monkeypatch.setattr(history_rates, "TRIALS", 200)
    monkeypatch.setattr(history_rates, "POWER_TRIALS", 30)


def test_the_rates_of_a_series_are_those_of_its_noise_without_its_change(history_runs):
    history_runs.rates(np.where(np.arange(24) < 12, 1.0, 0.7) * history_runs.noisy(24, 0.02))
    (history,) = histories(history_runs.store, "throughput/inference")
    rates = rates_of(history.verdicts[0])
    assert (rates.runs, rates.trials, rates.afters) == (24, 200, (12, 10, 5, 3))
    assert rates.noise == pytest.approx(0.02, rel=0.5)
    assert rates.false_alarms <= 1.5
    assert [change for change, _ in rates.curve] == list(RATIOS)
    middle = [shares[0] for _, shares in rates.curve]
    assert middle == sorted(middle)
    assert middle[0] < 0.5 < middle[-1] == 1


def test_changes_of_an_accuracy_are_in_its_unit(history_runs):
    history_runs.accuracies(0.9 + np.random.default_rng(0).normal(0, 0.002, 12))
    (history,) = histories(history_runs.store, "quality/accuracy")
    assert [change for change, _ in rates_of(history.verdicts[0]).curve] == [0.005, 0.01, 0.02, 0.04]
