"""`bench compare` finds the loss that it reports as detectable in 95 of 100 simulations, for each pattern of loss."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bench_suite.comparison import error_rates
from bench_suite.comparison.error_rates import DROP, Setting, settings_of, simulate
from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.verdicts import Case, Row
from bench_suite.stats.paired import Difference

TOLERANCE = 0.01


def detection_rates(setting: Setting, trials: int) -> tuple[float, float, float]:
    """Return the smallest drop beyond the tolerance that is reported as detectable; shares of trials that find it.

    In the first share a drop adds no disagreement. In the second it adds to it, on other examples for each seed.
    """
    drop = simulate([setting], 0.0, trials=max(trials // 2, 100)).finds
    if not math.isfinite(drop):
        return drop, math.nan, math.nan
    within, on_top = (
        simulate([setting], drop, on_top=extra, trials=trials, seed=1).detected for extra in (False, True)
    )
    return drop, within, on_top


@pytest.mark.parametrize(("seeds", "n", "differing"), [(1, 2000, 0.005), (1, 10_000, 0.05), (3, 2000, 0.0005)])
def test_what_is_said_to_be_found_is_found(seeds: int, n: int, differing: float) -> None:
    """The last case is the hard one: hardly any example differs, and each seed loses other examples."""
    setting = Setting(n=n, seeds=seeds, differing=differing, tolerance=TOLERANCE)
    drop, _, on_top = detection_rates(setting, 200)
    assert on_top >= 0.9
    half = simulate([setting], drop / 2, on_top=True, trials=200)
    assert half.detected <= 0.8  # the drop is the smallest detectable one


@pytest.mark.parametrize("differing", [0.05, None])
@pytest.mark.parametrize("on_top", [False, True])
@pytest.mark.parametrize("loss", [0.0, 0.02, 0.1])
def test_a_simulated_comparison_loses_what_it_should(loss: float, on_top: bool, differing: float | None) -> None:
    setting = Setting(n=20_000, seeds=4, differing=differing, spread=0.001, deviation=0.3)
    random = np.random.default_rng(0)
    draw = (
        (lambda: error_rates._answers(setting, loss, on_top, random))
        if differing
        else (lambda: error_rates._numbers(setting, loss, random))
    )
    for evidence in (draw().evidence(4) for _ in range(3)):
        main, (paired, welch) = evidence.main, evidence.seeds
        assert main.value == pytest.approx(-loss, abs=0.008)
        assert (main.n, main.count) == (20_000, 4)
        assert paired.value == pytest.approx(main.value), "the seeds' values are those of the examples"
        assert welch.value == pytest.approx(main.value)
        assert paired.seeds == pytest.approx(main.seeds)
        assert 0 < welch.variance < 1e-4
        if differing is None:
            assert main.examples == pytest.approx(0.09 / 20_000, rel=0.1)
            continue
        extra = loss if on_top else max(0.0, loss - 0.05)
        assert main.differing == pytest.approx(0.05 + extra, rel=0.1)


@pytest.mark.parametrize("differing", [0.05, None])
def test_of_seeds_that_do_not_pair_both_tests_of_them_agree(differing: float | None) -> None:
    """Each side has the variance of its seeds; 400 seeds determine it within a fifth."""
    setting = Setting(n=2000, seeds=400, differing=differing, spread=0.02, deviation=0.1)
    draw = (
        error_rates._answers
        if differing
        else lambda setting, loss, _, random: error_rates._numbers(setting, loss, random)
    )
    paired, welch = draw(setting, 0.0, False, np.random.default_rng(0)).evidence(400).seeds
    assert paired.variance == pytest.approx(2 * 0.02**2 / 400, rel=0.2)
    assert welch.variance == pytest.approx(paired.variance, rel=0.2)


def test_simulated_numbers_without_spread_differ_by_the_loss_and_nothing_else() -> None:
    setting = Setting(n=50, seeds=2, differing=None, deviation=0.0, tolerance=0.01)
    evidence = error_rates._numbers(setting, 0.02, np.random.default_rng(0)).evidence(2)
    assert (evidence.main.value, evidence.main.variance) == pytest.approx((-0.02, 0.0))
    rates = simulate([setting], trials=5)
    assert (rates.trials, rates.drop, rates.alarms, rates.detected) == (5, DROP, 1.0, 1.0)
    assert simulate([setting], 0.0, trials=5).detected == 0.0


def test_only_the_first_metric_drops_and_an_alarm_of_any_gate_counts() -> None:
    sharp = Setting(n=2000, differing=0.01)
    noisy = Setting(n=2000, seeds=2, differing=0.3, spread=0.1)
    rates = simulate([sharp, noisy], 0.2, trials=40)
    assert (rates.detected, rates.alarms) == (1.0, 1.0)
    turned = simulate([noisy, sharp], 0.2, trials=40)
    assert turned.detected == turned.alarms < 1.0
    assert simulate([sharp, noisy], 0.0, trials=40) == simulate([sharp, noisy], 0.0, trials=40), "by its seed"
    assert simulate([sharp], trials=40, seed=1) != simulate([sharp], trials=40)


def test_what_a_drop_must_be_is_counted_from_the_tolerance_of_the_first_gate() -> None:
    none = simulate([Setting(tolerance=0.0)], 0.0, trials=20).finds
    some = simulate([Setting(tolerance=0.02), Setting(tolerance=0.4)], 0.0, trials=20).finds
    assert 0.008 < none < some < 0.013


def test_the_settings_of_two_runs_are_the_spreads_of_their_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each side has half of the variance over seeds beyond that of the answers; unusable cases are left out."""
    answers = Difference(-0.01, 2e-5, 3e-5, 5e-5, 4.0, 1000, 3, differing=0.05)
    numbers = Difference(0.5, 4e-4, 0.0, 4e-4, 99.0, 100, 1)
    alike = Difference(0.0, 1e-6, 1e-9, 1e-6, 99.0, 400, 2, differing=0.01)
    gate, no_gate = Row("q/x", "0", True), Row("q/y", "0", False)
    cases = [
        Case(no_gate, Evidence(answers)),
        Case(gate),
        Case(gate, Evidence(Difference(0.0, 0.0, 1.0, 1.0, 2.0, 0, 3))),
        Case(gate, Evidence(answers), 0.02),
        Case(gate, Evidence(numbers)),
        Case(gate, Evidence(alike)),
    ]
    monkeypatch.setattr(
        error_rates, "cases_of", lambda base, head, trust: (None, cases) if (base, head) == (1, 2) else None
    )
    first, second, third = settings_of(1, 2)  # type: ignore[arg-type]  # the loader is replaced: any run will do
    assert (first.n, first.seeds, first.differing, first.tolerance) == (1000, 3, 0.05, 0.02)
    assert (first.spread, first.deviation) == pytest.approx((math.sqrt((9e-5 - 5e-5) / 2), math.sqrt(0.02)))
    assert (second.n, second.seeds, second.differing, second.spread, second.tolerance) == (100, 1, None, 0.0, 0.0)
    assert second.deviation == pytest.approx(0.2)
    assert (third.seeds, third.differing, third.spread) == (2, 0.01, 0.0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_is_said_to_be_found_as_the_docs_state_it() -> None:
    """Printed by `pytest -m slow tests/comparison/test_error_rates.py -s`, quoted in docs/appendix/comparing.md."""
    print("\nseeds  examples  spread  differ   finds  within  on top")
    for seeds, spread in ((1, 0.0), (3, 0.0), (3, 0.002), (5, 0.0), (5, 0.002), (10, 0.005)):
        for n in (500, 2000, 10_000):
            for differing in (0.005, 0.05):
                setting = Setting(n=n, seeds=seeds, differing=differing, spread=spread, tolerance=TOLERANCE)
                drop, within, on_top = detection_rates(setting, 1000)
                row = f"{seeds:5}  {n:8,}  {spread:6}  {differing:6}  {TOLERANCE + drop:6.4f}"
                print(f"{row}  {within:6.3f}  {on_top:6.3f}", flush=True)
                assert within >= 0.9
                assert on_top >= 0.88


def test_a_suite_alarms_for_nothing_in_at_most_one_of_a_hundred_and_finds_a_drop_of_a_point() -> None:
    """10,000 paired examples of which 5 % differ, one model for each side, one gate."""
    settings = [Setting()]
    assert simulate(settings, 0.0, trials=500).alarms <= 0.025
    rates = simulate([replace(settings[0], tolerance=0.01)], 0.01, trials=200)
    assert rates.detected >= 0.95
    assert rates.finds == pytest.approx(0.0089, abs=0.0005)


def test_error_rates_of_two_runs_are_of_their_own_gates(runs) -> None:
    (setting,) = settings_of(runs.of(0.9, 0.9), runs.of(0.9, 0.9, noise=5))
    assert (setting.n, setting.seeds, setting.tolerance) == (runs.n, 2, 0.01)
    assert setting.differing is not None
    assert 0 < setting.differing < 0.05
    assert simulate([setting, replace(setting, differing=None)], 0.0, trials=20).alarms <= 0.1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_suites_of_many_gates_and_few_seeds_alarm_for_nothing_in_at_most_one_of_a_hundred() -> None:
    """`pytest -m slow tests/comparison/test_error_rates.py -s` prints 0.009, 0.010, 0.013, 0.007 (± 0.003).

    It finds 0.986 of the drops.
    """
    print("\ngates  seeds  spread  false alarms")
    for gates, seeds, spread in ((1, 1, 0.0), (20, 1, 0.0), (20, 2, 0.005), (10, 3, 0.005)):
        rates = simulate([Setting(seeds=seeds, spread=spread)] * gates, 0.0, trials=1000)
        print(f"{gates:5}  {seeds:5}  {spread:6}  {rates.alarms:12.4f}", flush=True)
        assert rates.alarms <= 0.0195  # 0.01 and three standard errors
    rates = simulate([Setting(tolerance=0.01)], trials=1000)
    print(f"a drop of a point beyond the tolerance is found in {rates.detected:.3f}")
    assert rates.detected >= 0.95
