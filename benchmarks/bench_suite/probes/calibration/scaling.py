"""Scaling: the temperature that fits the validation split, and what it saves on test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from bench_suite.contracts import Metric
from bench_suite.metrics import log_loss
from bench_suite.probes.calibration.confidence import HEADLINE, error_metric, excess_metrics
from bench_suite.probes.calibration.floors import absent
from bench_suite.stats.calibration import confidence_cells, top_label
from bench_suite.stats.calibration_null import estimate_errors
from bench_suite.stats.intervals import bootstrap_interval, stable_seed
from bench_suite.stats.temperature import fit_temperature, scaled

SCALED = ("temperature", "scaled_calibration_error", "scaled_log_loss", "temperature_gain")

Labelled = tuple[np.ndarray, np.ndarray]
"Class numbers (n,) and scores (n, classes)."


class ScalingOptions(Protocol):
    """The options that are read here."""

    @property
    def simulations(self) -> int:
        """Simulated sets of labels."""

    @property
    def least_size(self) -> int:
        """Fewest validation examples."""

    @property
    def resamples(self) -> int:
        """Bootstrap resamples of means."""


def temperature_metrics(
    test: Labelled, clusters: np.ndarray | None, validation: Labelled, classes: Sequence[str], options: ScalingOptions
) -> Iterator[Metric]:
    """Yield the temperature, and the calibration error and log loss of test with scores at this temperature.

    Args:
        test: labels and scores of the test split.
        clusters: (n,) numbers of the test examples' clusters, or None if they are independent.
        validation: labels and scores of the validation split.
        classes: names of the classes.
        options: the options of the probe.
    """
    (targets, scores), (known, fitted_on) = test, validation
    obstacle = _unfit(known, classes, options.least_size)
    if obstacle is None:
        try:
            temperature = fit_temperature(known, fitted_on)
        except ValueError as error:
            obstacle = f"on the {len(known)} validation examples, {error}"
    if obstacle is not None:
        yield from absent(SCALED, obstacle)
        return
    yield Metric("temperature", temperature.value, interval=temperature.interval, n=temperature.n)
    mended = scaled(scores, temperature.value).astype(np.float32)
    confidences, correct = top_label(targets, mended)
    estimate = estimate_errors(
        confidence_cells(confidences, correct), simulations=options.simulations,
        seed=stable_seed({"targets": targets}), names=(HEADLINE,),
    )[HEADLINE]  # fmt: skip
    n, clustered = len(targets), clusters is not None
    yield error_metric("scaled_calibration_error", estimate, n, clustered=clustered)
    yield from excess_metrics(estimate, n, {"error": "scaled_calibration_error"}, clustered=clustered)
    columns = {"targets": targets, "scores": mended}
    interval, reason = bootstrap_interval(
        log_loss.log_loss, columns, clusters=clusters, resamples=options.resamples
    )  # fmt: skip
    yield Metric("scaled_log_loss", log_loss.log_loss(**columns), reason, interval=interval, n=n)
    saved = log_loss.per_example(targets, scores) - log_loss.per_example(targets, mended)
    interval, reason = bootstrap_interval(_mean, {"values": saved}, clusters=clusters, resamples=options.resamples)
    yield Metric("temperature_gain", float(saved.mean()), reason, interval=interval, n=n)


def _unfit(targets: np.ndarray, classes: Sequence[str], least_size: int) -> str | None:
    """Return why no temperature can be fitted on these validation examples; None if one can."""
    if len(targets) < least_size:
        return f"{len(targets)} validation examples are too few for a temperature: least_size = {least_size}"
    present = np.unique(targets)
    if len(present) < 2:
        return f"all {len(targets)} validation examples are of the class {classes[int(present[0])]}"
    return None


def _mean(values: np.ndarray) -> float:
    return float(values.mean())
