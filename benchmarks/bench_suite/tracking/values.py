"""The names and values that trackers get of a record: options, final metrics with their intervals, tags."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench_suite.contracts import MetricRow, Record
from bench_suite.store.records import dumps, to_json
from bench_suite.store.runs import Run

Plain = str | float | int | bool


def hyper_parameters(record: Record) -> dict[str, Plain]:
    """Return the cell's labels, and all options of its task, model and training as `family/option`."""
    options = {
        f"{family}/{option}": value
        for family in ("task", "model", "train", "evaluate")
        for option, value in record.options.get(family, {}).items()
    }
    return {key: _loggable(value) for key, value in (*record.cell.items(), *options.items())}


def metric_name(row: MetricRow, separator: str = "/") -> str:
    """Return the name of a metric with its coordinates: `throughput/inference/batch_size=64`."""
    return separator.join([row.name, *(f"{axis}={coordinate}" for axis, coordinate in row.at.items())])


def final_metrics(metrics: Iterable[MetricRow], *, intervals: bool = False, separator: str = "/") -> dict[str, float]:
    """Return the finite values of metrics by `metric_name`.

    Args:
        metrics: the metrics of a record or of a run.
        intervals: whether to add the ends of the intervals, as `NAME.low` and `NAME.high`.
        separator: what stands between a metric's name and its coordinates.
    """
    values = _values(metrics, separator, intervals=intervals)
    return {name: value for name, value in values if math.isfinite(value)}


def _values(metrics: Iterable[MetricRow], separator: str, *, intervals: bool) -> Iterator[tuple[str, float]]:
    for row in metrics:
        name = metric_name(row, separator)
        if row.value is not None:
            yield name, float(row.value)
        if intervals and row.interval is not None:
            yield f"{name}.low", float(row.interval.low)
            yield f"{name}.high", float(row.interval.high)


def run_tags(run: Run) -> dict[str, str]:
    """Return what a tracker should know of a run as a whole: ids, suite, version, and the commit it was made with."""
    git: Mapping[str, Any] = run.info.get("git") or {}
    tags = {
        "bench.run": run.name,
        "bench.suite": str(run.info["suite"]),
        "bench.version": str(run.info.get("version", "")),
        "git.commit": str(git.get("commit") or ""),
        "git.branch": str(git.get("branch") or ""),
        "git.dirty": str(git["dirty"]).lower() if "dirty" in git else "",
    }
    return {name: value for name, value in tags.items() if value}


def cell_tags(record: Record) -> dict[str, str]:
    """Return what a tracker should know of a cell beside its options: ids, status, and why it ended badly."""
    tags = {
        "bench.cell": record.id,
        "bench.status": record.status,
        "bench.reason": record.reason or "",
        "bench.smoke": "true" if record.smoke else "",
        "bench.machine_busy": "true" if record.machine_busy else "",
        "bench.environment": record.environment,
        "bench.data": str(record.data.get("fingerprint", "")),
    }
    failed = ", ".join(label for label, row in record.probes.items() if row.status == "failed")
    return {name: value for name, value in {**tags, "bench.failed_probes": failed}.items() if value}


def record_digest(record: Record) -> str:
    """Return a hash of the whole record: a tracker that has it needs no second writing of the cell."""
    return hashlib.sha256(dumps(to_json(record)).encode()).hexdigest()[:16]


def shown_path(path: Path) -> str:
    """Return a path for a command line: relative to the working folder if it lies inside it."""
    relative = os.path.relpath(path)
    return shlex.quote(str(path) if relative.startswith(os.pardir) else relative)


def cells_text(written: int, unchanged: int) -> str:
    """Return how many cells were written, and how many were there already."""
    cells = f"{written} cell{'' if written == 1 else 's'}"
    return f"{cells}; {unchanged} more were there already" if unchanged else cells


def _loggable(value: Any) -> Plain:
    """Return a value that every tracker accepts: a number, text or bool; None becomes `none`, others become JSON."""
    if isinstance(value, bool | int | float | str):
        return value
    return "none" if value is None else json.dumps(value, default=str)
