"""Claims about the forecast of gates that add seeds: it agrees with simulated comparisons."""

from __future__ import annotations

import math

import pytest

from bench_suite.comparison.error_rates import Setting, simulate
from bench_suite.comparison.sequential_power import SeedSpread, sequential_power
from bench_suite.suite.spec import SeedRange

RANGE = SeedRange(3, 15)


def spread(of_seed: float, differing: float = 0.05, n: int = 359) -> SeedSpread:
    """Return the spread of models whose seeds have this standard deviation and that differ on a share of examples."""
    examples = differing / n
    return SeedSpread(2 * of_seed**2 + examples, examples, 0.0, n, is_answer=True)


def test_values_that_do_not_vary_are_decided_at_once() -> None:
    power = sequential_power(SeedSpread(0.0), RANGE, 0.02, 0.01)
    assert (power.undecided, power.seeds, power.smallest) == (0.0, 3, 0.02)


def test_a_larger_spread_takes_more_seeds_and_leaves_more_undecided() -> None:
    powers = [sequential_power(spread(sd), RANGE, 0.02, 0.005) for sd in (0.002, 0.01, 0.03)]
    assert powers[0].undecided < powers[1].undecided < powers[2].undecided
    assert powers[0].seeds < powers[1].seeds < powers[2].seeds
    losses = [power.smallest or math.inf for power in powers]
    assert losses == sorted(losses)


def test_a_hopeless_spread_finds_nothing() -> None:
    power = sequential_power(spread(0.5), RANGE, 0.02, 0.005)
    assert power.undecided > 0.97
    assert (power.smallest or 1.0) > 0.9


@pytest.mark.parametrize("sd", [0.005, 0.012])
def test_the_forecast_agrees_with_simulated_comparisons(sd: float) -> None:
    """150 comparisons by the functions that judge; a share of them is known within 0.08 or so."""
    setting = Setting(359, 15, 0.05, sd, tolerance=0.02, seed_range=RANGE)
    rates, power = simulate([setting], 0.0, trials=150), sequential_power(spread(sd), RANGE, 0.02, 0.01)
    assert power.undecided == pytest.approx(rates.undecided, abs=0.11)
    assert power.seeds == pytest.approx(rates.seeds, abs=1.2)


def test_timings_and_values_alone_have_a_forecast_too() -> None:
    timings = sequential_power(SeedSpread(0.02**2 / 5, processes=5), RANGE, math.log(1.1), 0.01)
    assert timings.undecided < 0.01
    assert timings.seeds < 6
    values = sequential_power(SeedSpread(0.01**2, flips=True), RANGE, 0.02, 0.01)
    assert 8 <= values.seeds <= 15, "fewer than 8 values never reach the level by their signs"
