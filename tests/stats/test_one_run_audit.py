"""Claims about the one-run audit: its closed form, and that the bound holds for mechanisms of known ε and δ."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bench_suite.stats.one_run_audit import lower_bound, p_value


@pytest.mark.parametrize(("guesses", "correct"), [(100, 100), (100, 80), (500, 300), (20, 19)])
def test_without_delta_the_bound_is_the_logit_of_the_exact_lower_bound_of_a_proportion(guesses, correct):
    low = stats.binomtest(correct, guesses, alternative="greater").proportion_ci(0.95, method="exact").low
    assert lower_bound(1000, guesses, correct) == pytest.approx(math.log(low / (1 - low)), abs=1e-9)


@pytest.mark.parametrize(("canaries", "guesses", "correct", "epsilon", "delta"), [
    (1000, 100, 80, 1.0, 1e-5), (1000, 1000, 700, 0.5, 1e-4), (50, 20, 20, 2.0, 1e-3), (400, 80, 41, 0.0, 1e-6),
])  # fmt: skip
def test_the_probability_is_the_sum_of_the_theorem(canaries, guesses, correct, epsilon, delta):
    right = stats.binom(guesses, math.exp(epsilon) / (1 + math.exp(epsilon)))
    chances = [right.pmf(count) for count in range(correct)]
    means = [sum(chances[correct - i :]) / i for i in range(1, correct + 1)]  # P[v > W ≥ v − i] / i
    expected = right.sf(correct - 1) + 2 * canaries * delta * max(means)
    assert p_value(canaries, guesses, correct, epsilon, delta) == pytest.approx(min(1.0, expected), rel=1e-9)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 3.0])
def test_the_bound_of_randomised_response_exceeds_its_epsilon_in_at_most_5_of_100(epsilon):
    """1,000 coins, each told rightly with probability e^ε / (1 + e^ε), and all of them guessed as told."""
    random = np.random.default_rng(int(10 * epsilon))
    share = math.exp(epsilon) / (1 + math.exp(epsilon))
    bounds = np.array([lower_bound(1000, 1000, int(random.binomial(1000, share))) for _ in range(1000)])
    exceeded = int((bounds > epsilon).sum())
    assert exceeded <= stats.binom(1000, 0.05).ppf(0.999)
    assert exceeded >= stats.binom(1000, 0.03).ppf(0.001), "the bound is not as near as it could be"
    assert np.median(bounds) > 0.85 * epsilon - 0.1


def test_the_bound_of_a_mechanism_that_reveals_some_coins_with_probability_delta_is_zero():
    """It is (0, δ)-private: with probability δ each coin is shown, and the auditor tosses for the others."""
    random, delta = np.random.default_rng(0), 0.01
    exceeded = 0
    for _ in range(400):
        shown = min(100, int(random.binomial(1000, delta)))
        correct = shown + int(random.binomial(100 - shown, 0.5))
        exceeded += lower_bound(1000, 100, correct, delta) > 0.0
    assert exceeded <= 20
    assert lower_bound(1000, 100, 70, 0.0) > lower_bound(1000, 100, 70, 1e-4) > 0.0


def test_more_right_guesses_raise_the_bound_and_a_higher_level_lowers_it():
    bounds = [lower_bound(500, 100, correct) for correct in range(50, 101, 10)]
    assert bounds == sorted(bounds)
    assert bounds[0] == 0.0
    assert lower_bound(500, 100, 90, level=0.99) < lower_bound(500, 100, 90, level=0.95)
    assert lower_bound(500, 100, 0) == 0.0


@pytest.mark.parametrize("counts", [(10, 20, 5), (20, 10, 11), (10, 5, -1)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="impossible"):
        p_value(*counts, 1.0)
