"""Shares of examples, such as those whose prediction is right, with an interval."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench_suite.contracts import Metric
from bench_suite.stats.intervals import bootstrap_interval
from bench_suite.stats.proportions import clopper_pearson


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
