"""Metrics computed anew from stored predictions of the test split, example by example, for both sides."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bench_suite.comparison.pairing import Group
from bench_suite.components import discovery, metric_calls
from bench_suite.contracts import BenchError, ComponentError, Predictions, Record
from bench_suite.stats.intervals import MAX_UNDEFINED
from bench_suite.stats.paired import Difference, nested, resampled
from bench_suite.store.runs import Run

TEST = "predictions/test"
RESAMPLES = 500
"Of the examples, the same for all seeds and both sides: they give a variance, which 500 tell within 6 %."
SAME = "the same predictions"
"How a metric is compared that is made of predictions which do not differ."
ROUNDING = (0.02, 1e-3)
"How far, relative and absolute, a metric of stored scores (three digits) may be from that of the scores themselves."
EXACTLY = (1e-5, 1e-6)
"The same of a metric that takes no scores: numbers are stored in 32 bits."


class Unpaired(BenchError):
    """A metric that cannot be compared example by example, so that only its values and intervals can; says why."""


class TestSetMismatch(BenchError):
    """Test splits that are not the same, so that nothing measured on them can be compared."""


@dataclass(frozen=True)
class Examples:
    """Predictions of one group of cells, one a seed on each side, all on the same examples in the same order."""

    base: tuple[Predictions, ...]
    head: tuple[Predictions, ...]

    def __len__(self) -> int:
        return len(self.base[0])

    @cached_property
    def identical(self) -> bool:
        """Whether head says of every example, under every seed, just what base said, and has it in the same groups."""
        return all(
            _same_columns(mine.columns, theirs.columns) and _same_columns(mine.groups, theirs.groups)
            for mine, theirs in zip(self.base, self.head)
        )

    def unchanged(self) -> Difference:
        """The difference of a metric that is made of these predictions alone, where they are identical: none."""
        return Difference(0.0, 0.0, 0.0, 0.0, math.inf, len(self), len(self.base))


def examples_of(group: Group, base: Run, head: Run) -> Examples:
    """The stored predictions of a group. Raises Unpaired where they are missing or damaged, OtherExamples."""
    sides = (
        [_read(base, pair.base, "base") for pair in group.pairs],
        [_read(head, pair.head, "head") for pair in group.pairs],
    )
    first = np.sort(sides[0][0].ids)
    if len(np.unique(first)) < len(first):
        raise Unpaired("examples of the test split have no ids of their own")
    ordered = tuple(tuple(_ordered(each) for each in side) for side in sides)
    for each in (*ordered[0], *ordered[1]):
        if not np.array_equal(each.ids, first):
            raise TestSetMismatch("the test splits hold different examples")
        if not _same(each["targets"], ordered[0][0]["targets"]):
            raise TestSetMismatch("the targets of the test splits differ")
    return Examples(*ordered)


def difference_of(
    name: str, examples: Examples, values: Sequence[tuple[float, float]], sign: float
) -> tuple[Difference, str]:
    """Sign · (head − base) of a metric over the examples and seeds of a group, and in words how it was found.

    Arguments: `name`, the metric's without its probe's label; `values`, base's and head's recorded value under each
    seed. It is taken for the file of that name in metrics/ where that gives the recorded values; then by `each`, where
    the metric is a mean over examples, else by resampling them. Raises Unpaired where it is no such metric.
    """
    try:
        file = discovery.load(discovery.find("metrics", name, discovery.PACKAGE))
        function: Callable[..., float] = getattr(file, name)
    except (ComponentError, AttributeError):
        raise Unpaired(f"{name} is no metric of single predictions") from None
    of_example = getattr(file, "each", None)
    try:
        scored = [[_given(function, each) for each in side] for side in (examples.base, examples.head)]
        for side, several in enumerate(scored):
            for seed, (bound, columns) in enumerate(several):
                _check(name, float(bound(**columns)), values[seed][side], ROUNDING if "scores" in columns else EXACTLY)
        if examples.identical:
            return examples.unchanged(), SAME
        clusters = examples.base[0].columns.get("cluster")
        if of_example is None:
            found = _by_resampling(scored, sign, examples.base[0]["targets"], clusters)
            return found, "resampled examples" if clusters is None else "resampled clusters"
        rows = [[of_example(**columns) for _, columns in several] for several in scored]
        d = sign * (np.asarray(rows[1], dtype=np.float64) - np.asarray(rows[0], dtype=np.float64))
        return nested(d, clusters), "example by example" if clusters is None else "example by example, in clusters"
    except (ValueError, TypeError, IndexError) as error:  # columns of another form than the metric takes
        raise Unpaired(str(error)) from error


Scored = tuple[Callable[..., float], dict[str, Any]]


def _by_resampling(
    scored: Sequence[Sequence[Scored]], sign: float, targets: np.ndarray, clusters: np.ndarray | None
) -> Difference:
    """By drawing examples, or whole clusters of them. Raises ValueError where that leaves the metric undefined."""
    examples = np.arange(len(targets))
    _, which = np.unique(examples if clusters is None else np.asarray(clusters), return_inverse=True)
    members = np.split(np.argsort(which, kind="stable"), np.cumsum(np.bincount(which))[:-1])
    n = len(members)
    random = np.random.default_rng(0)
    draws, undefined, example = [], 0, ""
    for _ in range(RESAMPLES):
        drawn = random.integers(0, n, n)
        rows = drawn if clusters is None else np.concatenate([members[unit] for unit in drawn])
        try:
            draws.append(_differences(scored, sign, rows))
        except ValueError as error:
            undefined, example = undefined + 1, str(error)
    if undefined > MAX_UNDEFINED * RESAMPLES:
        raise ValueError(f"undefined in {undefined / RESAMPLES:.0%} of the resamples: {example}")
    df, weight = _of_classes(targets)
    df = min(df, n - 1)
    return resampled(_differences(scored, sign, examples), np.array(draws), n, df=df, weight=weight)


def _of_classes(targets: np.ndarray) -> tuple[float, float]:
    """Degrees of freedom of a variance to which classes of n_c examples add 1/n_c each, and what one example can do.

    A mean over classes knows its variance hardly better than the rarest of them does: Satterthwaite's (Σ 1/n_c)² / Σ
    1/(n_c² (n_c − 1)). One lost answer moves a metric that weighs C classes alike by up to 1/(C n_c), a ranking of two
    classes by 1/n_c: neither is above 2/(C n_c) of the rarest. Of numbers nothing is known: n − 1 and 0.
    """
    if targets.dtype.kind not in "iub" or targets.ndim != 1:
        return len(targets) - 1, 0.0
    counts = np.unique(targets, return_counts=True)[1].astype(np.float64)
    if len(counts) < 2:
        return len(targets) - 1, 1 / len(targets)
    parts = 1 / counts
    df = float(parts.sum() ** 2 / (parts**2 / np.maximum(counts - 1, 0.5)).sum())
    return max(1.0, df), float(2 / (len(counts) * counts.min()))


def _differences(scored: Sequence[Sequence[Scored]], sign: float, rows: np.ndarray) -> list[float]:
    """Head − base of each seed on these rows."""
    base, head = (
        [function(**{name: values[rows] for name, values in columns.items()}) for function, columns in several]
        for several in scored
    )
    return [sign * (theirs - mine) for mine, theirs in zip(base, head)]


def _given(function: Callable[..., float], predictions: Predictions) -> Scored:
    columns = {name: values for name, values in predictions.columns.items() if isinstance(values, np.ndarray)}
    if "score_classes" in columns:  # of many classes not all scores were kept
        columns.pop("scores", None)
    return metric_calls.bind_columns(function, columns, {})


def _check(name: str, found: float, recorded: float, rounding: tuple[float, float]) -> None:
    relative, absolute = rounding
    if not abs(found - recorded) <= absolute + relative * abs(recorded):
        raise ValueError(f"stored predictions give a {name} of {found:.4g}, the record has {recorded:.4g}")


def _read(run: Run, record: Record, side: str) -> Predictions:
    row = next((row for row in record.artifacts if row.name == TEST), None)
    if row is None:
        raise Unpaired(f"{side} has no stored predictions")
    try:
        found = run.read_predictions(row)
    except BenchError as error:
        raise Unpaired(f"{side} has no readable predictions: {error}") from error
    if "targets" not in found.columns:
        raise Unpaired(f"the predictions of {side} have no targets")
    return found


def _ordered(predictions: Predictions) -> Predictions:
    """In the order of the ids."""
    order = np.argsort(predictions.ids, kind="stable")
    columns: Mapping[str, Any] = {
        name: values[order] if isinstance(values, np.ndarray) else [values[place] for place in order]
        for name, values in predictions.columns.items()
    }
    groups = {name: np.asarray(values)[order] for name, values in predictions.groups.items()}
    return replace(predictions, ids=predictions.ids[order], columns=columns, groups=groups)


def _same_columns(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    return mine.keys() == theirs.keys() and all(_same(mine[name], theirs[name]) for name in mine)


def _same(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray):
        return np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f" and theirs.dtype.kind == "f")
    return len(mine) == len(theirs) and all(np.array_equal(a, b) for a, b in zip(mine, theirs))
