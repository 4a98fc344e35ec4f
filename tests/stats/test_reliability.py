"""Isotonic reliability: scikit-learn's regression, parts that sum to the score, and a band that covers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.isotonic import IsotonicRegression

from bench_suite.stats.reliability import consistency_band, decompose, forecasts_of, recalibrated


@st.composite
def labelled(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(1, 50))
    values = draw(arrays(np.float64, n, elements=st.sampled_from([0.0, 0.1, 0.3, 0.35, 0.8, 1.0])))
    return values, draw(arrays(np.bool_, n))


@given(labelled())
def test_the_curve_is_scikit_learns_also_with_ties(pair: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, labels = pair
    seen = forecasts_of(probabilities)
    expected = IsotonicRegression().fit(probabilities, labels.astype(float)).predict(seen.values)
    assert recalibrated(seen, seen.hits(labels)) == pytest.approx(expected)


@given(labelled())
def test_the_parts_are_not_negative_and_sum_to_the_brier_score(pair: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, labels = pair
    seen = forecasts_of(probabilities)
    parts = decompose(seen, seen.hits(labels))
    assert parts.score == pytest.approx(np.mean((probabilities - labels) ** 2))
    assert min(parts.miscalibration, parts.discrimination, parts.uncertainty) >= -1e-12
    assert parts.uncertainty == pytest.approx(labels.mean() * (1 - labels.mean()))


def test_parts_of_two_forecasts_by_hand() -> None:
    """0.8 came true in 6 of 10, 0.2 in 2 of 10: gaps of 0.2 and 0, shares 0.6 and 0.2 around 0.4."""
    seen = forecasts_of(np.repeat([0.8, 0.2], 10))
    parts = decompose(seen, np.array([2.0, 6.0]))
    assert parts.miscalibration == pytest.approx(0.5 * 0.2**2)
    assert parts.discrimination == pytest.approx(0.2**2)
    assert parts.uncertainty == pytest.approx(0.24)


def test_forecasts_in_the_wrong_order_discriminate_nothing() -> None:
    seen = forecasts_of(np.repeat([0.9, 0.1], 50))
    parts = decompose(seen, np.array([50.0, 0.0]))
    assert parts.discrimination == pytest.approx(0.0)
    assert parts.miscalibration == pytest.approx(0.81 - 0.25)


def test_the_band_contains_the_curve_of_a_calibrated_forecast_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    at, inside = np.array([0.3, 0.5, 0.7]), []
    for trial in range(60):
        probabilities = random.uniform(0, 1, 300)
        seen = forecasts_of(probabilities)
        low, high = consistency_band(seen, at, simulations=99, seed=trial)
        curve = np.interp(at, seen.values, recalibrated(seen, seen.hits(random.random(300) < probabilities)))
        inside.append((low <= curve) & (curve <= high))
    assert 0.87 <= np.mean(inside) <= 1.0


def test_rounding_that_separates_equal_forecasts_leaves_the_band_where_it_was() -> None:
    random = np.random.default_rng(0)
    equal = np.sort(np.round(random.uniform(0, 1, 400), 2))
    separate = np.sort(equal + 1e-12 * np.arange(400))
    assert len(forecasts_of(separate).values) > len(forecasts_of(equal).values)
    at = np.linspace(0.05, 0.95, 19)
    first, second = (consistency_band(forecasts_of(values), at, simulations=99, seed=2) for values in (equal, separate))
    assert np.abs(np.stack(second) - np.stack(first)).mean() < 0.01, (
        "curves of equal forecasts are means of separate ones"
    )


def test_the_band_depends_on_the_seed_alone_and_narrows_with_more_examples() -> None:
    few, many = (forecasts_of(np.repeat(np.linspace(0.05, 0.95, 19), times)) for times in (5, 500))
    at = np.array([0.5])
    first, second = (consistency_band(few, at, simulations=50, seed=1) for _ in range(2))
    assert first == second
    narrow = consistency_band(many, at, simulations=50, seed=1)
    assert narrow[1] - narrow[0] < 0.4 * (first[1] - first[0])
