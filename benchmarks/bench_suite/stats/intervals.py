"""Count answers by class, and compute intervals over test examples and over examples and seeds."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.stats.folds import members_of, over_folds
from bench_suite.stats.resampling import drawn_rows, drawn_weights, drawn_weights_of_clusters, fact_of, weighted_metric

MAX_UNDEFINED = 0.05
"If a metric is undefined in a greater share of resamples, there is no interval."

FEW_VALUES = 7
"NumPy adds up to so many values in their order, and more of them in several sums."

MAX_LABELS = 1_000
"Whole-number labels within this range are counted directly; others are numbered first."


def bootstrap_interval(
    function: Callable[..., float],
    columns: Mapping[str, Any],
    *,
    clusters: np.ndarray | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int | None = None,
) -> tuple[Interval | None, str | None]:
    """Compute a percentile bootstrap interval of a metric over the examples of one test set, or over their clusters.

    The bounds are the quantiles of the metric over the resamples at p and 1 − p, p = Φ(−√(n/(n−1)) · t(1−α/2, n−1)).
    This expanded percentile interval widens intervals that are too narrow for few examples (Hesterberg 2015, The
    American Statistician 69(4), arXiv 1411.5279). It describes this trained model, and no other seed.

    Examples of one cluster (a patient, an author) are not independent. With clusters, whole clusters are drawn, and n
    is their number: the cluster bootstrap (Field and Welsh 2007, Journal of the Royal Statistical Society B 69(3)).

    If all examples are right, or all wrong, all resamples agree. A metric that states `PROPORTION = True` then has the
    interval of `at_the_end`: 40 of 40 right is 0.912 to 1.

    There is no interval if there are fewer than two examples or clusters, if all resamples of another metric agree (an
    interval of width 0 would claim certainty), or if more than `MAX_UNDEFINED` of the resamples leave the metric
    undefined.

    Coverage of the 95 % interval in simulation (`pytest -m slow tests/stats/test_intervals.py -s`: 1,000 test sets, 500
    resamples each): mean of n normal values, n = 10: 0.934, 20: 0.934, 100: 0.940; of exponential ones 0.910, 0.904,
    0.948; accuracy 0.9 of n = 100: 0.943, 500: 0.950, 2,000: 0.945; ROC AUC 0.86 of n = 100: 0.949, 500: 0.948.

    Args:
        function: called with `columns` as keyword arguments; raises ValueError if the metric is undefined.
        columns: arrays or lists with one row an example: (n,), (n, k), …
        clusters: labels, one an example; examples of one label are drawn together. None if examples are independent.
        level: confidence level, in (0, 1).
        resamples: how often n examples or clusters are drawn with replacement.
        seed: seed of the draws; by default that of `stable_seed`, so that the same predictions have the same interval,
            and scores that differ by rounding have nearly the same.

    Returns:
        (interval, None), or (None, the reason why there is none).

    Raises:
        ValueError: `clusters` has another length than the columns.
    """
    from scipy import special

    arrays = {name: _as_array(values) for name, values in columns.items()}
    n = len(next(iter(arrays.values()))) if arrays else 0
    if clusters is not None and len(clusters) != n:
        raise ValueError(f"{len(clusters)} labels of clusters for {n} examples")
    if n < 2:
        return None, "one example" if n else "no examples"
    cluster_of_example = None
    if clusters is not None:
        cluster_of_example = np.unique(clusters, return_inverse=True)[1]
        n = int(cluster_of_example.max()) + 1
        if n < 2:
            return None, "one cluster of examples"
    if seed is None:
        seed = stable_seed(arrays)
    draws, undefined, message = [], 0, ""
    for resample in _resamples(function, arrays, n, resamples, seed, cluster_of_example):
        if isinstance(resample, float):
            draws.append(resample)
            continue
        try:
            value = float(function(**{name: values[resample] for name, values in arrays.items()}))
        except ValueError as error:
            undefined, message = undefined + 1, str(error)
            continue
        if math.isfinite(value):
            draws.append(value)
        else:
            undefined, message = undefined + 1, f"it is {value}"
    if undefined > MAX_UNDEFINED * resamples:
        return None, f"undefined in {undefined / resamples:.0%} of the resamples: {message}"
    if min(draws) == max(draws):
        if clusters is None and draws[0] in (0.0, 1.0) and fact_of(function, "PROPORTION") is True:
            return at_the_end(draws[0], n, level), None
        return None, "all resamples agree"
    tail = float(special.ndtr(math.sqrt(n / (n - 1)) * special.stdtrit(n - 1, (1 - level) / 2)))
    low, high = np.quantile(draws, [tail, 1 - tail])
    over: Literal["examples", "clusters"] = "examples" if clusters is None else "clusters"
    return Interval(float(low), float(high), level, over), None


def at_the_end(value: float, n: int, level: float = 0.95) -> Interval:
    """Return the interval of Clopper and Pearson (1934) for a proportion of 0 or 1 of n independent examples.

    Its inner bound is the proportion with which n of n examples occur with probability α/2: (α/2)^(1/n), or 1 less it.
    """
    distance = 1.0 - ((1 - level) / 2) ** (1 / n)
    return Interval(0.0, distance, level) if value == 0.0 else Interval(1.0 - distance, 1.0, level)


def _resamples(
    function: Callable[..., float], arrays: Mapping[str, np.ndarray], n: int, resamples: int, seed: int,
    cluster_of_example: np.ndarray | None,
) -> Iterator[float | np.ndarray]:  # fmt: skip
    """Yield the metric of each resample, or the resample's rows if the metric must be computed from them."""
    metric = weighted_metric(function, arrays)
    if cluster_of_example is not None:
        for weights in drawn_weights_of_clusters(seed, cluster_of_example, resamples):
            values = [math.nan] * len(weights) if metric is None else metric(weights).tolist()
            for row, value in zip(weights, values, strict=True):
                yield value if math.isfinite(value) else drawn_rows(row)
        return
    if metric is None:
        random = np.random.default_rng(seed)
        for _ in range(resamples):
            yield random.integers(0, n, n)
        return
    for weights in drawn_weights(seed, n, resamples):
        for row, value in zip(weights, metric(weights).tolist(), strict=True):
            yield value if math.isfinite(value) else drawn_rows(row)


def over_seeds(
    values: Sequence[float], intervals: Sequence[Interval | None], *, level: float = 0.95
) -> tuple[float, Interval | None, str | None]:
    """Compute the mean of a metric over S seeds and its interval over examples and seeds.

    The two sides of the interval are computed separately. V = a + b/S: a is the mean of the squared standard errors
    that the intervals imply on that side (distance of the bound from the value / z; MOVER, Zou and Donner 2008), b the
    variance of the values between seeds (S − 1 degrees of freedom). The bound lies t(df)·√V from the mean, with
    Satterthwaite's df = V² / ((b/S)²/(S−1)). So seeds that agree leave their interval as it is, also a lopsided one,
    such as that of a largest difference, which is cut at 0. This is the nested interval for crossed seeds and examples
    (Bouthillier et al. 2021) without the term for a seed's effect on single examples. Intervals alone do not show that
    effect, so it stays in a, and the interval is rather too wide. More seeds do not shrink a: the test set is the same.

    One seed has its own interval. If any value has no interval, the mean has none.

    Coverage of the 95 % interval in simulation (`pytest -m slow tests/stats/test_intervals.py -s`: accuracy 0.9,
    standard deviation 0.002 or 0.02 between seeds, 500 or 2,000 examples, 4,000 trials): 0.93 to 0.97 for S = 3, 5 and
    10. Two seeds are few: 0.96 if examples dominate, but 0.89 (2,000 examples) to 0.93 (500) if seeds do, because then
    one difference decides both the width and the degrees of freedom.

    Args:
        values: one a seed, measured on the same test examples.
        intervals: each value's own interval, over examples or processes.
        level: confidence level, in (0, 1).

    Returns:
        The mean; its interval or None; and, without an interval, the reason.
    """
    mean = _mean(values)
    known = [interval for interval in intervals if interval is not None]
    if len(values) == 1:
        return mean, intervals[0], None if known else "no interval of its own"
    if len(known) < len(values):
        return mean, None, f"{len(values) - len(known)} of {len(values)} values have no interval of their own"
    seeds = _variance(values, mean) / len(values)
    below = _half_width([value - interval.low for value, interval in zip(values, known)], known, seeds, level)
    above = _half_width([interval.high - value for value, interval in zip(values, known)], known, seeds, level)
    if below + above == 0:
        return mean, None, "all seeds and examples agree"
    return mean, Interval(mean - below, mean + above, level, "seeds"), None


def over_cells(rows: Sequence[MetricRow], cells: Sequence[Record] = ()) -> tuple[float, Interval | None, str | None]:
    """Apply `over_seeds` to one metric of cells that differ only in their seed, and cut impossible values off.

    Estimates of cells that differ in their fold too go to `over_folds`, since folds share training data. Timings and
    counts do not depend on that.

    A cut interval contains the truth as often, and never an accuracy of 1.004 or −0.2. It ends where the metric's range
    does. A metric without a known range is not better than its ideal, and a fraction not above 1.

    Args:
        rows: the metric's rows, one a cell, each with a value.
        cells: the records of the rows; needed if the cells may differ in their fold.

    Returns:
        The same as `over_seeds`.
    """
    values = [row.value for row in rows if row.value is not None]
    members = members_of(cells) if all(map(_depends_on_data, rows)) else None
    if members is not None:
        mean, interval, reason = over_folds(values, members)
    else:
        mean, interval, reason = over_seeds(values, [row.interval for row in rows])
    if interval is None:
        return mean, None, reason
    minimum, maximum = _range_of(rows[0])
    low = interval.low if minimum is None else max(interval.low, min(minimum, *values))
    high = interval.high if maximum is None else min(interval.high, max(maximum, *values))
    return mean, Interval(low, high, interval.level, interval.over), reason


def _depends_on_data(row: MetricRow) -> bool:
    """Return whether a value estimates what models of such data do: no timing, no count, no single observation."""
    over = None if row.interval is None else row.interval.over
    return row.kind == "estimate" and not row.timing and not row.samples and over in (None, "examples", "clusters")


def _range_of(row: MetricRow) -> tuple[float | None, float | None]:
    """Return the smallest and the largest value of a metric, None without a bound: as it states, else by its unit."""
    if row.range is not None:
        return row.range
    unit, better, ideal = row.unit, row.better, row.ideal
    minimum = {"lower": ideal, "none": 0.0 if unit == "fraction" and ideal is None else None}.get(better)
    maximum = ideal if better == "higher" and ideal is not None else 1.0 if unit == "fraction" else None
    return minimum, maximum


def _half_width(arms: Sequence[float], intervals: Sequence[Interval], seeds: float, level: float) -> float:
    """Return the distance of a bound of the mean's interval from the mean.

    Args:
        arms: distances of the seeds' own bounds from their values, on the same side.
        intervals: the seeds' own intervals.
        seeds: variance of the mean over seeds, b/S.
        level: confidence level of the mean's interval.
    """
    from scipy import special

    errors = [arm / _normal_quantile(interval.level) for arm, interval in zip(arms, intervals)]
    total = _mean([error * error for error in errors]) + seeds
    if total == 0:
        return 0.0
    df = total**2 / (seeds**2 / (len(arms) - 1)) if seeds else math.inf
    share = (1 + level) / 2
    quantile = float(special.stdtrit(df, share)) if math.isfinite(df) else _normal_quantile(level)
    return quantile * math.sqrt(total)


@lru_cache(maxsize=128)
def _normal_quantile(level: float) -> float:
    """Return half of the width of a two-sided interval of this level, in standard errors."""
    from scipy import special

    return float(special.ndtri((1 + level) / 2))


def _mean(values: Sequence[float]) -> float:
    """Return `np.mean(values)`, digit by digit; of few values in a tenth of the time."""
    return _total(values) / len(values) if len(values) <= FEW_VALUES else float(np.mean(values))


def _variance(values: Sequence[float], mean: float) -> float:
    """Return `np.var(values, ddof=1)`, digit by digit."""
    if len(values) > FEW_VALUES:
        return float(np.var(values, ddof=1))
    return _total([(value - mean) * (value - mean) for value in values]) / (len(values) - 1)


def _total(values: Sequence[float]) -> float:
    total = 0.0
    for value in values:  # `sum` rounds only at the end since Python 3.12
        total += value
    return total


def confusion_matrix(targets: np.ndarray, predictions: np.ndarray, classes: int | None = None) -> np.ndarray:
    """Count C[i, j], the examples of true class i that were predicted to be of class j.

    Args:
        targets: (n,) int64 class numbers from 0.
        predictions: (n,) int64 class numbers from 0.
        classes: number of classes; by default up to the largest that occurs.

    Returns:
        (classes, classes) int64, which sums to n.

    Raises:
        ValueError: There are no examples, the lengths differ, or a number lies outside the classes.
    """
    if len(targets) != len(predictions):
        raise ValueError(f"{len(targets)} targets and {len(predictions)} predictions")
    if len(targets) == 0:
        raise ValueError("no examples")
    highest = max(int(targets.max()), int(predictions.max()))
    count = highest + 1 if classes is None else classes
    if highest >= count or min(int(targets.min()), int(predictions.min())) < 0:
        raise ValueError(f"a class number lies outside 0..{count - 1}")
    cells = targets.astype(np.int64) * count + predictions
    return np.bincount(cells, minlength=count * count).reshape(count, count)


def counts_of_classes(targets: np.ndarray, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count, for each class, the examples of it, the predictions of it, and the correct predictions of it.

    Args:
        targets: (n,) labels: any whole numbers, such as −1 and 1, or text.
        predictions: (n,) labels of the same form.

    Returns:
        Three arrays (classes,) int64, in ascending order of the labels. They may include classes that do not occur.

    Raises:
        ValueError: There are no examples, the lengths differ, or numeric labels are not whole.
    """
    if len(targets) != len(predictions):
        raise ValueError(f"{len(targets)} targets and {len(predictions)} predictions")
    if len(targets) == 0:
        raise ValueError("no examples")
    both = np.concatenate([targets, predictions])
    if both.dtype.kind == "f" and not (both == np.round(both)).all():
        raise ValueError("a label is not a whole number")
    if both.dtype.kind in "iu" and int(both.max()) - int(both.min()) < MAX_LABELS:
        both = both.astype(np.int64) - int(both.min())
    else:  # a tenth of the speed
        both = np.unique(both, return_inverse=True)[1]
    classes = int(both.max()) + 1
    truth, predicted = both[: len(targets)], both[len(targets) :]
    correct = truth[truth == predicted]

    def count(labels: np.ndarray) -> np.ndarray:
        return np.bincount(labels, minlength=classes)

    return count(truth), count(predicted), count(correct)


def class_numbers(targets: np.ndarray, classes: int) -> np.ndarray:
    """Return labels as the numbers of their columns of scores, (n,) int64.

    Args:
        targets: (n,) class numbers from 0, or any labels, also text, if each class occurs: the columns are then in
            ascending order of the labels, as in scikit-learn.
        classes: number of columns of scores.

    Raises:
        ValueError: The labels are neither.
    """
    whole = targets.dtype.kind in "iu"
    if whole and int(targets.min()) >= 0 and int(targets.max()) < classes:
        return targets
    labels, numbers = np.unique(targets, return_inverse=True)
    if len(labels) == classes:
        return numbers
    problem = f"a class number lies outside 0..{classes - 1}" if whole else "labels are no class numbers"
    raise ValueError(f"{problem}, and {len(labels)} labels occur while there are scores of {classes} classes")


def area_under_roc(positive: np.ndarray, scores: np.ndarray) -> float:
    """Return the chance that a positive example has a higher score than a negative one; a tie counts a half.

    Args:
        positive: (n,) bool, true for some examples and not for all.
        scores: (n,) numbers, none of them NaN.
    """
    # Sorting values takes a tenth of the time of argsort, and searching for sorted values half that of unsorted ones.
    all_scores, positive_scores = np.sort(scores), np.sort(scores[positive])
    below = np.searchsorted(all_scores, positive_scores, "left")
    up_to = np.searchsorted(all_scores, positive_scores, "right")
    positives = len(positive_scores)
    rank_sum = float((below + up_to + 1).sum()) / 2.0  # equal scores have the mid-rank
    return (rank_sum - positives * (positives + 1) / 2.0) / (positives * (len(all_scores) - positives))


def stable_seed(columns: Mapping[str, Any]) -> int:
    """Return a seed below 2³² from arrays or lists with one row an example, which no rounding of a number changes.

    The seed depends on the names of the columns, on whole numbers, truth values and texts, and of all other numbers on
    their count only. Scores differ in their last digits between batch sizes, machines and versions. If they decided
    about the seed, other random numbers would be drawn, and each interval would move by the error of its simulation.
    """
    total = 0
    for name in sorted(columns):
        values = _as_array(columns[name])
        if values.dtype == object:
            content = repr([_without_fractions(value) for value in values.tolist()]).encode()
        elif values.dtype.kind in "biuSUMm":
            content = np.ascontiguousarray(values).tobytes()
        else:
            content = repr(values.shape).encode()
        total = zlib.crc32(content, zlib.crc32(name.encode(), total))
    return total


def _without_fractions(value: Any) -> Any:
    """Return a value, or what it contains, with None for each number that is not whole by type."""
    if isinstance(value, Mapping):
        return {key: _without_fractions(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_fractions(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return _without_fractions(value.tolist()) if value.dtype.kind in "biuSUMmO" else value.shape
    return None if isinstance(value, float | complex | np.inexact) else value


def _as_array(values: Any) -> np.ndarray:
    if isinstance(values, np.ndarray):
        return values
    rows = np.empty(len(values), dtype=object)
    for number, value in enumerate(values):  # a slice assignment would split rows of equal length
        rows[number] = value
    return rows
