"""Relative errors: the corruption errors of each model divided by those of a reference model of the run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench_suite.contracts import Artifact, Interval, Metric, MetricRow, Record
from bench_suite.stats.intervals import over_cells

ERRORS = ("corruption_error", "corruption_rmse")
"Metrics whose ratio is taken: means over severities, at one corruption."
NOT_IN_GROUP = ("model", "seed", "fold")


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its interval."""

    value: float
    interval: Interval | None


def relative_errors(records: Sequence[Record], reference: str, own: str | None = None) -> Iterator[Metric | Artifact]:
    """Yield, for each model and task, its corruption error at each corruption by that of the reference, and the mean.

    E[s, c] is the error at severity s and corruption c. CE[c] = Σ E[s, c] / Σ E[s, c] of the reference, over the same
    severities. `mean_relative_corruption_error` is the mean of CE over corruptions (Hendrycks and Dietterich 2019,
    arXiv 1903.12261, who write it in percent with AlexNet as the reference).

    The interval of a ratio is that of a difference of logarithms of independent estimates (MOVER, Zou and Donner 2008);
    the interval of the mean has the means of the bounds. Both models see the same examples, and so do all corruptions,
    so these intervals are somewhat too wide.

    Args:
        records: of the run.
        reference: label of the reference model.
        own: label of the probe whose errors are read; None reads those of all probes.
    """
    groups = _groups(records, own)
    measured = {
        coordinates[0][1]
        for coordinates, group in groups.items()
        if any(str(record.cell["model"]) == reference for record in group)
    }
    rows: list[list[str]] = []
    for coordinates, group in groups.items():
        by_model: dict[str, list[Record]] = {}
        for record in group:
            by_model.setdefault(str(record.cell["model"]), []).append(record)
        label, *axes = coordinates
        if measured and label[1] not in measured:
            continue  # of another probe of the suite, which has a reference of its own
        base = _errors(by_model.get(reference, []), label[1])
        at = dict(axes if len({key[0] for key in groups}) == 1 else coordinates)
        if not base:
            reason = f"no cell of the reference, {reference}, has corruption errors here"
            yield Metric("mean_relative_corruption_error", None, reason, at)
            continue
        for model, of_model in by_model.items():
            of = {**at, "model": model}
            ratios = []
            for corruption, error in _errors(of_model, label[1]).items():
                ratio = _ratio(error, base.get(corruption), same=model == reference)
                yield _metric("relative_corruption_error", ratio, {**of, "corruption": corruption}, reference)
                ratios.append(ratio)
            mean = _mean(ratios)
            yield _metric("mean_relative_corruption_error", mean, of, reference)
            rows.append([*(value for _, value in coordinates), model, _shown(mean)])
    if rows:
        names = [axis for axis, _ in next(iter(groups))]
        data = {"columns": [*names, "model", "mean relative corruption error"], "rows": rows}
        caption = f"Corruption error divided by that of {reference}, mean over corruptions, with 95 % intervals"
        yield Artifact("relative", "table", data, caption)


def _groups(records: Sequence[Record], own: str | None) -> dict[tuple[tuple[str, str], ...], list[Record]]:
    """Return the records that have corruption errors, of one probe or of all, by probe, task and further axes.

    Models are compared within a group. An axis that estimators have no value of, such as the engine, forms no groups.
    """
    usable = [record for record in records if any(_is_error(row) for row in record.metrics)]
    axes = dict.fromkeys(axis for record in usable for axis in record.cell if axis not in NOT_IN_GROUP)
    varied = [
        axis
        for axis in axes
        if axis != "task"
        and all(record.cell.get(axis) is not None for record in usable)
        and len({repr(record.cell[axis]) for record in usable}) > 1
    ]
    groups: dict[tuple[tuple[str, str], ...], list[Record]] = {}
    for record in usable:
        of_record = tuple((axis, str(record.cell[axis])) for axis in ("task", *varied))
        labels = dict.fromkeys(row.name.partition("/")[0] for row in record.metrics if _is_error(row))
        for label in (label for label in labels if own in (None, label)):
            groups.setdefault((("probe", label), *of_record), []).append(record)
    return groups


def _is_error(row: MetricRow) -> bool:
    return row.name.partition("/")[2] in ERRORS and row.value is not None


def _errors(records: Sequence[Record], label: str) -> dict[str, Estimate]:
    """Return the mean over seeds of the error at each corruption, as the probe of a label measured it."""
    rows: dict[str, list[MetricRow]] = {}
    cells: dict[str, list[Record]] = {}
    for record in records:
        for row in record.metrics:
            if _is_error(row) and row.name.startswith(f"{label}/"):
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
