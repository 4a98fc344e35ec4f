"""Validation: the metrics of the cell's problem on the validation split, and how the training ended.

Configurations are chosen by these numbers, so that the test split stays one that nothing was chosen on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench_suite.components.metric_calls import bind_columns, function_of
from bench_suite.contracts import Metric, Trained
from bench_suite.stats.intervals import bootstrap_interval

VERSION = 1
QUESTION = "training"
METRICS: dict[str, dict[str, Any]] = {
    "best_epoch": {
        "about": "epoch with the smallest validation loss, whose weights are tested",
        "unit": "count",
        "better": "none",
        "range": (1.0, None),
    },
    "epochs": {"about": "epochs that the training ran", "unit": "count", "better": "none", "range": (0.0, None)},
}
METRICS_OF_PROBLEM = True
OF_VALIDATION = True
BOUNDS = {"resamples": (100, None)}
SMOKE = {"resamples": 100}
NO_SPLIT = "there is no validation split: state `[train] validation = 0.1`, or a task that has one"
CHOSEN = "of the split that early stopping chose the epoch by, so it is too good"


@dataclass(frozen=True)
class Options:
    resamples: int = 1000
    "Bootstrap resamples of the validation examples, or of their clusters, for each interval."


def probe(trained: Trained, options: Options) -> Iterator[Metric]:
    """Yield each metric of the problem on the validation split, and the epochs of the training.

    The weights are those that are tested: after early stopping those of the best epoch.
    """
    history = trained.history
    best = history.best_epoch if history is not None else None
    yield from _metrics(trained, options, CHOSEN if best is not None else None)
    if history is None or not history.epochs:
        reason = "nothing was trained" if history is None else "the training has no epochs"
        yield Metric("epochs", None, reason)
        yield Metric("best_epoch", None, reason)
        return
    done = int(history.epochs[-1]["epoch"])
    yield Metric("epochs", done, history.stopped or "all epochs that the suite states", kind="exact")
    if best is None:
        yield Metric("best_epoch", None, "no early stopping: the last epoch counts (`[train] patience` turns it on)")
    else:
        yield Metric("best_epoch", best, "the epoch with the smallest validation loss", kind="exact")


def _metrics(trained: Trained, options: Options, remark: str | None) -> Iterator[Metric]:
    """Yield the metrics of the problem on the validation split, or the reason why there are none."""
    classes = trained.data.spec.get("classes", ())
    names = [
        name for name, facts in trained.problem.METRICS.items() if facts.get("classes", len(classes)) == len(classes)
    ]
    if "validation" not in trained.data.splits:
        yield from (Metric(name, None, NO_SPLIT) for name in names)
        return
    columns = {
        name: values
        for name, values in trained.predictions("validation").columns.items()
        if isinstance(values, np.ndarray)
    }
    clusters = columns.get("cluster")
    for name in names:
        try:
            function, arguments = bind_columns(function_of(trained.problem, name), columns, trained.data.spec)
            value = float(function(**arguments))
        except ValueError as undefined:
            yield Metric(name, None, reason=str(undefined))
            continue
        interval, reason = bootstrap_interval(function, arguments, clusters=clusters, resamples=options.resamples)
        n = len(next(iter(arguments.values())))
        metric = Metric(name, value, reason=reason, interval=interval, n=n)
        yield metric if remark is None else replace(metric, reason="; ".join(filter(None, (reason, remark))))
