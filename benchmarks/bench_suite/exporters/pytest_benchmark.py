"""Export the timings of a run as JSON of pytest-benchmark, which `pytest-benchmark compare` reads.

There is one benchmark for each cell and timing. Its rounds are the samples of the timing, in seconds; a rate, such as
samples per second, becomes the seconds of one sample. The pytest plugin reports the same benchmarks.
"""

from __future__ import annotations

import json
import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench_suite.contracts import BenchError, MetricRow, Record
from bench_suite.imported.timings import SECONDS, shared_environment
from bench_suite.store.runs import Run
from bench_suite.suite.cell import words_of

SUFFIXES = (".benchmark.json",)
FORMAT_VERSION = "5.3.1"
"Version of pytest-benchmark whose format the file has."
OPTIONS: Mapping[str, Any] = {"disable_gc": False, "timer": "perf_counter", "warmup": True}
"How the rounds were measured, as pytest-benchmark states it."


@dataclass(frozen=True)
class Benchmark:
    """One timing of one cell, with the fields that pytest-benchmark knows."""

    name: str
    "`digits-mlp-seed0[throughput/train]`."
    fullname: str
    "The same after the suite's name: what two files are compared by."
    group: str
    "The timing; its cells are compared in one table."
    param: str
    params: Mapping[str, Any]
    "Labels of the cell, for `--benchmark-group-by=param:model`."
    extra_info: Mapping[str, Any]
    "The timing as the run states it: value, unit, interval, and why it has none."
    seconds: tuple[float, ...]
    "The rounds."


def export(run: Run) -> bytes:
    """Return the JSON of all timings of a run.

    Raises:
        BenchError: it is a smoke run, or has no timings.
    """
    if run.info.get("smoke"):
        raise BenchError(f"{run.name} is a smoke run, whose timings mean nothing\n  run it without --smoke")
    records = [record for record in run.records() if record.status == "ok"]
    words = words_of({record.id: record.cell for record in records})
    entries = [entry for record in records for entry in benchmarks(record, words[record.id])]
    if not entries:
        how = "" if run.info.get("imported") else "\n  the probe throughput measures them: add [probes.throughput]"
        raise BenchError(f"{run.name} has no timings{how}")
    names = dict.fromkeys(record.environment for record in records)
    document = {
        "machine_info": _machine_info(shared_environment([run.environment(name) for name in names])),
        "commit_info": _commit_info(run.info.get("git") or {}, str(run.info["suite"])),
        "benchmarks": [_as_json(entry) for entry in entries],
        "datetime": str(run.info["started"]),
        "version": FORMAT_VERSION,
    }
    return (json.dumps(document, indent=4, default=str) + "\n").encode()


def benchmarks(record: Record, word: str) -> Iterator[Benchmark]:
    """Yield a benchmark for each timing of a cell that is a time or a rate.

    Args:
        record: the record of the cell.
        word: the cell's name as one word.
    """
    for row in record.metrics:
        seconds = seconds_of(row)
        if not seconds:
            continue
        at = "".join(f" {axis}={_shown(value)}" for axis, value in sorted(row.at.items()))
        param = f"{row.name}{at}"
        extra: dict[str, Any] = {"value": row.value, "unit": row.unit, "n": row.n}
        if row.interval is not None:
            extra["interval"] = [row.interval.low, row.interval.high]
        if row.reason:
            extra["reason"] = row.reason
        if row.marks:
            extra["marks"] = dict(row.marks)
        params = {axis: _plain(value) for axis, value in record.cell.items()}
        name = f"{word}[{param}]"
        yield Benchmark(name, f"{record.suite}::{name}", param, param, params, extra, seconds)


def seconds_of(row: MetricRow) -> tuple[float, ...]:
    """Return the samples of a metric in seconds; those of a rate are the seconds of one unit; empty for other metrics.

    A metric without samples has its value as its only one.
    """
    samples = row.samples or (() if row.value is None else (row.value,))
    if row.value is None or row.timing is False or not all(math.isfinite(one) and one > 0 for one in samples):
        return ()
    if row.unit.endswith("/s"):
        return tuple(1 / one for one in samples)
    scale = SECONDS.get(row.unit)
    return () if scale is None else tuple(one * scale for one in samples)


def stats_of(data: Sequence[float]) -> dict[str, Any]:
    """Return the statistics that pytest-benchmark states of some rounds, by its own definitions.

    Quartiles are the medians of both halves; for an odd number, the mean of both methods of Tukey and of Moore and
    McCabe (https://en.wikipedia.org/wiki/Quartile#Computing_methods, method 3).
    """
    ordered, rounds = sorted(data), len(data)
    mean, middle = statistics.mean(data), statistics.median(data)
    spread = statistics.stdev(data) if rounds > 1 else 0
    first, third = _quartiles(ordered)
    width = third - first
    low, high = first - 1.5 * width, third + 1.5 * width
    far = sum(not mean - spread <= one <= mean + spread for one in data)
    outliers = sum(not low <= one <= high for one in data)
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "stddev": spread,
        "rounds": rounds,
        "median": middle,
        "iqr": width,
        "q1": first,
        "q3": third,
        "iqr_outliers": outliers,
        "stddev_outliers": far,
        "outliers": f"{far};{outliers}",
        "ld15iqr": ordered[bisect_left(ordered, low)] if rounds > 1 else ordered[0],
        "hd15iqr": ordered[bisect_right(ordered, high) - 1],
        "ops": rounds / sum(data),
        "total": sum(data),
    }


def _quartiles(ordered: Sequence[float]) -> tuple[float, float]:
    rounds = len(ordered)
    if rounds == 1:
        return ordered[0], ordered[0]
    if rounds % 2 == 0:
        return statistics.median(ordered[: rounds // 2]), statistics.median(ordered[rounds // 2 :])
    n, q = divmod(rounds, 4)
    if q == 1:
        return (
            0.25 * ordered[n - 1] + 0.75 * ordered[n],
            0.75 * ordered[3 * n] + 0.25 * ordered[3 * n + 1],
        )
    return (
        0.75 * ordered[n] + 0.25 * ordered[n + 1],
        0.25 * ordered[3 * n + 1] + 0.75 * ordered[3 * n + 2],
    )


def _as_json(entry: Benchmark) -> dict[str, Any]:
    return {
        "group": entry.group,
        "name": entry.name,
        "fullname": entry.fullname,
        "params": dict(entry.params),
        "param": entry.param,
        "extra_info": dict(entry.extra_info),
        "options": dict(OPTIONS),
        "stats": {**stats_of(entry.seconds), "data": list(entry.seconds), "iterations": 1},
    }


def _machine_info(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the machine by pytest-benchmark's keys, empty where the run does not state it, such as its name."""
    system, python = environment.get("system") or {}, environment.get("python") or {}
    hardware = environment.get("hardware") or {}
    cpu = {"brand_raw": hardware.get("cpu"), "count": hardware.get("cores"), "arch": system.get("machine")}
    return {
        "node": "",
        "processor": system.get("machine", ""),
        "machine": system.get("machine", ""),
        "python_compiler": "",
        "python_implementation": python.get("implementation", ""),
        "python_implementation_version": python.get("version", ""),
        "python_version": python.get("version", ""),
        "python_build": ["", ""],
        "release": system.get("release", ""),
        "system": system.get("name", ""),
        "cpu": {key: value for key, value in cpu.items() if value},
    }


def _commit_info(git: Mapping[str, Any], suite: str) -> dict[str, Any]:
    return {
        "id": git.get("commit") or "unversioned",
        "time": None,
        "author_time": None,
        "dirty": bool(git.get("dirty")),
        "project": suite,
        "branch": git.get("branch") or "(unknown)",
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"
