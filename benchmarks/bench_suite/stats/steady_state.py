"""Steady state: where the warm-up of a series of rates ends, or that the rates never become steady.

The rule is a segmentation of the logarithms of the rates by least squares. It looks for the largest shift of the level;
a shift within the first third ends the warm-up there, and the rest is examined again. A later shift, or a trend, means
that the rates are not steady. A shift counts if it is at least 5 % and far beyond the noise. The noise
takes account of autocorrelation (Priestley 1981, §5.3: the variance of a mean), so that rates that wander a little are
no shift. A single slow value is none either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_VALUES = 10
"Values from which the rule is applied: fewer show nothing."
MAX_SHARE = 1 / 3
"Greatest share of the values that may be warm-up."
MIN_CHANGE = 0.05
"Smallest change of the level that counts, on the scale of natural logarithms."
LIMIT = 4.0
"Standard errors that a change must exceed, for many values; for n values this times (1 + 4 / n)."
OUTLIER = 5.5
"Robust standard deviations from the median beyond which a single value is an outlier."
MIN_SEGMENT = 2
"Values of a level at least: one value is no level."
TAIL = 0.1
"Share of the values at the end in which no shift is looked for: it would leave too few values after it."


@dataclass(frozen=True)
class SteadyState:
    """Which values of a series are in its steady state."""

    start: int = 0
    "Number of values at the start that are warm-up."
    steady: bool | None = True
    "Whether the values after `start` keep their level; None if there are too few to see it."
    change: float = 0.0
    "If they do not: by which share the level changes, such as -0.3 for a fall by 30 %."


@dataclass(frozen=True)
class _Shift:
    position: int
    "Number of values before the shift."
    change: float
    "Difference of the logarithms."
    trend: bool
    "Whether a trend describes the values better than a shift."


def steady_state(rates: Sequence[float]) -> SteadyState:
    """Return where the warm-up of a series of rates ends, and whether they are steady from there.

    Args:
        rates: positive values at equal distances, such as samples per second of consecutive windows.
    """
    positive = np.asarray(rates, dtype=np.float64)
    if len(positive) < MIN_VALUES or not (np.isfinite(positive) & (positive > 0)).all():
        return SteadyState(steady=None)
    values = np.log(positive)
    start = 0
    while (shift := _largest_shift(values[start:])) is not None:
        is_trend = shift.trend and start == 0  # behind a shift, the end of a slow approach looks like a trend
        if is_trend or start + shift.position > len(values) * MAX_SHARE:
            return SteadyState(0, steady=False, change=float(np.expm1(shift.change)))
        start += shift.position
    return SteadyState(start)


def _largest_shift(values: NDArray[np.float64]) -> _Shift | None:
    """Return the shift that describes values best, or the shift nearest to their trend; None if they keep their level.

    Args:
        values: (n,) float64, logarithms of rates.
    """
    n = len(values)
    usual = _without_outliers(values)
    centred = usual - usual.mean()
    positions = np.arange(MIN_SEGMENT, min(n - MIN_SEGMENT, int(n * (1 - TAIL))) + 1)
    if not len(positions):
        return None
    sums = np.cumsum(centred)[positions - 1]
    explained = sums**2 * n / (positions * (n - positions))  # sum of squares that a shift there accounts for
    position = int(positions[np.argmax(explained)])
    time = np.arange(n) - (n - 1) / 2
    slope = (time @ centred) / (time @ time)
    of_trend = centred - slope * time
    of_shift = np.concatenate([part - part.mean() for part in (usual[:position], usual[position:])])
    trend = bool(of_trend @ of_trend < of_shift @ of_shift)
    residuals = of_trend if trend else of_shift
    change = float(slope * (n - 1)) if trend else float(np.median(usual[position:]) - np.median(usual[:position]))
    gained = float(centred @ centred - residuals @ residuals)
    if abs(change) < MIN_CHANGE or gained <= (LIMIT * (1 + 4 / n) * _noise(usual, position)) ** 2:
        return None
    return _Shift(position, change, trend)


def _without_outliers(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values with each one that is far from the median replaced by the median of itself and its neighbours.

    So a single value that is far away takes the place of a neighbour, and two or more in a row stay as they are.
    """
    median = np.median(values)
    far = np.abs(values - median) > OUTLIER * 1.4826 * np.median(np.abs(values - median))
    before, after = np.roll(values, 1), np.roll(values, -1)
    before[0], after[-1] = values[1], values[-2]
    return np.where(far, np.median([before, values, after], axis=0), values)


def _noise(values: NDArray[np.float64], position: int) -> float:
    """Return the standard deviation of independent values whose means vary as much as those of the noise in `values`.

    The noise is what is left around a line before `position` and another one from there, so that the shape of a slow
    approach is none. The first autocorrelation r is corrected for its bias after such a fit, about −(4 + 4·r) / n.
    """
    residuals = np.concatenate([_around_line(part) for part in (values[:position], values[position:])])
    n, squares = len(residuals), float(residuals @ residuals)
    if squares == 0.0:
        return 0.0
    first = float(residuals[1:] @ residuals[:-1]) / squares
    correlation = min(max(0.0, first + (4 + 4 * first) / n), 0.95)
    return float(np.sqrt(squares / (n - 5) * (1 + correlation) / (1 - correlation)))


def _around_line(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the deviations of values from the line that fits them best."""
    time = np.arange(len(values)) - (len(values) - 1) / 2
    centred = values - values.mean()
    return centred - (time @ centred) / (time @ time) * time
