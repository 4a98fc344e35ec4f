"""Quality: the metrics of the cell's problem for the predictions of the test split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench_suite.components import discovery
from bench_suite.components.evaluate_uri import PREFIX, read_name
from bench_suite.components.metric_calls import bind_columns, function_of, function_of_file
from bench_suite.contracts import Artifact, Metric, Predictions, Threshold, Trained
from bench_suite.huggingface.evaluate_metrics import evaluate_metrics
from bench_suite.stats.intervals import bootstrap_interval, confusion_matrix

VERSION = 1
QUESTION = "quality"
METRICS: dict[str, dict[str, Any]] = {
    "threshold": {
        "about": "score of the positive class from which on an example is predicted to be positive",
        "unit": "score",
        "better": "none",
        "of_predictions": False,
        "range": (0.0, 1.0),
    },
    "threshold_score": {
        "about": "value, on the validation split, of the metric that chose the threshold",
        "unit": "fraction",
        "better": "none",
        "of_predictions": False,
        "range": (0.0, 1.0),
    },
}
METRICS_OF_PROBLEM = True
OF_PREDICTIONS = True
NAMES = {"metrics": "metrics"}
BOUNDS = {"resamples": (100, None)}
SMOKE = {"resamples": 100}
MAX_CLASSES = 30  # a larger confusion matrix cannot be read
RANDOM = (
    "the network is random in evaluation mode: two passes over the same examples differ, so this value is one draw of "
    "many; check that `eval()` turns off every dropout (`functional.dropout` needs training=self.training)"
)


@dataclass(frozen=True)
class Options:
    metrics: tuple[str, ...] = ()
    """Further metrics: names of files in metrics/ (`mae`), paths of files (`./my_metric.py`), and metrics of Hugging
    Face `evaluate` by id or path (`evaluate:seqeval`, `evaluate:./my_metric`). The latter run external code and need
    `--trust`; their options and direction follow a question mark: `evaluate:f1?average=macro&better=higher`."""
    resamples: int = 1000
    "Bootstrap resamples of the test examples, or of their clusters, for each interval."


def check(options: Options) -> None:
    """Check that no two metrics have the same name, and none of `evaluate` that of a built-in metric.

    Raises:
        ValueError: if two metrics have the same name.
    """
    seen: dict[str, str] = {}
    for use in dict.fromkeys(options.metrics):
        name = discovery.find("metrics", use, Path()).name
        other = seen.setdefault(name, use)
        if other == use and use.startswith(PREFIX) and name in discovery.builtin("metrics"):
            other = name
        if other != use:
            uri = next((metric for metric in (use, other) if metric.startswith(PREFIX)), None)
            remedy = f"write {uri}{'&' if '?' in uri else '?'}name=NAME" if uri else "rename one of the files"
            raise ValueError(f"metrics: {other} and {use} are both called {name}; {remedy}")


def probe(trained: Trained, options: Options) -> Iterator[Metric | Artifact]:
    """Yield each metric with its bootstrap interval over test examples, and the confusion matrix of classes.

    If the test split has clusters (`split = { by = … }`), the intervals are over clusters.

    If two passes of a network over the same examples differ, every metric has a remark.
    """
    test = trained.predictions("test")
    remark = RANDOM if _is_random(trained) else None
    for item in _measured(trained, test, options):
        if remark is not None and isinstance(item, Metric):
            item = replace(item, reason=f"{item.reason}; {remark}" if item.reason else remark)
        yield item


def _measured(trained: Trained, test: Predictions, options: Options) -> Iterator[Metric | Artifact]:
    columns = {name: _array(values) for name, values in test.columns.items()}
    classes = trained.data.spec.get("classes", ())
    functions = {
        name: function_of(trained.problem, name)
        for name, facts in trained.problem.METRICS.items()
        if facts.get("classes", len(classes)) == len(classes)
    }
    uris = [use for use in options.metrics if use.startswith(PREFIX)]
    functions |= {Path(use).stem: function_of_file(use) for use in options.metrics if use not in uris}
    for name, function in functions.items():
        yield measure(name, function, columns, trained.data.spec, options.resamples)
    if trained.threshold is not None:
        yield from threshold_metrics(trained.threshold)
    for use in uris:
        if (name := read_name(use, Path()).name) in functions:
            raise ValueError(f"{use} has the name of a metric of the problem, {name}; state another name: …?name=…")
        yield from evaluate_metrics(use, columns, trained.data.spec, options.resamples)
    if 2 <= len(classes) <= MAX_CLASSES and _are_classes(test):
        yield confusion(test, classes)


def threshold_metrics(threshold: Threshold) -> Iterator[Metric]:
    """Yield the threshold of the predictions and, if it was chosen, the metric that it maximises on validation."""
    if threshold.rule is None:
        yield Metric("threshold", threshold.value, reason="stated by the suite", kind="exact")
        return
    chosen = f"chosen on {threshold.n} validation examples by their {threshold.rule}"
    yield Metric("threshold", threshold.value, reason=chosen, n=threshold.n, kind="single")
    optimistic = "of the validation examples that the threshold was chosen on, so it is too good"
    at = {"metric": threshold.rule}
    yield Metric("threshold_score", threshold.score, reason=optimistic, at=at, n=threshold.n, kind="single")


def _is_random(trained: Trained) -> bool:
    """Return whether a network predicts the same test examples differently in two passes."""
    if trained.network is None:
        return False
    from bench_suite.training.repeated_passes import is_random

    return is_random(trained)


def measure(
    name: str, function: Callable[..., float], columns: Mapping[str, Any], spec: Mapping[str, Any], resamples: int
) -> Metric:
    """Compute one metric of stored predictions.

    The names of the function's parameters determine the columns that it gets. If it raises ValueError, the metric is
    undefined for these data, and has the message as its reason.

    Args:
        name: name of the metric.
        function: the metric.
        columns: (n, …) arrays by name, such as `targets`, `predictions` and `scores`; `cluster` if examples of one
            number are not independent, so that the interval must be over clusters.
        spec: specification of the data.
        resamples: bootstrap resamples.
    """
    clusters = columns.get("cluster")
    try:
        function, arguments = bind_columns(function, columns, spec)
    except ValueError as missing:
        return Metric(name, None, reason=str(missing))
    n = len(next(iter(arguments.values())))
    try:
        value = float(function(**arguments))
    except ValueError as undefined:
        return Metric(name, None, reason=str(undefined), n=n)
    interval, reason = bootstrap_interval(function, arguments, clusters=clusters, resamples=resamples)
    return Metric(name, value, reason=reason, interval=interval, n=n)


def confusion(test: Predictions, classes: Any) -> Artifact:
    """Return the counts by true class (rows) and predicted class (columns)."""
    counts = confusion_matrix(test["targets"], test["predictions"], len(classes))
    names = [str(name) for name in classes]
    data = {"rows": names, "columns": names, "values": counts.tolist(), "x": "predicted class", "y": "true class"}
    return Artifact(
        "confusion", "matrix", data, "Confusion matrix: number of test examples by true and predicted class"
    )


def _are_classes(test: Predictions) -> bool:
    return all(
        isinstance(test[name], np.ndarray) and test[name].dtype.kind in "iu" and test[name].ndim == 1
        for name in ("targets", "predictions")
    )


def _array(values: Any) -> Any:
    """Return rows as an array that can be resampled; an array of objects if it is a list."""
    if isinstance(values, np.ndarray):
        return values
    rows = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):  # a slice assignment would split rows of equal length
        rows[position] = value
    return rows
