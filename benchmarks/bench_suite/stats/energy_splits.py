"""The split of a series where the values before and after differ most: the energy statistic of E-divisive.

Matteson and James (arXiv 1306.4933), for one-dimensional values and the exponent 1. For a part X of n values and the m
values Y that follow it, Q = nm/(n+m) · (2 E|X−Y| − E|X−X′| − E|Y−Y′|), with means over pairs of different values. A
search takes the largest Q over all begins and ends of Y.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

MIN_SIDE = 3
"Values on either side of a split, at least: one or two stray values are no change."
SCANNED_ENDS = 64
"A search tries at most about this many ends of Y, evenly spaced, and every begin of it."


@dataclass(frozen=True)
class Split:
    """The best split of a series."""

    statistic: float
    position: int
    "Index of the first value of Y."


def largest_statistics(columns: np.ndarray) -> np.ndarray:
    """Return the largest Q of each of some series.

    Args:
        columns: (n, B) numbers, one series a column, n ≥ 2 · `MIN_SIDE`.

    Returns:
        (B,) the largest Q.
    """
    largest = np.full(columns.shape[1], -np.inf)
    for end, total, within in _sums(columns):
        np.maximum(largest, 2 / end * (total - (end - 1) * within.min(axis=0)), out=largest)
    return largest


def largest_split(values: np.ndarray) -> Split:
    """Return the best split of a series (n,), over all begins and scanned ends of Y; n ≥ 2 · `MIN_SIDE`."""
    best = Split(-np.inf, 0)
    for end, total, within in _sums(values[:, None]):
        first = int(within[:, 0].argmin())
        statistic = float(2 / end * (total[0] - (end - 1) * within[first, 0]))
        if statistic > best.statistic:
            best = Split(statistic, MIN_SIDE + first)
    return best


def best_position(values: np.ndarray) -> int:
    """Return the position of the best split of a series (n,) if Y goes to its end; n ≥ 2 · `MIN_SIDE`."""
    distances = np.abs(values[:, None] - values)
    n = len(values)
    positions = np.arange(MIN_SIDE, n - MIN_SIDE + 1)
    before = np.concatenate([[0.0], np.cumsum(np.tril(distances).sum(axis=1))])[positions]
    after = np.concatenate([np.cumsum(np.triu(distances).sum(axis=1)[::-1])[::-1], [0.0]])[positions]
    within = before / (positions - 1) + after / (n - positions - 1)
    return int(positions[within.argmin()])


def _sums(columns: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield for each end of Y: the end, the sum of all distances before it (B,), and sums for each begin (t, B).

    The last is S(X) / (n − 1) + S(Y) / (m − 1), with S the sum of the distances of all pairs. Then
    Q = 2 / (n + m) · (total − (n + m − 1) · this sum). Distances are summed block by block, so that most of the n² / 2
    distances of a series are touched only to make them and to add them up.
    """
    n, series = columns.shape
    width = -(-n // SCANNED_ENDS)
    later = np.zeros((n, series))  # of each value: distances to the later values before `end`
    earlier = np.zeros((n, series))
    prefix = np.zeros((n + 1, series))  # S of the first values
    suffix = np.empty((n, series))  # S of the values from here to before `end`
    start = 0
    for end in range(n - (n - 1) // width * width, n + 1, width):
        if start:
            distances = columns[:start, None] - columns[None, start:end]
            np.abs(distances, out=distances)
            later[:start] += distances.sum(axis=1)
            earlier[start:end] = distances.sum(axis=0)
        for row in range(start, end):
            own = np.abs(columns[start:row] - columns[row])
            later[start:row] += own
            earlier[row] += own.sum(axis=0)
            np.add(prefix[row], earlier[row], out=prefix[row + 1])
        start = end
        if end >= 2 * MIN_SIDE:
            np.add.accumulate(later[:end][::-1], axis=0, out=suffix[:end][::-1])
            positions = np.arange(MIN_SIDE, end - MIN_SIDE + 1)
            within = suffix[positions[0] : positions[-1] + 1] * (1 / (end - positions - 1))[:, None]
            within += prefix[positions[0] : positions[-1] + 1] * (1 / (positions - 1))[:, None]
            yield end, suffix[0], within
