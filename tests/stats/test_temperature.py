"""The temperature is the least log loss, is found where it is known, and its interval covers it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from bench_suite.stats.temperature import fit_temperature, logits_of, scaled


def drawn(random: np.random.Generator, n: int, classes: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Return class numbers and scores that become calibrated at a temperature."""
    logits = random.normal(0, 2, (n, classes))
    scores, chances = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) for z in (logits, logits / temperature))
    targets = (chances.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)
    return targets, scores.astype(np.float32)


@pytest.mark.parametrize("classes", [2, 7])
def test_it_is_the_least_log_loss(classes: int) -> None:
    targets, scores = drawn(np.random.default_rng(0), 400, classes, 1.8)

    def loss(log_temperature: float) -> float:
        shares = scaled(scores, math.exp(log_temperature))
        return float(-np.log(shares[np.arange(400), targets]).mean())

    best = math.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10}).x)
    fitted = fit_temperature(targets, scores)
    assert fitted.value == pytest.approx(best, rel=1e-5)
    assert fitted.n == 400


def test_two_scores_have_the_temperature_of_their_logits() -> None:
    """A score of 0.9 that is right in 80 of 100 needs log 9 / log 4."""
    scores = np.tile(np.array([0.1, 0.9], dtype=np.float32), (100, 1))
    fitted = fit_temperature((np.arange(100) < 80).astype(int), scores)
    assert fitted.value == pytest.approx(math.log(9) / math.log(4), rel=1e-5)
    assert scaled(scores, fitted.value)[0] == pytest.approx([0.2, 0.8], abs=1e-5)


def test_a_temperature_of_1_changes_no_score() -> None:
    _, scores = drawn(np.random.default_rng(1), 50, 4, 1.0)
    assert scaled(scores, 1.0) == pytest.approx(scores, abs=1e-6)
    assert logits_of(np.array([[0.0, 1.0]], dtype=np.float32))[0, 0] == pytest.approx(math.log(2**-23))


@pytest.mark.parametrize(
    ("targets", "scores", "message"),
    [
        ([0, 1], [[0.9, 0.1], [0.2, 0.8]], "always the true one"),
        ([1, 0], [[0.9, 0.1], [0.2, 0.8]], "not more often the true one"),
        ([1, 0], [[0.5, 0.5], [0.5, 0.5]], "all scores of each example are equal"),
    ],
)
def test_a_temperature_that_does_not_exist_is_refused(targets: list, scores: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_temperature(np.array(targets), np.array(scores, dtype=np.float32))


def coverage(n: int, classes: int, temperature: float, trials: int) -> tuple[float, int]:
    """Return how often the interval contains the temperature, and in how many trials there is no temperature."""
    inside, without = [], 0
    for trial in range(trials):
        try:
            fitted = fit_temperature(*drawn(np.random.default_rng([trial, n]), n, classes, temperature))
        except ValueError:  # the likeliest class is always right
            without += 1
            continue
        assert fitted.interval is not None
        inside.append(fitted.interval.low <= temperature <= fitted.interval.high)
    return float(np.mean(inside)), without


def test_the_interval_covers_the_true_temperature() -> None:
    rate, without = coverage(300, 3, 1.5, 200)
    assert 0.9 <= rate <= 0.99
    assert without == 0


@pytest.mark.slow
def test_coverage_of_the_temperature_as_the_appendix_states_it() -> None:
    for n in (50, 200, 1000):
        for classes in (2, 10):
            for temperature in (0.7, 1.0, 2.0):
                rate, without = coverage(n, classes, temperature, 500)
                print(f"n = {n}, {classes} classes, temperature {temperature}: {rate:.3f}, none in {without}")
                assert rate >= 0.88
