"""Resample examples by weights: a resample is how often each example was drawn, so many are computed at once.

The resamples are those of drawing rows one by one with the same generator, so a metric computed by weights has the
same value on each of them up to rounding.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

CHUNK = 2**16
"Examples times resamples that are computed at once: the arrays of a chunk stay in the cache of a processor."
STORED = 2**23
"Weights of at most this many examples times resamples are stored, for metrics that draw the same resamples: 16 MB."
FEW_CASES = 32
"Up to this number of cases, examples are summed by a product of matrices, otherwise after sorting them."
SAME = 1e-5
"Relative difference of a metric and its form by weights on all examples above which the form is not used."

WeightedValues = Callable[[np.ndarray], np.ndarray]
"Takes weights (B, n), how often each resample contains each example; returns the metric (B,), NaN if undefined."


@dataclass(frozen=True)
class WeightedMetric:
    """A metric of the columns of a test set as a function of weights."""

    values: WeightedValues
    "Of weights of the cases."
    sum_cases: Callable[[np.ndarray], np.ndarray] | None = None
    "From weights of the examples to those of the cases; None if each example is a case of its own."

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Return the metric of each resample, (B,), NaN if it is undefined, from the examples' weights (B, n)."""
        of_cases = weights if self.sum_cases is None else self.sum_cases(weights)
        return self.values(of_cases.astype(np.float64))


def weighted_metric(function: Callable[..., float], columns: Mapping[str, np.ndarray]) -> WeightedMetric | None:
    """Return a metric as a function of weights; None if its file has no such form or the form does not fit the columns.

    The form is the function `by_weights` of the metric's file, or the mean of its `per_example`. Examples that are
    equal in all columns, such as those of one class with the same prediction, are counted as one case.

    Args:
        function: the metric: the function of the name of its file, perhaps with `spec` bound.
        columns: the arguments of the metric, with one row an example.
    """
    bound = function.keywords if isinstance(function, functools.partial) else {}
    names = _names_of(function)
    form, of_example = names.get("by_weights"), names.get("per_example")
    try:
        if form is not None:
            case = _cases(columns)
            if case is None:
                metric = WeightedMetric(form(**columns, **bound))
            else:
                first = np.unique(case, return_index=True)[1]
                distinct = {name: values[first] for name, values in columns.items()}
                metric = WeightedMetric(form(**distinct, **bound), _sum_cases(case))
        elif of_example is not None:
            metric = WeightedMetric(mean_by_weights(np.asarray(of_example(**columns, **bound), dtype=np.float64)))
        else:
            return None
        n = len(next(iter(columns.values())))
        value, expected = float(metric(np.ones((1, n), dtype=np.int32))[0]), float(function(**columns))
    except Exception:  # noqa: BLE001 - a form that does not take these columns; the metric itself says what is wrong
        return None
    return metric if math.isclose(value, expected, rel_tol=SAME, abs_tol=1e-12) else None


def _names_of(function: Callable[..., float]) -> Mapping[str, Any]:
    """Return the names of the file of a metric; empty if the function is not one with the name of its file."""
    plain = function.func if isinstance(function, functools.partial) else function
    names: dict[str, Any] = getattr(plain, "__globals__", {})
    return names if Path(names.get("__file__") or "").stem == getattr(plain, "__name__", "") else {}


def fact_of(function: Callable[..., float], name: str) -> Any:
    """Return a fact of the file of a metric, such as `PROPORTION`; None if it states none."""
    return _names_of(function).get(name)


def mean_by_weights(values: np.ndarray) -> WeightedValues:
    """Return a function of weights for the mean of values (n,)."""
    if len(values) and (values == values[0]).all():  # products would round differently for each resample
        return lambda weights: np.full(len(weights), values[0])
    return lambda weights: weights @ values / weights.sum(axis=1)


def drawn_weights(seed: int, n: int, resamples: int) -> Iterable[np.ndarray]:
    """Return chunks (B, n) int16 of weights of `resamples` times n examples drawn with replacement.

    The draws are those of `random.integers(0, n, n)`, one resample after another, of a generator with this seed.
    """
    return _stored(seed, n, resamples) if n * resamples <= STORED else _draw(seed, n, resamples)


@functools.lru_cache(maxsize=2)
def _stored(seed: int, n: int, resamples: int) -> tuple[np.ndarray, ...]:
    return tuple(_draw(seed, n, resamples))


def _draw(seed: int, n: int, resamples: int) -> Iterator[np.ndarray]:
    random = np.random.default_rng(seed)
    size = max(1, CHUNK // n)
    for first in range(0, resamples, size):
        count = min(size, resamples - first)
        rows = random.integers(0, n, (count, n))
        rows += np.arange(0, count * n, n)[:, None]
        weights = np.bincount(rows.ravel(), minlength=count * n).reshape(count, n).astype(np.int16)
        weights.setflags(write=False)
        yield weights


def drawn_weights_of_clusters(seed: int, cluster_of_example: np.ndarray, resamples: int) -> Iterator[np.ndarray]:
    """Yield chunks (B, n) int16 of weights of examples if C clusters are drawn with replacement, each as a whole.

    An example has the weight of its cluster, so the number of examples differs between resamples. The draws of clusters
    are those of `drawn_weights(seed, C, resamples)`.

    Args:
        seed: seed of the draws.
        cluster_of_example: (n,) whole numbers 0 to C − 1, each of which occurs.
        resamples: how often C clusters are drawn.
    """
    size = max(1, CHUNK // len(cluster_of_example))
    for weights in drawn_weights(seed, int(cluster_of_example.max()) + 1, resamples):
        for first in range(0, len(weights), size):
            yield weights[first : first + size].take(cluster_of_example, axis=1)


def drawn_rows(weights: np.ndarray) -> np.ndarray:
    """Return the examples of one resample, in ascending order, from its weights (n,)."""
    return np.repeat(np.arange(len(weights)), weights)


def counts_by_weights(
    targets: np.ndarray, predictions: np.ndarray
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return a function of weights (B, n) for the counts of `intervals.counts_of_classes`, each (B, classes) float64.

    Args:
        targets: (n,) labels.
        predictions: (n,) labels of the same form.
    """
    both = np.unique(np.concatenate([targets, predictions]), return_inverse=True)[1]
    truth, predicted = both[: len(targets)], both[len(targets) :]
    classes = int(both.max()) + 1
    correct = np.flatnonzero(truth == predicted)
    examples = np.arange(len(truth))
    columns = [_sums_by_label(examples, truth), _sums_by_label(examples, predicted)]
    columns.append(_sums_by_label(correct, truth[correct]))

    def counts(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        summed = []
        for order, starts, labels in columns:
            sums = np.zeros((len(weights), classes))
            if len(order):
                sums[:, labels] = np.add.reduceat(weights.take(order, axis=1), starts, axis=1)
            summed.append(sums)
        return summed[0], summed[1], summed[2]

    return counts


def area_by_weights(positive: np.ndarray, scores: np.ndarray) -> WeightedValues:
    """Return a function of weights for `intervals.area_under_roc`; NaN if a resample lacks one of both classes.

    Args:
        positive: (n,) bool.
        scores: (n,) numbers, none of them NaN.
    """
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    of_positive = np.flatnonzero(positive[order])
    below = np.searchsorted(ordered, ordered[of_positive], "left")
    up_to = np.searchsorted(ordered, ordered[of_positive], "right")
    distinct = bool((up_to - below == 1).all())

    def values(weights: np.ndarray) -> np.ndarray:
        drawn = weights.astype(np.int32).take(order, axis=1)
        counts = np.zeros((len(drawn), drawn.shape[1] + 1), dtype=np.int32)
        np.cumsum(drawn, axis=1, out=counts[:, 1:])
        own = drawn.take(of_positive, axis=1).astype(np.float64)
        ranks = counts.take(below, axis=1).astype(np.float64)
        ranks *= 2.0
        ranks += 1.0
        if distinct:
            ranks += own
        else:
            ranks += counts.take(up_to, axis=1) - counts.take(below, axis=1)
        positives = own.sum(axis=1)
        negatives = counts[:, -1] - positives
        rank_sum = np.einsum("bi,bi->b", own, ranks) / 2.0
        with np.errstate(invalid="ignore", divide="ignore"):
            area = (rank_sum - positives * (positives + 1) / 2.0) / (positives * negatives)
        return np.where(positives * negatives > 0, area, np.nan)

    return values


def _cases(columns: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Return the number of each example's case: examples of one case are equal in all columns.

    It is None if a column has more than one dimension or is no column of whole numbers.
    """
    if not columns or any(values.ndim != 1 or values.dtype.kind not in "biu" for values in columns.values()):
        return None
    case = np.zeros(len(next(iter(columns.values()))), dtype=np.int64)
    for values in columns.values():
        labels, numbers = np.unique(values, return_inverse=True)
        case = np.unique(case * len(labels) + numbers, return_inverse=True)[1]
    return case


def _sum_cases(case: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from weights of the examples (B, n) to those of the cases."""
    count = int(case.max()) + 1
    if count <= FEW_CASES and len(case) < 2**24:  # so that float32 is exact
        belongs = (case[:, None] == np.arange(count)).astype(np.float32)
        return lambda weights: weights.astype(np.float32) @ belongs
    order, starts, _ = _sums_by_label(np.arange(len(case)), case)
    return lambda weights: np.add.reduceat(weights.take(order, axis=1), starts, axis=1, dtype=np.int32)


def _sums_by_label(examples: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the examples sorted by their label, where each label begins, and the labels that occur."""
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    return examples[order], starts, labels[order][starts]
