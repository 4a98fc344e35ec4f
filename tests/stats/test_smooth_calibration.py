"""The smooth error is the integral that defines it, at the width that equals it."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.stats.calibration import GRID
from bench_suite.stats.smooth_calibration import error_of_width, smooth_error


def integral(positions: np.ndarray, residuals: np.ndarray, width: float, points: int = 2000) -> float:
    """Return ∫ |Σ residual · reflected Gaussian| by summing the mirror images of each example."""
    at = (np.arange(points) + 0.5) / points
    total = np.zeros(points)
    for shift in (-2, 0, 2):
        for image in (positions + shift, shift - positions):
            kernel = np.exp(-0.5 * ((at[:, None] - image) / width) ** 2) / (width * np.sqrt(2 * np.pi))
            total += kernel @ residuals
    return float(np.abs(total).mean())


def on_grid(positions: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    return np.bincount(np.minimum((positions * GRID).astype(int), GRID - 1), residuals, GRID)[None]


@pytest.mark.parametrize("width", [0.02, 0.05, 0.3])
@pytest.mark.parametrize("shape", [(2, 2), (2, 0.4), (0.3, 0.3)])
def test_it_is_the_integral_also_for_confidences_at_the_ends(width: float, shape: tuple[float, float]) -> None:
    random = np.random.default_rng(0)
    positions = random.beta(*shape, 150)
    residuals = (positions - (random.random(150) < positions**2)) / 150
    expected = integral(positions, residuals, width)
    assert error_of_width(on_grid(positions, residuals), width)[0] == pytest.approx(expected, rel=0.005)


def test_the_width_is_the_error_itself() -> None:
    random = np.random.default_rng(1)
    for gap in (0.0, 0.05, 0.3):
        positions = random.uniform(0.4, 1, 400)
        residuals = on_grid(positions, (positions - (random.random(400) < positions - gap)) / 400)
        (width,) = smooth_error(residuals)
        assert error_of_width(residuals, width)[0] == pytest.approx(width, rel=1e-3)


def test_residuals_of_one_sign_have_their_sum_and_none_have_0() -> None:
    residuals = np.zeros((3, GRID))
    residuals[0, 100:200] = 0.12 / 100
    residuals[1, 300] = -0.5
    assert smooth_error(residuals) == pytest.approx([0.12, 0.5, 0.0], abs=1e-6)
