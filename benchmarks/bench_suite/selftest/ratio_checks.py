"""Known answers of gates of ratios, and of comparisons with several runs: by hand, from a few numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from bench_suite.selftest.checks import Check, Measured, exactly
from bench_suite.stats import base_runs, ratios
from bench_suite.stats.paired import Difference, nested_difference, p_regressed
from bench_suite.suite.plan import Cell

TASK = "ratios"
WAVE = (0.1, -0.1, 0.05, -0.05, 0.0)
"Logarithms of five processes around their mean."
SLOWER = 0.8
"What the model's rate is multiplied by in head; the machine makes both models three times as fast."
RUNS = (-1.0, 0.0, 1.0)
"Values of three runs: their variance is 1."
EXPLAINED, PAIRED, LOSS = 0.25, 0.1, -4.0
"What seeds and examples explain of that, the variance of a paired difference, and the difference itself."


def ratio_checks(cell: Cell) -> Iterator[Check]:
    """Yield the checks, none of which needs a run.

    Args:
        cell: any cell of the suite; the checks show its copy with the task `ratios`.
    """
    from scipy import stats

    shown = replace(
        cell, id=TASK, fraction=1.0, task=replace(cell.task, label=TASK), model=replace(cell.model, label="planted"),
        labels={"task": TASK, "model": "planted"},
    )  # fmt: skip
    # One further value of N + 1 that are alike: Student's t with N − 1 degrees of freedom (Fisher 1925).
    p = float(stats.t.sf(-LOSS / math.sqrt(4 / 3), 2))
    for name, known, read in (
        ("ratio, on a faster machine", math.log(SLOWER), lambda: _of_timings().value),
        ("ratio, variance", 4 * 0.025 / 4 / 5, lambda: _of_timings().variance),
        ("ratio, t at 95 %", float(stats.t.ppf(0.95, 16)), lambda: float(stats.t.ppf(0.95, _of_timings().df))),
        ("ratio, by example", math.log(0.75 / 0.5), lambda: _of_examples().value),
        ("ratio, examples that vary", 8 / 3 / 4, lambda: _of_examples().examples),
        ("runs, variance between", 1.0 - EXPLAINED, lambda: _runs().between),
        ("runs, variance of a head", PAIRED + (1.0 - EXPLAINED) * 4 / 3, lambda: _head().variance),
        ("runs, p of one more", p, lambda: p_regressed(base_runs.runs_only_difference(LOSS, _runs()))),
    ):
        yield exactly(name, shown, known, _reader(read), needs_run=False)


def _reader(read: Callable[[], float]) -> Callable[[Measured], float]:
    return lambda measured: read()


def _of_timings() -> Difference:
    """Return the change of a ratio of rates, five processes for each model in each run."""
    machine = math.log(3.0)
    head = [value + machine + math.log(SLOWER) for value in WAVE], [value + machine for value in WAVE]
    return ratios.welch_contrast([head[0], WAVE], [head[1], WAVE])


def _of_examples() -> Difference:
    """Return the ratio of two accuracies, 3 of 4 and 2 of 4."""
    model, reference = np.array([[1.0, 1.0, 1.0, 0.0]]), np.array([[1.0, 0.0, 0.0, 1.0]])
    return nested_difference(ratios.log_ratio_by_example(model, reference))


def _runs() -> base_runs.BaseRuns:
    return base_runs.base_runs(RUNS, EXPLAINED)


def _head() -> Difference:
    return base_runs.with_base_runs(Difference(LOSS, PAIRED, 0.0, PAIRED, 9.0, 10, 1), _runs())
