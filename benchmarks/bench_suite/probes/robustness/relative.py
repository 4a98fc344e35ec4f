"""Relative errors: the corruption errors of each model divided by those of a reference model of the run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench_suite.contracts import Artifact, BenchError, Interval, Metric, MetricRow, Record
from bench_suite.stats.intervals import over_cells

ERRORS = ("corruption_error", "corruption_rmse")
"Metrics whose ratio is taken: means over severities, at one corruption."
NOT_IN_GROUP = ("model", "seed", "fold")


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its interval."""

    value: float
    interval: Interval | None


def relative_errors(records: Sequence[Record], reference: str) -> Iterator[Metric | Artifact]:
    """Yield, for each model and task, its corruption error at each corruption by that of the reference, and the mean.

    With E[s, c] the error at severity s and corruption c, CE[c] = Σ E[s, c] / Σ E[s, c] of the reference, over the same
    severities. `mean_relative_corruption_error` is the mean of CE over corruptions (Hendrycks and Dietterich 2019,
    arXiv 1903.12261, who write it in percent with AlexNet as the reference).

    The interval of a ratio is that of Donner and Zou (2012, doi 10.1177/0962280210383082) for independent estimates, on
    a logarithmic scale; the interval of the mean has the means of the bounds. Both models see the same examples, and so
    do all corruptions, so these intervals are rather too wide.

    Args:
        records: of the run.
        reference: label of the reference model.

    Raises:
        BenchError: no cell of the reference has a corruption error.
    """
    groups = _groups(records)
    if not any(str(record.cell["model"]) == reference for group in groups.values() for record in group):
        models = ", ".join(sorted({str(record.cell["model"]) for record in records})) or "none"
        raise BenchError(
            f'reference = "{reference}": no cell of this model has corruption errors (there are: {models})'
        )
    rows: list[list[str]] = []
    for coordinates, group in groups.items():
        by_model: dict[str, list[Record]] = {}
        for record in group:
            by_model.setdefault(str(record.cell["model"]), []).append(record)
        base = _errors(by_model.get(reference, []))
        for model, of_model in by_model.items():
            at = {**dict(coordinates), "model": model}
            ratios = {}
            for corruption, error in _errors(of_model).items():
                ratio = _ratio(error, base.get(corruption), same=model == reference)
                yield _metric("relative_corruption_error", ratio, {**at, "corruption": corruption}, reference)
                ratios[corruption] = ratio
            mean = _mean([*ratios.values()])
            yield _metric("mean_relative_corruption_error", mean, at, reference)
            rows.append([*(str(value) for _, value in coordinates), model, _shown(mean)])
    if rows:
        names = [axis for axis, _ in next(iter(groups))]
        data = {"columns": [*names, "model", "mean relative corruption error"], "rows": rows}
        caption = f"Corruption error divided by that of {reference}, mean over corruptions, with 95 % intervals"
        yield Artifact("relative", "table", data, caption)


def _groups(records: Sequence[Record]) -> dict[tuple[tuple[str, str], ...], list[Record]]:
    """Return the records that have corruption errors by task and further axes: models are compared within a group."""
    usable = [record for record in records if any(_is_error(row) for row in record.metrics)]
    varied = [
        axis
        for axis in dict.fromkeys(axis for record in usable for axis in record.cell)
        if axis not in (*NOT_IN_GROUP, "task") and len({repr(record.cell.get(axis)) for record in usable}) > 1
    ]
    groups: dict[tuple[tuple[str, str], ...], list[Record]] = {}
    for record in usable:
        key = tuple((axis, str(record.cell.get(axis))) for axis in ("task", *_of_both(usable, varied)))
        groups.setdefault(key, []).append(record)
    return groups


def _of_both(records: Sequence[Record], axes: Sequence[str]) -> list[str]:
    """Return the axes that every record has: others, such as the engine, do not concern all models."""
    return [axis for axis in axes if all(axis in record.cell for record in records)]


def _is_error(row: MetricRow) -> bool:
    return row.name.partition("/")[2] in ERRORS and row.value is not None


def _errors(records: Sequence[Record]) -> dict[str, Estimate]:
    """Return the mean over seeds of the error at each corruption."""
    rows: dict[str, list[MetricRow]] = {}
    cells: dict[str, list[Record]] = {}
    for record in records:
        for row in record.metrics:
            if _is_error(row):
                rows.setdefault(str(row.at["corruption"]), []).append(row)
                cells.setdefault(str(row.at["corruption"]), []).append(record)
    estimates = {}
    for corruption, of_corruption in rows.items():
        value, interval, _ = over_cells(of_corruption, cells[corruption])
        estimates[corruption] = Estimate(value, interval)
    return estimates


def _ratio(error: Estimate, base: Estimate | None, *, same: bool) -> Estimate | str:
    """Return the ratio with its interval, or the reason why there is none."""
    if base is None:
        return "the reference has no error at this corruption"
    if base.value == 0.0:
        return "the reference makes no error at this corruption"
    if same:
        return Estimate(1.0, None)
    value = error.value / base.value
    return Estimate(value, ratio_interval(error, base))


def ratio_interval(error: Estimate, base: Estimate) -> Interval | None:
    """Return the interval of a ratio of two independent estimates; None if one of them has none, or reaches 0."""
    if error.interval is None or base.interval is None:
        return None
    bounds = (error.value, error.interval.low, error.interval.high, base.value, base.interval.low, base.interval.high)
    if min(bounds) <= 0.0:
        return None
    middle, low, high, base_middle, base_low, base_high = map(math.log, bounds)
    below = math.hypot(middle - low, base_high - base_middle)
    above = math.hypot(high - middle, base_middle - base_low)
    ratio = middle - base_middle
    return Interval(math.exp(ratio - below), math.exp(ratio + above), error.interval.level, error.interval.over)


def _mean(ratios: Sequence[Estimate | str]) -> Estimate | str:
    reasons = [ratio for ratio in ratios if isinstance(ratio, str)]
    if reasons:
        return f"{len(reasons)} of {len(ratios)} corruptions have no ratio: {reasons[0]}"
    estimates = [ratio for ratio in ratios if isinstance(ratio, Estimate)]
    value = sum(ratio.value for ratio in estimates) / len(estimates)
    intervals = [ratio.interval for ratio in estimates if ratio.interval is not None]
    if len(intervals) < len(estimates):
        return Estimate(value, None)
    low, high = (sum(bounds) / len(bounds) for bounds in zip(*((one.low, one.high) for one in intervals)))
    return Estimate(value, Interval(low, high, intervals[0].level, intervals[0].over))


def _metric(name: str, ratio: Estimate | str, at: Mapping[str, str], reference: str) -> Metric:
    if isinstance(ratio, str):
        return Metric(name, None, ratio, at)
    if ratio.interval is not None:
        return Metric(name, ratio.value, at=at, interval=ratio.interval)
    if at["model"] == reference:
        return Metric(name, ratio.value, "the reference itself", at, kind="exact")
    return Metric(name, ratio.value, "an error of the model or of the reference has no interval above 0", at)


def _shown(ratio: Estimate | str) -> str:
    if isinstance(ratio, str):
        return "–"
    bounds = "" if ratio.interval is None else f" [{ratio.interval.low:.3f}, {ratio.interval.high:.3f}]"
    return f"{ratio.value:.3f}{bounds}"
