"""Known answers of histories: series with planted changes, and series without any.

A history is judged as `bench history` judges it, from points that are made here; no run is needed. The noise is drawn
once, from fixed seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from bench_suite.comparison.history.changes import ChangePoint, judge
from bench_suite.comparison.history.points import Point, Series
from bench_suite.selftest.checks import Check, Measured, NotMeasured, around, between, exactly
from bench_suite.stats.change_points import LEVEL, PERMUTATIONS
from bench_suite.suite.plan import Cell

TASK = "history"
RUNS, AT = 30, 20
"Runs of a series, and the number of the run with which the planted change begins, from 0."
SLOWER = 0.9
"Rates after the planted change, as a share of those before."
NOISE = 0.01
"Standard deviation of the logarithms of rates."
SPIKE = 1.5
"What a stray rate is multiplied by."
SERIES = 100
"Series without a change."


def history_checks(cell: Cell) -> Iterator[Check]:
    """Yield the checks, none of which needs a run.

    Args:
        cell: any cell of the suite; the checks show its copy with the task `history`.
    """
    shown = replace(
        cell, id=TASK, fraction=1.0, task=replace(cell.task, label=TASK), model=replace(cell.model, label="planted"),
        labels={"task": TASK, "model": "planted"},
    )  # fmt: skip
    slower = _planted(SLOWER)
    for name, known, read in (
        ("history, run of the change", AT, lambda: _change(slower).position),
        ("history, p of the change", 1 / (PERMUTATIONS + 1), lambda: _change(slower).p),
        ("history, change and repair", 2, lambda: len(judge(_repaired()).changes)),
        ("history, stray values", 0, lambda: len(judge(_stray()).changes)),
        ("history, change of one per cent", 0, lambda: len(judge(_planted(0.99, noise=1e-4)).changes)),
        ("history, runs that are needed", 12, _first_enough),
        ("history, p of two values", _p_of_two(), lambda: _change(_two_values()).p),
    ):
        if name.endswith("two values"):
            error = 5 * math.sqrt(known / PERMUTATIONS)
            yield around(name, shown, known, error, "draws of permutations", read=_without_run(read), needs_run=False)
        else:
            yield exactly(name, shown, known, _without_run(read), needs_run=False)
    yield around(
        "history, size of the change", shown, SLOWER - 1, 5 * NOISE * math.sqrt(1 / AT + 1 / (RUNS - AT)),
        "five standard errors", read=_without_run(lambda: _change(slower).change), needs_run=False,
    )  # fmt: skip
    most = 5  # of 100 with a chance of 1 in 200 each: exceeded once in 70,000
    yield between(
        "history, false alarms of 100", shown, SERIES * LEVEL, 0, most, "binomial", read=_without_run(_false_alarms),
        needs_run=False,
    )  # fmt: skip


def _without_run(read: Callable[[], float | None]) -> Callable[[Measured], float]:
    def measure(measured: Measured) -> float:
        value = read()
        if value is None:
            raise NotMeasured("no value")
        return float(value)

    return measure


def _change(series: Series) -> ChangePoint:
    """Return the only change point of a series. Raises NotMeasured if there is none, or several."""
    changes = judge(series).changes
    if len(changes) != 1:
        raise NotMeasured(f"{len(changes)} change points, not one")
    return changes[0]


def _planted(share: float, noise: float = NOISE) -> Series:
    return series_of_rates(np.where(np.arange(RUNS) >= AT, share, 1.0) * _noise(RUNS, noise))


def _repaired() -> Series:
    runs = np.arange(2 * RUNS)
    return series_of_rates(np.where((runs >= AT) & (runs < 2 * AT), SLOWER, 1.0) * _noise(2 * RUNS))


def _stray() -> Series:
    values = _noise(RUNS)
    values[[9, RUNS - 2, RUNS - 1]] *= SPIKE
    return series_of_rates(values)


def _two_values() -> Series:
    """Return 18 rates of which the last three differ: in 2 of C(18, 3) orders, these are at an end."""
    return series_of_rates(np.repeat([1.0, SLOWER], [15, 3]))


def _p_of_two() -> float:
    return 2 / math.comb(18, 3)


def _first_enough() -> float:
    """Return the number of runs from which on two halves without overlap are a change."""
    counts = range(4, 20)
    enough = (n for n in counts if judge(series_of_rates(np.repeat([1.0, SLOWER], [n // 2, n - n // 2]))).changes)
    return next(enough, math.nan)


def _false_alarms() -> float:
    return sum(bool(judge(series_of_rates(_noise(15, 0.1, seed), str(seed))).changes) for seed in range(SERIES))


def _noise(count: int, deviation: float = NOISE, seed: int = 0) -> np.ndarray:
    rates: np.ndarray = 1000 * np.exp(np.random.default_rng(seed).normal(0, deviation, count))
    return rates


def series_of_rates(values: Sequence[float] | np.ndarray, name: str = TASK) -> Series:
    """Return a series of rates of one cell, one run a day."""
    points = tuple(Point(f"run {day}", f"day {day}", float(value), None, 1) for day, value in enumerate(values))
    return Series(
        where=name, qualifier="", task=TASK, model="planted", at=(), hardware={"cpu": "planted"}, unit="samples/s",
        better="higher", timing=True, exact=False, range=None, points=points,
    )  # fmt: skip
