"""Quality: how good the predictions on the test split are, by the metrics of the cell's problem."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench_suite.components import discovery
from bench_suite.components.evaluate_uri import PREFIX, read_name
from bench_suite.components.metric_calls import bind_columns, function_of, function_of_file
from bench_suite.contracts import Artifact, Metric, Predictions, Trained
from bench_suite.huggingface.evaluate_metrics import evaluate_metrics
from bench_suite.stats.intervals import bootstrap_interval, confusion_matrix

VERSION = 1
METRICS: dict[str, dict[str, str]] = {}
METRICS_OF_PROBLEM = True
OF_PREDICTIONS = True
NAMES = {"metrics": "metrics"}
BOUNDS = {"resamples": (100, None)}
SMOKE = {"resamples": 100}
MAX_CLASSES = 30  # a larger confusion matrix cannot be read


@dataclass(frozen=True)
class Options:
    metrics: tuple[str, ...] = ()
    """Further metrics: names of files in metrics/ (`mae`), paths of files (`./my_metric.py`), and metrics of Hugging
    Face `evaluate` by id or path (`evaluate:seqeval`, `evaluate:./my_metric`), which run code that is not here and so
    need `--trust`; their options and direction after a question mark: `evaluate:f1?average=macro&better=higher`."""
    resamples: int = 1000
    "Bootstrap resamples of the test examples behind each interval."


def check(options: Options) -> None:
    """Raise ValueError where two metrics would have one name: two that are named, or one of `evaluate` and our own."""
    seen: dict[str, str] = {}
    for use in dict.fromkeys(options.metrics):
        name = discovery.find("metrics", use, Path()).name
        other = seen.setdefault(name, use)
        if other == use and use.startswith(PREFIX) and name in discovery.builtin("metrics"):
            other = name
        if other != use:
            theirs = next((u for u in (use, other) if u.startswith(PREFIX)), None)
            mend = f"write {theirs}{'&' if '?' in theirs else '?'}name=NAME" if theirs else "rename one of the files"
            raise ValueError(f"metrics: {other} and {use} are both called {name}; {mend}")


def probe(trained: Trained, options: Options) -> Iterator[Metric | Artifact]:
    """Each metric with its bootstrap interval over test examples; for classes, the confusion matrix."""
    test = trained.predictions("test")
    columns = {name: _array(values) for name, values in test.columns.items()}
    wanted = {name: function_of(trained.problem, name) for name in trained.problem.METRICS}
    theirs = [use for use in options.metrics if use.startswith(PREFIX)]
    wanted |= {Path(use).stem: function_of_file(use) for use in options.metrics if use not in theirs}
    for name, function in wanted.items():
        yield measure(name, function, columns, trained.data.spec, options.resamples)
    for use in theirs:
        if (name := read_name(use, Path()).name) in wanted:
            raise ValueError(f"{use} is called {name} as a metric of the problem is; call it otherwise: …?name=…")
        yield from evaluate_metrics(use, columns, trained.data.spec, options.resamples)
    classes = trained.data.spec.get("classes", ())
    if 2 <= len(classes) <= MAX_CLASSES and _are_classes(test):
        yield confusion(test, classes)


def measure(
    name: str, function: Callable[..., float], columns: Mapping[str, Any], spec: Mapping[str, Any], resamples: int
) -> Metric:
    """One metric of stored predictions: what the function asks for by the names of its parameters is given to it.

    A ValueError of the function says that the metric is undefined on these data: then there is no value, but a reason.
    """
    try:
        function, arguments = bind_columns(function, columns, spec)
    except ValueError as lacking:
        return Metric(name, None, reason=str(lacking))
    n = len(next(iter(arguments.values())))
    try:
        value = float(function(**arguments))
    except ValueError as undefined:
        return Metric(name, None, reason=str(undefined), n=n)
    interval, reason = bootstrap_interval(function, arguments, resamples=resamples)
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


def _array(values: Any) -> Any:
    """Rows as an array that can be resampled, of objects where their lengths differ."""
    if isinstance(values, np.ndarray):
        return values
    rows = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):  # a slice assignment would take rows of one length apart
        rows[position] = value
    return rows
