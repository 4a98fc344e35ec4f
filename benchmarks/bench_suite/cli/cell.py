"""Everything that the store knows about one cell, as `bench show cell ID` prints it."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from statistics import quantiles
from typing import Any

from bench_suite.components.options import show
from bench_suite.contracts import MetricRow, Record
from bench_suite.reports.values import kind_in_words
from bench_suite.store.atomic import StoreError, safe_name
from bench_suite.store.commands import display_path, results_option
from bench_suite.store.records import to_json
from bench_suite.store.runs import Run, Store
from bench_suite.suite.durations import format_duration

MAX_LISTED = 20
"Number of cells that a message lists at most."
MAX_RUNS = 50
"Number of other runs that are searched if the selected run lacks the cell."


def find_cell(store: Store, id: str, run: str | None) -> tuple[Run, Record]:
    """Find the one cell whose id begins with `id`.

    Args:
        store: the store to search.
        id: the first letters of the cell's id.
        run: the name of a run or the first letters of it; the newest run by default.

    Returns:
        The run and the cell's record.

    Raises:
        StoreError: no cell of the run has such an id, or several have.
    """
    selected_run = store.open(run or "latest")
    records = selected_run.records()
    matches = [record for record in records if id and record.id.startswith(id.lower())]
    if len(matches) == 1:
        return selected_run, matches[0]
    if matches:
        raise StoreError(
            f'{len(matches)} cells of {selected_run.name} begin with "{id}"; type more of the id:{_cell_list(matches)}'
        )
    other_runs = _other_runs(store, id.lower(), selected_run.name) if run is None else []
    if other_runs:
        commands = "".join(
            f"\n  bench show cell {id} --run {name}{results_option(store.root)}" for name in other_runs[:MAX_LISTED]
        )
        raise StoreError(
            f'no cell of the newest run, {selected_run.name}, begins with "{id}"; these runs have one:{commands}'
        )
    raise StoreError(
        f'no cell of {selected_run.name} begins with "{id}"; its cells are:{_cell_list(records) or " none yet"}'
    )


def _cell_list(records: list[Record]) -> str:
    lines = [f"\n  {record.id}  {_cell_name(record)}" for record in records[:MAX_LISTED]]
    more = len(records) - MAX_LISTED
    return "".join(lines) + (f"\n  and {more} more" if more > 0 else "")


def _other_runs(store: Store, id: str, excluded: str) -> list[str]:
    """Return the names of other runs that have a cell whose id begins with `id`, newest first."""
    prefix = f'"id":"{id}'.encode()
    runs = (Run(info.path) for info in store.runs()[:MAX_RUNS] if id and info.run != excluded)
    return [run.name for run in runs if any(run.unmerged_records(lambda line: line.find(prefix, 0, 600) >= 0))]


def _cell_name(record: Record) -> str:
    cell = record.cell
    rest = [
        f"{axis} {_value_text(value)}" for axis, value in cell.items() if axis not in _USUAL_AXES and value is not None
    ]
    return ", ".join([str(cell.get("task")), str(cell.get("model")), *rest, f"seed {cell.get('seed')}"])


_USUAL_AXES = ("task", "model", "engine", "precision", "seed")


def as_document(run: Run, record: Record) -> dict[str, Any]:
    """Return the cell as JSON values: its record, its environment and the paths of its files."""
    return {
        "schema": 1,
        "path": str(run.path),
        "record": to_json(record),
        "environment": run.environment(record.environment),
        "files": [str(path) for path in _files(run, record)],
    }


def lines(run: Run, record: Record) -> Iterator[str]:
    """Yield the lines that describe the cell; only a line with a word that is too long is wider than the terminal."""
    yield f"cell {record.id}: {_cell_name(record)}"
    yield ""
    yield from _row("run", run.name)
    if record.smoke:
        yield from _row("", "smoke run: at most 64 examples per split, one epoch; never ranked or compared")
    started = f", started {record.started}" if record.started else ""
    yield from _row("status", f"{record.status}{started}")
    for text in (record.reason or "").splitlines():
        yield from _row("", text)
    parts = [f"{part} {format_duration(seconds)}" for part, seconds in record.seconds.items() if part != "total"]
    total = record.seconds.get("total")
    if total is not None:
        yield from _row("time", f"{format_duration(total)}: {', '.join(parts)}" if parts else format_duration(total))
    labels = ", ".join(f"{axis} {_value_text(value)}" for axis, value in record.cell.items() if value is not None)
    yield from _row("cell", labels)
    yield from _data(record.data)
    yield from _row("environment", _machine_summary(run.environment(record.environment)))
    for note in record.notes:
        yield from _row("note", note)
    if record.metrics:
        yield from ("", "metrics:", *_metrics(record))
    if record.probes:
        yield from ("", "probes:")
        width = max(map(len, record.probes))
        for label, row in record.probes.items():
            reason = f": {row.reason}" if row.reason else ""
            yield from _hanging(f"  {label:{width}}  ", f"{row.status}{reason}")
    yield from ("", "options:")
    for family, options in record.options.items():
        stated = ", ".join(f"{key}={show(value)}" for key, value in options.items() if value is not None)
        yield from _hanging(f"  {family:8}  ", stated or "none")
    kinds = {run.path / row.file: row.kind for row in record.artifacts}
    if files := list(_files(run, record)):
        yield from ("", f"files, in {display_path(run.path)}/:")
        names = [path.relative_to(run.path).as_posix() for path in files]
        width = max(map(len, names))
        yield from (f"  {name:{width}}  {kinds.get(path, '')}".rstrip() for name, path in zip(names, files))


def _row(label: str, text: str) -> Iterator[str]:
    yield from _hanging(f"{label:13}", text)


def _hanging(start: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text, _width(), initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False,
        break_long_words=False,
    ) or [start.rstrip()]  # fmt: skip


def _width() -> int:
    return max(shutil.get_terminal_size().columns, 40)


def _value_text(value: Any) -> str:
    return value if isinstance(value, str) else show(value)


def _data(data: Mapping[str, Any]) -> Iterator[str]:
    if not data:
        return
    sizes = ", ".join(f"{name} {size:,}" for name, size in data.items() if isinstance(size, int))
    yield from _row("data", f"{data.get('name')} from {data.get('source')}: {sizes}")
    rest = [f"{fact} {data[fact]}" for fact in ("fingerprint", "revision", "licence") if data.get(fact)]
    rest += [f"{name}: {_value_text(value)}" for name, value in (data.get("notes") or {}).items()]
    yield from _row("", ", ".join(rest))


def _machine_summary(environment: Mapping[str, Any]) -> str:
    """Return the hardware and the most important versions; the run's folder has the complete environment."""
    if not environment:
        return "unknown: the run's folder lacks its file"
    hardware, packages = environment.get("hardware", {}), environment.get("packages", {})
    gpus = [str(gpu.get("name")) for gpu in hardware.get("gpu", ())]
    versions = [f"{name} {packages[name]}" for name in ("bench-suite", "torch", "numpy") if name in packages]
    python = f"Python {environment.get('python', {}).get('version')}"
    threads = [f"{name}={value}" for name, value in environment.get("threads", {}).items()]
    cores = f"{hardware.get('usable_cores')} of {hardware.get('cores')} cores"
    return ", ".join([str(hardware.get("cpu")), cores, *gpus, python, *versions, *threads])


def _metrics(record: Record) -> Iterator[str]:
    from bench_suite.reports import formatting
    from bench_suite.reports.values import Value
    from bench_suite.stats.intervals import over_cells

    rows = []
    for row in record.metrics:
        at = " ".join(f"{axis}={_value_text(coordinate)}" for axis, coordinate in row.at.items())
        scale = formatting.scale_for([row.value], row.unit)
        interval = None if row.value is None else over_cells([row])[1]
        value = Value(row.value, interval, _quartiles(row), n=row.n, reason=row.reason)
        rows.append(
            (f"{row.name} {at}".rstrip(), f"{formatting.full(value, scale)} {scale.unit}".rstrip(), _basis(row))
        )
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, number, basis in rows:
        line = f"  {name:{widths[0]}}  {number:{widths[1]}}  {basis}".rstrip()
        if len(line) <= _width():
            yield line
        else:
            yield line.removesuffix(basis).rstrip()
            yield from _hanging("      ", basis)


def _quartiles(row: MetricRow) -> tuple[float, float] | None:
    if row.interval is not None or len(row.samples) < 2:
        return None
    cuts = quantiles(row.samples, n=4, method="inclusive")
    return cuts[0], cuts[2]


def _basis(row: MetricRow) -> str:
    """Return what a number is based on: its interval or samples, its number of examples, its reason."""
    parts = []
    if row.interval is not None:
        parts.append(f"{row.interval.level:.0%} over {row.interval.over}".replace("%", " %"))
    elif row.samples:
        parts.append(f"{len(row.samples)} sample{'s' if len(row.samples) > 1 else ''}")
    if row.n is not None and row.n != len(row.samples):
        parts.append(f"n = {row.n:,}")
    parts += kind_in_words([row]) if row.value is not None else []
    parts += [f"{mark}: {words}" for mark, words in row.marks.items()]
    if row.reason:
        parts.append(row.reason)
    return ", ".join(parts)


def _files(run: Run, record: Record) -> Iterator[Path]:
    """Yield the files in the cell's folder, tracebacks first, then the file of its environment."""
    folder = run.path / "cells" / safe_name(record.id)
    paths: list[Path] = []
    with suppress(OSError):
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
    yield from sorted(paths, key=lambda path: not path.name.startswith("traceback-"))
    environment_file = run.path / "environments" / f"{record.environment}.json"
    if record.environment and environment_file.is_file():
        yield environment_file
