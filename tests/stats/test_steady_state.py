"""Claims about steady states: a warm-up is cut, a trend or a late step is seen, and noise is neither.

The tables in the documentation are what `pytest -m slow tests/stats/test_steady_state.py -s` prints.
"""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.stats.steady_state import MIN_VALUES, SteadyState, steady_state

WINDOWS = (12, 20, 40, 100, 400)


def normal(rng, n, sd):
    return rng.normal(0.0, sd, n)


def long_tailed(rng, n, sd):
    return rng.standard_t(3, n) * sd / np.sqrt(3)


def stalls(rng, n, sd):
    """One window in ten is slower by an exponential time, as if another process had run."""
    return rng.normal(0.0, sd, n) - (rng.random(n) < 0.1) * rng.exponential(0.5, n)


def wandering(correlation):
    def noise(rng, n, sd):
        values = rng.normal(0.0, sd, n)
        for index in range(1, n):
            values[index] = correlation * values[index - 1] + np.sqrt(1 - correlation**2) * values[index]
        return values

    return noise


NOISES = {
    "normal, 1 %": (normal, 0.01),
    "normal, 10 %": (normal, 0.1),
    "normal, 20 %": (normal, 0.2),
    "t with 3 degrees of freedom, 15 %": (long_tailed, 0.15),
    "normal, 3 %, and stalls": (stalls, 0.03),
    "autocorrelation 0.3, 15 %": (wandering(0.3), 0.15),
    "autocorrelation 0.6, 15 %": (wandering(0.6), 0.15),
}
SHAPES = {
    "first 3 windows half as fast": lambda n: -np.log(2) * (np.arange(n) < 3),
    "first 10 % half as fast": lambda n: -np.log(2) * (np.arange(n) < 0.1 * n),
    "exponential approach, 3 windows": lambda n: np.log(1 - 0.5 * np.exp(-np.arange(n) / 3)),
    "falling by 1 % a window": lambda n: -0.01 * np.arange(n),
    "step of 20 % in the middle": lambda n: -0.2 * (np.arange(n) >= n // 2),
}


def simulated(noise, sd, n, trials, shape=np.zeros):
    """Return the results of the rule on `trials` series of n rates of a shape, with noise on their logarithms."""
    rng = np.random.default_rng(n)
    return [steady_state(np.exp(shape(n) + noise(rng, n, sd))) for _ in range(trials)]


def share(results, condition):
    return sum(map(condition, results)) / len(results)


def is_cut(state):
    return state.start > 0


def is_unsteady(state):
    return state.steady is False


# ── noise alone ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", NOISES)
def test_noise_is_rarely_taken_for_a_warm_up_or_a_drift(name):
    noise, sd = NOISES[name]
    for n in (12, 40):
        results = simulated(noise, sd, n, 200)
        assert share(results, is_cut) <= 0.03
        assert share(results, is_unsteady) <= (0.1 if "0.6" in name else 0.025)


@pytest.mark.slow
def test_rates_of_false_alarms_as_the_appendix_states_them():
    print()
    for name, (noise, sd) in NOISES.items():
        row = []
        for n in WINDOWS:
            results = simulated(noise, sd, n, 2000 if n < 400 else 500)
            cut, unsteady = share(results, is_cut), share(results, is_unsteady)
            row.append(f"{cut:.3f} / {unsteady:.3f}")
            assert cut <= 0.03
            assert unsteady <= (0.08 if "0.6" in name else 0.02)
        print(f"| {name} | {' | '.join(row)} |")


@pytest.mark.slow
def test_what_is_found_as_the_appendix_states_it():
    print()
    for name, shape in SHAPES.items():
        for sd in (0.01, 0.1):
            row = []
            for n in WINDOWS[:-1]:
                results = simulated(normal, sd, n, 500, shape)
                steady = [state.start for state in results if state.steady]
                median = f"{np.median(steady):.0f}" if steady else "–"
                row.append(f"{median} / {share(results, is_unsteady):.2f}")
            print(f"| {name} | {sd:.0%} | {' | '.join(row)} |")


# ── what is planted ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.1])
@pytest.mark.parametrize(("slow", "n"), [(2, 20), (3, 20), (5, 20), (10, 40), (30, 100)])
def test_the_first_windows_that_are_half_as_fast_are_cut(slow, n, noise):
    rates = np.where(np.arange(n) < slow, 500.0, 1000.0) * np.exp(np.random.default_rng(3).normal(0.0, noise, n))
    assert steady_state(rates) == SteadyState(slow)


def test_windows_that_are_faster_at_first_are_cut_too():
    assert steady_state([1500.0] * 4 + [1000.0] * 26) == SteadyState(4)


@pytest.mark.parametrize("noise", [0.002, 0.02, 0.05])
def test_an_exponential_approach_is_cut_where_little_of_it_is_left(noise):
    n, constant = 60, 3.0
    rates = 1000.0 * (1 - 0.5 * np.exp(-np.arange(n) / constant))
    state = steady_state(rates * np.exp(np.random.default_rng(5).normal(0.0, noise, n)))
    assert state.steady
    assert 2 <= state.start <= n / 3
    assert rates[state.start] > 1000.0 * (1 - max(0.07, 4 * noise))


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("n", [40, 100])
def test_a_rate_that_falls_by_one_per_cent_a_window_is_never_steady(n, noise):
    rates = 0.99 ** np.arange(n) * np.exp(np.random.default_rng(7).normal(0.0, noise, n))
    state = steady_state(rates)
    assert (state.start, state.steady) == (0, False)
    assert state.change == pytest.approx(0.99 ** (n - 1) - 1, abs=0.08)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.05])
def test_a_step_in_the_middle_is_never_steady(noise):
    n = 60
    rates = np.where(np.arange(n) < n / 2, 1000.0, 800.0) * np.exp(np.random.default_rng(9).normal(0.0, noise, n))
    state = steady_state(rates)
    assert (state.start, state.steady) == (0, False)
    assert state.change == pytest.approx(-0.2, abs=0.04)


def test_a_warm_up_of_more_than_a_third_is_none():
    n = 30
    assert steady_state([500.0] * 10 + [1000.0] * 20) == SteadyState(10)
    assert steady_state([500.0] * 12 + [1000.0] * (n - 12)).steady is False


# ── what is left alone ──────────────────────────────────────────────────────────────────────────


def test_a_change_below_five_per_cent_is_left_alone():
    assert steady_state([960.0] * 10 + [1000.0] * 30) == SteadyState()
    assert steady_state(np.linspace(1000.0, 1040.0, 40)) == SteadyState()


@pytest.mark.parametrize("position", [0, 7, 20, 39])
def test_one_slow_window_is_left_alone_wherever_it_is(position):
    rates = 1000.0 * np.exp(np.random.default_rng(11).normal(0.0, 0.05, 40))
    rates[position] = 100.0
    assert steady_state(rates) == SteadyState()


def test_a_few_values_show_nothing():
    assert steady_state([1.0] * (MIN_VALUES - 1)).steady is None
    assert steady_state([]).steady is None
    assert steady_state([1.0] * MIN_VALUES) == SteadyState()
    assert steady_state([0.0, *[1.0] * 20]).steady is None, "a rate of 0 has no logarithm"


def test_the_unit_of_the_rates_has_no_influence():
    rates = np.exp(np.random.default_rng(13).normal(0.0, 0.05, 30)) * np.where(np.arange(30) < 4, 0.5, 1.0)
    assert steady_state(rates) == steady_state(1e6 * rates) == SteadyState(4)
