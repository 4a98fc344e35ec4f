"""Learning curve: quality by the number of training examples, over the axis `fraction`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench_suite.contracts import Artifact, BenchError, Interval, Metric, MetricRow, Record
from bench_suite.stats.intervals import over_cells

VERSION = 1
QUESTION = "generalisation"
METRICS: dict[str, dict[str, str]] = {}
NEEDS = ("fraction",)
NAMES = {"metrics": "probe/metric"}
USUAL = ("quality/accuracy", "quality/r2")
NOT_IN_NAME = ("task", "model", "seed", "fraction")


@dataclass(frozen=True)
class Options:
    metrics: tuple[str, ...] = ()
    "Metrics to draw, as `probe/metric`; default: `quality/accuracy`, and `quality/r2` for a regression."


@dataclass(frozen=True)
class Point:
    """A metric of one model at one size of the training split."""

    examples: int
    mean: float
    "The mean over seeds."
    interval: Interval | None
    seeds: int


Curves = Mapping[str, Sequence[Point]]
"Points by increasing number of examples, by the model and the other axes that distinguish cells."


def summarise(records: Sequence[Record], options: Options) -> Iterator[Metric | Artifact]:
    """Yield for each task and metric a drawing of the curves, one for each model, and a table of the same numbers.

    x is the number of training examples on a logarithmic scale, since quality mostly follows a power law (Hestness et
    al. 2017, arXiv 1712.00409). y is the mean over seeds; its 95 % interval is over test examples and seeds
    (`stats.intervals.over_cells`). With one size only, such as after `--only fraction=0.1`, there is only the table.

    Raises:
        BenchError: if a stated metric has no value in any cell.
    """
    tasks = list(dict.fromkeys(str(record.cell["task"]) for record in records))
    by_metric: dict[tuple[str, str], dict[str, list[Point]]] = {}
    for metric in options.metrics or USUAL:
        new = {(task, metric): curves for task in tasks if (curves := _curves(records, task, metric))}
        if options.metrics and not new:
            known = sorted({row.name for record in records for row in record.metrics})
            raise BenchError(f"no cell has a value of {metric} (there are: {', '.join(known) or 'none'})")
        by_metric |= new
    for (task, metric), curves in by_metric.items():
        yield from _artifacts(task, metric, curves)


def _artifacts(task: str, metric: str, curves: Curves) -> Iterator[Artifact]:
    name = f"{task}-{metric.replace('/', '-')}"
    sizes = sorted({point.examples for points in curves.values() for point in points})
    if len(sizes) > 1:
        lines = {
            label: [
                [point.examples, point.mean, *([point.interval.low, point.interval.high] if point.interval else [])]
                for point in points
            ]
            for label, points in curves.items()
        }
        data = {"x": "training examples", "y": metric, "logarithmic": ["x"], "series": lines}
        yield Artifact(name, "lines", data, f"{task}: {metric} by the number of training examples")
    rows = [[label, *(_entry(points, size) for size in sizes)] for label, points in curves.items()]
    columns = ["model", *(f"{size:,}" for size in sizes)]
    seeds = sorted({point.seeds for points in curves.values() for point in points})
    seed_range = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    caption = f"{task}: {metric} by the number of training examples, mean over {seed_range} seeds"
    caption += " ± half of the 95 % interval"
    yield Artifact(f"{name}-table", "table", {"columns": columns, "rows": rows}, caption)


def _entry(points: Sequence[Point], size: int) -> str | None:
    point = next((point for point in points if point.examples == size), None)
    if point is None:
        return None
    if point.interval is None:
        return f"{point.mean:.4g}"
    half = (point.interval.high - point.interval.low) / 2
    digits = min(max(1 - math.floor(math.log10(half)), 0), 6) if half > 0 else 4
    return f"{point.mean:.{digits}f} ± {half:.{digits}f}"


def _curves(records: Sequence[Record], task: str, metric: str) -> dict[str, list[Point]]:
    task_records = [record for record in records if record.cell["task"] == task]
    varied = _distinguishing_axes(task_records)
    values: dict[str, dict[int, list[MetricRow]]] = {}
    for record in task_records:
        for row in record.metrics:
            if row.name == metric and row.value is not None and "train" in record.data:
                label = [str(record.cell["model"]), *(f"{axis} {record.cell.get(axis)}" for axis in varied)]
                label += [f"{axis} {value}" for axis, value in row.at.items()]
                sizes = values.setdefault(", ".join(label), {})
                sizes.setdefault(int(record.data["train"]), []).append(row)
    return {name: [_point(size, sizes[size]) for size in sorted(sizes)] for name, sizes in values.items()}


def _point(examples: int, rows: Sequence[MetricRow]) -> Point:
    mean, interval, _ = over_cells(rows)
    return Point(examples, mean, interval, len(rows))


def _distinguishing_axes(records: Sequence[Record]) -> list[str]:
    """Return the axes that distinguish cells of the same model, besides seed and fraction."""
    values: dict[tuple[Any, str], set[str]] = {}
    for record in records:
        for axis, value in record.cell.items():
            if axis not in NOT_IN_NAME:
                values.setdefault((record.cell["model"], axis), set()).add(repr(value))
    return list(dict.fromkeys(axis for (_, axis), different in values.items() if len(different) > 1))
