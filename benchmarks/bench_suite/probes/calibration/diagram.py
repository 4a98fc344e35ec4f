"""Diagram: the reliability curve by isotonic regression, with the band in which a calibrated model would lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bench_suite.contracts import Artifact
from bench_suite.stats.calibration import BINS, bin_numbers, top_label
from bench_suite.stats.intervals import stable_seed
from bench_suite.stats.reliability import Forecasts, consistency_band, forecasts_of, recalibrated

CALIBRATED = "calibrated, 95 % of curves"
POINTS = 60
"Points of the band, and largest number of points of the curve."
MAX_SIMULATIONS = 400
"Drawn sets of labels for the band."
MAX_FORECASTS = 2000
"Largest number of distinct forecasts for the band; if there are more, they are rounded to this many steps."


def diagrams(
    targets: np.ndarray, scores: np.ndarray, classes: Sequence[str], positive: int, simulations: int
) -> Iterator[Artifact]:
    """Yield the reliability diagram: of the positive class's score if there are two classes, else of the confidence.

    Args:
        targets: (n,) class numbers.
        scores: (n, classes) probabilities.
        classes: names of the classes.
        positive: number of the positive class, of two.
        simulations: of the probe; the band needs at most `MAX_SIMULATIONS`.
    """
    if len(classes) == 2:
        probabilities, labels = scores[:, positive], targets == positive
        x, y = f"score of {classes[positive]}", f"share of {classes[positive]}"
    else:
        probabilities, labels = top_label(targets, scores)
        x, y = "confidence", "accuracy"
    forecasts = forecasts_of(probabilities)
    curve = recalibrated(forecasts, forecasts.hits(labels))
    at = np.linspace(float(forecasts.values[0]), float(forecasts.values[-1]), POINTS)
    low, high = consistency_band(
        _coarse(forecasts), at, simulations=min(simulations, MAX_SIMULATIONS),
        seed=stable_seed({"targets": targets}),
    )  # fmt: skip
    band = np.column_stack([at, at, low, high])
    numbers = bin_numbers(probabilities)
    counts = np.bincount(numbers, minlength=BINS)
    data = {
        "x": x,
        "y": y,
        "expected": [CALIBRATED],
        "series": {
            CALIBRATED: band.tolist(),
            "measured (isotonic)": _corners(forecasts.values, curve).tolist(),
        },
        "histogram": [[left / BINS, (left + 1) / BINS, int(count)] for left, count in enumerate(counts)],
    }
    caption = "Reliability on test: below the diagonal, scores are too high. At each point, 95 % of the curves of "
    caption += "calibrated models lie in the band"
    yield Artifact("reliability", "lines", data, caption)


def _corners(values: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Return the points of a curve of steps at which it changes, (k, 2), thinned to `POINTS` if they are many."""
    is_change = np.diff(curve) != 0
    corners = np.flatnonzero(np.append(is_change, True) | np.insert(is_change, 0, True))
    if len(corners) > POINTS:
        corners = corners[np.linspace(0, len(corners) - 1, POINTS).round().astype(int)]
    return np.column_stack([values[corners], curve[corners]])


def _coarse(forecasts: Forecasts) -> Forecasts:
    """Return the forecasts in at most `MAX_FORECASTS` steps."""
    if len(forecasts.values) <= MAX_FORECASTS:
        return forecasts
    return forecasts_of(np.repeat(np.round(forecasts.values * MAX_FORECASTS) / MAX_FORECASTS, forecasts.counts))
