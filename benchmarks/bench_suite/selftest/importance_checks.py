"""Importance checks: which columns matter, and how much, for networks on columns of which four determine the class.

Each of the four is ±1 by class plus standard normal noise. A rule that adds them with equal weights is right in Φ(2).
If one of them is shuffled, it is as often for the class as against it: the rule is right in (Φ(2) + Φ(1)) / 2. A
rule that reads one column only is right in Φ(1), and in ½ after a shuffle.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from bench_suite.components import discovery
from bench_suite.selftest.checks import Check, Measured, around, exactly, options_of, read_metric
from bench_suite.selftest.tolerances import NORMAL, OFTEN, SIGMAS
from bench_suite.suite.plan import Cell

GRADIENTS, SLOPES = "importances", "attribution"
"Labels of the probe `attribution` with integrated gradients, and with saliency, as first method."
MEAN_MAGNITUDE = 2 * NORMAL.pdf(1) + 1 - 2 * NORMAL.cdf(-1)
"E|x| of a column ±1 plus standard normal noise: the mean of a folded normal distribution."


def linear(cell: Cell) -> Iterator[Check]:
    """Yield checks of a linear network, which weighs the four columns nearly equally."""
    names, signals = _columns(cell)
    if "importance" in cell.probes:
        known = (NORMAL.cdf(2) - NORMAL.cdf(1)) / 2
        error = math.sqrt(known * (1 - known) / _tested(cell))  # of one shuffle, twice that of the mean over columns
        drops = [_drop(cell, name) for name in signals]
        yield around(
            "importance/accuracy_drop of signals", cell, known, SIGMAS * error, f"binomial of {_tested(cell)}, {OFTEN}",
            read=lambda measured: float(np.mean([drop(measured) for drop in drops])),
        )  # fmt: skip
    if GRADIENTS not in cell.probes:
        return
    yield exactly("signals of the four greatest", cell, len(signals), _greatest(cell, names, signals))
    ratio, error = MEAN_MAGNITUDE / math.sqrt(2), math.sqrt((2 - MEAN_MAGNITUDE**2) / 2 / _tested(cell))
    yield around(
        "integrated gradients / saliency", cell, ratio, SIGMAS * error / math.sqrt(len(signals)) + 0.01,
        f"mean |x| of {_tested(cell)} examples, {OFTEN}",
        read=lambda measured: float(np.mean([_ratio(measured, cell, name) for name in signals])),
    )  # fmt: skip


def first_column(cell: Cell) -> Iterator[Check]:
    """Yield checks of a network that reads the first column only."""
    names, _ = _columns(cell)
    if "importance" in cell.probes:
        accuracy = NORMAL.cdf(1)
        error = math.sqrt((accuracy * (1 - accuracy) + 0.25 / 5) / _tested(cell))
        yield around(
            "importance/accuracy_drop, one column", cell, accuracy - 0.5, SIGMAS * error,
            f"binomial of {_tested(cell)}, {OFTEN}", read=_drop(cell, names[0]),
        )  # fmt: skip
        others = [_drop(cell, name) for name in names[1:]]
        yield exactly(
            "importance/accuracy_drop, others", cell, 0, lambda measured: max(abs(drop(measured)) for drop in others)
        )
    if "one_column" in cell.probes:
        magnitudes = [_importance("one_column", "saliency", cell, name) for name in names[1:]]
        yield exactly(
            "column_importance of others", cell, 0, lambda measured: max(abs(read(measured)) for read in magnitudes)
        )


def _columns(cell: Cell) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of all columns, and of those that determine the class."""
    task = discovery.load(cell.task.component)
    names: tuple[str, ...] = task.columns(options_of(cell, "task"))
    return names, names[: task.SIGNALS]


def _tested(cell: Cell) -> int:
    return max(4, options_of(cell, "task").size // 5)


def _drop(cell: Cell, column: str) -> Callable[[Measured], float]:
    return read_metric("importance/accuracy_drop", cell, column=column)


def _importance(label: str, method: str, cell: Cell, column: str) -> Callable[[Measured], float]:
    return read_metric(f"{label}/column_importance", cell, method=method, column=column)


def _greatest(cell: Cell, names: tuple[str, ...], signals: tuple[str, ...]) -> Callable[[Measured], float]:
    """Return a function for the number of signals among as many columns of greatest importance."""

    def count(measured: Measured) -> float:
        values = [_importance(GRADIENTS, "integrated_gradients", cell, name)(measured) for name in names]
        greatest = np.argsort(values)[-len(signals) :]
        return float(sum(names[at] in signals for at in greatest))

    return count


def _ratio(measured: Measured, cell: Cell, column: str) -> float:
    """Return the importance of a column by integrated gradients in units of that by saliency.

    Saliency is the weight for a standard deviation of the column, √2, and integrated gradients the weight times the
    distance from the mean, 0.
    """
    integrated = _importance(GRADIENTS, "integrated_gradients", cell, column)(measured)
    return integrated / _importance(SLOPES, "saliency", cell, column)(measured)
