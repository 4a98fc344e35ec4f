"""Quality: how good the predictions on the test split are, by the metrics of the cell's problem."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench_suite import components
from bench_suite.contracts import Artifact, Metric, Predictions, Trained
from bench_suite.stats import bootstrap_interval, confusion_matrix

VERSION = 1
METRICS: dict[str, dict[str, str]] = {}
METRICS_OF_PROBLEM = True
NAMES = {"metrics": "metrics"}
BOUNDS = {"resamples": (100, None)}
SMOKE = {"resamples": 100}
MOST_CLASSES = 30  # a larger confusion matrix cannot be read


@dataclass(frozen=True)
class Options:
    metrics: tuple[str, ...] = ()
    "Further metrics: names of files in metrics/, or paths of files."
    resamples: int = 1000
    "Bootstrap resamples of the test examples behind each interval."


def probe(trained: Trained, options: Options) -> Iterator[Metric | Artifact]:
    """Each metric with its bootstrap interval over test examples; for classes, the confusion matrix."""
    test = trained.predictions("test")
    columns = {name: _array(values) for name, values in test.columns.items()}
    wanted = {name: _of_problem(trained.problem, name) for name in trained.problem.METRICS}
    wanted |= {Path(use).stem: _of_file(use) for use in options.metrics}
    for name, function in wanted.items():
        yield measure(name, function, columns, trained.data.spec, options.resamples)
    classes = trained.data.spec.get("classes", ())
    if 2 <= len(classes) <= MOST_CLASSES and _are_classes(test):
        yield confusion(test, classes)


def measure(
    name: str, function: Callable[..., float], columns: Mapping[str, Any], spec: Mapping[str, Any], resamples: int
) -> Metric:
    """One metric of stored predictions: what the function asks for by the names of its parameters is given to it.

    A ValueError of the function says that the metric is undefined on these data: then there is no value, but a reason.
    """
    asked = inspect.signature(function).parameters
    if "spec" in asked:
        function = partial(function, spec=spec)
    given = {column: columns[column] for column in asked if column in columns}
    lacking = [p.name for p in asked.values() if p.default is p.empty and p.name not in columns and p.name != "spec"]
    if lacking:
        return Metric(name, None, reason=f"the model gives no {' and no '.join(lacking)}")
    n = len(next(iter(given.values())))
    try:
        value = float(function(**given))
    except ValueError as undefined:
        return Metric(name, None, reason=str(undefined), n=n)
    interval, reason = bootstrap_interval(function, given, resamples=resamples)
    return Metric(name, value, reason=reason, interval=interval, n=n)


def confusion(test: Predictions, classes: Any) -> Artifact:
    """Counts by true class (rows) and predicted class (columns)."""
    counts = confusion_matrix(test["targets"], test["predictions"], len(classes))
    names = [str(c) for c in classes]
    data = {"rows": names, "columns": names, "values": counts.tolist(), "x": "predicted", "y": "true"}
    return Artifact("confusion", "matrix", data, "Examples of the test split by true and predicted class")


def _are_classes(test: Predictions) -> bool:
    return all(
        isinstance(test[c], np.ndarray) and test[c].dtype.kind in "iu" and test[c].ndim == 1
        for c in ("targets", "predictions")
    )


def _of_problem(problem: Any, name: str) -> Callable[..., float]:
    """A function of the problem's own file, or else of the file of that name in metrics/."""
    own = getattr(problem, name, None)
    return own if callable(own) else _of_file(name)


def _of_file(use: str) -> Callable[..., float]:
    metric = components.find("metrics", use, Path())
    return getattr(components.load(metric), metric.name)


def _array(values: Any) -> Any:
    """Rows as an array that can be resampled, of objects where their lengths differ."""
    if isinstance(values, np.ndarray):
        return values
    rows = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):  # a slice assignment would take rows of one length apart
        rows[position] = value
    return rows
