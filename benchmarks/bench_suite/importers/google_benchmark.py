"""Google Benchmark: the file of `--benchmark_out=FILE`; each file is one process, and its repetitions are samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_suite.contracts import BenchError, ImportedCell
from bench_suite.imported.heads import first_keys
from bench_suite.imported.json_files import LogOptions, finite, mapping, moment, read_document, sequence, text
from bench_suite.imported.timings import Benchmark, add_process, seconds, timing_cells

ABSENT = {
    "quality": "the file contains times",
    "hardware": "the file states the number of cores and their clock, and not which processor it was: state --cpu",
    "packages": "the file does not state versions",
}
TIMES = {"cpu_time": "cpu_seconds", "real_time": "seconds"}
"Metrics by the field of a repetition."


@dataclass(frozen=True, kw_only=True)
class Options(LogOptions):
    cpu: str = ""
    "Name of the processor, which the file does not state; times of an unknown processor are not compared."


def matches(path: Path, head: bytes) -> bool:
    """Return whether a file is JSON with a context that names an executable, as Google Benchmark writes it."""
    return first_keys(head)[:1] == ["context"] and b'"library_build_type"' in head


def cells(paths: Sequence[Path], options: Options) -> Iterator[ImportedCell]:
    """Yield a cell for each benchmark, with the times of all files.

    Raises:
        BenchError: a file cannot be read, has no benchmark that ended well, or contains aggregates only.
    """
    benchmarks: dict[tuple[str, str], Benchmark] = {}
    started, cores, builds = "", None, set()
    failed: list[str] = []
    for path in paths:
        document = mapping(read_document(path), path.name)
        context = mapping(document.get("context") or {}, f"{path.name}: context")
        started, cores = started or moment(context.get("date")), context.get("num_cpus")
        builds.add(text(context.get("library_build_type")))
        for (name, metric), process in _processes(document, path.name, failed).items():
            add_process(benchmarks, name, Benchmark(metric, "s", processes=[process]), path.name)
    if not benchmarks:
        raise BenchError(
            f"{paths[0].name}: no repetition of a benchmark ended well{f': {failed[0]}' if failed else ''}"
        )
    processor = {"cpu": options.cpu, **({"usable_cores": cores} if isinstance(cores, int) else {})}
    environment = {"hardware": processor} if options.cpu else {}
    notes = [f"failed and left out: {one}" for one in dict.fromkeys(failed)][:5]
    notes += ["the benchmark library is a debug build: its times are too long"] if "debug" in builds else []
    for benchmark in benchmarks.values():
        benchmark.notes += notes
    yield from timing_cells(benchmarks, options.name or "google-benchmark", environment, started)


def _processes(document: Mapping[str, Any], name: str, failed: list[str]) -> dict[tuple[str, str], list[float]]:
    """Return the repetitions of each benchmark in seconds, by its name and the metric; aggregates are left out."""
    times: dict[tuple[str, str], list[float]] = {}
    aggregates = False
    for number, entry in enumerate(sequence(document.get("benchmarks"), f"{name}: benchmarks")):
        one = mapping(entry, f"{name}: benchmarks[{number}]")
        if one.get("run_type", "iteration") != "iteration":
            aggregates = True
            continue
        called = text(one.get("run_name") or one.get("name"), 1_000)
        if not called:
            raise BenchError(f"{name}: benchmarks[{number}] has no name")
        if one.get("error_occurred") or one.get("skipped"):
            failed.append(f"{called}: {text(one.get('error_message') or one.get('skip_message')) or 'no message'}")
            continue
        for field, metric in TIMES.items():
            if (value := finite(one.get(field))) is not None:
                unit = text(one.get("time_unit")) or "ns"
                times.setdefault((called, metric), []).append(seconds(value, unit, f"{name}: {called}"))
    if aggregates and not times and not failed:
        raise BenchError(f"{name} contains aggregates only: run it without --benchmark_report_aggregates_only")
    return times
