"""Recompute metrics from stored predictions of the test split, example by example, for both sides."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from bench_suite.comparison import metric_files
from bench_suite.comparison.common_examples import SplitChange, match, rows_of, same_columns
from bench_suite.comparison.evidence import Method
from bench_suite.comparison.metric_files import MetricFiles, UnusableMetricFile
from bench_suite.comparison.pairing import Group
from bench_suite.components import metric_calls
from bench_suite.contracts import (
    VALUE_PREFIX,
    ArtifactRow,
    BenchError,
    MetricRow,
    Predictions,
    Record,
    describe_error,
)
from bench_suite.stats.intervals import MAX_UNDEFINED
from bench_suite.stats.paired import Difference, SampleUnit, nested_difference, resampled_difference
from bench_suite.stats.resampling import drawn_rows, drawn_weights, drawn_weights_of_clusters, weighted_metric

TEST = "predictions/test"
"Name of the artifact that holds the predictions on the test split."
RESAMPLES = 500
"Resamples of the examples, the same for all seeds and both sides: 500 estimate a variance within 6 %."
SCORE_ROUNDING = (0.02, 1e-3)
"Relative and absolute error of a metric of stored scores that have three digits, as in older files."
OTHER_ROUNDING = (1e-5, 1e-6)
"The same for every other metric: numbers are stored in 32 bits."
MIN_EXAMPLES = 10
"""Test examples or clusters that a verdict needs, unless the predictions are the same. If each of n answers got worse,
their variance is 0; yet equally good models that differ everywhere show that in a share 2⁻ⁿ of comparisons."""


Values = Sequence[tuple[MetricRow, MetricRow]]
"A metric's rows of base and head, one pair a seed, that both have a value."
BUILT_IN = MetricFiles()
"No file that a suite names."


class Unpaired(BenchError):
    """A metric that cannot be compared example by example, only by its values and intervals; the message says why."""


class TestSetMismatch(Unpaired):
    """Test examples that differ between the seeds of one side, so that no metric of the seeds together is compared."""

    # The name begins with "Test", so pytest would try to collect the class from each module that imports it.
    __test__ = False


@dataclass(frozen=True)
class Examples:
    """Predictions for one group of cells, one a seed on each side, all on the same examples in the same order."""

    base: tuple[Predictions, ...]
    head: tuple[Predictions, ...]
    change: SplitChange | None = None
    "How the test examples of the two sides differ, if they do: then these are the common ones."
    all_of_base: tuple[Predictions, ...] = ()
    "With a change: the predictions for all test examples of base."
    all_of_head: tuple[Predictions, ...] = ()
    "With a change: the predictions for all test examples of head."
    spec: Mapping[str, Any] = field(default_factory=dict)
    "What metrics need besides predictions: the number of the positive class as `positive`, if the suite states it."

    def __len__(self) -> int:
        return len(self.base[0])

    @cached_property
    def identical(self) -> bool:
        """Whether both sides predict the same for every example, under every seed, with the same groups."""
        return all(
            same_columns(mine.columns, theirs.columns) and same_columns(mine.groups, theirs.groups)
            for mine, theirs in zip(self.base, self.head)
        )

    def no_difference(self) -> Difference:
        """Return the difference of a metric that these predictions alone make, if they are identical: 0."""
        return Difference(0.0, 0.0, 0.0, 0.0, math.inf, len(self), len(self.base))


class PredictionStore(Protocol):
    """What predictions are read from: a run, or several runs."""

    def read_predictions(self, row: ArtifactRow, /) -> Predictions:
        """Return the predictions of an artifact. Raise BenchError if they cannot be read."""
        ...


def examples_of(group: Group, base: PredictionStore, head: PredictionStore) -> Examples:
    """Return the stored predictions of a group for the examples that both sides have, in the order of the ids of base.

    Raises:
        Unpaired: Predictions are missing or damaged, or their examples have no distinct ids.
        TestSetMismatch: The seeds of one side were tested on different examples.
    """
    sides = [
        [_read(base, pair.base, group.names[0]) for pair in group.pairs],
        [_read(head, pair.head, group.names[1]) for pair in group.pairs],
    ]
    if not all(_are_distinct(np.asarray(side[0].ids)) for side in sides):
        raise Unpaired("examples of the test split have no distinct ids")
    if any(predictions.rounded_scores for side in sides for predictions in side):
        sides = [list(map(_round_scores, side)) for side in sides]
    all_of_base, all_of_head = (_in_one_order(side, word) for side, word in zip(sides, group.names))
    mine, theirs, change = match(all_of_base[0], all_of_head[0])
    common_of_base = tuple(rows_of(seed, mine) for seed in all_of_base)
    common_of_head = tuple(rows_of(seed, theirs) for seed in all_of_head)
    positive = group.pairs[0].base.data.get("positive")
    spec = {} if positive is None else {"positive": positive}
    if not change.any:
        return Examples(common_of_base, common_of_head, spec=spec)
    return Examples(common_of_base, common_of_head, change, all_of_base, all_of_head, spec)


def _are_distinct(ids: np.ndarray) -> bool:
    """Return whether no id, (n,) int64, occurs twice; ids are stored in growing order as a rule."""
    return bool((ids[1:] > ids[:-1]).all()) or len(np.unique(ids)) == len(ids)


def _in_one_order(side: Sequence[Predictions], word: str) -> tuple[Predictions, ...]:
    """Return the predictions of one side, one a seed, in the order of the ids of the first seed.

    Raises:
        TestSetMismatch: The seeds were tested on different examples.
    """
    ordered = []
    for seed in side:
        _, rows, change = match(side[0], seed)
        if change.any:
            raise TestSetMismatch(f"the seeds of {word} were tested on different examples: {change}")
        ordered.append(rows_of(seed, rows))
    return tuple(ordered)


def values_on_common(metric: str, values: Values, examples: Examples, files: MetricFiles = BUILT_IN) -> Values:
    """Return the rows of a metric with the values that it has on the common examples alone.

    Args:
        metric: the metric, `probe/metric`.
        values: its rows of base and head, one pair a seed.
        examples: the stored predictions of both sides.
        files: the files of metrics that the suite names by path.

    Raises:
        Unpaired: Predictions do not make the metric or do not reproduce the recorded values, or it is undefined on
            these examples.
    """
    name = metric.partition("/")[2]
    _, function, is_external = metric_of(metric, files, examples)
    whole = (examples.all_of_base, examples.all_of_head) if examples.change else (examples.base, examples.head)
    changed = []
    with errors_of_metric(name, external=is_external):
        for seed, rows in enumerate(values):
            for side, row in enumerate(rows):
                predictions = whole[side][seed]
                reproduce(name, bind_metric(function, predictions, examples.spec), float(row.value or 0.0), predictions)
            common = [bind_metric(function, side[seed], examples.spec) for side in (examples.base, examples.head)]
            changed.append([
                replace(row, value=float(bound(**columns)), interval=None, n=len(examples))
                for row, (bound, columns) in zip(rows, common)
            ])  # fmt: skip
    return [(base, head) for base, head in changed]


@contextmanager
def errors_of_metric(name: str, *, external: bool) -> Iterator[None]:
    """Turn what a metric's file raises into the reason why its examples are not paired.

    Args:
        name: the metric, without its probe.
        external: whether the suite names the file, which may raise anything; a fault of the program's own propagates.

    Raises:
        Unpaired: The columns have a form that the metric does not take, or the file failed.
    """
    try:
        yield
    except (ValueError, TypeError, IndexError) as error:
        raise Unpaired(str(error)) from error
    except (Exception, SystemExit) as error:
        if not external:
            raise
        raise Unpaired(f"{name} failed: {describe_error(error)}") from error


def difference_of(
    metric: str, examples: Examples, values: Sequence[tuple[float, float]], sign: float,
    files: MetricFiles = BUILT_IN,
) -> tuple[Difference, Method]:  # fmt: skip
    """Return sign · (head − base) of a metric over the examples and seeds of a group, and how it was found.

    The metric is the file that the suite names by path, or the one of that name in metrics/, if that file reproduces
    the recorded values. It is compared by the file's `per_example` if the metric is a mean over examples, otherwise by
    resampling the examples.

    Args:
        metric: the metric, `probe/metric`.
        examples: the stored predictions of both sides.
        values: the recorded values of base and head under each seed.
        sign: 1 if higher is better, −1 if lower is.
        files: the files of metrics that the suite names by path.

    Raises:
        Unpaired: The metric is none of single predictions, or they do not reproduce its values.
    """
    name = metric.partition("/")[2]
    file, function, is_external = metric_of(metric, files, examples)
    value_of_each = getattr(file, "per_example", None)
    with errors_of_metric(name, external=is_external):
        calls = [
            [bind_metric(function, predictions, examples.spec) for predictions in side]
            for side in (examples.base, examples.head)
        ]
        for side, calls_of_side in enumerate(calls):
            for seed, call in enumerate(calls_of_side):
                reproduce(name, call, values[seed][side], (examples.base, examples.head)[side][seed])
        if examples.identical:
            return examples.no_difference(), "same predictions"
        clusters = examples.base[0].columns.get("cluster")
        if value_of_each is None:
            return _by_resampling(calls, sign, examples.base[0]["targets"], clusters), "resampling"
        rows = [[value_of_each(**columns) for _, columns in calls_of_side] for calls_of_side in calls]
        d = sign * (np.asarray(rows[1], dtype=np.float64) - np.asarray(rows[0], dtype=np.float64))
        return nested_difference(d, clusters), "examples"


Call = tuple[Callable[..., float], dict[str, Any]]
"A metric's function and its columns of predictions."


def _by_resampling(
    calls: Sequence[Sequence[Call]], sign: float, targets: np.ndarray, clusters: np.ndarray | None
) -> Difference:
    """Return the difference from resamples of examples, or of whole clusters.

    Raises:
        ValueError: Too many resamples leave the metric undefined.
    """
    return from_draws(*resampled_differences(calls, sign, len(targets), clusters), targets, clusters)


def resampled_differences(
    calls: Sequence[Sequence[Call]], sign: float, count: int, clusters: np.ndarray | None
) -> tuple[list[float], np.ndarray, int]:
    """Return sign · (head − base) for P pairs of calls, (P,), on the resamples, (B, P), and what their number counts.

    Args:
        calls: of base and of head, (P,) each.
        sign: 1 if higher is better, −1 if lower is.
        count: number of examples.
        clusters: (n,) labels, if whole clusters are drawn; then the number is that of the clusters.

    Raises:
        ValueError: Too many resamples leave the metric undefined.
    """
    examples = np.arange(count)
    _, unit_of_example = np.unique(examples if clusters is None else np.asarray(clusters), return_inverse=True)
    n = int(unit_of_example.max()) + 1
    draws, undefined, message = [], 0, ""
    for resample in _resamples(calls, sign, None if clusters is None else unit_of_example, n):
        if isinstance(resample, list):
            draws.append(resample)
            continue
        try:
            draws.append(_differences(calls, sign, resample))
        except ValueError as error:
            undefined, message = undefined + 1, str(error)
    if undefined > MAX_UNDEFINED * RESAMPLES:
        raise ValueError(f"undefined in {undefined / RESAMPLES:.0%} of the resamples: {message}")
    return _differences(calls, sign, examples), np.array(draws), n


def from_draws(
    values: Sequence[float], draws: np.ndarray, n: int, targets: np.ndarray, clusters: np.ndarray | None
) -> Difference:
    """Return the difference of a metric from its resamples, known no better than by the rarest class of `targets`."""
    df, weight = class_weights(targets)
    unit: SampleUnit = "test examples" if clusters is None else "clusters"
    return resampled_difference(values, draws, n, df=min(df, n - 1), weight=weight, sample_unit=unit)


def _resamples(
    calls: Sequence[Sequence[Call]], sign: float, unit_of_example: np.ndarray | None, n: int
) -> Iterator[list[float] | np.ndarray]:
    """Yield the difference of each seed on a resample, or the resample's rows if it must be computed from them."""
    metrics = [[weighted_metric(function, columns) for function, columns in calls_of_side] for calls_of_side in calls]
    if unit_of_example is None:
        chunks = drawn_weights(0, n, RESAMPLES)
    else:
        chunks = drawn_weights_of_clusters(0, unit_of_example, RESAMPLES)
    for drawn in chunks:
        base, head = (
            [np.full(len(drawn), np.nan) if metric is None else metric(drawn) for metric in metrics_of_side]
            for metrics_of_side in metrics
        )
        differences = sign * (np.array(head) - np.array(base))
        for row, of_seeds in zip(drawn, differences.T, strict=True):
            yield of_seeds.tolist() if np.isfinite(of_seeds).all() else drawn_rows(row)


def class_weights(targets: np.ndarray) -> tuple[float, float]:
    """Return the degrees of freedom of a variance to which n_c examples of a class add 1/n_c, and one answer's weight.

    A mean over classes knows its variance hardly better than the rarest class does: Satterthwaite's (Σ 1/n_c)² / Σ
    1/(n_c² (n_c − 1)). One lost answer changes a metric that weighs C classes alike by up to 1/(C n_c), and a ranking
    of two classes by 1/n_c. Neither exceeds 2/(C n_c) for the rarest class. For numeric targets nothing is known: n − 1
    and 0.
    """
    if targets.dtype.kind not in "iub" or targets.ndim != 1:
        return len(targets) - 1, 0.0
    counts = np.unique(targets, return_counts=True)[1].astype(np.float64)
    if len(counts) < 2:
        return len(targets) - 1, 1 / len(targets)
    parts = 1 / counts
    df = float(parts.sum() ** 2 / (parts**2 / np.maximum(counts - 1, 0.5)).sum())
    return max(1.0, df), float(2 / (len(counts) * counts.min()))


def _differences(calls: Sequence[Sequence[Call]], sign: float, rows: np.ndarray) -> list[float]:
    """Return sign · (head − base) of each seed on these rows."""
    base, head = (
        [function(**{name: values[rows] for name, values in columns.items()}) for function, columns in calls_of_side]
        for calls_of_side in calls
    )
    return [sign * (theirs - mine) for mine, theirs in zip(base, head)]


def bind_metric(function: Callable[..., float], predictions: Predictions, spec: Mapping[str, Any]) -> Call:
    """Return the function with the columns that it takes."""
    if isinstance(function, StoredValues):
        return function, {"values": predictions[function.column]}
    columns = {name: values for name, values in predictions.columns.items() if isinstance(values, np.ndarray)}
    if "score_classes" in columns:  # only the highest scores of many classes were kept
        columns.pop("scores", None)
    return metric_calls.bind_columns(function, columns, spec)


@dataclass(frozen=True)
class StoredValues:
    """A metric that is the mean of a column of the predictions, as an imported score is: file and function in one."""

    column: str
    "`value/METRIC`."

    def __call__(self, values: np.ndarray) -> float:
        return float(np.asarray(values).mean())

    def per_example(self, values: np.ndarray) -> np.ndarray:
        """Return the value of each example, (n,)."""
        return values


def metric_of(metric: str, files: MetricFiles, examples: Examples) -> tuple[Any, Callable[..., float], bool]:
    """Return the file of a metric, its function, and whether the suite names the file. Raise Unpaired without one."""
    name = metric.partition("/")[2]
    column = f"{VALUE_PREFIX}{name}"
    if all(column in side[0].columns for side in (examples.base, examples.head)):
        return StoredValues(column), StoredValues(column), False
    try:
        file, is_external = metric_files.load(files, metric)
        return file, getattr(file, name), is_external
    except UnusableMetricFile as error:
        raise Unpaired(str(error)) from error
    except AttributeError:
        raise Unpaired(f"{name} is no metric of single predictions") from None


def reproduce(name: str, call: Call, recorded: float, predictions: Predictions) -> None:
    """Raise ValueError if stored predictions do not give the recorded value."""
    bound, columns = call
    rounded = "scores" in columns and predictions.rounded_scores
    _check_value(name, float(bound(**columns)), recorded, SCORE_ROUNDING if rounded else OTHER_ROUNDING)


def _check_value(name: str, value: float, recorded: float, rounding: tuple[float, float]) -> None:
    relative, absolute = rounding
    if not abs(value - recorded) <= absolute + relative * abs(recorded):
        raise ValueError(f"stored predictions give a {name} of {value:.4g}, the record has {recorded:.4g}")


def _read(run: PredictionStore, record: Record, side: str) -> Predictions:
    row = next((row for row in record.artifacts if row.name == TEST), None)
    if row is None:
        raise Unpaired(f"{side} has no stored predictions")
    try:
        predictions = run.read_predictions(row)
    except BenchError as error:
        raise Unpaired(f"{side} has no readable predictions: {error}") from error
    if "targets" not in predictions.columns and not any(name.startswith(VALUE_PREFIX) for name in predictions.columns):
        raise Unpaired(f"the predictions of {side} have no targets")
    return predictions


def _round_scores(predictions: Predictions) -> Predictions:
    """Return predictions with scores of three digits, so that rounding affects both sides of a comparison alike."""
    scores = predictions.columns.get("scores")
    if predictions.rounded_scores or not isinstance(scores, np.ndarray):
        return predictions
    columns = {**predictions.columns, "scores": scores.astype(np.float16).astype(np.float32)}
    return replace(predictions, columns=columns, rounded_scores=True)
