"""Timings of benchmarks: each file is one process, and its repetitions are samples of that process.

Restarts differ by more than repetitions in one process do. So only the medians of several processes have an interval,
and two sides with fewer than `TIMING_PROCESSES` processes cannot be compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench_suite.contracts import BenchError, Better, ImportedCell, Interval, MetricRow
from bench_suite.suite.spec import TIMING_PROCESSES

LABEL = "timing"
"Stands for the probe in the name of an imported time."
SECONDS: Mapping[str, float] = {
    "s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "μs": 1e-6, "µs": 1e-6, "ns": 1e-9,
}  # fmt: skip
"Seconds of a unit of time, as tools call it."


@dataclass
class Benchmark:
    """The measurements of one benchmark, process by process."""

    metric: str
    unit: str
    better: Better = "lower"
    timing: bool = True
    processes: list[list[float]] = field(default_factory=list)
    "For each process its repetitions, in `unit`."
    notes: list[str] = field(default_factory=list)

    def row(self) -> MetricRow:
        """Return the metric: the geometric mean over processes of their medians, or the median of one process.

        With `TIMING_PROCESSES` processes or more, the interval is exp(m ± t(n − 1) · s / √n) with mean m and standard
        deviation s of the logarithms of the medians, since a restart changes a time by a factor.
        """
        medians = [median(samples) for samples in self.processes]
        name = f"{LABEL}/{self.metric}"
        facts: dict[str, Any] = {"n": len(medians), "timing": self.timing, "range": (0.0, None)}
        if not self.timing and len(medians) == 1:
            facts["kind"] = "single"
            return MetricRow(name, medians[0], self.unit, self.better, "one observation", **facts)
        if len(medians) == 1 or min(medians) <= 0:
            reason = (
                "one process: its repetitions do not show how much restarts differ; import the files of "
                f"{TIMING_PROCESSES} processes or more together"
            )
            samples = tuple(self.processes[0]) if len(medians) == 1 else tuple(medians)
            value = medians[0] if len(medians) == 1 else math.fsum(medians) / len(medians)
            return MetricRow(name, value, self.unit, self.better, reason, samples=samples, **facts)
        logs = [math.log(value) for value in medians]
        mean = math.fsum(logs) / len(logs)
        value = math.exp(mean)
        if len(medians) < TIMING_PROCESSES:
            reason = f"{len(medians)} processes are too few for an interval; {TIMING_PROCESSES} are needed"
            return MetricRow(name, value, self.unit, self.better, reason, samples=tuple(medians), **facts)
        from scipy import special

        spread = math.sqrt(math.fsum((log - mean) ** 2 for log in logs) / (len(logs) - 1))
        half = float(special.stdtrit(len(logs) - 1, 0.975)) * spread / math.sqrt(len(logs))
        interval = Interval(value * math.exp(-half), value * math.exp(half), 0.95, "processes")
        return MetricRow(name, value, self.unit, self.better, interval=interval, samples=tuple(medians), **facts)


def add_process(benchmarks: dict[tuple[str, str], Benchmark], key: str, process: Benchmark, file: str) -> None:
    """Add the repetitions of one process to those of the same benchmark in other files.

    Args:
        benchmarks: by name of the benchmark and metric.
        key: name of the benchmark.
        process: with one entry in `processes`.
        file: name of the file, for errors.

    Raises:
        BenchError: a time is no positive number, or files state it in different units.
    """
    samples = process.processes[0]
    if not samples or not all(math.isfinite(sample) and (sample > 0 or not process.timing) for sample in samples):
        raise BenchError(f"{file}: {key} has a measurement that is no positive number")
    known = benchmarks.setdefault(
        (key, process.metric), Benchmark(process.metric, process.unit, process.better, process.timing)
    )
    if (known.unit, known.better) != (process.unit, process.better):
        raise BenchError(f"{file}: {key} is measured in {process.unit}, and in {known.unit} in another file")
    known.processes.append(samples)
    known.notes += [note for note in process.notes if note not in known.notes]


def timing_cells(
    benchmarks: Mapping[tuple[str, str], Benchmark],
    model: str,
    environment: Mapping[str, Any],
    started: str,
    commit: str = "",
) -> list[ImportedCell]:
    """Return a cell for each benchmark, with its metrics.

    Args:
        benchmarks: by name of the benchmark and metric.
        model: what was timed, the same in all files that are to be compared.
        environment: of all files; empty if they state different ones.
        started: of the first file.
        commit: of all files; empty if they state none or several.
    """
    names = dict.fromkeys(name for name, _ in benchmarks)
    return [
        ImportedCell(
            name, model, metrics=tuple(one.row() for (of, _), one in benchmarks.items() if of == name),
            environment=environment, started=started, commit=commit,
            notes=tuple(dict.fromkeys(note for (of, _), one in benchmarks.items() if of == name for note in one.notes)),
        )
        for name in names
    ]  # fmt: skip


def shared_environment(environments: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the environment that all files state; empty if they differ, so that the hardware is not known."""
    first = environments[0] if environments else {}
    return first if all(other == first for other in environments) else {}


def seconds(value: float, unit: str, where: str) -> float:
    """Return a time in seconds.

    Raises:
        BenchError: the unit is none of time.
    """
    if unit not in SECONDS:
        raise BenchError(f"{where}: {unit!r} is no unit of time; known are {', '.join(dict.fromkeys(SECONDS))}")
    return value * SECONDS[unit]


def hardware(cpu: Any, cores: Any, memory: Any = None) -> dict[str, Any]:
    """Return the hardware as an environment contains it; empty without the name of the processor."""
    known: dict[str, Any] = {"cpu": str(cpu)} if cpu else {}
    for name, value in (("cores", cores), ("usable_cores", cores), ("memory_bytes", memory)):
        if known and str(value or "").isdecimal():
            known[name] = int(value)
    return {"hardware": known} if known else {}
