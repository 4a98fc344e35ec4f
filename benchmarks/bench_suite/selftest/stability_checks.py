"""Stability checks: known shares of predictions that a planted mistake changes, and the churn of planted seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench_suite.contracts import Metric, Predictions
from bench_suite.probes import stability
from bench_suite.selftest.checks import Check, Measured, NotMeasured, around, exactly, options_of, read_metric
from bench_suite.selftest.tolerances import OFTEN, SIGMAS
from bench_suite.suite.plan import Cell

NAME = "stability/changed_predictions"
EXAMPLES = 300
"The default of the probe's option `examples`."
PLANTED_ROWS = ((0, 0), (0, 100), (50, 250))
"Rows, of 1,000, in which each of three planted seeds predicts the other class."


def unstable(cell: Cell) -> Iterator[Check]:
    """Yield checks of a network with a mistake: which changes show it, and in which share of the examples."""
    options = options_of(cell, "model")
    if options.mistake == "position":
        yield exactly(f"{NAME}, position, batch of 1", cell, 0.5, _share(cell, "batch_size=1"))
        yield exactly(f"{NAME}, position, second pass", cell, 0, _share(cell, "second pass"))
        yield exactly(f"{NAME}, position, threads", cell, 0, _share(cell, "threads=2"))
        yield _binomial(f"{NAME}, position, order", cell, 0.5, _share(cell, "order"))
    elif options.mistake == "dropout":
        both = 2 * options.dropped * (1 - options.dropped)
        yield _binomial(f"{NAME}, dropout, second pass", cell, both, _share(cell, "second pass"))
    elif options.mistake == "batch_norm":
        # Of two examples the larger is positive. If both have the same sign, which half of the pairs have, one changes.
        tolerance = SIGMAS * 0.5 * math.sqrt(0.25 / (EXAMPLES / 2))
        basis = f"binomial of {EXAMPLES // 2} pairs, {OFTEN}"
        yield around(f"{NAME}, batch norm, batch of 2", cell, 0.25, tolerance, basis, read=_share(cell, "batch_size=2"))
        yield exactly(f"{NAME}, batch norm, second pass", cell, 0, _share(cell, "second pass"))
        yield exactly("batch norm, fails at batch of 1", cell, 1, _is_absent(cell, "batch_size=1"))


def stable(cell: Cell) -> Iterator[Check]:
    """Yield checks of a network without a mistake: nothing changes."""
    for change in ("second pass", "batch_size=1", "batch_size=2", "order", "threads=2"):
        yield exactly(f"{NAME}, {change}", cell, 0, _share(cell, change))
        outputs = read_metric("stability/changed_outputs", cell, change=change)
        yield exactly(f"stability/changed_outputs, {change}", cell, 0, outputs)
    yield from _churn(cell)


def _share(cell: Cell, change: str) -> Callable[[Measured], float]:
    return read_metric(NAME, cell, change=change)


def _is_absent(cell: Cell, change: str) -> Callable[[Measured], float]:
    return lambda measured: float(measured.row(cell, NAME, {"change": change}).value is None)


def _binomial(instrument: str, cell: Cell, share: float, read: Callable[[Measured], float]) -> Check:
    tolerance = SIGMAS * math.sqrt(share * (1 - share) / EXAMPLES)
    return around(instrument, cell, share, tolerance, f"binomial of {EXAMPLES} examples, {OFTEN}", read=read)


# ── churn ───────────────────────────────────────────────────────────────────────────────────────


def _churn(cell: Cell) -> Iterator[Check]:
    """Yield checks of the churn of three planted seeds: pairs differ in 100, 200 and 200 of 1,000 rows."""
    sets = [set(range(*rows)) for rows in PLANTED_ROWS]
    pairs = [len(sets[i] ^ sets[j]) / 1000 for i, j in ((0, 1), (0, 2), (1, 2))]
    value = sum(pairs) / 3
    yield exactly("stability/churn, three seeds", cell, value, lambda measured: _planted().value or 0.0)
    yield exactly("stability/churn, half-width", cell, half_width(), _half)


def half_width() -> float:
    """Return half the width of the interval of the planted seeds, by the formula of `churn_of`.

    In each of 250 rows one of three seeds predicts another class than the others, so that two of three pairs differ.
    """
    from scipy import special

    rows = len(set().union(*(range(*of_seed) for of_seed in PLANTED_ROWS)))
    share = rows / 1000
    examples = (2 / 3) ** 2 * share * (1 - share) / 999
    sets = [set(range(*of_seed)) for of_seed in PLANTED_ROWS]
    without = [len(sets[i] ^ sets[j]) / 1000 for i, j in ((1, 2), (0, 2), (0, 1))]
    mean = sum(without) / 3
    seeds = 2 / 3 * sum((one - mean) ** 2 for one in without)
    df = (examples + seeds) ** 2 / (seeds**2 / 2)
    return float(special.stdtrit(df, 0.975)) * math.sqrt(examples + seeds)


def _half(measured: Measured) -> float:
    metric = _planted()
    if metric.interval is None or metric.value is None:
        raise NotMeasured(metric.reason or "no interval")
    return metric.interval.high - metric.value


def _planted() -> Metric:
    """Return the churn of records whose stored predictions are planted."""
    records: list[Any] = [
        SimpleNamespace(status="ok", cell={"task": "t", "model": "m", "seed": seed}, data={"problem": "classification"})
        for seed in range(3)
    ]

    def predictions(record: Any, split: str) -> Predictions:
        classes = np.zeros(1000, dtype=np.int64)
        classes[slice(*PLANTED_ROWS[record.cell["seed"]])] = 1
        return Predictions(split, np.arange(1000), {"targets": np.zeros(1000, dtype=np.int64), "predictions": classes})

    metrics = list(stability.summarise(records, stability.Options(), predictions))
    if len(metrics) != 1:
        raise NotMeasured(f"{len(metrics)} metrics for one group of seeds")
    return metrics[0]
