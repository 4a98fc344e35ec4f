"""How often a search for change points raises a false alarm, and how often it finds a change: by simulation.

The series of a simulation are the residuals of a measured one in another order. All orders of the same values have the
same distribution of the largest statistic, so one set of permutations gives the critical value for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench_suite.stats.change_points import (
    LEVEL,
    PERMUTATIONS,
    TIE,
    counted_size,
    permuted_statistics,
    seed_of,
    standardised,
)
from bench_suite.stats.energy_splits import largest_split, largest_statistics
from bench_suite.stats.shift import shift_between

DEPENDENT = 0.05
"Neighbours are alike if the p-value of their correlation is at most this."
CRITICAL_DRAWS = 2
"The critical value of series with a planted change is the mean over so many of them."
CRITICAL_PERMUTATIONS = 999
"Permuted series of each of these."
_CHUNK = 64


@dataclass(frozen=True)
class AlarmRate:
    """How often a series without a change has a change point."""

    alarms: int
    "Number of simulated series with a change point."
    trials: int
    "Number of simulated series."

    @property
    def per_hundred(self) -> float:
        """False alarms per 100 series."""
        return 100 * self.alarms / self.trials


def p_of_dependence(residuals: np.ndarray, name: str = "", permutations: int = 999) -> float:
    """Return the one-sided p-value of the correlation of neighbours, by permutation: small if they are alike.

    Args:
        residuals: (n,) the values less those of their part between change points.
        name: name of the series, which decides the permutations with its length.
        permutations: number of permutations.
    """
    if len(residuals) < 3 or not residuals.any():
        return 1.0
    random = np.random.default_rng(seed_of(f"dependence {name}", len(residuals)))
    shuffled = residuals[np.argsort(random.random((permutations, len(residuals))), axis=1)]
    observed = float(residuals[:-1] @ residuals[1:])
    products = np.einsum("bi,bi->b", shuffled[:, :-1], shuffled[:, 1:])
    return float((np.sum(products >= observed - TIE * float(residuals @ residuals)) + 1) / (permutations + 1))


def alarm_rate(
    residuals: np.ndarray, name: str = "", *, least: float = 0.0, trials: int = 500, level: float = LEVEL
) -> AlarmRate:
    """Simulate series without a change, and count those that have a change point.

    If neighbours are alike (`p_of_dependence`), whole blocks of neighbours change their places, so that the simulated
    series are as alike; otherwise single values do.

    Args:
        residuals: (n,) the values less those of their part between change points; n ≥ 6.
        name: name of the series, which decides the simulation with its length.
        least: smallest shift that counts, in the unit of the residuals.
        trials: number of series.
        level: largest p-value of a change point.
    """
    standard = standardised(residuals)
    if not standard.any():
        return AlarmRate(0, trials)
    random = np.random.default_rng(seed_of(f"alarms {name}", len(standard)))
    critical = critical_value(standard, random, level)
    block = block_length(standard) if p_of_dependence(standard, name) <= DEPENDENT else 1
    orders = np.stack([_shuffled_blocks(len(standard), block, random) for _ in range(trials)])
    return AlarmRate(count_changes(standard[orders], residuals[orders], critical, least), trials)


def power(
    residuals: np.ndarray, shift: float, after: int, name: str = "", *, least: float = 0.0, trials: int = 100,
    level: float = LEVEL,
) -> float:  # fmt: skip
    """Return the share of series with a planted change that have a change point, of the same direction.

    Args:
        residuals: (n,) the values less those of their part between change points; n ≥ 6.
        shift: how far the values after the change lie higher, in the unit of the residuals.
        after: number of values after the change.
        name: name of the series, which decides the simulation with its length.
        least: smallest shift that counts.
        trials: number of series.
        level: largest p-value of a change point.
    """
    random = np.random.default_rng(seed_of(f"power {name}", len(residuals)))
    step = np.where(np.arange(len(residuals)) >= len(residuals) - after, shift, 0.0)

    def planted() -> np.ndarray:
        series: np.ndarray = random.permutation(residuals) + step
        return series

    draws = 1 if not np.any(residuals) else CRITICAL_DRAWS
    critical = float(
        np.mean([critical_value(standardised(planted()), random, level, CRITICAL_PERMUTATIONS) for _ in range(draws)])
    )
    series = np.stack([planted() for _ in range(trials)])
    standard = np.stack([standardised(values) for values in series])
    return count_changes(standard, series, critical, least, direction=shift) / trials


def critical_value(
    standard: np.ndarray, random: np.random.Generator, level: float = LEVEL, permutations: int = PERMUTATIONS
) -> float:
    """Return the statistic that a change point must exceed: so many permuted series reach it that p is `level`."""
    draws = np.sort(np.concatenate([*permuted_statistics([standard], random, permutations)]))
    return float(draws[-max(1, int(level * (permutations + 1) * (1 + TIE)))])


def count_changes(
    standard: np.ndarray, series: np.ndarray, critical: float, least: float, direction: float = 0.0
) -> int:
    """Return how many of some series have a change point.

    Args:
        standard: (B, n) the values as `standardised` returns them, one series a row.
        series: (B, n) the same values as they are.
        critical: the critical value of the statistic.
        least: smallest shift that counts.
        direction: a number with the sign that the shift must have; 0 accepts both.
    """
    chunks = [largest_statistics(part.T) for part in np.array_split(standard, -(-len(standard) // _CHUNK))]
    count = 0
    for row in np.flatnonzero(np.concatenate(chunks) > critical * (1 + TIE)):
        position = largest_split(standard[row]).position
        before, after = series[row, :position], series[row, position:]
        shift = shift_between(before, after)
        size = counted_size(shift, before, after)
        count += bool(size > 0 and size >= least * (1 - TIE) and shift.value * direction >= 0)
    return count


def block_length(residuals: np.ndarray) -> int:
    """Return after how many values the correlation of neighbours has faded to a tenth: 2 up to a quarter of them."""
    correlation = float(residuals[:-1] @ residuals[1:]) / float(residuals @ residuals)
    faded = int(np.ceil(np.log(0.1) / np.log(min(max(correlation, 0.05), 0.95))))
    return max(2, min(faded, len(residuals) // 4))


def _shuffled_blocks(n: int, length: int, random: np.random.Generator) -> np.ndarray:
    """Return an order of n values in which blocks of neighbours stay together, from a random first value on."""
    order = np.roll(np.arange(n), -int(random.integers(n)))
    blocks = [order[first : first + length] for first in range(0, n, length)]
    return np.concatenate([blocks[index] for index in random.permutation(len(blocks))])
