"""Calibration checks: known errors, floors and temperatures of rules whose confidence and accuracy are planted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bench_suite.components import discovery
from bench_suite.metrics import expected_calibration_error
from bench_suite.selftest.checks import (
    ROUNDING,
    Check,
    Measured,
    NotMeasured,
    around,
    exactly,
    options_of,
    read_interval,
    read_metric,
)
from bench_suite.selftest.tolerances import LEVEL, NORMAL, OFTEN, SIGMAS, Z, quantile_error
from bench_suite.suite.plan import Cell

SIMULATIONS = 1000
"Simulated sets of labels of a floor: the default of the probe."
SHIFTED = 200
"Those of each multiple of the gaps, for an interval."
TOP_LABEL = ("expected", "equal_mass", "smooth", "maximum")
"Errors that are |confidence − accuracy| if all confidences are equal."


def sure_rule(cell: Cell, counts: Sequence[Sequence[int]]) -> Iterator[Check]:
    """Yield checks of a rule that is surer than it is right, from its confusion matrix and its one confidence."""
    (tn, fp), (fn, tp) = counts
    n, confidence = tn + fp + fn + tp, options_of(cell, "model").confidence
    accuracy, yes, no = (tn + tp) / n, tp + fp, tn + fn
    gap = confidence - accuracy
    for name in TOP_LABEL:
        yield exactly(f"calibration/{name}_calibration_error", cell, abs(gap))
    debiased = math.sqrt(max(0.0, gap**2 - accuracy * (1 - accuracy) / (n - 1)))
    yield exactly("calibration/debiased_calibration_error", cell, debiased)
    yield exactly("calibration/overconfidence", cell, gap)
    missed = abs(confidence * yes - tp) + abs((1 - confidence) * no - fn)
    yield exactly("calibration/classwise_calibration_error", cell, missed / n)
    yield exactly(
        "calibration/brier_score", cell, accuracy * (1 - confidence) ** 2 + (1 - accuracy) * confidence**2
    )  # fmt: skip
    shares, base = ((yes, confidence, tp / yes), (no, 1 - confidence, fn / no)), (fn + tp) / n
    known = {
        "miscalibration": sum(count * (score - share) ** 2 for count, score, share in shares) / n,
        "discrimination": sum(count * (share - base) ** 2 for count, _, share in shares) / n,
        "uncertainty": base * (1 - base),
    }
    for name, value in known.items():
        yield exactly(f"calibration/brier_{name}", cell, value)
    yield exactly("calibration/calibration_p", cell, 1 / (SIMULATIONS + 1))
    yield from _floor(cell, confidence, n)
    width = read_interval("calibration/expected_calibration_error", cell, lambda interval: interval.high - interval.low)
    error, density = math.sqrt(accuracy * (1 - accuracy) / n), NORMAL.pdf(Z)
    chance = SIGMAS * math.sqrt(2) * error * quantile_error((1 - LEVEL) / 2, SHIFTED, density) + 2 / n
    yield around(
        "calibration error, interval width", cell, 2 * Z * error, chance,
        f"two quantiles of {SHIFTED} simulations, {OFTEN}", read=width,
    )  # fmt: skip
    yield exactly(
        "temperature × logit on validation", cell, math.log(confidence / (1 - confidence)), _times_logit(cell)
    )
    yield _textbook(cell)
    yield _edge(cell)


def group_errors(cell: Cell) -> Iterator[Check]:
    """Yield a check of the error of each group of `planted`, as the largest deviation from |confidence − accuracy|."""
    task, options = discovery.load(cell.task.component), options_of(cell, "task")
    confidence, counts = options_of(cell, "model").confidence, task.confusions(options)
    known = {
        group: confidence - float(np.trace(of_group) / of_group.sum())
        for group, of_group in zip(task.members(options), counts)
    }

    def largest_error(measured: Measured) -> float:
        """Return the largest deviation of an error or an overconfidence of a group."""
        deviations = []
        for group, gap in known.items():
            at = {"attribute": "planted", "group": group}
            error = read_metric("calibration/group_calibration_error", cell, **at)(measured)
            signed = read_metric("calibration/group_overconfidence", cell, **at)(measured)
            deviations += [abs(error - abs(gap)), abs(signed - gap)]
        return max(deviations)

    yield around("calibration of groups", cell, 0, ROUNDING, "exact", read=largest_error, exact=True)


def calibrated(cell: Cell) -> Iterator[Check]:
    """Yield checks of a model whose confidence is its accuracy: no error, and p is 1."""
    options, confidence = options_of(cell, "task"), options_of(cell, "model").confidence
    error = abs(confidence - (1 - options.flipped))
    yield around("calibration/expected_calibration_error", cell, error, ROUNDING, "exact", exact=True)
    if error == 0:
        yield exactly("calibration/calibration_p", cell, 1)


def covered_line(cell: Cell) -> Iterator[Check]:
    """Yield checks of prediction intervals that contain the smaller half of the residuals, from their width."""
    unit, options = options_of(cell, "task").deviation, options_of(cell, "model")
    if not options.half_width:
        return
    sizes = np.array([1.0, 2.0]) * unit  # of the residuals, equally often
    share = float((sizes <= options.half_width).mean())
    beyond = float(np.maximum(sizes - options.half_width, 0.0).mean())
    yield exactly("calibration/interval_coverage", cell, share)
    yield exactly("calibration/coverage_gap", cell, share - options.level)
    yield exactly("calibration/interval_width", cell, 2 * options.half_width)
    yield exactly(
        "calibration/interval_score", cell, 2 * options.half_width + 2 / (1 - options.level) * beyond
    )  # fmt: skip


def _floor(cell: Cell, confidence: float, n: int) -> Iterator[Check]:
    """Yield checks of the floor's median and 95 % quantile: |right − expected| / n of a binomial in one bin."""
    from scipy import stats

    right = np.arange(n + 1)
    errors, chances = np.abs(right / n - confidence), stats.binom.pmf(right, n, confidence)
    order = np.argsort(errors, kind="stable")
    sums = np.cumsum(chances[order])
    deviation = math.sqrt(confidence * (1 - confidence) / n)
    for name, share in (("calibration_floor", 0.5), ("calibration_floor_95", LEVEL)):
        known = float(errors[order][np.searchsorted(sums, share)])
        density = 2 * NORMAL.pdf(NORMAL.inv_cdf((1 + share) / 2)) / deviation
        tolerance = SIGMAS * quantile_error(share, SIMULATIONS, density) + 1 / n
        basis = f"a quantile of {SIMULATIONS} simulations, {OFTEN}"
        yield around(f"calibration/{name}", cell, known, tolerance, basis)


def _times_logit(cell: Cell) -> Callable[[Measured], float]:
    """Return a reader of the temperature times the logit of the accuracy on the stored validation predictions."""
    temperature = read_metric("calibration/temperature", cell)

    def read(measured: Measured) -> float:
        rows = [row for row in measured.record(cell).artifacts if row.name == "predictions/validation"]
        if not rows:
            raise NotMeasured("no predictions on validation were stored")
        stored = measured.run.read_predictions(rows[0])
        accuracy = float(np.mean(stored["predictions"] == stored["targets"]))
        return temperature(measured) * math.log(accuracy / (1 - accuracy))

    return read


def _textbook(cell: Cell) -> Check:
    """Return a check of two predictions of the last bin, one of which has a confidence of exactly 1 and is wrong."""

    def read(measured: Measured) -> float:
        scores = np.array([[0.05, 0.95], [0.0, 1.0]])
        return expected_calibration_error.expected_calibration_error(np.array([1, 0]), scores)

    return exactly("calibration error of 0.95 and 1", cell, 0.475, read, needs_run=False)


def _edge(cell: Cell) -> Check:
    """Return a check of two predictions on both sides of the edge 14/15 ≈ 0.933; with fewer bins they share one."""

    def read(measured: Measured) -> float:
        scores = np.array([[0.08, 0.92], [0.05, 0.95]])
        return expected_calibration_error.expected_calibration_error(np.array([1, 0]), scores)

    return exactly("calibration error of 0.92 and 0.95", cell, 0.515, read, needs_run=False)
