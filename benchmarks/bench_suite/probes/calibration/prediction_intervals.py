"""Prediction intervals: how many targets of a regression they cover, and how wide they are.

A model of a regression may return, beside `predictions`, the columns `lower`, `upper` and `level`, each (n,): the ends
of an interval, in the unit of the target, and the share of targets that it is meant to contain.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench_suite.contracts import Interval, Metric, Predictions
from bench_suite.probes.calibration.floors import absent
from bench_suite.probes.calibration.groups import members
from bench_suite.stats.intervals import bootstrap_interval
from bench_suite.stats.proportions import binomial_p, wilson

NAMES = ("interval_coverage", "coverage_gap", "coverage_p", "interval_score", "interval_width")


def measure_intervals(test: Predictions, least_size: int, most_groups: int, resamples: int) -> Iterator[Metric]:
    """Yield coverage, its distance from the level, the test of it, the mean width and the interval score.

    Args:
        test: predictions with `lower`, `upper` and `level`; without them each metric has a reason.
        least_size: fewest examples of a group.
        most_groups: most values of an attribute that form groups.
        resamples: bootstrap resamples of means.
    """
    obstacle = unusable(test)
    if obstacle is not None:
        yield from absent(NAMES, obstacle)
        return
    targets, lower, upper = (np.asarray(test[name], dtype=np.float64) for name in ("targets", "lower", "upper"))
    level = float(np.asarray(test["level"])[0])
    clusters = test.columns.get("cluster")
    covered = _covered(targets, lower, upper)
    n = len(targets)
    yield from _coverage(covered, level, clusters, resamples, {})
    if clusters is None:
        yield Metric("coverage_p", binomial_p(int(covered.sum()), n, level), "exact two-sided binomial test", n=n)
    else:
        yield Metric("coverage_p", None, "examples of one cluster are not independent, but the test requires that", n=n)
    for name, values in (
        # The score is first, since tables show the first error of a probe: a small width alone is no merit.
        ("interval_score", _scores(targets, lower, upper, level)),
        ("interval_width", upper - lower),
    ):
        interval, reason = bootstrap_interval(_mean, {"values": values}, clusters=clusters, resamples=resamples)
        yield Metric(name, float(values.mean()), reason, interval=interval, n=n)
    for at, is_member, reason in members(test.groups, least_size, most_groups):
        if reason is not None:
            yield Metric("interval_coverage", None, reason, at, n=int(is_member.sum()))
        else:
            within = None if clusters is None else clusters[is_member]
            yield from _coverage(covered[is_member], level, within, resamples, at)


def unusable(test: Predictions) -> str | None:
    """Return why there is no coverage; None if there is one."""
    missing = [name for name in ("lower", "upper", "level") if name not in test.columns]
    if missing:
        return f"the model returns no prediction intervals: its predictions lack {', '.join(missing)}"
    if len(test) == 0:
        return "there are no examples"
    levels = np.unique(np.asarray(test["level"], dtype=np.float64))
    if len(levels) > 1:
        return f"the intervals have {len(levels)} levels, but coverage is compared with one level"
    return None


def _covered(targets: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Return whether each target lies in its interval, ends included, (n,) bool."""
    return np.asarray((lower <= targets) & (targets <= upper))


def _scores(targets: np.ndarray, lower: np.ndarray, upper: np.ndarray, level: float) -> np.ndarray:
    """Return width + 2 / (1 − level) · distance of the target from the interval, (n,) (Gneiting and Raftery 2007)."""
    missed = np.maximum(lower - targets, 0.0) + np.maximum(targets - upper, 0.0)
    return np.asarray(upper - lower + 2.0 / (1.0 - level) * missed)


def _coverage(
    covered: np.ndarray, level: float, clusters: np.ndarray | None, resamples: int, at: dict[str, str | float]
) -> Iterator[Metric]:
    """Yield coverage and its distance from the level, with Wilson's interval, or a bootstrap's over clusters."""
    share, n = float(covered.mean()), len(covered)
    interval: Interval | None
    if clusters is None:
        interval, reason = wilson(int(covered.sum()), n), None
    else:
        columns = {"values": covered.astype(np.float64)}
        interval, reason = bootstrap_interval(_mean, columns, clusters=clusters, resamples=resamples)
    yield Metric("interval_coverage", share, reason or f"the level is {level:g}", at, interval, n=n)
    moved = None if interval is None else Interval(interval.low - level, interval.high - level, over=interval.over)
    yield Metric("coverage_gap", share - level, reason, at, moved, n=n)


def _mean(values: np.ndarray) -> float:
    return float(values.mean())
