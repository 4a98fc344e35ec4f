"""Scores of single examples: the predictions that a run stores of them, and the mean of each with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from bench_suite.contracts import VALUE_PREFIX, BenchError, Better, Interval, MetricRow, Predictions
from bench_suite.imported.items import Examples
from bench_suite.stats.paired import nested_difference
from bench_suite.stats.proportions import wilson

LABEL = "scores"
"Stands for the probe in the name of a metric that is a mean of imported scores."
MIN_UNITS = 10
"Items or clusters below which a score has no interval: their variance is not known well enough."


def score_predictions(examples: Examples, scores: Mapping[str, np.ndarray]) -> Predictions:
    """Return the scores of single examples in the form in which a run stores predictions.

    Args:
        examples: the examples of one cell.
        scores: by metric, (n,) the score of each row of the table.
    """
    columns = {f"{VALUE_PREFIX}{name}": values[examples.rows] for name, values in scores.items()}
    if examples.clusters is not None:
        columns["cluster"] = examples.clusters
    return Predictions("test", examples.ids, columns)


def score_metrics(predictions: Predictions, better: Mapping[str, Better]) -> list[MetricRow]:
    """Return the mean over examples of each column `value/METRIC`, with an interval over examples or clusters."""
    clusters = predictions.columns.get("cluster")
    rows = []
    for column, values in predictions.columns.items():
        if column.startswith(VALUE_PREFIX):
            name = column.removeprefix(VALUE_PREFIX)
            rows.append(score_metric(name, np.asarray(values), clusters, better.get(name, "higher")))
    return rows


def score_metric(name: str, values: np.ndarray, clusters: np.ndarray | None, better: Better = "higher") -> MetricRow:
    """Return the mean of the scores of single examples.

    The interval is mean ± t · standard error, with the standard error that is robust to clusters (Miller 2024, arXiv
    2411.00640), cut at 0 and 1 for scores between them. Right and wrong answers that are independent have Wilson's.

    Args:
        name: of the metric.
        values: (n,) finite numbers.
        clusters: (n,) numbers of clusters, or None if examples are independent.
        better: which scores are better.
    """
    is_share = bool(((values >= 0) & (values <= 1)).all())
    bounds = (0.0, 1.0) if is_share else None
    interval, reason = _interval(values, clusters, is_share=is_share)
    ideal = None if not is_share or better == "none" else 1.0 if better == "higher" else 0.0
    return MetricRow(
        f"{LABEL}/{name}", float(values.mean()), "fraction" if is_share else "score", better, reason,
        interval=interval, n=len(values), ideal=ideal, of_predictions=True, range=bounds, timing=False,
    )  # fmt: skip


def standard_error(values: np.ndarray, clusters: np.ndarray | None) -> float:
    """Return the standard error of the mean of (n,) scores, robust to clusters; NaN for one example or cluster."""
    try:
        return nested_difference(values[None, :], clusters).error
    except ValueError:
        return math.nan


def _interval(values: np.ndarray, clusters: np.ndarray | None, *, is_share: bool) -> tuple[Interval | None, str | None]:
    """Return the interval of a mean, or the reason why there is none."""
    units = len(values) if clusters is None else len(np.unique(clusters))
    unit = "examples" if clusters is None else "clusters"
    if units < MIN_UNITS:
        return None, f"{units} {unit} are too few for an interval; at least {MIN_UNITS} are needed"
    if clusters is None and is_share and ((values == 0) | (values == 1)).all():
        return wilson(int(values.sum()), len(values)), None
    if values.min() == values.max():
        return None, "all scores are equal"
    low, high = nested_difference(values[None, :], clusters).interval()
    if low == high:
        return None, "all clusters have the same mean"
    if is_share:
        low, high = max(low, 0.0), min(high, 1.0)
    return Interval(low, high, 0.95, "examples" if clusters is None else "clusters"), None


def check_scores(name: str, values: np.ndarray, bounds: tuple[float, float] | None) -> None:
    """Raise BenchError if a score lies outside the bounds that the user stated."""
    if bounds is None:
        return
    low, high = bounds
    outside = np.flatnonzero((values < low) | (values > high))
    if len(outside):
        others = f" and {len(outside) - 1:,} more rows" if len(outside) > 1 else ""
        raise BenchError(
            f"the column {name!r} has {values[outside[0]]:g} in row {outside[0] + 1:,}{others}, outside --range "
            f"{low:g} {high:g}: remove or correct these rows"
        )
