"""How often a history is wrong: false alarms and power of its series, simulated on the noise of their runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench_suite.comparison.history.changes import SeriesVerdict, residuals_of, scaled_least
from bench_suite.stats.change_point_rates import alarm_rate, power
from bench_suite.stats.change_points import LEVEL
from bench_suite.stats.energy_splits import MIN_SIDE

RATIOS = (0.02, 0.05, 0.10, 0.20)
"Changes of times and rates whose power is simulated."
MULTIPLES = (1.0, 2.0, 4.0, 8.0)
"Changes of other metrics, as multiples of the smallest that counts."
TRIALS = 500
POWER_TRIALS = 100


@dataclass(frozen=True)
class SeriesRates:
    """The rates of one series."""

    series: str
    runs: int
    noise: float
    "Standard deviation of the residuals: as a ratio for times and rates, else in the metric's unit."
    false_alarms: float
    "Per 100 series without a change."
    trials: int
    afters: tuple[int, ...]
    "After how many runs a planted change is sought."
    curve: tuple[tuple[float, tuple[float, ...]], ...]
    "A planted change, as in `history.ChangePoint.change`, and the share found for each of `afters`."


def rates_of(result: SeriesVerdict, level: float = LEVEL) -> SeriesRates:
    """Simulate the rates of a series with enough points."""
    noise, series, n = residuals_of(result), result.series, len(result.series.points)
    least = scaled_least(series, result.least)
    alarms = alarm_rate(noise, series.name, least=least, trials=TRIALS, level=level)
    afters = tuple(dict.fromkeys(after for after in (n // 2, 10, 5, MIN_SIDE) if MIN_SIDE <= after <= n // 2))
    changes = RATIOS if series.timing else tuple(result.least * multiple for multiple in MULTIPLES if result.least)
    curve: list[tuple[float, tuple[float, ...]]] = []
    for change in changes:
        shift = math.log1p(change) if series.timing else change
        known = curve[-1][1] if curve else (0.0,) * len(afters)  # a larger change is found as often
        shares = (
            share if share == 1.0 else power(
                noise, shift, after, series.name, least=least, trials=POWER_TRIALS, level=level
            )
            for share, after in zip(known, afters)
        )  # fmt: skip
        curve.append((change, tuple(shares)))
    spread = float(np.std(noise))
    shown = math.expm1(spread) if series.timing else spread
    return SeriesRates(series.name, n, shown, alarms.per_hundred, alarms.trials, afters, tuple(curve))
