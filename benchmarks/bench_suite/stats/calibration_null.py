"""Null floors: what a calibrated model would show, a test of calibration, and intervals for errors that are biased.

Errors of calibration are sums of absolute values, so chance alone makes them positive: with 100 examples a perfectly
calibrated model has an expected calibration error of 0.08 or so. The floor is the distribution of the error over labels
that are drawn from the model's own probabilities. The test asks whether the data lie above it.

Percentiles of a bootstrap would be wrong: a resample adds the chance of drawing to the chance of the data, so that
nearly all resamples have a larger error than the data, and the interval lies above the truth. The intervals here invert
a test instead. They hold the errors that would not be rejected by what was observed, along a line of models: from the
calibrated one through one whose gaps are those that were observed, and beyond.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from bench_suite.contracts import Interval
from bench_suite.stats.calibration import BINS, ERRORS, ConfidenceCells, errors_of

LEVEL = 0.95
SHIFTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
"Multiples of the observed gaps at which labels are simulated; between them, quantiles are interpolated."
MIN_VARIED = 1.2
"""Examples of a bin by which its gap is varied at least. Three times as many, 3.6, are wrong on average if none of them
is in 2.5 % of test sets: e^−3.6 = 0.027."""
CHUNK = 2**21
"Scores of which classes are drawn at a time."
SHARE = 0.2
"Simulations at each further multiple, as a share of those of the floor."


@dataclass(frozen=True)
class Floor:
    """The error of a calibrated model with these confidences and as many examples."""

    median: float
    upper: float
    "95 % of simulated errors are at most this."
    p: float
    "Share of the errors, the observed one among them, that are at least the observed one: (k + 1) / (B + 1)."
    simulations: int


@dataclass(frozen=True)
class ErrorEstimate:
    """An error with its floor and its intervals."""

    value: float
    floor: Floor
    interval: Interval
    "Of the error that infinitely many labels for these confidences would show."
    excess: float
    "The value minus the median of the floor."
    excess_interval: Interval
    "Of the median of such values minus the median of the floor: it begins above 0 if the test rejects at 2.5 %."


def floor_of(value: float, draws: np.ndarray) -> Floor:
    """Return the floor from the errors of simulated labels, (B,), beside the observed error."""
    slack = 1e-9 * max(1.0, abs(value))  # equal errors may differ in their last digit
    reached = int(np.count_nonzero(draws >= value - slack))
    median, upper = np.quantile(draws, [0.5, LEVEL])
    return Floor(float(median), float(upper), (reached + 1) / (len(draws) + 1), len(draws))


def two_sided(value: float, draws: np.ndarray) -> Floor:
    """Return the floor of a score that may be too low as well as too high: p counts both sides."""
    above, below = floor_of(value, draws), floor_of(-value, -draws)
    return Floor(above.median, above.upper, min(1.0, 2.0 * min(above.p, below.p)), above.simulations)


def estimate_errors(
    cells: ConfidenceCells, *, simulations: int, seed: int, names: tuple[str, ...] = ERRORS
) -> dict[str, ErrorEstimate]:
    """Return the errors of a model's confidences with floor, test and intervals, by name.

    At a multiple t of a gap g, the right predictions of a cell are binomial, with the rate confidence − t·g. The upper
    end of an interval is the true error at the greatest t at which the value is not below the 2.5 % quantile; g is then
    the gap of the cell's bin, or its standard error or `MIN_VARIED` examples if that is larger, so that no bin stays
    calibrated. The lower end
    is the true error at the t at which the value is the 97.5 % quantile; g² is then reduced by what chance adds to it,
    so that a single wrong bin does not pass for many. The upper end is never below the median of the floor, since
    smaller errors cannot be told from none.

    Args:
        cells: the examples.
        simulations: simulated sets of labels for the floor.
        seed: of the simulation.
        names: the errors to estimate.
    """
    random = _CellDraws(seed)
    observed = {name: float(values[0]) for name, values in errors_of(cells, cells.right[None], names).items()}
    null = _simulate(cells, cells.rates, simulations, random, names)
    wide, narrow = (_along(cells, gaps, null, max(99, round(SHARE * simulations)), random) for gaps in _gaps(cells))
    return {name: _estimate(value, null[name], wide[name], narrow[name]) for name, value in observed.items()}


@dataclass
class _CellDraws:
    """Random numbers of which each cell has its own, whatever other cells there are.

    Rounding can move an example over the edge of a cell. With one stream of numbers, a cell that appears or vanishes
    would give all cells after it other numbers.
    """

    seed: int
    _calls: int = field(default=0, init=False)

    def right(self, cells: ConfidenceCells, rates: np.ndarray, count: int) -> np.ndarray:
        """Return (count, C) right predictions, binomial with these rates (C,) by cell. Each call draws anew."""
        right = np.empty((count, len(rates)))
        for cell, (key, n, rate) in enumerate(zip(cells.keys.tolist(), cells.counts.tolist(), rates.tolist())):
            stream = np.random.Philox(key=self.seed, counter=[0, 0, self._calls, key])
            right[:, cell] = np.random.Generator(stream).binomial(n, rate, size=count)
        self._calls += 1
        return right


@dataclass(frozen=True)
class _Line:
    """Quantiles of an error over simulated labels, and the true error, at each of `SHIFTS`: arrays that never fall."""

    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray
    truth: np.ndarray


def _gaps(cells: ConfidenceCells) -> tuple[np.ndarray, np.ndarray]:
    """Return the gap of each cell's bin, (C,): at least one standard error in size, and reduced by its chance.

    The standard error vanishes at a confidence of 0 or 1, where a few wrong predictions may still be missed by chance.
    """
    bins = cells.bins(cells.width_bins)
    counts = np.maximum(bins.counts, 1)
    right, mean = np.bincount(cells.width_bins, cells.right, BINS), bins.confidences / counts
    gaps = mean - right / counts
    squares = np.maximum(mean * (1.0 - mean), 0.0) / counts
    signs = np.where(gaps < 0, -1.0, 1.0)
    least = np.maximum(np.sqrt(squares), MIN_VARIED / counts)
    roomier = np.where(mean < 0.5, -1.0, 1.0)  # a gap that chance explains may have either sign; rates end at 0 and 1
    wide = np.where(np.abs(gaps) < least, roomier * least, gaps)
    narrow = signs * np.sqrt(np.maximum(gaps**2 - squares, 0.0))
    return wide[cells.width_bins], narrow[cells.width_bins]


def _simulate(
    cells: ConfidenceCells, rates: np.ndarray, count: int, random: _CellDraws, names: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Return the errors of `count` sets of right predictions with these rates by cell, (count,) by name."""
    return errors_of(cells, random.right(cells, rates, count), names)


def _along(
    cells: ConfidenceCells, gaps: np.ndarray, null: Mapping[str, np.ndarray], count: int, random: _CellDraws
) -> dict[str, _Line]:
    """Return what each error of `null` is at multiples of these gaps (C,), by name."""
    names, tail = tuple(null), (1.0 - LEVEL) / 2
    quantiles: dict[str, list[np.ndarray]] = {name: [] for name in names}
    truths: dict[str, list[float]] = {name: [] for name in names}
    for shift in SHIFTS:
        rates = np.clip(cells.rates - shift * gaps, 0.0, 1.0)
        draws = null if shift == 0.0 else _simulate(cells, rates, count, random, names)
        expected = errors_of(cells, (cells.counts * rates)[None], names, expectations=True)
        for name in names:
            quantiles[name].append(np.quantile(draws[name], [tail, 0.5, 1.0 - tail]))
            truths[name].append(float(expected[name][0]))
    lines = {}
    for name in names:
        low, middle, high = np.maximum.accumulate(quantiles[name]).T
        lines[name] = _Line(low, middle, high, np.maximum.accumulate(truths[name]))
    return lines


def _estimate(value: float, null: np.ndarray, wide: _Line, narrow: _Line) -> ErrorEstimate:
    floor = floor_of(value, null)
    excess = value - floor.median
    lower = _crossing(narrow.high, value)
    upper = max(_crossing(wide.low, value, last=True), _crossing(wide.middle, value))
    least, most = float(np.interp(lower, SHIFTS, narrow.truth)), float(np.interp(upper, SHIFTS, wide.truth))
    from_ = float(np.interp(lower, SHIFTS, narrow.middle)) - floor.median
    to = float(np.interp(upper, SHIFTS, wide.middle)) - floor.median
    return ErrorEstimate(
        value,
        floor,
        Interval(least, max(least, most, floor.median, value if upper == SHIFTS[-1] else 0.0), LEVEL),
        excess,
        Interval(min(from_, excess), max(to, excess), LEVEL),
    )


def _crossing(quantiles: np.ndarray, value: float, *, last: bool = False) -> float:
    """Return the multiple at which a rising quantile reaches the value, the first such one or the last.

    It is the first or the last of `SHIFTS` if the value lies outside the quantiles. A debiased error is 0 at many
    multiples, of which the largest cannot be excluded either.
    """
    after = int(np.searchsorted(quantiles, value, side="right" if last else "left"))
    if after in (0, len(SHIFTS)):
        return SHIFTS[min(after, len(SHIFTS) - 1)]
    low, high = quantiles[after - 1], quantiles[after]
    return float(SHIFTS[after - 1] + (SHIFTS[after] - SHIFTS[after - 1]) * (value - low) / (high - low))


# ── simulated classes ───────────────────────────────────────────────────────────────────────────


def simulate_classes(
    scores: np.ndarray, statistics: Callable[[np.ndarray], Mapping[str, float]], *, simulations: int, seed: int
) -> dict[str, np.ndarray]:
    """Return statistics of labels that are drawn from the scores: (B,) by name.

    Args:
        scores: (n, classes) probabilities; rows are divided by their sums.
        statistics: returns numbers by name for class numbers (n,).
        simulations: B, simulated sets of labels.
        seed: of the simulation.
    """
    random = np.random.default_rng(seed)
    n, classes = scores.shape
    labels = np.empty((simulations, n), dtype=np.int32)
    size = max(1, CHUNK // classes)
    for first in range(0, n, size):
        bounds = np.cumsum(scores[first : first + size], axis=1, dtype=np.float64)
        bounds /= bounds[:, -1:]
        rows = np.arange(len(bounds))
        ordered = (bounds + rows[:, None]).ravel()  # ascending: the bounds of each row lie in an interval of its own
        for drawn in labels:
            positions = np.searchsorted(ordered, random.random(len(rows)) + rows, side="right") - classes * rows
            drawn[first : first + size] = np.clip(positions, 0, classes - 1)
    draws: dict[str, list[float]] = {}
    for drawn in labels:
        for name, value in statistics(drawn).items():
            draws.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in draws.items()}
