"""False alarms and power of gates against the mean of N runs, simulated with the functions that judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench_suite.comparison.base_runs import error_rates as several_rates
from bench_suite.comparison.base_runs.error_rates import RunsSetting, settings_of, simulate
from bench_suite.comparison.baselines import base_for
from bench_suite.comparison.verdicts import LEVEL
from bench_suite.stats.paired import p_regressed

VALUES = RunsSetting(seeds=3, n=100, of_seed=0.005, of_example=0.1)
"The noise of one run's value: √(0.005² / 3 + 0.1² / 300) = 0.0065."
NOISE = 0.0065
TIMES = RunsSetting(seeds=1, n=0, processes=5, of_process=0.05)


@pytest.mark.parametrize("setting", [VALUES, TIMES])
@pytest.mark.parametrize("runs", [2, 3, 5])
@pytest.mark.parametrize("between", [0.0, 0.02])
def test_false_alarms_stay_below_the_level(setting: RunsSetting, runs: int, between: float) -> None:
    rates = simulate([replace(setting, runs=runs, between=between)], trials=400)
    assert rates.alarms <= LEVEL + 3 * (LEVEL / 400) ** 0.5


@pytest.mark.parametrize("setting", [VALUES, TIMES])
def test_losses_are_found_and_more_runs_find_smaller_ones(setting: RunsSetting) -> None:
    size = 0.3 if setting.processes else 15 * NOISE
    few, many = (simulate([replace(setting, runs=runs, between=0.01)], size, trials=100) for runs in (3, 10))
    assert few.detected < many.detected
    assert many.detected >= 0.9
    assert many.finds < few.finds


def test_an_unchanged_metric_is_shown_to_be_within_a_wide_tolerance() -> None:
    assert simulate([replace(VALUES, runs=8, tolerance=0.2)], trials=100).undecided <= 0.05
    assert simulate([replace(VALUES, runs=2, tolerance=0.1)], trials=100).undecided >= 0.9


def test_the_settings_are_the_spreads_that_the_runs_were_made_with(runs) -> None:
    shares = np.random.default_rng(3).normal(0.9, 0.02, 9)
    for run, share in enumerate(shares):
        runs.of(*[share] * 5, noise=100 * run)
    head = runs.of(*[0.9] * 5, noise=5000)
    (setting,) = settings_of(base_for(runs.store, "last:9", head), head)
    assert (setting.runs, setting.seeds, setting.n, setting.tolerance) == (9, 5, runs.n, 0.01)
    assert setting.label == "quality/accuracy, loans, mlp"
    assert 0.5 * shares.std(ddof=1) < setting.between < 1.5 * shares.std(ddof=1)


def test_a_drawn_metric_loses_what_it_should() -> None:
    random = np.random.default_rng(0)
    values = [several_rates._values(VALUES, 0.1, random).main.value for _ in range(50)]
    times = [several_rates._timings(TIMES, 0.1, random).main.value for _ in range(50)]
    assert np.mean(values) == pytest.approx(-0.1, abs=0.005)
    assert np.mean(times) == pytest.approx(-0.1, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("runs", [2, 3, 5, 10])
def test_rates_as_the_docs_state_them(runs: int) -> None:
    """Printed by `pytest -m slow tests/comparison/base_runs/test_error_rates.py -s`; see docs/appendix/comparing.md."""
    for kind, setting in (("values", replace(VALUES, seeds=5)), ("timings", TIMES)):
        noise = (0.005**2 / 5 + 0.1**2 / 500) ** 0.5 if kind == "values" else 0.05 / 5**0.5
        for ratio in (0, 1, 3):
            one = replace(setting, runs=runs, between=ratio * noise)
            alone = simulate([one], trials=2000, seed=1).alarms
            many = simulate([one] * 5, trials=300, seed=2).alarms
            detected = [simulate([one], times * noise, trials=200, seed=3).detected for times in (4, 8, 16)]
            shares = " | ".join(f"{share:.2f}" for share in detected)
            print(f"| {kind} | {runs} | {ratio} | {alone:.4f} | {many:.3f} | {shares} |", flush=True)
            assert alone <= LEVEL + 3 * (LEVEL / 2000) ** 0.5
            assert many <= LEVEL + 3 * (LEVEL / 300) ** 0.5


@pytest.mark.slow
def test_v_alone_raises_false_alarms_with_two_or_three_runs() -> None:
    """Printed by `pytest -m slow tests/comparison/base_runs/test_error_rates.py -s`; see docs/appendix/comparing.md."""
    noise = {"values": (0.005**2 / 5 + 0.1**2 / 500) ** 0.5, "timings": 0.05 / 5**0.5}
    draws = {"values": several_rates._values, "timings": several_rates._timings}
    for kind, setting in (("values", replace(VALUES, seeds=5)), ("timings", TIMES)):
        alarms = {}
        for runs in (2, 3, 5, 10):
            one, random = replace(setting, runs=runs, between=3 * noise[kind]), np.random.default_rng(1)
            trials = [p_regressed(draws[kind](one, 0.0, random).main) <= LEVEL for _ in range(1500)]
            alarms[runs] = float(np.mean(trials))
        print(f"| {kind} | {' | '.join(f'{share:.4f}' for share in alarms.values())} |")
        assert alarms[2] > 2 * LEVEL, "then the test by the runs alone is needed"
