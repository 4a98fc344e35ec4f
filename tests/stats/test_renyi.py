"""Claims about the conversions of Rényi divergences: against Opacus, and against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from bench_suite.stats.renyi import ORDERS, classical_epsilon_of, epsilon_of, least_epsilon

DELTA = 1e-5


def gaussian(noise: float) -> list[float]:
    """Return the divergences of the Gaussian mechanism: α / (2 σ²)."""
    return [order / (2 * noise**2) for order in ORDERS]


def test_both_conversions_are_those_that_opacus_has_or_had():
    rdp = pytest.importorskip("opacus.accountants.analysis.rdp", reason="opacus is not installed: the extra privacy")
    for noise in (0.8, 2.0, 10.0):
        spent, _ = rdp.get_privacy_spent(orders=list(ORDERS), rdp=gaussian(noise), delta=DELTA)
        assert epsilon_of(gaussian(noise), DELTA) == pytest.approx(spent, rel=1e-12)
        by_hand = min(d + math.log(1 / DELTA) / (order - 1) for d, order in zip(gaussian(noise), ORDERS))
        assert classical_epsilon_of(gaussian(noise), DELTA) == pytest.approx(by_hand)


@pytest.mark.parametrize("noise", [0.7, 1.5, 4.0])
def test_each_bound_holds_for_the_gaussian_mechanism_and_the_newer_one_is_nearer(noise):
    """The exact δ of the Gaussian mechanism at ε is Φ(½/σ − εσ) − e^ε Φ(−½/σ − εσ) (Balle and Wang 2018)."""

    def exact_delta(epsilon: float) -> float:
        low, high = 1 / (2 * noise) - epsilon * noise, -1 / (2 * noise) - epsilon * noise
        return float(stats.norm.cdf(low) - math.exp(epsilon) * stats.norm.cdf(high))

    newer, classical = epsilon_of(gaussian(noise), DELTA), classical_epsilon_of(gaussian(noise), DELTA)
    assert newer < classical
    assert exact_delta(classical) < exact_delta(newer) <= DELTA


def test_a_divergence_is_the_one_of_two_normal_distributions():
    noise, order = 1.3, 3.0
    ratio = lambda x: stats.norm.pdf(x, 1, noise) ** order * stats.norm.pdf(x, 0, noise) ** (1 - order)  # noqa: E731 - a formula
    integral, _ = integrate.quad(ratio, -30, 30)
    assert math.log(integral) / (order - 1) == pytest.approx(order / (2 * noise**2), rel=1e-6)


def test_no_noise_reaches_an_epsilon_below_the_least_one():
    assert least_epsilon(DELTA) == pytest.approx(epsilon_of(gaussian(1e6), DELTA), abs=1e-6)
    assert 0.05 < least_epsilon(DELTA) < 0.15
    assert least_epsilon(1e-9) > least_epsilon(DELTA)
    assert np.isfinite(least_epsilon(0.5))
    assert least_epsilon(0.5) >= 0.0
