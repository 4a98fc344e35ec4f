"""The typed table behind every report: metrics over seeds, by task, model and axes; it knows no layout.

Results that differ in data or hardware never share a table; a smoke run is not ranked; what has no value has a reason.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import quantiles
from typing import Any

from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.reports.columns import Column, chosen_columns
from bench_suite.stats.intervals import over_cells
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run

_BESIDES = ("task", "model", "seed")


@dataclass(frozen=True)
class Value:
    """A metric over the seeds of a row."""

    value: float | None
    "Mean over seeds where there is an interval, else the median of the samples."
    interval: Interval | None = None
    spread: tuple[float, float] | None = None
    "Quartiles of the same samples, where there is no interval: the value lies between them."
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

    Probes that the newest record of a cell lacks are taken from an older one of the same code and data. Columns are
    those of `columns.chosen_columns`, the order is what the newest suite that has a say states as `[report] sort`.
    """
    found: dict[str, Record] = {}
    keys: dict[str, tuple[Any, ...]] = {}
    groups: dict[tuple[Any, ...], list[tuple[Run, Record]]] = {}
    for run in runs:
        for record in run.records():
            if record.status != "ok" and not record.metrics:
                continue
            hardware = run.environment(record.environment).get("hardware", {})
            data = (str(record.data.get(part, "")) for part in ("name", "fingerprint"))
            key = (str(record.cell.get("task")), *data, _text(hardware), record.smoke)
            newest = found.setdefault(record.id, record)
            if newest is not record and (keys[record.id] != key or newest.weights_key != record.weights_key):
                continue
            keys[record.id] = key
            found[record.id] = _completed(newest, record)
            groups.setdefault(key, []).append((run, record))
    return _told_apart([_table(key, members, found) for key, members in groups.items()])


def _completed(newest: Record, other: Record) -> Record:
    """The newest record with what another has of probes that it lacks itself; artifacts stay with their run."""
    known = {*newest.probes, *(label_of(row.name) for row in newest.metrics)}
    more = tuple(row for row in other.metrics if label_of(row.name) not in known)
    probes = {label: row for label, row in other.probes.items() if label not in known}
    return replace(newest, metrics=newest.metrics + more, probes={**newest.probes, **probes}) if more else newest


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


def _table(key: tuple[Any, ...], members: list[tuple[Run, Record]], found: Mapping[str, Record]) -> Table:
    records = [found[each] for each in dict.fromkeys(record.id for _, record in members)]
    columns = chosen_columns(members)
    wishes = dict.fromkeys((run.info.get("report") or {}).get("sort") for run, _ in members)
    sort = next((column for name in wishes for column in columns if column.name == name), None)
    sort = sort or next((column for column in columns if column.better != "none"), None)
    rows = _ranked(rows_of(records, columns), sort, ranks=not key[4])
    return Table(key[0], records[0].data, json.loads(key[3]), columns, sort, rows, smoke=key[4])


# ── rows ────────────────────────────────────────────────────────────────────────────────────────


def rows_of(records: Sequence[Record], columns: Sequence[Column]) -> list[Row]:
    """Rows of these records of one task, unranked, in order of first appearance."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        cell = {name: value for name, value in record.cell.items() if name != "seed" and value is not None}
        groups.setdefault(_text([cell, _options(record)]), []).append(record)
    members = list(groups.values())
    labels = [_telling(group[0]) for group in members]
    by_model: dict[str, list[int]] = {}
    for number, group in enumerate(members):
        by_model.setdefault(str(group[0].cell.get("model")), []).append(number)
    rows = []
    for number, group in enumerate(members):
        model = str(group[0].cell.get("model"))
        shown = _fewest([labels[each] for each in by_model[model]], set(group[0].cell))
        axes = {name: labels[number][name] for name in shown if name in labels[number]}
        values = {column: _value(group, column) for column in columns}
        rows.append(Row(model, axes, values, tuple(group)))
    return rows


def _telling(record: Record) -> dict[str, Any]:
    """All that could tell a row from another: axes first, then options by dotted name; not what is unset."""
    axes = {str(name): value for name, value in record.cell.items() if name not in _BESIDES and value is not None}
    options = {
        f"{family}.{name}": value
        for family, chosen in _options(record).items()
        if isinstance(chosen, Mapping)
        for name, value in chosen.items()
        if f"{family}.{name}" not in axes and name not in record.cell
    }
    return axes | options


def _fewest(labels: Sequence[Mapping[str, Any]], axes: set[str]) -> list[str]:
    """Names that tell apart rows of one model: all axes that vary among them, options only where axes do not."""
    names = dict.fromkeys(name for label in labels for name in label)
    varying = [name for name in names if len({_text(label.get(name)) for label in labels}) > 1]
    needed = [name for name in varying if name in axes]
    apart = len({_text([label.get(name) for name in needed]) for label in labels})
    for name in varying:
        if name not in needed and apart < len(labels):
            more = len({_text([label.get(each) for each in (*needed, name)]) for label in labels})
            if more > apart:
                needed, apart = [*needed, name], more
    return needed


def _options(record: Record) -> dict[str, Any]:
    return {
        family: {name: value for name, value in chosen.items() if name != "seed" and value is not None}
        if isinstance(chosen, Mapping)
        else chosen
        for family, chosen in record.options.items()
        if family != "probes"
    }


def _value(records: Sequence[Record], column: Column) -> Value:
    found = [row for record in records for row in record.metrics if _is(row, column)]
    known = [row for row in found if row.value is not None and math.isfinite(row.value)]
    reasons = list(dict.fromkeys(row.reason for row in found if row.reason))
    if not known:
        return Value(None, reason="; ".join(reasons) or _why_absent(records, column))
    reason = "; ".join([*reasons, *kind_in_words(known)]) or None
    mean, interval, why = over_cells(known)
    sizes = {row.n for row in known}
    n = sizes.pop() if len(sizes) == 1 else None
    if interval is not None:
        return Value(mean, interval, None, len(known), n)
    value, spread = middle([row.samples or (float(row.value or 0.0),) for row in known])
    sampled = sum(bool(row.samples) for row in known)
    if sampled == len(known) or spread is None:
        return Value(value, None, spread, len(known), n, reason or (None if sampled else why))
    which = f"in {len(known) - sampled} of {len(known)} seeds" if sampled else "a seed"
    return Value(value, None, spread, len(known), n, "; ".join([*reasons, f"one observation {which}"]))


def kind_in_words(rows: Sequence[MetricRow]) -> list[str]:
    """What a reader must know of values that are no estimates: that they are counts, or one observation each."""
    kinds = {row.kind for row in rows}
    if "single" in kinds:
        return ["one observation"]
    return ["exact count"] if kinds == {"exact"} else []


def middle(samples: Sequence[Sequence[float]]) -> tuple[float, tuple[float, float] | None]:
    """Median and quartiles of the samples of several seeds, each seed weighing the same; no quartiles if all are equal.

    A stray sample does not move them. A seed that took longer has more samples, and must not weigh more for it: each
    counts with 65 of its quantiles, evenly spaced from its least to its greatest sample.
    """
    even = [(min(s), *quantiles(s, n=64, method="inclusive"), max(s)) if len(s) > 1 else tuple(s) * 65 for s in samples]
    pooled = [sample for seed in even for sample in seed]
    if len(set(pooled)) < 2:
        return pooled[0], None
    low, median, high = quantiles(pooled, n=4, method="inclusive")
    return min(max(low, median), high), (low, high)


def _is(row: MetricRow, column: Column) -> bool:
    return row.name == column.name and tuple(row.at.items()) == column.at


def _why_absent(records: Sequence[Record], column: Column) -> str:
    label = label_of(column.name)
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
