"""The ratio of a metric to a reference model from stored predictions: example by example, or on common resamples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench_suite.comparison.common_examples import match, same_columns
from bench_suite.comparison.evidence import Method
from bench_suite.comparison.rescoring import (
    RESAMPLES,
    Call,
    Examples,
    Unpaired,
    bind_metric,
    class_weights,
    errors_of_metric,
    metric_of,
    reproduce,
)
from bench_suite.comparison.strategies import PairedMetric
from bench_suite.stats.intervals import MAX_UNDEFINED
from bench_suite.stats.paired import Difference, nested_difference, resampled_difference
from bench_suite.stats.ratios import log_ratio_by_example
from bench_suite.stats.resampling import drawn_rows, drawn_weights, drawn_weights_of_clusters, weighted_metric


@dataclass(frozen=True)
class Ratio:
    """A metric of a model and of its reference in one run, one pair of cells a seed: base is the reference."""

    metric: PairedMetric
    weight: float = 1.0
    "With which the logarithm counts: ±1."

    @property
    def examples(self) -> Examples:
        """Stored predictions of both. Raise Unpaired if there are none, ValueError if they are of other examples."""
        examples = self.metric.location.examples
        if isinstance(examples, Unpaired):
            raise examples
        if examples.change is not None:
            raise ValueError("model and reference were tested on different examples")
        return examples

    def logarithms(self) -> list[float]:
        """Return the logarithm of the ratio under each seed. Raise ValueError if a value is not above 0."""
        for index, word in enumerate(self.metric.location.names):
            for seed in self.metric.numbers:
                if not seed[index] > 0:
                    raise ValueError(f"{word} has the value {seed[index]:g}, so there is no ratio")
        return [math.log(model) - math.log(reference) for reference, model in self.metric.numbers]


Calls = Sequence[tuple[Sequence[Call], Sequence[Call]]]
"For each ratio the metric's function with its columns: of the reference and of the model, one a seed."


def by_examples(ratios: Sequence[Ratio]) -> tuple[Difference, Method]:
    """Return the weighted sum of the logarithms of ratios over examples and seeds, and how it was found.

    A metric that is a mean over examples is compared example by example, any other on resamples of the examples that
    all sides share.

    Args:
        ratios: one, or those of head and of base in this order.

    Raises:
        Unpaired: Predictions are missing, or they do not make the metric.
        ValueError: The sides were tested on different examples.
    """
    metric = ratios[0].metric
    examples = [ratio.examples for ratio in ratios]
    if not all(ratio.metric.made_of_predictions for ratio in ratios):
        raise Unpaired("its probe does not state that the predictions of the test split alone make it")
    mine, theirs, change = match(examples[0].base[0], examples[-1].base[0])
    if change.any:
        raise ValueError(f"the two runs were tested on different examples: {change}")
    if len(ratios) > 1 and _same_predictions(*examples):
        count = len(metric.values)
        return Difference(0.0, 0.0, 0.0, 0.0, math.inf, len(examples[0]), count), "same predictions"
    if metric.row.coordinates:
        raise Unpaired("metrics with coordinates are not computed again")
    file, function, is_external = metric_of(metric.row.metric, metric.location.metric_files, examples[0])
    clusters = examples[0].base[0].columns.get("cluster")
    clusters = None if clusters is None else np.asarray(clusters)[mine]
    value_of_each = getattr(file, "per_example", None)
    with errors_of_metric(metric.row.metric.partition("/")[2], external=is_external):
        calls = [_calls(ratio, function, order) for ratio, order in zip(ratios, (mine, theirs))]
        if value_of_each is None:
            targets = np.asarray(examples[0].base[0]["targets"])[mine]
            return _by_resampling(ratios, calls, targets, clusters), "resampling"
        return _by_contributions(ratios, calls, value_of_each, clusters), "examples"


def _same_predictions(head: Examples, base: Examples) -> bool:
    """Return whether model and reference predict the same in both runs, under every seed."""
    pairs = [*zip(head.base, base.base, strict=True), *zip(head.head, base.head, strict=True)]
    return all(
        np.array_equal(np.asarray(mine.ids), np.asarray(theirs.ids))
        and same_columns(mine.columns, theirs.columns)
        and same_columns(mine.groups, theirs.groups)
        for mine, theirs in pairs
    )


def _calls(ratio: Ratio, function: Callable[..., float], order: np.ndarray) -> tuple[list[Call], list[Call]]:
    """Return the metric's function with the columns of the reference and of the model, one a seed, in this order.

    Raises:
        ValueError: Stored predictions do not give the recorded value.
    """
    metric, examples = ratio.metric, ratio.examples
    name = metric.row.metric.partition("/")[2]
    sides: tuple[list[Call], list[Call]] = ([], [])
    for side, of_side in enumerate((examples.base, examples.head)):
        for seed, predictions in enumerate(of_side):
            bound, columns = bind_metric(function, predictions, examples.spec)
            reproduce(name, (bound, columns), metric.numbers[seed][side], predictions)
            sides[side].append((bound, {column: values[order] for column, values in columns.items()}))
    return sides


def _by_contributions(
    ratios: Sequence[Ratio], calls: Calls, value_of_each: Callable[..., Any], clusters: np.ndarray | None
) -> Difference:
    """Return the sum of logarithms from what each example contributes to it.

    A lost answer changes the logarithm by 1 / (n · mean), so a loss has a least variance, as in `paired`.
    """
    total: np.ndarray = np.zeros(())
    smallest, are_answers = 1.0, True
    for ratio, (references, models) in zip(ratios, calls, strict=True):
        of_reference, of_model = (
            np.asarray([value_of_each(**columns) for _, columns in side], dtype=np.float64)
            for side in (references, models)
        )
        total = total + ratio.weight * log_ratio_by_example(of_model, of_reference)
        for values in (of_reference, of_model):
            are_answers = are_answers and bool(((values == 0) | (values == 1)).all())
            smallest = min(smallest, float(values.mean(axis=1).min()))
    difference = nested_difference(total, clusters)
    weight = 1 / (difference.n * difference.count * smallest) if are_answers else 0.0
    return replace(difference, variance_per_loss=weight, differing=None, discordant=None)


def _by_resampling(
    ratios: Sequence[Ratio], calls: Calls, targets: np.ndarray, clusters: np.ndarray | None
) -> Difference:
    """Return the sum of logarithms from resamples of examples, or of whole clusters, that all sides share.

    Raises:
        ValueError: In too many resamples a ratio is undefined.
    """
    unit_of_example = None if clusters is None else np.unique(clusters, return_inverse=True)[1]
    n = len(targets) if unit_of_example is None else int(unit_of_example.max()) + 1
    seeds, smallest = len(calls[0][0]), math.inf
    of_seeds, draws = np.zeros(seeds), np.zeros((RESAMPLES, seeds))
    for ratio, sides in zip(ratios, calls, strict=True):
        for calls_of_side, sign in zip(sides, (-ratio.weight, ratio.weight), strict=True):
            for seed, (function, columns) in enumerate(calls_of_side):
                value = float(function(**columns))
                smallest = min(smallest, value)
                of_seeds[seed] += sign * math.log(value)
                draws[:, seed] += sign * _log_draws((function, columns), len(targets), unit_of_example)
    defined = np.isfinite(draws).all(axis=1)
    if (~defined).mean() > MAX_UNDEFINED:
        raise ValueError(f"the ratio is undefined in {(~defined).mean():.0%} of the resamples")
    df, weight = class_weights(targets)
    return resampled_difference(
        of_seeds.tolist(), draws[defined], n, df=min(df, n - 1), weight=weight / smallest,
        sample_unit="test examples" if clusters is None else "clusters",
    )  # fmt: skip


def _log_draws(call: Call, n: int, unit_of_example: np.ndarray | None) -> np.ndarray:
    """Return the logarithm of a metric on each resample, (B,); NaN if it is undefined or not above 0."""
    function, columns = call
    weighted = weighted_metric(function, columns)
    if unit_of_example is None:
        chunks = drawn_weights(0, n, RESAMPLES)
    else:
        chunks = drawn_weights_of_clusters(0, unit_of_example, RESAMPLES)
    logarithms: list[float] = []
    for weights in chunks:
        of_chunk = np.full(len(weights), np.nan) if weighted is None else weighted(weights)
        for row, value in zip(weights, of_chunk.tolist(), strict=True):
            if not math.isfinite(value):
                rows = drawn_rows(row)
                with suppress(ValueError):
                    value = float(function(**{name: values[rows] for name, values in columns.items()}))
            logarithms.append(math.log(value) if value > 0 else math.nan)
    return np.array(logarithms)
