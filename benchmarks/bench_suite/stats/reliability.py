"""Reliability: the CORP diagram and decomposition, by isotonic regression instead of bins.

CORP (Dimitriadis, Gneiting and Jordan 2021, PNAS 118(8), arXiv 2008.03033): the recalibrated probability is the
isotonic regression of labels on forecasts, found by pooling adjacent violators. There is no bin to choose, and the
Brier score is the sum of three parts of which none is negative: miscalibration − discrimination + uncertainty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True)
class Forecasts:
    """Distinct forecasts of an event in ascending order, with how often each was made."""

    values: np.ndarray
    "(U,) probabilities."
    counts: np.ndarray
    "(U,) examples of each."
    number: np.ndarray
    "(n,) the forecast of each example, 0 to U − 1."

    def hits(self, labels: np.ndarray) -> np.ndarray:
        """Return how often the event occurred for each forecast, (U,), from labels (n,) bool."""
        return np.bincount(self.number, labels, len(self.values))


def forecasts_of(probabilities: np.ndarray) -> Forecasts:
    """Return the distinct forecasts among probabilities (n,)."""
    values, number, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    return Forecasts(values.astype(np.float64), counts, number)


@dataclass(frozen=True)
class Decomposition:
    """The parts of a Brier score."""

    miscalibration: float
    "What recalibration saves; 0 if the isotonic curve is the diagonal."
    discrimination: float
    "What the recalibrated forecasts save over the constant forecast of the event's share."
    uncertainty: float
    "The score of that constant forecast: share · (1 − share)."

    @property
    def score(self) -> float:
        """The Brier score, (1/n) Σ (forecast − label)²."""
        return self.miscalibration - self.discrimination + self.uncertainty


def recalibrated(forecasts: Forecasts, hits: np.ndarray) -> np.ndarray:
    """Return the isotonic regression of the event on each distinct forecast, (U,).

    Args:
        forecasts: the forecasts.
        hits: (U,) how often the event occurred for each.
    """
    from scipy import optimize

    counts = forecasts.counts.astype(np.float64)
    return np.asarray(optimize.isotonic_regression(hits / counts, weights=counts).x)


def decompose(forecasts: Forecasts, hits: np.ndarray) -> Decomposition:
    """Return the CORP decomposition of the Brier score of one event; arguments as of `recalibrated`."""
    n = float(forecasts.counts.sum())
    share = float(hits.sum()) / n
    uncertainty = share * (1.0 - share)

    def score(values: np.ndarray) -> float:
        """Return the score of a forecast: Σ counts · value² − 2 · hits · value + hits."""
        return float((forecasts.counts * values**2 - 2.0 * hits * values + hits).sum()) / n

    best = score(recalibrated(forecasts, hits))
    return Decomposition(score(forecasts.values) - best, uncertainty - best, uncertainty)


def consistency_band(
    forecasts: Forecasts, at: np.ndarray, *, simulations: int, seed: int, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds between which the curve of a calibrated forecast lies at each point with probability `level`.

    Labels are drawn from the forecasts themselves, and the curve of each drawn set is interpolated between its
    forecasts. Each example has a random number of its own, so that rounding which makes two forecasts equal does not
    change the numbers of others.

    Args:
        forecasts: the forecasts.
        at: (k,) points in [0, 1].
        simulations: drawn sets of labels.
        seed: of the draws.
        level: of the band, at each point by itself.
    """
    random = np.random.default_rng(seed)
    rates = np.clip(forecasts.values, 0.0, 1.0)
    curves = np.empty((simulations, len(at)))
    for row in range(simulations):
        labels = random.random(len(forecasts.number)) < rates[forecasts.number]
        curve = recalibrated(forecasts, forecasts.hits(labels))
        curves[row] = np.interp(at, forecasts.values, curve)
    low, high = np.quantile(curves, [(1.0 - level) / 2, (1.0 + level) / 2], axis=0)
    return low, high
