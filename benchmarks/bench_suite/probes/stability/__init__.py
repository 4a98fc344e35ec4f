"""Stability: whether predictions depend on batches, order, threads or chance, and how much they vary between seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench_suite.contracts import Interval, Metric, Predictions, Record, Trained
from bench_suite.data.splits import clusters_of
from bench_suite.metrics.accuracy import accuracy
from bench_suite.probes.stability.churn import (
    Churn,
    churn_of,
    class_disagreement,
    in_one_order,
    value_disagreement,
)
from bench_suite.stats.intervals import bootstrap_interval

VERSION = 1
QUESTION = "quality"
PROBLEMS = ("classification", "regression")
METRICS = {
    "changed_predictions": {
        "about": (
            "share of the examples whose predicted class changes if the same model predicts them again in another way"
        ),
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
    },
    "changed_outputs": {
        "about": (
            "share of the examples with a score that changes if the same model predicts them again in another way"
        ),
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
    },
    "largest_difference": {
        "about": "largest change of a score if the same model predicts the same examples again in another way",
        "unit": "score",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
    },
    "churn": {
        "title": "disagreement of two trainings",
        "about": "share of the examples for which two trainings, with different seeds, predict different classes",
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Milani Fard et al. 2016",
    },
    "mean_change": {
        "about": "mean difference between the predictions of two trainings, in standard deviations of the targets",
        "unit": "standard deviations",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
    },
}
BOUNDS = {
    "examples": (2, None),
    "batch_sizes": (1, None),
    "threads": (1, None),
    "tolerance": (0.0, None),
    "resamples": (100, None),
}
SMOKE = {"resamples": 100}
TOLERANCES = {"32-true": 1e-4, "bf16-mixed": 2e-2}
"Largest difference of scores, or of values in standard deviations, that rounding explains, by precision."
RANDOM = "the network draws random numbers in evaluation mode, or keeps a state: check what `eval()` does not turn off"
NOT_ALONE = "two passes of the evaluation differ already, so this is not an effect of the change alone"


@dataclass(frozen=True)
class Options:
    examples: int = 300
    "Largest number of test examples that are predicted again; of more, this many are drawn."
    batch_sizes: tuple[int, ...] = (1, 16)
    "Batch sizes; their predictions are compared with those at the batch size of the evaluation."
    threads: tuple[int, ...] = (1, 2)
    "Numbers of threads; their predictions are compared with those at the cell's own number."
    tolerance: float | None = None
    """Largest difference of a score, or of a predicted value in standard deviations of the training targets, that
    counts as rounding. The default is 1e-4, and 0.02 in the precision bf16-mixed."""
    resamples: int = 1000
    "Bootstrap resamples for each interval of a share of examples."


def probe(trained: Trained, options: Options) -> Iterator[Metric]:
    """Yield what changes if the same examples are predicted again: as they were, and with one thing changed.

    All passes take the examples straight from the encoded columns, in evaluation mode, on the cell's device.
    """
    from bench_suite.probes.stability.passes import AGAIN, compare_passes, passes_of

    test = trained.data.splits["test"]
    seed = int(trained.labels.get("seed", 0))
    rows = np.arange(len(test))
    if len(rows) > options.examples:
        rows = np.sort(np.random.default_rng(seed).choice(len(rows), options.examples, replace=False))
    if not len(rows):
        for name in ("changed_predictions", "changed_outputs", "largest_difference"):
            yield Metric(name, None, "there are no test examples")
        return
    clusters = clusters_of(test)
    clusters = None if clusters is None else np.asarray(clusters)[rows]
    tolerance = TOLERANCES[trained.placement.precision] if options.tolerance is None else options.tolerance
    placement, batch_size = trained.placement, int(trained.options["evaluate"]["batch_size"])
    passes = passes_of(batch_size, placement.threads, options.batch_sizes, options.threads)
    on_progress: Callable[[str], None] = getattr(trained, "on_progress", None) or _ignore
    remark = None
    for one, change in compare_passes(trained, rows, passes, seed, on_progress):
        at = {"change": one.change}
        if isinstance(change, str):
            for name in ("changed_predictions", "changed_outputs", "largest_difference"):
                yield Metric(name, None, change, at)
            continue
        beyond = change.outputs > tolerance
        is_random = one.change == AGAIN and bool(beyond.any())
        remark = NOT_ALONE if is_random else remark
        reason = RANDOM if is_random else remark
        if change.classes is not None:
            yield _share("changed_predictions", change.classes, clusters, at, options.resamples, reason)
        yield _share("changed_outputs", beyond, clusters, at, options.resamples, reason)
        largest = float(change.outputs.max())
        yield Metric(
            "largest_difference",
            largest if np.isfinite(largest) else None,
            reason if np.isfinite(largest) else "an output is not a finite number",
            at,
            n=len(rows),
            kind="single",
        )


def _share(
    name: str, changed: np.ndarray, clusters: np.ndarray | None, at: Mapping[str, str], resamples: int,
    reason: str | None,
) -> Metric:  # fmt: skip
    """Return the share of examples that changed: 1 minus the share of those that agree, whose interval is known."""
    columns = {"targets": np.zeros(len(changed), dtype=np.int64), "predictions": changed.astype(np.int64)}
    agreed, missing = bootstrap_interval(accuracy, columns, clusters=clusters, resamples=resamples)
    interval = None if agreed is None else Interval(1.0 - agreed.high, 1.0 - agreed.low, agreed.level, agreed.over)
    reasons = "; ".join(filter(None, (missing, reason))) or None
    return Metric(name, float(changed.mean()), reasons, at, interval, n=len(changed))


# ── churn between seeds ─────────────────────────────────────────────────────────────────────────


def summarise(
    records: Sequence[Record], options: Options, predictions: Callable[[Record, str], Predictions | None]
) -> Iterator[Metric]:
    """Yield how much the test predictions of cells that differ only in their seed differ, over all pairs of seeds."""
    groups: dict[tuple[tuple[str, str], ...], list[Record]] = {}
    for record in records:
        if record.status == "ok" and record.data.get("problem") in PROBLEMS:
            key = tuple(sorted((axis, repr(value)) for axis, value in record.cell.items() if axis != "seed"))
            groups.setdefault(key, []).append(record)
    several = [group for group in groups.values() if len(group) > 1]
    if not several:
        yield Metric("churn", None, "no two cells differ only in their seed: state seed = [0, 1, 2] in [matrix]")
        return
    varied = _varied_axes([group[0] for group in groups.values()])
    for group in several:
        cell = group[0].cell
        at = {axis: _coordinate(cell[axis]) for axis in varied if cell.get(axis) is not None}
        yield _churn_of_group(group, at, predictions)


def _churn_of_group(
    group: Sequence[Record], at: Mapping[str, str | float], predictions: Callable[[Record, str], Predictions | None]
) -> Metric:
    name = "churn" if group[0].data.get("problem") == "classification" else "mean_change"
    stored = [part for record in group if (part := predictions(record, "test")) is not None]
    if len(stored) < 2:
        return Metric(name, None, "the predictions of fewer than two seeds are stored", at)
    orders = in_one_order([np.asarray(part.ids) for part in stored])
    if orders is None:
        return Metric(name, None, "the seeds were tested on different examples", at)
    values = np.stack([np.asarray(part["predictions"])[order] for part, order in zip(stored, orders)])
    clusters = stored[0].columns.get("cluster")
    clusters = None if clusters is None else np.asarray(clusters)[orders[0]]
    if name == "churn":
        return _metric(name, churn_of(class_disagreement(values), clusters), at)
    targets = np.asarray(stored[0]["targets"], dtype=np.float64)
    if np.std(targets) == 0.0:
        return Metric(name, None, "all targets are equal, so they have no standard deviation", at)
    return _metric(name, churn_of(value_disagreement(values, targets), clusters, share=False), at)


def _metric(name: str, churn: Churn, at: Mapping[str, str | float]) -> Metric:
    return Metric(name, churn.value, churn.reason, at, churn.interval, n=churn.n)


def _varied_axes(cells: Sequence[Record]) -> list[str]:
    """Return task and model, and each other axis with several values, other than the seed; None is no value."""
    values: dict[str, set[str]] = {"task": set(), "model": set()}
    for record in cells:
        for axis, value in record.cell.items():
            if axis != "seed" and value is not None:
                values.setdefault(axis, set()).add(repr(value))
    return [axis for axis, different in values.items() if axis in ("task", "model") or len(different) > 1]


def _coordinate(value: Any) -> str | float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _ignore(text: str) -> None:
    pass
