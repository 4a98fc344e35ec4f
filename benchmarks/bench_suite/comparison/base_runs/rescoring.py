"""Recompute metrics from stored predictions, example by example, for head and for each of several base runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench_suite.comparison.common_examples import match, rows_of
from bench_suite.comparison.evidence import Method
from bench_suite.comparison.metric_files import MetricFiles
from bench_suite.comparison.rescoring import (
    BUILT_IN,
    Call,
    Examples,
    Unpaired,
    bind_metric,
    errors_of_metric,
    from_draws,
    metric_of,
    reproduce,
    resampled_differences,
)
from bench_suite.contracts import Predictions
from bench_suite.stats.base_runs import explained_by
from bench_suite.stats.paired import Difference, nested_difference


@dataclass(frozen=True)
class RunsDifference:
    """Head against the mean of several runs on the same examples and seeds."""

    difference: Difference
    "Head − the mean of the runs, paired by seed and example."
    explained: float
    "Variance of one run's value from its seeds and examples."
    explained_df: float
    method: Method


def in_one_order(examples: Sequence[Examples]) -> list[Examples]:
    """Return the examples of each run in the order that they have in the first.

    Args:
        examples: for each base run, its predictions and those of head, on the same test examples.

    Raises:
        Unpaired: The runs were tested on different examples.
    """
    first = examples[0].base[0]
    ordered = []
    for of_run in examples:
        mine, rows, change = match(first, of_run.base[0])
        if change.any or len(rows) != len(first):
            raise Unpaired(f"the base runs were tested on different examples: {change}")
        order = np.empty_like(rows)
        order[mine] = rows
        sides = [tuple(rows_of(seed, order) for seed in side) for side in (of_run.base, of_run.head)]
        ordered.append(replace(of_run, base=sides[0], head=sides[1]))
    return ordered


def difference_of_runs(
    metric: str, examples: Sequence[Examples], values: Sequence[Sequence[tuple[float, float]]], sign: float,
    files: MetricFiles = BUILT_IN,
) -> RunsDifference:  # fmt: skip
    """Return sign · (head − the mean of the runs) of a metric over the examples and seeds of a group.

    Args:
        metric: the metric, `probe/metric`.
        examples: for each run, its predictions and those of head, in one order (`in_one_order`).
        values: for each run, the recorded values of it and of head under each seed.
        sign: 1 if higher is better, −1 if lower is.
        files: the files of metrics that the suite names by path.

    Raises:
        Unpaired: The metric is none of single predictions, or they do not reproduce its values.
    """
    name = metric.partition("/")[2]
    file, function, is_external = metric_of(metric, files, examples[0])
    value_of_each = getattr(file, "per_example", None)
    first = examples[0]
    bases = [[bind_metric(function, seed, first.spec) for seed in of_run.base] for of_run in examples]
    head = [bind_metric(function, seed, first.spec) for seed in first.head]
    with errors_of_metric(name, external=is_external):
        for of_run, calls, recorded in zip(examples, bases, values, strict=True):
            _reproduce_all(name, calls, [base for base, _ in recorded], of_run.base)
        _reproduce_all(name, head, [value for _, value in values[0]], first.head)
        if all(of_run.identical for of_run in examples):
            return RunsDifference(first.no_difference(), 0.0, np.inf, "same predictions")
        clusters = first.base[0].columns.get("cluster")
        if value_of_each is None:
            return _by_resampling(bases, head, sign, first.base[0]["targets"], clusters)
        rows = [_scores(value_of_each, calls) for calls in bases]
        return _by_examples(np.stack(rows), _scores(value_of_each, head), sign, clusters)


def _reproduce_all(
    name: str, calls: Sequence[Call], recorded: Sequence[float], predictions: Sequence[Predictions]
) -> None:
    for call, value, seed in zip(calls, recorded, predictions, strict=True):
        reproduce(name, call, value, seed)


def _scores(value_of_each: object, calls: Sequence[Call]) -> np.ndarray:
    """Return the value of each example under each seed, (S, n) float64."""
    return np.asarray([value_of_each(**columns) for _, columns in calls], dtype=np.float64)  # type: ignore[operator]  # `per_example` of a metric's file


def _by_examples(bases: np.ndarray, head: np.ndarray, sign: float, clusters: np.ndarray | None) -> RunsDifference:
    """Return the difference from the value of each example: `bases` (N, S, n), `head` (S, n)."""
    mean = bases.mean(axis=0)
    difference = nested_difference(sign * (head - mean), clusters)
    if _are_answers(bases) and _are_answers(head):
        # As for one base run: a loss has a least variance, also if the mean of several answers is neither 0 nor 1.
        units = difference.n * difference.count
        difference = replace(difference, variance_per_loss=1 / units)
    explained, df = explained_by([nested_difference(run - mean, clusters) for run in bases])
    return RunsDifference(difference, explained, df, "examples")


def _are_answers(scores: np.ndarray) -> bool:
    """Return whether scores are right or wrong answers."""
    return bool(((scores == 0) | (scores == 1)).all())


def _by_resampling(
    bases: Sequence[Sequence[Call]], head: Sequence[Call], sign: float, targets: np.ndarray,
    clusters: np.ndarray | None,
) -> RunsDifference:  # fmt: skip
    """Return the difference from resamples of examples, or of whole clusters, that all runs and seeds share."""
    count, seeds = len(bases), len(head)
    calls = [[call for of_run in bases for call in of_run], list(head) * count]
    flat, draws, n = resampled_differences(calls, sign, len(targets), clusters)
    values, resampled = np.reshape(flat, (count, seeds)), draws.reshape(len(draws), count, seeds)
    difference = from_draws(values.mean(axis=0).tolist(), resampled.mean(axis=1), n, targets, clusters)
    parts = [
        from_draws(
            (own - values.mean(axis=0)).tolist(), resampled[:, run] - resampled.mean(axis=1), n, targets, clusters
        )
        for run, own in enumerate(values)
    ]
    explained, df = explained_by(parts)
    return RunsDifference(difference, explained, df, "resampling")
