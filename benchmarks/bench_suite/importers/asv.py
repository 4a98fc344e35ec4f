"""asv (airspeed velocity): a result file `results/MACHINE/COMMIT-ENVIRONMENT.json`, with or without samples.

Benchmarks of time, of memory and of values that are tracked are read. The units of tracked values are those in
`results/benchmarks.json`, if it is there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_suite.contracts import BenchError, ImportedCell
from bench_suite.imported.heads import first_keys
from bench_suite.imported.json_files import LogOptions, finite, mapping, moment, read_document, sequence, text
from bench_suite.imported.tables import ending_of
from bench_suite.imported.timings import Benchmark, add_process, hardware, shared_environment, timing_cells

ABSENT = {
    "quality": "the file contains times, sizes and tracked values",
    "processes": "the file does not state which samples are of one process, so all count as those of one",
}
COLUMNS = ("result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b", "stats_q_25",
           "stats_q_75", "stats_number", "stats_repeat", "samples")  # fmt: skip
"Order of the columns, if a file does not state it."
MAX_FAILED = 5
"Failed benchmarks that are named."
FILES_BESIDE = ("benchmarks.json", "machine.json")


@dataclass(frozen=True, kw_only=True)
class Options(LogOptions):
    "Those of every log."


def matches(path: Path, head: bytes) -> bool:
    """Return whether a file is JSON with a commit, an environment and results, as asv writes it."""
    return ending_of(path) == ".json" and {"commit_hash", "params"} <= set(first_keys(head)) and b"env_name" in head


def cells(paths: Sequence[Path], options: Options) -> Iterator[ImportedCell]:
    """Yield a cell for each benchmark and each combination of its parameters.

    Raises:
        BenchError: a file cannot be read, or is of another version; files are of different commits; or there is no
            result.
    """
    benchmarks: dict[tuple[str, str], Benchmark] = {}
    failed: dict[str, None] = {}
    environments, started = [], ""
    commits: dict[str, str] = {}
    for path in paths:
        document = mapping(read_document(path), path.name)
        if document.get("version") != 2:
            raise BenchError(f"{path.name} has the version {document.get('version')!r} of asv's format, and 2 is read")
        commits[text(document.get("commit_hash"))] = path.name
        units = _units(path)
        columns = [str(name) for name in document.get("result_columns") or COLUMNS]
        for name, entry in mapping(document.get("results"), f"{path.name}: results").items():
            for key, process in _processes(str(name), entry, columns, units, path.name, failed):
                add_process(benchmarks, key, process, path.name)
        params = mapping(document.get("params") or {}, f"{path.name}: params")
        environments.append(_environment(params, document))
        started = started or _started(document)
    if len(commits) > 1:
        raise BenchError(
            f"the files are of {len(commits)} commits ({', '.join(commits.values())}): import them one by one"
        )
    if not benchmarks:
        raise BenchError(f"{paths[0].name}: no benchmark has a result")
    notes = [f"failed and left out: {key}" for key in list(failed)[:MAX_FAILED]]
    notes += [f"failed and left out: {len(failed) - MAX_FAILED:,} more"] if len(failed) > MAX_FAILED else []
    for benchmark in benchmarks.values():
        benchmark.notes += notes
    environment = shared_environment(environments)
    yield from timing_cells(benchmarks, options.name or "asv", environment, started, next(iter(commits)))


def _processes(
    name: str, entry: Any, columns: Sequence[str], units: Mapping[str, str], file: str, failed: dict[str, None]
) -> Iterator[tuple[str, Benchmark]]:
    """Yield the results of one benchmark by its name with parameters; those that failed are added to `failed`.

    Raises:
        BenchError: the entry has another form, or another number of results than of combinations of parameters.
    """
    values = dict(zip(columns, sequence(entry, f"{file}: {name}"), strict=False))
    results = values.get("result")
    if results is None:
        failed[name] = None
        return
    axes = sequence(values.get("params") or [], f"{file}: {name}: params")
    combinations = list(itertools.product(*[map(str, sequence(axis, f"{file}: {name}: params")) for axis in axes]))
    samples = sequence(values.get("samples") or [], f"{file}: {name}: samples")
    if len(sequence(results, f"{file}: {name}: result")) != len(combinations):
        raise BenchError(
            f"{file}: {name} has {len(results)} results for {len(combinations)} combinations of its parameters"
        )
    for number, result in enumerate(results):
        value = finite(result)
        parameters = combinations[number]
        key = f"{name}({', '.join(parameters)})" if parameters else name
        if value is None:
            failed[key] = None
            continue
        of_result = samples[number] if number < len(samples) and isinstance(samples[number], list) else None
        repeated = [one for item in of_result or [] if (one := finite(item)) is not None] or [value]
        yield key, _benchmark(name, repeated, units)


def _benchmark(name: str, samples: list[float], units: Mapping[str, str]) -> Benchmark:
    """Return the measurement of a benchmark; asv knows its kind by the beginning of its name."""
    function = name.rpartition(".")[2]
    unit = units.get(name, "")
    if function.startswith(("time_", "timeraw_")) or unit == "seconds":
        return Benchmark("seconds", "s", processes=[samples])
    if function.startswith(("mem_", "peakmem_")) or unit == "bytes":
        return Benchmark("bytes", "bytes", timing=False, processes=[samples])
    return Benchmark("value", "" if unit == "unit" else unit, "none", timing=False, processes=[samples])


def _units(path: Path) -> dict[str, str]:
    """Return the units of benchmarks, from `benchmarks.json` in the folder above; empty if it is not there."""
    beside = path.parent.parent / "benchmarks.json"
    if not beside.is_file():
        return {}
    entries = mapping(read_document(beside), beside.name)
    return {name: text(entry.get("unit")) for name, entry in entries.items() if isinstance(entry, Mapping)}


def _environment(params: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    packages = document.get("requirements")
    return {
        **hardware(params.get("cpu"), params.get("num_cpu"), params.get("ram")),
        "system": {"system": text(params.get("os")), "machine": text(params.get("arch"))},
        **(
            {"packages": {str(k): text(v) for k, v in packages.items()}}
            if isinstance(packages, Mapping) and packages
            else {}
        ),
    }


def _started(document: Mapping[str, Any]) -> str:
    date = finite(document.get("date"))
    return moment(date / 1000) if date is not None else ""
