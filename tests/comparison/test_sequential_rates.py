"""Error rates of gates that add seeds, by the functions that judge; run with -m slow -s to print the tables."""

from __future__ import annotations

import pytest

from bench_suite.comparison.error_rates import Setting, simulate
from bench_suite.suite.spec import SeedRange

RANGE = SeedRange(3, 15)


def settings(spread: float, tolerance: float = 0.02) -> list[Setting]:
    """Return two gates on 359 examples, of which equally good models differ on 5 %."""
    return [Setting(359, 15, 0.05, spread, tolerance=tolerance, seed_range=RANGE)] * 2


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.005, 0.01, 0.02])
def test_a_loss_of_the_tolerance_is_called_worse_or_fine_in_one_of_a_hundred(spread: float) -> None:
    rates = simulate(settings(spread), loss=0.02, trials=1500)
    fine = 1 - rates.detected - rates.undecided
    print(f"\n| {spread} | 0.02 | {rates.detected:.3f} | {fine:.3f} | {rates.seeds:.1f} |")
    assert rates.detected <= 0.015
    assert fine <= 0.015


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.005, 0.01, 0.02])
@pytest.mark.parametrize("loss", [0.0, 0.04, 0.06])
def test_losses_are_found_and_equally_good_models_raise_no_alarm(spread: float, loss: float) -> None:
    rates = simulate(settings(spread), loss=loss, trials=1500)
    fine = 1 - rates.detected - rates.undecided
    print(f"\n| {spread} | {loss} | {rates.detected:.3f} | {fine:.3f} | {rates.seeds:.1f} |")
    assert rates.alarms <= 0.01 or loss > 0
    if loss == 0.06:
        assert rates.detected >= (0.99 if spread < 0.02 else 0.8)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "tolerance"), [(359, 0.02), (1000, 0.02), (1000, 0.01)])
@pytest.mark.parametrize("differing", [0.02, 0.05])
def test_a_loss_of_the_same_examples_under_every_seed_is_called_fine_more_often(
    n: int, tolerance: float, differing: float
) -> None:
    """A known limit: the variance at the tolerance is that of a loss on other examples under each seed."""
    gate = Setting(n, 15, differing, 0.0, tolerance=tolerance, seed_range=RANGE)
    rates = simulate([gate], loss=tolerance, lasting=True, trials=1500)
    fine = 1 - rates.detected - rates.undecided
    print(f"\n| {n} | {tolerance} | {differing} | {rates.detected:.3f} | {fine:.3f} |")
    assert rates.detected <= 0.015
    assert fine <= 0.06


@pytest.mark.slow
def test_without_a_tolerance_equally_good_models_raise_an_alarm_in_one_of_a_hundred() -> None:
    """The hard case: any loss is one."""
    rates = simulate(settings(0.01, 0.0), 0.0, trials=3000)
    print(f"\nfalse alarms without a tolerance: {rates.alarms:.4f}")
    assert rates.alarms <= 0.015


def test_a_loss_may_fall_on_the_same_examples_under_every_seed() -> None:
    lasting, others = (simulate(settings(0.0), loss=0.05, lasting=way, trials=40) for way in (True, False))
    assert lasting.detected < others.detected


def test_few_trials_show_no_alarm_and_find_a_large_loss() -> None:
    equal, worse = simulate(settings(0.005), 0.0, trials=40), simulate(settings(0.005), loss=0.08, trials=40)
    assert (equal.alarms, equal.undecided <= 0.1) == (0.0, True)
    assert worse.detected == 1.0
    assert worse.seeds < equal.seeds < 15
