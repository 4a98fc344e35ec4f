"""Confidence: errors of the likeliest class's score, with floors, and by how much confidence exceeds accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bench_suite.contracts import Metric
from bench_suite.probes.calibration.floors import DEPENDENT, floor_metrics
from bench_suite.stats.calibration import ERRORS, confidence_cells, top_label
from bench_suite.stats.calibration_null import ErrorEstimate, estimate_errors
from bench_suite.stats.intervals import bootstrap_interval, stable_seed

ONE_EXAMPLE = "one example shows no error of calibration: its confidence is neither right nor wrong by itself"
HEADLINE = ERRORS[0]
"The error whose floor, excess and p have no coordinates."
WORST_BIN = (
    "one bin decides it, often the one with the fewest examples, so it has no interval: compare it with its floor"
)


def confidence_metrics(
    targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray | None, simulations: int, resamples: int
) -> Iterator[Metric]:
    """Yield each of `ERRORS` with its interval, then their floors, and the overconfidence.

    Args:
        targets: (n,) class numbers.
        scores: (n, classes) probabilities.
        clusters: (n,) numbers of clusters, or None if examples are independent.
        simulations: simulated sets of labels.
        resamples: bootstrap resamples of the overconfidence.
    """
    confidences, correct = top_label(targets, scores)
    cells = confidence_cells(confidences, correct)
    estimates = estimate_errors(cells, simulations=simulations, seed=stable_seed({"targets": targets}))
    n, clustered = len(targets), clusters is not None
    for name, estimate in estimates.items():
        yield error_metric(name, estimate, n, clustered=clustered)
    for name, estimate in estimates.items():
        at: dict[str, str | float] = {} if name == HEADLINE else {"error": name}
        yield from excess_metrics(estimate, n, at, clustered=clustered)
    yield mean_gap("overconfidence", confidences, correct, clusters, resamples)


def error_metric(
    name: str, estimate: ErrorEstimate, n: int, at: dict[str, str | float] | None = None, *, clustered: bool = False
) -> Metric:
    """Return an error with its interval; without the interval if the examples are not independent."""
    metric = Metric(name, estimate.value, at=at or {}, interval=estimate.interval, n=n)
    reason = DEPENDENT if clustered else WORST_BIN if name == "maximum_calibration_error" else None
    reason = ONE_EXAMPLE if n < 2 else reason
    return metric if reason is None else replace(metric, interval=None, reason=reason)


def excess_metrics(
    estimate: ErrorEstimate, n: int, at: dict[str, str | float], *, clustered: bool = False
) -> Iterator[Metric]:
    """Yield floor, excess and p of an error."""
    has_interval = not clustered and n > 1 and at.get("error") != "maximum_calibration_error"
    interval = estimate.excess_interval if has_interval else None
    yield from floor_metrics(estimate.value, estimate.floor, n, at, interval=interval, clustered=clustered)


def mean_gap(
    name: str, confidences: np.ndarray, correct: np.ndarray, clusters: np.ndarray | None, resamples: int,
    at: dict[str, str | float] | None = None,
) -> Metric:  # fmt: skip
    """Return the mean of confidence − correctness, above 0 if the model is too sure, with its bootstrap interval."""
    gaps = confidences.astype(np.float64) - correct
    interval, reason = bootstrap_interval(_mean, {"values": gaps}, clusters=clusters, resamples=resamples)
    return Metric(name, float(gaps.mean()), reason, at or {}, interval, n=len(gaps))


def _mean(values: np.ndarray) -> float:
    return float(values.mean())
