"""Shares of examples, such as those whose prediction is right, with an interval."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench_suite.contracts import Interval, Metric
from bench_suite.stats.intervals import bootstrap_interval

LEVEL = 0.95


def share_metric(
    name: str,
    hits: np.ndarray,
    at: Mapping[str, str | float],
    *,
    clusters: np.ndarray | None = None,
    remark: str | None = None,
    resamples: int = 1000,
) -> Metric:
    """Return the share of examples that are hits, with the interval of Clopper and Pearson.

    Args:
        name: of the metric.
        hits: (n,) bool, at least one.
        at: its coordinates.
        clusters: (n,) labels; examples of one label are not independent, so the interval is a bootstrap over clusters.
        remark: for the reader.
        resamples: of that bootstrap.
    """
    n, value = len(hits), float(np.mean(hits))
    if clusters is None:
        return Metric(name, value, remark, at, clopper_pearson(int(np.sum(hits)), n), n=n)
    columns = {"hits": np.asarray(hits, dtype=np.float64)}
    interval, cause = bootstrap_interval(mean_of, columns, clusters=clusters, resamples=resamples)
    reason = "; ".join(part for part in (cause, remark) if part)
    return Metric(name, value, reason or None, at, interval, n=n)


def mean_of(hits: np.ndarray) -> float:
    """Return the mean of (n,) numbers."""
    return float(hits.mean())


def clopper_pearson(hits: int, n: int, level: float = LEVEL) -> Interval:
    """Return the exact interval of a proportion of independent examples (Clopper and Pearson 1934).

    A bound is the proportion at which so many hits or more, or so many or fewer, have the probability (1 − level) / 2.

    Args:
        hits: number of hits.
        n: number of examples, at least 1.
        level: confidence level, in (0, 1).
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(betaincinv(hits, n - hits + 1, tail))
    high = 1.0 if hits == n else float(betaincinv(hits + 1, n - hits, 1 - tail))
    return Interval(low, high, level)
