"""Corrupted tables: noise in units of each column, missing values, and values in another unit.

Only columns of numbers get noise and other units: those with more than two different values in train. A column with two
values, such as one of a category, has no unit. Values that are missing stay missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench_suite.contracts import Data
from bench_suite.probes.robustness.draws import generators
from bench_suite.training.inputs import spread_rows, standardisation_of

UNIT = 10.0
"The factor of a wrong unit, as from centimetres to millimetres."


@dataclass(frozen=True)
class Columns:
    """What is known of the columns of a table from its training rows."""

    deviation: np.ndarray
    "(d,) standard deviations."
    numeric: np.ndarray
    "(d,) bool: columns with more than two different values."

    @classmethod
    def of(cls, data: Data) -> Columns:
        """Return them for a task's table."""
        train = data.splits["train"]
        table = np.asarray(train.take(spread_rows(train))["table"], dtype=np.float64)
        different = [len(np.unique(column[~np.isnan(column)])) for column in table.T]
        return cls(standardisation_of(data).deviation, np.array(different) > 2)


@dataclass(frozen=True)
class Corruption:
    """A corruption of tables, and how much of it each severity is."""

    change: Callable[[np.ndarray, float, Columns, np.ndarray, np.ndarray], np.ndarray]
    """Takes rows (k, d), the amount, the columns, a uniform number in 0..1 and a standard normal one for each value,
    both (k, d); returns rows."""
    amounts: tuple[float, ...]
    "At the severities 1 to 5."
    numbers_only: bool = True
    "Whether it changes columns of numbers only."


def corrupt_table(table: np.ndarray, name: str, severity: int, columns: Columns) -> np.ndarray:
    """Return corrupted rows.

    Args:
        table: (k, d) float64, NaN for missing values.
        name: a key of `CORRUPTIONS`.
        severity: 1 to 5.
        columns: of the training rows.
    """
    corruption = CORRUPTIONS[name]
    rows = np.asarray(table, dtype=np.float64)
    draws = generators((row.tobytes() for row in rows), name)
    uniform = np.stack([draw.random(rows.shape[1]) for draw in draws])
    normal = np.stack([draw.standard_normal(rows.shape[1]) for draw in draws])
    changed = corruption.change(rows, corruption.amounts[severity - 1], columns, uniform, normal)
    return np.where(columns.numeric, changed, rows) if corruption.numbers_only else changed


def noise(table: np.ndarray, share: float, columns: Columns, uniform: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Add normal noise whose deviation is a share of the column's."""
    return table + share * columns.deviation * normal


def missing_values(
    table: np.ndarray, share: float, columns: Columns, uniform: np.ndarray, normal: np.ndarray
) -> np.ndarray:
    """Remove each value with a probability."""
    return np.where(uniform < share, np.nan, table)


def units(table: np.ndarray, share: float, columns: Columns, uniform: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Multiply each value by `UNIT` with a probability."""
    return np.where(uniform < share, UNIT * table, table)


CORRUPTIONS = {
    "noise": Corruption(noise, (0.1, 0.2, 0.3, 0.5, 1.0)),
    "missing_values": Corruption(missing_values, (0.05, 0.1, 0.2, 0.3, 0.5), numbers_only=False),
    "units": Corruption(units, (0.01, 0.02, 0.05, 0.1, 0.2)),
}
"By name, in the order of reports."
