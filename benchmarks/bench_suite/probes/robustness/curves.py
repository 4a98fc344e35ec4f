"""Curves: the accuracy at each corruption and severity, and the mean corruption error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench_suite.contracts import Artifact, BenchError, Interval, Metric, Predictions, Trained
from bench_suite.data.splits import Subset
from bench_suite.metrics.accuracy import accuracy
from bench_suite.metrics.rmse import rmse
from bench_suite.probes.robustness.corruptions import Examples
from bench_suite.probes.robustness.shares import mean_of
from bench_suite.stats.intervals import bootstrap_interval, stable_seed

Series = dict[str, list[list[float]]]


@dataclass(frozen=True)
class Measure:
    """What is drawn over severities: accuracy for classes, the root mean squared error for numbers."""

    name: str
    "Of the metric at one corruption and severity."
    function: Callable[..., float]
    "Of `targets` and `predictions`."
    error: str
    "Of the mean over severities, at one corruption."
    mean: str
    "Of the mean over corruptions."
    label: str
    "Of the axis of the chart."


ACCURACY = Measure("accuracy", accuracy, "corruption_error", "mean_corruption_error", "accuracy")
RMSE = Measure("rmse", rmse, "corruption_rmse", "mean_corruption_rmse", "root mean squared error")


@dataclass(frozen=True)
class Settings:
    """How curves are measured."""

    names: Sequence[str]
    "Corruptions of the task's modality."
    severities: Sequence[int]
    resamples: int


def restricted(trained: Trained, rows: np.ndarray) -> Trained:
    """Return the same model with a test split of these rows only, (k,) int64, so that no other example is predicted."""
    splits = trained.data.splits
    restricted = copy(trained)
    restricted.data = replace(trained.data, splits={**splits, "test": Subset(splits["test"], rows)})
    return restricted


def corruption_curves(
    trained: Trained, examples: Examples, rows: np.ndarray, settings: Settings
) -> Iterator[Metric | Artifact]:
    """Yield the mean over corruptions of the error, then by corruption the error and the accuracy at each severity.

    E[s, c] is the share of wrong predictions at a severity and corruption, or the root mean squared error for a
    regression. `corruption_error` is the mean of E over severities, and `mean_corruption_error` its mean over
    corruptions. All intervals are over examples, from the same resamples, so they include the dependence between
    severities.

    Args:
        trained: the cell.
        examples: the modality of its task.
        rows: (k,) positions of the test examples to corrupt.
        settings: what is measured.
    """
    measure = ACCURACY if trained.data.problem == "classification" else RMSE
    whole = trained.predictions("test")
    some = restricted(trained, rows)
    clean = Predictions("test", whole.ids[rows], {name: _rows(values, rows) for name, values in whole.columns.items()})
    resampling = {
        "clusters": clean.columns.get("cluster"),
        "resamples": settings.resamples,
        "seed": stable_seed({"ids": clean.ids}),  # the same draws for all severities and corruptions
    }
    start = _metric(measure, clean, {}, resampling)
    curves: Series = {}
    errors: dict[str, np.ndarray] = {}
    failed: dict[str, str] = {}
    details: list[Metric] = []
    for number, name in enumerate(settings.names):
        reason = examples.inapplicable(name)
        if reason is not None:
            details.append(Metric(measure.error, None, reason, {"corruption": name}, n=len(rows)))
            continue
        points, columns, by_severity = [_point(0, start)], [], []
        for severity in settings.severities:
            report_progress(trained, f"{name} at severity {severity}, {number + 1} of {len(settings.names)}")
            at: dict[str, str | float] = {"corruption": name, "severity": severity}
            try:
                changed = some.predictions("test", examples.change(name, severity))
            except BenchError as error:  # such as predictions that are not finite because of missing values
                failed[name] = f"at severity {severity}: {error}"
                by_severity.append(Metric(measure.name, None, str(error), at, n=len(rows)))
                continue
            metric = _metric(measure, changed, at, resampling)
            by_severity.append(metric)
            points.append(_point(severity, metric))
            columns.append(_errors(measure, changed))
        curves[name] = points
        if name in failed:
            details.append(Metric(measure.error, None, failed[name], {"corruption": name}, n=len(rows)))
        else:
            errors[name] = np.stack(columns, axis=1)
            details.append(_mean(measure, measure.error, errors[name][:, None, :], {"corruption": name}, resampling))
        details += by_severity
    if failed:
        reason = "; ".join(f"{name} has no value {cause}" for name, cause in failed.items())
        yield Metric(measure.mean, None, reason, n=len(rows))
    elif errors:
        yield _mean(measure, measure.mean, np.stack([*errors.values()], axis=1), {}, resampling)
    else:
        yield Metric(measure.mean, None, "no corruption applies to these examples", n=len(rows))
    yield from details
    if curves:
        data = {"x": "severity (0: not corrupted)", "y": measure.label, "series": curves}
        caption = f"{measure.label.capitalize()} by severity of each corruption, with 95 % intervals over {len(rows):,}"
        yield Artifact("curves", "lines", data, f"{caption} test examples")


def _metric(measure: Measure, predictions: Predictions, at: Mapping[str, Any], resampling: Mapping[str, Any]) -> Metric:
    columns = {name: np.asarray(predictions[name]) for name in ("targets", "predictions")}
    interval, reason = bootstrap_interval(measure.function, columns, **resampling)
    return Metric(measure.name, measure.function(**columns), reason, at, interval, n=len(predictions))


def _errors(measure: Measure, predictions: Predictions) -> np.ndarray:
    """Return (n,) losses: 1 for a wrong answer, or the squared error."""
    targets, answers = np.asarray(predictions["targets"]), np.asarray(predictions["predictions"])
    if measure is ACCURACY:
        return (targets != answers).astype(np.float64)
    return np.square(answers - targets)


def _mean(
    measure: Measure, name: str, errors: np.ndarray, at: Mapping[str, Any], resampling: Mapping[str, Any]
) -> Metric:
    """Return the mean over corruptions and severities of losses (n, corruptions, severities), with its interval."""
    flat = errors.reshape(len(errors), -1)
    if measure is ACCURACY:
        columns = {"hits": flat.mean(axis=1)}
        interval, reason = bootstrap_interval(mean_of, columns, **resampling)
        return Metric(name, mean_of(**columns), reason, at, interval, n=len(flat))
    interval, reason = bootstrap_interval(mean_root, {"squares": flat}, **resampling)
    return Metric(name, mean_root(flat), reason, at, interval, n=len(flat))


def mean_root(squares: np.ndarray) -> float:
    """Return the mean over columns of the root of the mean over rows of squares (n, columns)."""
    return float(np.sqrt(squares.mean(axis=0)).mean())


def _point(severity: int, metric: Metric) -> list[float]:
    assert metric.value is not None
    bounds: Interval | None = metric.interval
    low, high = (metric.value, metric.value) if bounds is None else (bounds.low, bounds.high)
    return [severity, metric.value, low, high]


def _rows(values: Any, rows: np.ndarray) -> Any:
    return values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows.tolist()]


def report_progress(trained: Trained, text: str) -> None:
    """Show what the probe is doing."""
    on_progress = getattr(trained, "on_progress", None)
    if on_progress is not None:
        on_progress(f"robustness, {text}")
