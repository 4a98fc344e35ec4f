"""All that the store knows of one cell: what `bench show cell ID` prints."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from statistics import quantiles
from typing import Any

from bench_suite.cli.arguments import shown
from bench_suite.components.options import show
from bench_suite.contracts import MetricRow, Record
from bench_suite.reports.table import kind_in_words
from bench_suite.store.atomic import StoreError, safe_name
from bench_suite.store.records import to_json
from bench_suite.store.runs import Run, Store
from bench_suite.suite.durations import format_duration

MAX_LISTED = 20
"Cells that a message lists."
MAX_RUNS = 50
"Runs that are searched for a cell that the asked one does not have."


def find(store: Store, id: str, run: str | None) -> tuple[Run, Record]:
    """The record of the cell whose id begins so, in a run, by default the newest one. Raises StoreError."""
    opened = store.open(run or "latest")
    records = opened.records()
    fitting = [record for record in records if id and record.id.startswith(id.lower())]
    if len(fitting) == 1:
        return opened, fitting[0]
    if fitting:
        raise StoreError(
            f'{len(fitting)} cells of {opened.name} begin with "{id}"; write more of the id:{_listed(fitting)}'
        )
    elsewhere = _elsewhere(store, id.lower(), opened.name) if run is None else []
    if elsewhere:
        places = "".join(f"\n  bench show cell {id} --run {name}" for name in elsewhere[:MAX_LISTED])
        raise StoreError(f'no cell of the newest run, {opened.name}, begins with "{id}"; others have one:{places}')
    raise StoreError(f'no cell of {opened.name} begins with "{id}"; its cells are:{_listed(records) or " none yet"}')


def _listed(records: list[Record]) -> str:
    lines = [f"\n  {record.id}  {_name(record)}" for record in records[:MAX_LISTED]]
    more = len(records) - MAX_LISTED
    return "".join(lines) + (f"\n  and {more} more" if more > 0 else "")


def _elsewhere(store: Store, id: str, but: str) -> list[str]:
    """Names of other runs with a cell whose id begins so, newest first."""
    head = f'"id":"{id}'.encode()
    runs = (Run(info.path) for info in store.runs()[:MAX_RUNS] if id and info.run != but)
    return [run.name for run in runs if any(run.unmerged_records(lambda line: line.find(head, 0, 600) >= 0))]


def _name(record: Record) -> str:
    cell = record.cell
    rest = [f"{axis} {_value(value)}" for axis, value in cell.items() if axis not in _USUAL and value is not None]
    return ", ".join([str(cell.get("task")), str(cell.get("model")), *rest, f"seed {cell.get('seed')}"])


_USUAL = ("task", "model", "engine", "precision", "seed")


def as_document(run: Run, record: Record) -> dict[str, Any]:
    """The cell as JSON values: its record, the environment it ran in, and where its files are."""
    return {
        "schema": 1,
        "path": str(run.path),
        "record": to_json(record),
        "environment": run.environment(record.environment),
        "files": [str(path) for path in _files(run, record)],
    }


def lines(run: Run, record: Record) -> Iterator[str]:
    """The cell for a person, no line wider than the terminal where its words allow it."""
    yield f"cell {record.id}: {_name(record)}"
    yield ""
    yield from _row("run", run.name)
    if record.smoke:
        yield from _row("", "smoke run: 64 examples a split, one epoch; never ranked or compared")
    started = f", begun {record.started}" if record.started else ""
    yield from _row("status", f"{record.status}{started}")
    for text in (record.reason or "").splitlines():
        yield from _row("", text)
    parts = [f"{part} {format_duration(seconds)}" for part, seconds in record.seconds.items() if part != "total"]
    total = record.seconds.get("total")
    if total is not None:
        yield from _row("time", f"{format_duration(total)}: {', '.join(parts)}" if parts else format_duration(total))
    labels = ", ".join(f"{axis} {_value(value)}" for axis, value in record.cell.items() if value is not None)
    yield from _row("cell", labels)
    yield from _data(record.data)
    yield from _row("environment", _machine(run.environment(record.environment)))
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
        yield from ("", f"files, in {shown(run.path)}/:")
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


def _value(value: Any) -> str:
    return value if isinstance(value, str) else show(value)


def _data(data: Mapping[str, Any]) -> Iterator[str]:
    if not data:
        return
    sizes = ", ".join(f"{name} {size:,}" for name, size in data.items() if isinstance(size, int))
    yield from _row("data", f"{data.get('name')} from {data.get('source')}: {sizes}")
    rest = [f"{fact} {data[fact]}" for fact in ("fingerprint", "revision", "licence") if data.get(fact)]
    rest += [f"{name}: {_value(value)}" for name, value in (data.get("notes") or {}).items()]
    yield from _row("", ", ".join(rest))


def _machine(environment: Mapping[str, Any]) -> str:
    """The hardware and the versions that matter most; all of it is in the run's folder."""
    if not environment:
        return "not known any more"
    hardware, packages = environment.get("hardware", {}), environment.get("packages", {})
    gpus = [str(gpu.get("name")) for gpu in hardware.get("gpu", ())]
    versions = [f"{name} {packages[name]}" for name in ("bench-suite", "torch", "numpy") if name in packages]
    python = f"Python {environment.get('python', {}).get('version')}"
    threads = [f"{name}={value}" for name, value in environment.get("threads", {}).items()]
    cores = f"{hardware.get('usable_cores')} of {hardware.get('cores')} cores"
    return ", ".join([str(hardware.get("cpu")), cores, *gpus, python, *versions, *threads])


def _metrics(record: Record) -> Iterator[str]:
    from bench_suite.reports import formatting
    from bench_suite.reports.table import Value

    rows = []
    for row in record.metrics:
        at = " ".join(f"{axis}={_value(place)}" for axis, place in row.at.items())
        scale = formatting.scale_for([row.value], row.unit)
        value = Value(row.value, row.interval, _quartiles(row), n=row.n, reason=row.reason)
        rows.append(
            (f"{row.name} {at}".rstrip(), f"{formatting.full(value, scale)} {scale.unit}".rstrip(), _grounds(row))
        )
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, number, grounds in rows:
        line = f"  {name:{widths[0]}}  {number:{widths[1]}}  {grounds}".rstrip()
        if len(line) <= _width():
            yield line
        else:
            yield line.removesuffix(grounds).rstrip()
            yield from _hanging("      ", grounds)


def _quartiles(row: MetricRow) -> tuple[float, float] | None:
    if row.interval is not None or len(row.samples) < 2:
        return None
    cuts = quantiles(row.samples, n=4, method="inclusive")
    return cuts[0], cuts[2]


def _grounds(row: MetricRow) -> str:
    """What the number stands on."""
    said = []
    if row.interval is not None:
        said.append(f"{row.interval.level:.0%} over {row.interval.over}".replace("%", " %"))
    elif row.samples:
        said.append(f"{len(row.samples)} samples")
    if row.n is not None and row.n != len(row.samples):
        said.append(f"n = {row.n:,}")
    said += kind_in_words([row]) if row.value is not None else []
    if row.reason:
        said.append(row.reason)
    return ", ".join(said)


def _files(run: Run, record: Record) -> Iterator[Path]:
    """All that lies in the cell's folder, tracebacks first, and the environment's file."""
    folder = run.path / "cells" / safe_name(record.id)
    found: list[Path] = []
    with suppress(OSError):
        found = sorted(path for path in folder.rglob("*") if path.is_file())
    yield from sorted(found, key=lambda path: not path.name.startswith("traceback-"))
    described = run.path / "environments" / f"{record.environment}.json"
    if record.environment and described.is_file():
        yield described
