"""The typed table behind every report: metrics over seeds, by task, model and axes; it knows no layout.

Results that differ in data or hardware never share a table; a smoke run is not ranked; what has no value has a reason.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import quantiles
from typing import Any

from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.stats import over_seeds
from bench_suite.store import Run

MOST_COLUMNS = 5
"Columns of a leaderboard where the suite names none."
MOST_COORDINATES = 3
"Columns for one metric that exists at coordinates only, such as batch sizes."
_BESIDES = ("task", "model", "seed")


@dataclass(frozen=True)
class Column:
    """A metric at coordinates."""

    name: str
    "`probe/metric`"
    at: tuple[tuple[str, Any], ...] = ()
    unit: str = ""
    better: str = "none"


@dataclass(frozen=True)
class Value:
    """A metric over the seeds of a row."""

    value: float | None
    "Mean over seeds."
    interval: Interval | None = None
    spread: tuple[float, float] | None = None
    "Quartiles of the samples (or of the seeds' values), where there is no interval."
    seeds: int = 0
    "How many seeds have a value."
    n: int | None = None
    reason: str | None = None
    "Why there is no value, or no interval."


@dataclass(frozen=True)
class Row:
    """The cells that differ in nothing but their seed."""

    model: str
    axes: Mapping[str, Any]
    "Axes and options that tell it from another row of the table."
    values: Mapping[Column, Value]
    cells: tuple[Record, ...]
    rank: int | None = None
    "1 + how many rows are better by more than their intervals; None where it cannot be told, or is not to be."
    tied: bool = False
    "Whether another row has the same rank."

    @property
    def label(self) -> str:
        """The model, and what tells it from others of that name."""
        axes = ", ".join(f"{name}={value}" for name, value in self.axes.items())
        return f"{self.model} ({axes})" if axes else self.model


@dataclass(frozen=True)
class Table:
    """All rows of one task on the same data and hardware."""

    task: str
    data: Mapping[str, Any]
    "As in a record: `name`, `source`, `fingerprint`, and how many examples each split has."
    hardware: Mapping[str, Any]
    columns: tuple[Column, ...]
    sort: Column | None
    rows: tuple[Row, ...]
    smoke: bool = False
    variant: str = ""
    "What tells it from another table of the same task and data set: the data's fingerprint, the machine."


def tables(runs: Sequence[Run]) -> list[Table]:
    """The tables of some runs, newest run first: of a cell that several runs have, the newest counts.

    Columns and order are what the newest run's suite says under `[report]`, else the first metrics of each probe.
    """
    found: dict[str, tuple[Run, Record]] = {}
    for run in runs:
        for record in run.records():
            if record.status == "ok" or record.metrics:
                found.setdefault(record.id, (run, record))
    groups: dict[tuple[Any, ...], list[tuple[Run, Record]]] = {}
    for run, record in found.values():
        hardware = run.environment(record.environment).get("hardware", {})
        key = (str(record.cell.get("task")), *(str(record.data.get(k, "")) for k in ("name", "fingerprint")))
        groups.setdefault((*key, _text(hardware), record.smoke), []).append((run, record))
    return _told_apart([_table(key, members) for key, members in groups.items()])


def _told_apart(found: list[Table]) -> list[Table]:
    told = []
    for table in found:
        alike = [
            other for other in found if (other.task, other.data.get("name")) == (table.task, table.data.get("name"))
        ]
        parts = {
            f"data {str(table.data.get('fingerprint'))[:8]}": {str(other.data.get("fingerprint")) for other in alike},
            f"on {machine(table.hardware)}": {_text(other.hardware) for other in alike},
        }
        told.append(replace(table, variant=", ".join(part for part, values in parts.items() if len(values) > 1)))
    return told


def machine(hardware: Mapping[str, Any]) -> str:
    """A machine in a few words: `Intel(R) Xeon(R) Processor, 2 cores`."""
    if not hardware:
        return "hardware that was not recorded"
    gpus = [str(gpu.get("name")) for gpu in hardware.get("gpu", [])]
    named = [f"{gpus.count(name)} × {name}" if gpus.count(name) > 1 else name for name in dict.fromkeys(gpus)]
    cores = hardware.get("usable_cores", hardware.get("cores"))
    return ", ".join([str(hardware.get("cpu", "unknown processor")), *([f"{cores} cores"] if cores else []), *named])


def _table(key: tuple[Any, ...], members: list[tuple[Run, Record]]) -> Table:
    records = [record for _, record in members]
    run = members[0][0]
    stated = run.info.get("report") or {}
    columns = chosen_columns(records, stated.get("columns") or ())
    sort = next((column for column in columns if column.name == stated.get("sort")), None)
    sort = sort or next((column for column in columns if column.better != "none"), None)
    rows = _ranked(rows_of(records, columns), sort, ranks=not key[4])
    return Table(key[0], records[0].data, json.loads(key[3]), columns, sort, rows, smoke=key[4])


def all_columns(records: Iterable[Record]) -> list[Column]:
    """Every metric at every coordinate, in order of first appearance."""
    columns: dict[tuple[Any, ...], Column] = {}
    for record in records:
        for row in record.metrics:
            at = tuple(row.at.items())
            columns.setdefault((row.name, at), Column(row.name, at, row.unit, row.better))
    return list(columns.values())


def chosen_columns(records: Sequence[Record], names: Sequence[str]) -> tuple[Column, ...]:
    """The columns of those names that these records have; without any, the first metrics of each probe."""
    known = all_columns(records)
    if chosen := [column for name in names for column in _of_name(known, name)]:
        return tuple(chosen)
    by_probe: dict[str, list[str]] = {}
    for column in known:
        metrics = by_probe.setdefault(column.name.partition("/")[0], [])
        if column.better != "none" and column.name not in metrics and _has_value(records, column.name):
            metrics.append(column.name)
    # Two of the first probe, which is the one that the suite cares most for, and one of each other.
    names = [name for turn, metrics in enumerate(by_probe.values()) for name in metrics[: 1 if turn else 2]]
    return tuple(column for name in names[:MOST_COLUMNS] for column in _of_name(known, name))


def _of_name(known: Sequence[Column], name: str) -> list[Column]:
    every = [column for column in known if column.name == name]
    return [column for column in every if not column.at] or every[:MOST_COORDINATES]


def _has_value(records: Iterable[Record], name: str) -> bool:
    return any(row.name == name and row.value is not None for record in records for row in record.metrics)


# ── rows ────────────────────────────────────────────────────────────────────────────────────────


def rows_of(records: Sequence[Record], columns: Sequence[Column]) -> list[Row]:
    """Rows of these records of one task, unranked, in order of first appearance."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        cell = {name: value for name, value in record.cell.items() if name != "seed"}
        groups.setdefault(_text([cell, _options(record)]), []).append(record)
    members = list(groups.values())
    labels = [_telling(group[0]) for group in members]
    names = list(dict.fromkeys(name for label in labels for name in label))
    varying = [name for name in names if len({_text(label.get(name)) for label in labels}) > 1]
    shown = _fewest(members, labels, varying)
    rows = []
    for group, label in zip(members, labels):
        values = {column: _value(group, column) for column in columns}
        axes = {name: label[name] for name in shown if name in label}
        rows.append(Row(str(group[0].cell.get("model")), axes, values, tuple(group)))
    return rows


def _telling(record: Record) -> dict[str, Any]:
    """All that could tell a row from another: axes first, then options by dotted name."""
    axes = {str(name): value for name, value in record.cell.items() if name not in _BESIDES}
    options = {
        f"{family}.{name}": value
        for family, chosen in _options(record).items()
        if isinstance(chosen, Mapping)
        for name, value in chosen.items()
        if f"{family}.{name}" not in axes and name not in axes
    }
    return axes | options


def _fewest(members: list[list[Record]], labels: list[dict[str, Any]], varying: list[str]) -> list[str]:
    """Names that tell apart rows of one model: axes that vary within it, options only where axes do not."""
    by_model: dict[str, list[int]] = {}
    for number, group in enumerate(members):
        by_model.setdefault(str(group[0].cell.get("model")), []).append(number)
    needed: list[str] = []
    for numbers in by_model.values():
        for name in varying:
            within = {_text(labels[number].get(name)) for number in numbers}
            apart = {_text([labels[number].get(each) for each in needed]) for number in numbers}
            axis = any(name in members[number][0].cell for number in numbers)
            if name not in needed and len(within) > 1 and (axis or len(apart) < len(numbers)):
                needed.append(name)
    return needed


def _options(record: Record) -> dict[str, Any]:
    return {
        family: {name: value for name, value in chosen.items() if name != "seed"}
        if isinstance(chosen, Mapping)
        else chosen
        for family, chosen in record.options.items()
        if family != "probes"
    }


def _value(records: Sequence[Record], column: Column) -> Value:
    found = [row for record in records for row in record.metrics if _is(row, column)]
    known = [row for row in found if row.value is not None and math.isfinite(row.value)]
    reasons = list(dict.fromkeys(row.reason for row in found if row.reason))
    reason = "; ".join(reasons) or None
    if not known:
        return Value(None, reason=reason or _why_absent(records, column))
    values = [float(row.value) for row in known if row.value is not None]
    mean, interval, why = over_seeds(values, [row.interval for row in known])
    sizes = {row.n for row in known}
    n = sizes.pop() if len(sizes) == 1 else None
    if interval is not None:
        return Value(mean, interval, None, len(known), n)
    sampled = [row.samples for row in known if row.samples]
    spread = quartiles(sampled or [values])
    return Value(mean, None, spread, len(known), n, reason or (None if sampled else why))


def quartiles(samples: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """Between them lies the middle half of the samples, each seed's counting the same; None for fewer than two.

    A stray sample does not move them. A seed that took longer has more samples, and must not weigh more for it.
    """
    spread = [quantiles(seed, n=64, method="inclusive") if len(seed) > 1 else list(seed) * 63 for seed in samples]
    pooled = [sample for seed in spread for sample in seed]
    if len(set(pooled)) < 2:
        return None
    low, _, high = quantiles(pooled, n=4, method="inclusive")
    return low, high


def _is(row: MetricRow, column: Column) -> bool:
    return row.name == column.name and tuple(row.at.items()) == column.at


def _why_absent(records: Sequence[Record], column: Column) -> str:
    label = column.name.partition("/")[0]
    ended = [
        record.probes[label] for record in records if label in record.probes and record.probes[label].status != "ok"
    ]
    if ended:
        return f"{label} {ended[0].status}" + (f": {ended[0].reason}" if ended[0].reason else "")
    wrong = [record for record in records if record.status != "ok"]
    return f"the cell is {wrong[0].status}" if wrong else "not measured here"


# ── ranks ───────────────────────────────────────────────────────────────────────────────────────


def _ranked(rows: list[Row], sort: Column | None, *, ranks: bool) -> tuple[Row, ...]:
    if sort is None:
        return tuple(rows)
    sign = -1.0 if sort.better == "lower" else 1.0
    known = [row for row in rows if row.values[sort].value is not None]
    known.sort(key=lambda row: -sign * (row.values[sort].value or 0.0))
    rest = [row for row in rows if row.values[sort].value is None]
    if not ranks or sort.better == "none":
        return (*known, *rest)
    ends = [_ends(row.values[sort], sign) for row in known]
    numbers = [1 + sum(other_low > high for other_low, _ in ends) for _, high in ends]
    ranked = [
        Row(row.model, row.axes, row.values, row.cells, number, numbers.count(number) > 1)
        for row, number in zip(known, numbers)
    ]
    return (*ranked, *rest)


def _ends(value: Value, sign: float) -> tuple[float, float]:
    """What the row can be said to reach at least and at most, larger being better."""
    middle = value.value if value.value is not None else 0.0
    low, high = (value.interval.low, value.interval.high) if value.interval else (value.spread or (middle, middle))
    return min(sign * low, sign * high), max(sign * low, sign * high)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
