"""The typed table behind every report: metrics over seeds and folds, by task, model and axes, without any layout.

Results on different data or hardware never share a table. A smoke run is not ranked. Each missing value has a reason.
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.reports.columns import Column, chosen_columns, gated_metrics
from bench_suite.reports.same_data import representatives
from bench_suite.stats.intervals import over_cells
from bench_suite.store.columns import heads_of, metric_at
from bench_suite.store.records import file_in_words, label_of
from bench_suite.store.runs import Run

_Key = tuple[str, tuple[tuple[str, Any], ...]]
_Measured = tuple[MetricRow, Record]
_JSON = json.JSONEncoder(sort_keys=True, default=str)
_POOLED = ("seed", "fold")
"Axes and options in which the cells of one row differ."
_ROW_AXES = ("task", "model", *_POOLED)


@dataclass(frozen=True)
class Value:
    """The value of a metric over the seeds of a row."""

    value: float | None
    "The mean over seeds if there is an interval, else the median of the samples; None without a value."
    interval: Interval | None = None
    spread: tuple[float, float] | None = None
    "The first and third quartile of the samples if there is no interval."
    seeds: int = 0
    "The number of seeds with a value."
    n: int | None = None
    "The number of examples behind the value of each seed, if it is the same for all."
    reason: str | None = None
    "The reason why the value or the interval is missing."
    partial: str | None = None
    "How many of the row's seeds have a value, and why the others have none; None if all have one, or none has."
    over_clusters: bool = False
    "Whether the intervals of the seeds are over clusters of examples."

    @property
    def note(self) -> str | None:
        """The footnote of the value: `partial` and `reason`."""
        return "; ".join(filter(None, (self.partial, self.reason))) or None


@dataclass(frozen=True)
class Row:
    """The cells that differ only in their seed and their fold, and were trained from the same files."""

    model: str
    axes: Mapping[str, Any]
    "The axes and options that distinguish it from other rows of the same model."
    values: Mapping[Column, Value]
    cells: tuple[Record, ...]
    rank: int | None = None
    "1 + the number of rows that are better by more than the intervals; None if the row is not ranked."
    tied: bool = False
    "Whether another row has the same rank."
    note: str | None = None
    "Why the row is separate from another one with the same model and options; None if there is no such row."

    @property
    def seeds(self) -> int:
        """The number of different seeds."""
        return len({record.cell.get("seed") for record in self.cells})

    @property
    def folds(self) -> int:
        """The number of different folds; 0 without folds."""
        return len({record.cell["fold"] for record in self.cells if "fold" in record.cell})

    @property
    def label(self) -> str:
        """The model, with the axes that distinguish the row from others of this model."""
        axes = ", ".join(f"{name}={value}" for name, value in self.axes.items())
        return f"{self.model} ({axes})" if axes else self.model


@dataclass(frozen=True)
class Table:
    """All rows of one task on the same data and hardware."""

    task: str
    data: Mapping[str, Any]
    "The data set as in a record: `name`, `source`, `fingerprint`, and the number of examples per split."
    hardware: Mapping[str, Any]
    columns: tuple[Column, ...]
    sort: Column | None
    rows: tuple[Row, ...]
    smoke: bool = False
    gated: frozenset[str] = frozenset()
    "The metrics that the gates of its suites judge, as `probe/metric`."
    variant: str = ""
    "The fingerprint or machine that distinguishes it from other tables of the same task and data set."


def tables(runs: Sequence[Run]) -> list[Table]:
    """Return the tables of some runs, with the newest record of each cell on each hardware.

    The order of `runs` does not matter: the run that began last is the newest. A probe that the newest record of a cell
    lacks is taken from an older record with the same code and data. The columns come from `columns.chosen_columns`. The
    rows are sorted by `[report] sort` of the newest suite that states one, else by the first column with a direction.
    """
    return standings(runs).tables


def superseded(runs: Sequence[Run]) -> list[tuple[str, str, int]]:
    """Return what newer runs replace: names of an older and of a newer run, and the number of cells."""
    return standings(runs).superseded


@dataclass(frozen=True)
class Standings:
    """The tables of some runs, and what they leave out."""

    tables: list[Table]
    superseded: list[tuple[str, str, int]]
    "Names of an older and of a newer run, and the number of cells of the older one that the newer one replaces."


def standings(runs: Sequence[Run]) -> Standings:
    """Return the tables of some runs, as `tables` does, and what newer runs replace."""
    newest = _newest(runs)
    all_tables = [_table(key, members, newest.records) for key, members in newest.groups.items()]
    replaced = [(older, newer, count) for (older, newer), count in newest.superseded.items()]
    return Standings(_with_variants(all_tables), replaced)


@dataclass(frozen=True)
class _Newest:
    """The newest record of each cell on each hardware, of some runs."""

    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    "By id and hardware."
    groups: dict[tuple[Any, ...], list[tuple[Run, Record]]] = field(default_factory=dict)
    "The records of each table, newest first, by task, name and fingerprint of the data, hardware and `smoke`."
    superseded: Counter[tuple[str, str]] = field(default_factory=Counter)
    "Number of cells by the older and the newer run."


def _newest(runs: Sequence[Run]) -> _Newest:
    newest = _Newest()
    keys: dict[tuple[str, str], tuple[Any, ...]] = {}
    owners: dict[tuple[str, str], str] = {}
    newest_first = sorted(runs, key=lambda run: str(run.info.get("started", "")), reverse=True)
    all_data = {id(record.data): record.data for run in newest_first for record in run.records()}  # cells share them
    same_data = representatives(all_data.values())  # the folds of one data set share a fingerprint of the whole
    for run in newest_first:
        hardware_of: dict[str, str] = {}
        for record in run.records():
            if record.status != "ok" and not record.metrics:
                continue
            if (hardware := hardware_of.get(record.environment)) is None:
                hardware = _as_json(run.environment(record.environment).get("hardware", {}))
                hardware_of[record.environment] = hardware
            whole = (record.data.get("folds") or {}).get("fingerprint")
            data = (
                str(record.data.get("name", "")),
                str(whole) if whole else same_data[str(record.data.get("fingerprint", ""))],
            )
            key = (str(record.cell.get("task")), *data, hardware, record.smoke)
            cell = (record.id, hardware)
            first = newest.records.setdefault(cell, record)
            if first is not record:
                newest.superseded[run.name, owners[cell]] += 1
                if keys[cell] != key or first.weights_key != record.weights_key:
                    continue
            owners.setdefault(cell, run.name)
            keys[cell] = key
            if first is not record:
                newest.records[cell] = _with_older_probes(first, record)
            newest.groups.setdefault(key, []).append((run, record))
    return newest


def _with_older_probes(newest: Record, other: Record) -> Record:
    """Return the newest record with the metrics of probes that only the older one has, without their artifacts."""
    present = {*newest.probes, *(label_of(row.name) for row in heads_of(newest))}
    if all(label_of(row.name) in present for row in heads_of(other)):
        return newest
    added = tuple(row for row in other.metrics if label_of(row.name) not in present)
    probes = {label: row for label, row in other.probes.items() if label not in present}
    return replace(newest, metrics=newest.metrics + added, probes={**newest.probes, **probes})


def _with_variants(all_tables: list[Table]) -> list[Table]:
    tables_with_variants = []
    for table in all_tables:
        namesakes = [
            other
            for other in all_tables
            if (other.task, other.data.get("name")) == (table.task, table.data.get("name"))
        ]
        variants = {
            f"data {str(table.data.get('fingerprint'))[:8]}": {
                str(other.data.get("fingerprint")) for other in namesakes
            },
            f"on {machine(table.hardware)}": {_as_json(other.hardware) for other in namesakes},
        }
        tables_with_variants.append(
            replace(table, variant=", ".join(part for part, values in variants.items() if len(values) > 1))
        )
    return tables_with_variants


def machine(hardware: Mapping[str, Any]) -> str:
    """Return a short description of a machine, such as `Intel(R) Xeon(R) Processor, 2 cores`."""
    if not hardware:
        return "unrecorded hardware"
    gpus = [str(gpu.get("name")) for gpu in hardware.get("gpu", [])]
    named = [f"{gpus.count(name)} × {name}" if gpus.count(name) > 1 else name for name in dict.fromkeys(gpus)]
    cores = hardware.get("usable_cores", hardware.get("cores"))
    return ", ".join([str(hardware.get("cpu", "unknown processor")), *([f"{cores} cores"] if cores else []), *named])


def _table(
    key: tuple[Any, ...], members: list[tuple[Run, Record]], newest_records: Mapping[tuple[str, str], Record]
) -> Table:
    records = [newest_records[id, key[3]] for id in dict.fromkeys(record.id for _, record in members)]
    columns = chosen_columns(members)
    sort_wishes = dict.fromkeys((run.info.get("report") or {}).get("sort") for run, _ in members)
    sort = next((column for name in sort_wishes for column in columns if column.name == name), None)
    sort = sort or next((column for column in columns if column.better != "none"), None)
    rows = _ranked(rows_of(records, columns), sort, ranks=not key[4])
    data = {**records[0].data, **({"fingerprint": key[2]} if "fingerprint" in records[0].data else {})}
    newest = {str(run.info["suite"]): run.info for run, _ in reversed(members)}
    gated = frozenset().union(*map(gated_metrics, newest.values()))
    return Table(key[0], data, json.loads(key[3]), columns, sort, rows, smoke=key[4], gated=gated)


# ── rows ────────────────────────────────────────────────────────────────────────────────────────


def rows_of(records: Sequence[Record], columns: Sequence[Column]) -> list[Row]:
    """Return the rows of some records of one task, without ranks, in order of first appearance.

    Args:
        records: the records.
        columns: the columns of the rows.
    """
    groups = _groups(records)
    members = list(groups.values())
    labels = [_distinguishing_labels(group[0]) for group in members]
    by_model: dict[str, list[int]] = {}
    sources: dict[str, list[Mapping[str, str]]] = {}
    for number, ((key, _), group) in enumerate(groups.items()):
        by_model.setdefault(str(group[0].cell.get("model")), []).append(number)
        sources.setdefault(key, []).append(group[0].sources)
    necessary: dict[tuple[str, frozenset[str]], list[str]] = {}
    positions = _Positions(columns)
    rows = []
    for number, ((key, _), group) in enumerate(groups.items()):
        model, known = str(group[0].cell.get("model")), frozenset(group[0].cell)
        if (distinguishing := necessary.get((model, known))) is None:
            distinguishing = _necessary_names([labels[index] for index in by_model[model]], known)
            necessary[model, known] = distinguishing
        axes = {name: labels[number][name] for name in distinguishing if name in labels[number]}
        note = None
        if len(sources[key]) > 1:
            axes["files"], note = _files_of(group[0].sources, sources[key])
        by_column: dict[_Key, list[_Measured]] = {}
        for record in group:
            for column_key, position in positions.of(record):
                by_column.setdefault(column_key, []).append((metric_at(record, position), record))
        values = {}
        for column in columns:
            value = _row_value(group, column, by_column.get((column.name, column.at), []))
            missing = _partial(group, column, value.seeds)
            values[column] = value if missing is None else replace(value, partial=missing)
        rows.append(Row(model, axes, values, tuple(group), note=note))
    return rows


def _groups(records: Sequence[Record]) -> dict[tuple[str, str], list[Record]]:
    """Return the records that differ in seed and fold only, by what they share: cell and options, and source files."""
    texts: dict[int, str] = {}  # of options and sources, which records of a large run share

    def text_of(shared: object, value: Callable[[], Any]) -> str:
        if (text := texts.get(id(shared))) is None:
            text = texts[id(shared)] = _as_json(value())
        return text

    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        cell = {name: value for name, value in record.cell.items() if name not in _POOLED and value is not None}
        options = text_of(record.options, partial(_options, record))
        sources = text_of(record.sources, partial(dict, record.sources))
        groups.setdefault((_as_json(cell) + options, sources), []).append(record)
    return groups


class _Positions:
    """Where the metrics of some columns are among the metrics of a record."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._wanted = {(column.name, column.at) for column in columns}
        self._known: dict[int, tuple[Sequence[MetricRow], list[tuple[_Key, int]]]] = {}

    def of(self, record: Record) -> list[tuple[_Key, int]]:
        """Return the keys of the record's metrics that have a column, with their positions."""
        heads = heads_of(record)
        known = self._known.get(id(heads))
        if known is None:
            keys = ((row.name, tuple(row.at.items())) for row in heads)
            positions = [(key, position) for position, key in enumerate(keys) if key in self._wanted]
            known = self._known[id(heads)] = (heads, positions)  # kept, so that no other object gets its id
        return known[1]


def _files_of(sources: Mapping[str, str], namesakes: Sequence[Mapping[str, str]]) -> tuple[str, str]:
    """Return a short hash of the files in which rows of one label differ, and a note that names these files."""
    names = dict.fromkeys(name for other in namesakes for name in other)
    differing = [name for name in names if len({other.get(name) for other in namesakes}) > 1]
    values = [sources.get(name) for name in differing]
    if not sources:
        short = "not recorded"
    elif len(values) == 1:
        short = str(values[0])[:8]
    else:
        short = hashlib.sha256(_as_json(values).encode()).hexdigest()[:8]
    what = " and ".join(file_in_words(name) for name in differing)
    return short, f"the cells of this label differ in {what}, so they are not averaged together"


def _distinguishing_labels(record: Record) -> dict[str, Any]:
    """Return everything that can distinguish a row from others: axes, then options by dotted name; without None."""
    axes = {str(name): value for name, value in record.cell.items() if name not in _ROW_AXES and value is not None}
    options = {
        f"{family}.{name}": value
        for family, chosen in _options(record).items()
        if isinstance(chosen, Mapping)
        for name, value in chosen.items()
        if f"{family}.{name}" not in axes and name not in record.cell
    }
    return axes | options


def _necessary_names(labels: Sequence[Mapping[str, Any]], axes: Set[str]) -> list[str]:
    """Return the names that distinguish the rows of one model: the axes that vary, and options only if necessary."""
    if len(labels) == 1:
        return []
    names = dict.fromkeys(name for label in labels for name in label)
    varying = [name for name in names if len({_as_json(label.get(name)) for label in labels}) > 1]
    chosen = [name for name in varying if name in axes]
    distinct_count = len({_as_json([label.get(name) for name in chosen]) for label in labels})
    for name in varying:
        if name not in chosen and distinct_count < len(labels):
            count = len({_as_json([label.get(chosen_name) for chosen_name in (*chosen, name)]) for label in labels})
            if count > distinct_count:
                chosen, distinct_count = [*chosen, name], count
    return chosen


def _options(record: Record) -> dict[str, Any]:
    return {
        family: {name: value for name, value in chosen.items() if name not in _POOLED and value is not None}
        if isinstance(chosen, Mapping)
        else chosen
        for family, chosen in record.options.items()
        if family != "probes"
    }


def _row_value(records: Sequence[Record], column: Column, rows: Sequence[_Measured]) -> Value:
    known = [(row, cell) for row, cell in rows if row.value is not None and math.isfinite(row.value)]
    measured, cells = [row for row, _ in known], [cell for _, cell in known]
    reasons = list(dict.fromkeys(row.reason for row, _ in rows if row.reason))
    if not measured:
        return Value(None, reason="; ".join(reasons) or _reason_for_absence(records, column))
    reason = "; ".join([*reasons, *kind_in_words(measured)]) or None
    mean, interval, interval_reason = over_cells(measured, cells)
    sizes = {row.n for row in measured}
    n = sizes.pop() if len(sizes) == 1 else None
    if interval is not None:
        over_clusters = any(row.interval is not None and row.interval.over == "clusters" for row in measured)
        return Value(mean, interval, None, len(measured), n, over_clusters=over_clusters)
    value, spread = pooled_median([row.samples or (float(row.value or 0.0),) for row in measured])
    sampled = sum(bool(row.samples) for row in measured)
    if sampled == len(measured) or spread is None:
        return Value(value, None, spread, len(measured), n, reason or (None if sampled else interval_reason))
    one, several = _cell_words(records)
    which_seeds = f"in {len(measured) - sampled} of {len(measured)} {several}" if sampled else f"per {one}"
    return Value(value, None, spread, len(measured), n, "; ".join([*reasons, f"one observation {which_seeds}"]))


def _partial(records: Sequence[Record], column: Column, measured: int) -> str | None:
    """Return how many of a row's seeds have a value, and why the others have none; None if all have one, or none has.

    Args:
        records: the cells of the row, one a seed.
        column: the metric.
        measured: the number of seeds with a value.
    """
    if measured in (0, len(records)):
        return None
    reasons: dict[str, None] = {}
    for record in records:
        own = [
            metric_at(record, position)
            for position, row in enumerate(heads_of(record))
            if row.name == column.name and tuple(row.at.items()) == column.at
        ]
        if not any(row.value is not None and math.isfinite(row.value) for row in own):
            reasons |= dict.fromkeys(row.reason for row in own if row.reason)
            reasons |= {} if own else {_reason_for_absence([record], column): None}
    return f"{measured} of {len(records)} {_cell_words(records)[1]}: {'; '.join(reasons) or 'no reason given'}"


def _cell_words(records: Sequence[Record]) -> tuple[str, str]:
    """Return what one of the cells of a row is called, and several of them: they differ in seed, fold, or both."""
    if not any("fold" in record.cell for record in records):
        return "seed", "seeds"
    several_seeds = len({record.cell.get("seed") for record in records}) > 1
    return ("cell", "cells") if several_seeds else ("fold", "folds")


def kind_in_words(rows: Sequence[MetricRow]) -> list[str]:
    """Return the words that tell a reader how to take values that are not estimates.

    Args:
        rows: rows of one metric; their `kind` decides.

    Returns:
        `["one observation"]` if any value is a single observation, `["exact count"]` if all are exact, else `[]`.
    """
    kinds = {row.kind for row in rows}
    if "single" in kinds:
        return ["one observation"]
    return ["exact count"] if kinds == {"exact"} else []


def pooled_median(samples: Sequence[Sequence[float]]) -> tuple[float, tuple[float, float] | None]:
    """Return the median and the quartiles of the samples of several seeds, with equal weight for each seed.

    The median is robust against stray samples. A slower seed has more samples, which must not give it more weight:
    each seed contributes 65 evenly spaced quantiles, from its smallest to its largest sample.

    Args:
        samples: the samples of each seed.

    Returns:
        The median and the first and third quartile; None instead of the quartiles if all samples are equal.
    """
    by_seed = [(min(seed), *_quantiles(seed, 64), max(seed)) if len(seed) > 1 else tuple(seed) * 65 for seed in samples]
    pooled_samples = [sample for seed in by_seed for sample in seed]
    if len(set(pooled_samples)) < 2:
        return pooled_samples[0], None
    low, median, high = _quantiles(pooled_samples, 4)
    return min(max(low, median), high), (low, high)


def _quantiles(samples: Sequence[float], parts: int) -> list[float]:
    """Return `statistics.quantiles(samples, n=parts, method="inclusive")`, digit by digit, in a third of the time."""
    ordered = sorted(samples)
    weights = _quantile_weights(len(ordered), parts)
    return [(ordered[index] * (parts - share) + ordered[index + 1] * share) / parts for index, share in weights]


@cache
def _quantile_weights(size: int, parts: int) -> list[tuple[int, int]]:
    """Return for each quantile the sample before it, and the weight of the sample after it, of `parts`."""
    return [divmod(number * (size - 1), parts) for number in range(1, parts)]


def _reason_for_absence(records: Sequence[Record], column: Column) -> str:
    label = label_of(column.name)
    unsuccessful = [
        record.probes[label] for record in records if label in record.probes and record.probes[label].status != "ok"
    ]
    if unsuccessful:
        return f"{label} {unsuccessful[0].status}" + (f": {unsuccessful[0].reason}" if unsuccessful[0].reason else "")
    unsuccessful_cells = [record for record in records if record.status != "ok"]
    return f"the cell is {unsuccessful_cells[0].status}" if unsuccessful_cells else "not measured here"


# ── ranks ───────────────────────────────────────────────────────────────────────────────────────


def _ranked(rows: list[Row], sort: Column | None, *, ranks: bool) -> tuple[Row, ...]:
    if sort is None:
        return tuple(rows)
    sign = -1.0 if sort.better == "lower" else 1.0
    measured = [row for row in rows if row.values[sort].value is not None]
    measured.sort(key=lambda row: -sign * (row.values[sort].value or 0.0))
    unmeasured = [row for row in rows if row.values[sort].value is None]
    if not ranks or sort.better == "none":
        return (*measured, *unmeasured)
    ends = [_ends(row.values[sort], sign) for row in measured]
    lows = sorted(low for low, _ in ends)
    numbers = [1 + len(lows) - bisect_right(lows, high) for _, high in ends]
    count = Counter(numbers)
    ranked = [replace(row, rank=number, tied=count[number] > 1) for row, number in zip(measured, numbers)]
    return (*ranked, *unmeasured)


def _ends(value: Value, sign: float) -> tuple[float, float]:
    """Return the lower and the upper end of a value, with its sign changed if lower is better."""
    center = value.value if value.value is not None else 0.0
    low, high = (value.interval.low, value.interval.high) if value.interval else (value.spread or (center, center))
    return min(sign * low, sign * high), max(sign * low, sign * high)


def _as_json(value: Any) -> str:
    return _JSON.encode(value)
