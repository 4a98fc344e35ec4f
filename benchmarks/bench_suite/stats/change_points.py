"""Change points of a series, by E-divisive, with a p-value that covers the search.

E-divisive (Matteson and James, arXiv 1306.4933) splits a series where the values before and after differ most. The
p-value of a split is that of the largest statistic of a whole search: the same search is repeated on permuted series. A
test at the best split, as if the split were known in advance, calls several of 100 series of noise changed, and more
if the series are longer.

The test assumes that the values of a series without a change are exchangeable: any order is as likely as another. A
slow drift, or neighbours that are alike, breaks this; `p_of_dependence` tests it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import comb

import numpy as np

from bench_suite.stats.energy_splits import MIN_SIDE, best_position, largest_split, largest_statistics
from bench_suite.stats.shift import Shift, running_median, shift_between

LEVEL = 0.005
"A split is a change point if its p-value is at most this: one series of 200 without a change has one."
PERMUTATIONS = 1999
"Permuted series of a search: p can be as small as 1 / 2000."
TIE = 1e-9
"Statistics that differ by less than this share are equal: they are sums in another order."
_CHUNK = 2**17


@dataclass(frozen=True)
class Change:
    """A change point of a series."""

    position: int
    "Index of the first value after the change."
    shift: Shift
    "How far the values up to the next change point lie above those since the one before."
    p: float
    "The share of permuted series in which a search finds as large a difference."


def change_points(
    values: Sequence[float] | np.ndarray, name: str = "", *, least: float = 0.0, level: float = LEVEL,
    permutations: int = PERMUTATIONS,
) -> list[Change]:  # fmt: skip
    """Find the change points of a series.

    In each round, the part with the largest statistic is split there, if the p-value is at most `level`; the values of
    each part are permuted by themselves. Then change points whose shift is too small are removed, the smallest first.
    Both the values and their running median of 3 must have shifted enough: stray values do not move the median.

    Args:
        values: (n,) finite numbers in their order; their logarithms, if changes are ratios.
        name: name of the series; it and the length decide the permutations, so that a result can be repeated.
        least: smallest shift that counts, in the unit of the values.
        level: largest p-value of a change point.
        permutations: number of permuted series in a round.

    Returns:
        The change points by position.

    Raises:
        ValueError: A value is not finite.
    """
    series = np.asarray(values, dtype=np.float64)
    if not np.isfinite(series).all():
        raise ValueError("a value is not a finite number")
    if len(series) < 2 * MIN_SIDE:
        return []
    standard = standardised(series)
    p_values: dict[int, float] = {}
    random = np.random.default_rng(seed_of(name, len(series)))
    for _ in range(len(series) // MIN_SIDE):
        if not (parts := _parts(len(series), p_values)):
            break
        pieces = [standard[first:end] for first, end in parts]
        split, start = max(
            ((largest_split(piece), first) for piece, (first, _) in zip(pieces, parts)),
            key=lambda pair: pair[0].statistic,
        )
        p = p_of_search(pieces, split.statistic, random, level, permutations)
        if p is None or p > level:
            break
        p_values[start + split.position] = p
    positions = _refined(standard, p_values)
    return _large_enough(series, positions, least)


def p_of_search(
    parts: Sequence[np.ndarray], statistic: float, random: np.random.Generator, level: float, permutations: int
) -> float | None:
    """Return the p-value (k + 1) / (B + 1) of the largest statistic of some parts of a series; None if above `level`.

    Args:
        parts: the values of each part, which are permuted within it.
        statistic: the largest statistic of the parts as they are.
        random: the generator of the permutations.
        level: above this p-value, the search ends early.
        permutations: B.
    """
    allowed = int(level * (permutations + 1) * (1 + TIE))
    count = 0
    for draws in permuted_statistics(parts, random, permutations):
        count += int((draws >= statistic * (1 - TIE)).sum())
        if count + 1 > allowed:
            return None
    return (count + 1) / (permutations + 1)


def permuted_statistics(
    parts: Sequence[np.ndarray], random: np.random.Generator, permutations: int
) -> Iterator[np.ndarray]:
    """Yield the largest statistics of permuted parts, in chunks that together are `permutations` long."""
    longest = max(map(len, parts))
    most = max(16, min(256, _CHUNK // (longest * -(-longest // 64))))
    size = 32  # most series without a change are known after few permutations
    while permutations:
        size = min(2 * size, most, permutations)
        draws = [largest_statistics(part[np.argsort(random.random((len(part), size)), axis=0)]) for part in parts]
        yield np.max(draws, axis=0)
        permutations -= size


def least_points(level: float = LEVEL) -> int:
    """Return the number of values from which on a series can have a change point: two halves without overlap.

    Of n values, a share of 2 / C(n, n/2) of all orders has the smaller half first or last. It must be half of `level`,
    so that it is not left to the drawn permutations whether the p-value is below.
    """
    n = 2 * MIN_SIDE
    while least_after(n, level) is None:
        n += 1
    return n


def least_after(n: int, level: float = LEVEL) -> int | None:
    """Return after how many values at the end of a series of n a change can be found; None if never."""
    return next((k for k in range(MIN_SIDE, n // 2 + 1) if 2 / comb(n, k) <= level / 2), None)


def residuals(values: Sequence[float] | np.ndarray, positions: Sequence[int]) -> np.ndarray:
    """Return (n,) the values less the median of their part between two change points."""
    series = np.asarray(values, dtype=np.float64)
    bounds = [0, *positions, len(series)]
    return np.concatenate([series[a:b] - np.median(series[a:b]) for a, b in pairwise(bounds)])


def standardised(values: np.ndarray) -> np.ndarray:
    """Return the values in a scale in which their distances can be summed: median 0 and mean deviation 1."""
    centred = values - np.median(values)
    scale = float(np.abs(centred).mean())
    return centred / scale if scale > 0 else centred


def seed_of(name: str, n: int) -> int:
    """Return the seed of the permutations of a series, from its name and length alone."""
    return zlib.crc32(f"{n} {name}".encode())


def _parts(n: int, positions: dict[int, float]) -> list[tuple[int, int]]:
    """Return the begin and end of each part between change points that is long enough for another one."""
    bounds = [0, *sorted(positions), n]
    return [(first, end) for first, end in pairwise(bounds) if end - first >= 2 * MIN_SIDE]


def _refined(series: np.ndarray, p_values: dict[int, float]) -> dict[int, float]:
    """Return the change points where they split the values between their neighbours best."""
    bounds = [0, *sorted(p_values), len(series)]
    for index in range(1, len(bounds) - 1):
        first, position, end = bounds[index - 1 : index + 2]
        bounds[index] = first + best_position(series[first:end])
        p_values[bounds[index]] = p_values.pop(position)
    return p_values


def _large_enough(series: np.ndarray, p_values: dict[int, float], least: float) -> list[Change]:
    """Return the change points whose shift counts; the smallest of the others is removed, until there is none."""
    positions = sorted(p_values)
    while True:
        bounds = [0, *positions, len(series)]
        shifts = [shift_between(series[a:b], series[b:c]) for a, b, c in zip(bounds, bounds[1:], bounds[2:])]
        sizes = [
            counted_size(shift, series[a:b], series[b:c])
            for shift, a, b, c in zip(shifts, bounds, bounds[1:], bounds[2:])
        ]
        if not sizes or (min(sizes) >= least * (1 - TIE) and min(sizes) > 0):
            return [Change(at, shift, p_values[at]) for at, shift in zip(positions, shifts)]
        del positions[sizes.index(min(sizes))]


def counted_size(shift: Shift, before: np.ndarray, after: np.ndarray) -> float:
    """Return how far the values or their running median shifted, whichever is less; 0 if in different directions."""
    of_medians = float(np.median(running_median(after)) - np.median(running_median(before)))
    return min(abs(shift.value), abs(of_medians)) if (shift.value > 0) == (of_medians > 0) else 0.0
