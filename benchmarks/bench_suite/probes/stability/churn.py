"""Churn: how much the predictions of trainings that differ in their seed differ, with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from bench_suite.contracts import Interval
from bench_suite.stats.intervals import at_the_end

LEVEL = 0.95


@dataclass(frozen=True)
class Churn:
    """The mean disagreement of pairs of seeds."""

    value: float
    interval: Interval | None
    reason: str | None
    n: int
    "Number of test examples."


def class_disagreement(predictions: np.ndarray) -> np.ndarray:
    """Return the share of pairs of seeds that predict different classes, (n, S, S), symmetric, 0 on the diagonal.

    Args:
        predictions: (S, n) class numbers.
    """
    different: np.ndarray = predictions.T[:, :, None] != predictions.T[:, None, :]
    return different.astype(np.float64)


def value_disagreement(predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the absolute difference of pairs of seeds in standard deviations of the targets, (n, S, S).

    Args:
        predictions: (S, n) values.
        targets: (n,) values, not all equal.
    """
    differences: np.ndarray = np.abs(predictions.T[:, :, None] - predictions.T[:, None, :]) / np.std(targets)
    return differences


def churn_of(pairs: np.ndarray, clusters: np.ndarray | None = None, *, share: bool = True) -> Churn:
    """Return the mean over examples and pairs of seeds of a disagreement, with its 95 % interval.

    The variance is V = a + b. a is that of the mean over examples of each example's mean over pairs; with clusters,
    sums over whole clusters vary. b is that over seeds, by the jackknife for a U-statistic of two seeds (Arvesen 1969):
    (S − 1)/S · Σ (C₋ₛ − C̄)², where C₋ₛ leaves the pairs of one seed out. The bounds are the mean ± t(df) √V with
    Satterthwaite's df = V² / (b²/(S − 1)). Two seeds make one pair, which says nothing of others: b is unknown, and the
    interval is over examples only.

    Args:
        pairs: (n, S, S), from one of the functions above, S ≥ 2.
        clusters: (n,) labels of examples that are not independent; None if all are.
        share: whether a disagreement is 0 or 1, so that examples without any have Clopper and Pearson's interval.
    """
    n, seeds = pairs.shape[:2]
    of_example = pairs.sum(axis=(1, 2)) / (seeds * (seeds - 1))
    value = float(of_example.mean())
    if of_example.max(initial=0.0) == 0.0 or (share and of_example.min(initial=1.0) == 1.0):
        if share and clusters is None and n > 1:
            return Churn(value, at_the_end(value, n, LEVEL), None, n)
        return Churn(value, None, "all examples have the same value", n)
    over_examples = _variance_over_examples(of_example, clusters)
    if over_examples is None:
        return Churn(value, None, "one example, or one cluster of examples, has no variance", n)
    total, df = over_examples, math.inf
    if seeds > 2:
        over_seeds = _jackknife(pairs.mean(axis=0))
        total += over_seeds
        df = total**2 / (over_seeds**2 / (seeds - 1)) if over_seeds else math.inf
    tail = (1 + LEVEL) / 2
    quantile = float(special.stdtrit(df, tail) if math.isfinite(df) else special.ndtri(tail))
    half = quantile * math.sqrt(total)
    low, high = max(value - half, 0.0), min(value + half, 1.0) if share else value + half
    if seeds > 2:
        return Churn(value, Interval(low, high, LEVEL, "seeds"), None, n)
    remark = "two seeds make one pair, so the interval is over examples only"
    return Churn(value, Interval(low, high, LEVEL, "examples" if clusters is None else "clusters"), remark, n)


def _variance_over_examples(values: np.ndarray, clusters: np.ndarray | None) -> float | None:
    """Return the variance of the mean of values (n,); None for a single example or cluster."""
    residuals = values - values.mean()
    if clusters is not None:
        residuals = np.bincount(np.unique(clusters, return_inverse=True)[1], weights=residuals)
    groups = len(residuals)
    if groups < 2:
        return None
    return float((residuals**2).sum() * groups / (groups - 1) / len(values) ** 2)


def _jackknife(matrix: np.ndarray) -> float:
    """Return the variance over seeds of the mean over pairs, from the (S, S) disagreements of pairs."""
    seeds = len(matrix)
    total, of_seed = matrix.sum(), 2.0 * matrix.sum(axis=1)
    without = (total - of_seed) / ((seeds - 1) * (seeds - 2))
    return float((seeds - 1) / seeds * ((without - without.mean()) ** 2).sum())


def in_one_order(ids: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """Return for each seed the rows in the order of their ids; None if the seeds were tested on different examples."""
    orders = [np.argsort(of_seed, kind="stable") for of_seed in ids]
    first = ids[0][orders[0]]
    same = all(np.array_equal(of_seed[order], first) for of_seed, order in zip(ids[1:], orders[1:]))
    return orders if same else None
