"""pytest-benchmark: the file of `pytest --benchmark-json`; each file is one process, and its rounds are samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_suite.contracts import BenchError, ImportedCell
from bench_suite.imported.heads import first_keys
from bench_suite.imported.json_files import LogOptions, finite, mapping, moment, read_document, sequence, text
from bench_suite.imported.timings import Benchmark, add_process, hardware, shared_environment, timing_cells

ABSENT = {
    "quality": "the file contains times",
    "packages": "the file states the version of Python, and not those of the packages",
}


@dataclass(frozen=True, kw_only=True)
class Options(LogOptions):
    "Those of every log."


def matches(path: Path, head: bytes) -> bool:
    """Return whether a file is JSON that begins with the machine and the commit, as pytest-benchmark writes it."""
    return {"machine_info", "commit_info"} <= set(first_keys(head))


def cells(paths: Sequence[Path], options: Options) -> Iterator[ImportedCell]:
    """Yield a cell for each benchmark, with the times of all files.

    Raises:
        BenchError: a file cannot be read, has no benchmarks, or has one twice.
    """
    benchmarks: dict[tuple[str, str], Benchmark] = {}
    environments, started, commits = [], "", set()
    for path in paths:
        document = mapping(read_document(path), path.name)
        names: set[str] = set()
        for number, entry in enumerate(sequence(document.get("benchmarks"), f"{path.name}: benchmarks")):
            one = mapping(entry, f"{path.name}: benchmarks[{number}]")
            name = text(one.get("fullname") or one.get("name"), 1_000)
            if not name or name in names:
                raise BenchError(
                    f"{path.name}: benchmarks[{number}] has {'the name of another one' if name else 'no name'}"
                )
            names.add(name)
            add_process(benchmarks, name, _process(one, f"{path.name}: {name}"), path.name)
        environments.append(_environment(mapping(document.get("machine_info") or {}, f"{path.name}: machine_info")))
        started = started or moment(document.get("datetime"))
        commit = mapping(document.get("commit_info") or {}, f"{path.name}: commit_info")
        commits.add("" if commit.get("dirty") or commit.get("id") == "unversioned" else text(commit.get("id")))
    if not benchmarks:
        raise BenchError(f"{paths[0].name}: there are no benchmarks")
    yield from timing_cells(
        benchmarks, options.name or "pytest-benchmark", shared_environment(environments), started,
        commits.pop() if len(commits) == 1 else "",
    )  # fmt: skip


def _process(entry: Mapping[str, Any], where: str) -> Benchmark:
    """Return the rounds of one benchmark in seconds; the median if the file does not contain them."""
    stats = mapping(entry.get("stats"), f"{where}: stats")
    rounds = [finite(item) for item in sequence(stats.get("data") or [], f"{where}: stats.data")]
    if None in rounds:
        raise BenchError(f"{where}: stats.data[{rounds.index(None)}] is no number")
    if rounds:
        return Benchmark("seconds", "s", processes=[[value for value in rounds if value is not None]])
    middle = finite(stats.get("median"))
    if middle is None:
        raise BenchError(f"{where} has neither rounds nor a median")
    note = "the file was written without the times of the rounds (--benchmark-disable-data?): their median is taken"
    return Benchmark("seconds", "s", processes=[[middle]], notes=[note])


def _environment(machine: Mapping[str, Any]) -> dict[str, Any]:
    cpu = machine.get("cpu")
    facts = cpu if isinstance(cpu, Mapping) else {}
    return {
        **hardware(facts.get("brand_raw") or facts.get("brand"), facts.get("count")),
        "system": {"system": text(machine.get("system")), "release": text(machine.get("release"))},
        "python": {
            "version": text(machine.get("python_version")),
            "implementation": text(machine.get("python_implementation")),
        },
    }
