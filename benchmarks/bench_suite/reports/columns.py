"""The choice of metrics for a leaderboard: those that its suites state, or else some metrics of each probe."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bench_suite.components.evaluate_uri import name_of
from bench_suite.contracts import Record
from bench_suite.store.columns import heads_of, value_at
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run
from bench_suite.suite.column_names import ColumnName, read_column_name

MAX_COLUMNS = 5
"A suite without stated columns gets a second metric of its first probe if it has fewer columns than this."
MAX_COORDINATES = 3
"Number of columns at most for a metric that has values at coordinates only, such as batch sizes."


@dataclass(frozen=True)
class Column:
    """A metric, perhaps at coordinates, as a column of a table."""

    name: str
    "`probe/metric`"
    at: tuple[tuple[str, Any], ...] = ()
    unit: str = ""
    better: str = "none"
    reference: str = ""
    "The row that the values are differences from; empty for the metric itself."


def all_columns(records: Iterable[Record]) -> list[Column]:
    """Return a column for every metric at every coordinate, in the order of the probes."""
    columns: dict[tuple[Any, ...], Column] = {}
    probes: dict[str, int] = {}
    read: dict[tuple[int, int], object] = {}  # with the objects, so that no others get their ids
    for record in records:
        heads = heads_of(record)
        key = (id(record.probes), id(heads))
        if key in read:
            continue  # cells with the same probes and metrics
        read[key] = (record.probes, heads)
        for label in record.probes:
            probes.setdefault(label, len(probes))
        for row in heads:
            at = tuple(row.at.items())
            columns.setdefault((row.name, at), Column(row.name, at, row.unit, row.better))
    return sorted(columns.values(), key=lambda column: probes.get(label_of(column.name), len(probes)))


def chosen_columns(
    members: Sequence[tuple[Run, Record]], of_runs: Mapping[str, Sequence[Column]] = MappingProxyType({})
) -> tuple[Column, ...]:
    """Return the columns of one table.

    First come the columns that the suites state, in order, and the metric that ranks. A suite that states no column
    with a metric of this table adds one metric of each probe without a column, each metric that an option of a probe
    names, each metric that its gates judge, and the metric that selects configurations.

    Args:
        members: the records of the table with their runs, newest run first; they may belong to several suites. The
            newest run of a suite determines its columns.
        of_runs: metrics of whole runs that belong to cells of the table, by suite.
    """
    known = [*all_columns(record for _, record in members), *(column for own in of_runs.values() for column in own)]
    suites: dict[str, list[tuple[Run, Record]]] = {}
    for run, record in members:
        suites.setdefault(str(run.info["suite"]), []).append((run, record))
    names: dict[ColumnName, None] = {}
    without_columns = []
    for suite, suite_members in suites.items():
        info, records = suite_members[0][0].info, [record for _, record in suite_members]
        measured = {column.name for column in (*all_columns(records), *of_runs.get(suite, ()))}
        report = info.get("report") or {}
        stated = readable_names(report.get("columns") or ())
        names |= dict.fromkeys(
            name for name in (*stated, *readable_names([report.get("sort")])) if name.metric in measured
        )
        if measured.isdisjoint(name.metric for name in stated):
            without_columns.append((suite, info, records))
    added: set[str] = set()
    for suite, info, records in without_columns:
        report = info.get("report") or {}
        added |= {name.metric for name in readable_names([report.get("select")])}
        present = {*(name.metric for name in names), *added}
        added |= _default_columns(records, _metrics_named_in_options(info) | gated_metrics(info), present)
        added |= {column.name for column in of_runs.get(suite, ()) if column.name in gated_metrics(info)}
    names |= dict.fromkeys(ColumnName(column.name) for column in known if column.name in added)
    return tuple(dict.fromkeys(column for name in names for column in columns_named(known, name)))


def gated_metrics(info: Mapping[str, Any]) -> set[str]:
    """Return the metrics that the gates of a run judge, as `probe/metric`."""
    return set(info.get("gate") or {})


def _default_columns(records: Sequence[Record], named: set[str], present: set[str]) -> set[str]:
    """Return the metrics to add for a suite without stated columns.

    Args:
        records: the records of the suite.
        named: the metrics that options of its probes name, or that it gates.
        present: the metrics that have a column already.
    """
    by_probe: dict[str, list[Column]] = {}
    for column in all_columns(records):
        by_probe.setdefault(label_of(column.name), []).append(column)
    valued = _names_with_value(records, {column.name for columns in by_probe.values() for column in columns})
    probes_present = {label_of(name) for name in present}
    metrics_by_probe = {
        label: [c.name for c in sorted(columns, key=lambda c: (c.name not in valued, c.better == "none"))]
        for label, columns in by_probe.items()
    }
    added = {names[0] for label, names in metrics_by_probe.items() if label not in probes_present}
    added |= {c.name for columns in by_probe.values() for c in columns if c.name in named}
    # The first probe of a suite is usually its most important one.
    first = next(iter(by_probe), None)
    if first is not None and first not in probes_present and len(added | present) < MAX_COLUMNS:
        candidates = [c.name for c in by_probe[first] if c.better != "none" and c.name in valued]
        added |= {*[name for name in candidates if name not in added][:1]}
    return added - present


def _metrics_named_in_options(info: Mapping[str, Any]) -> set[str]:
    """Return the metrics that lists in the options of a suite's probes name, as `probe/metric`."""
    settings: list[tuple[str, Any]] = []
    for label, options in _parse_toml(str(info.get("text") or "")).get("probes", {}).items():
        settings += [(label, value) for value in options.values()] if isinstance(options, Mapping) else []
    for override in info.get("overrides") or ():
        key, _, value = str(override).partition("=")
        family, _, option = key.partition(".")
        if family.strip() == "probes":
            settings.append((option.rpartition(".")[0].strip(' "'), _parse_toml(f"value = {value}").get("value")))
    return {f"{label}/{name_of(str(entry))}" for label, value in settings if isinstance(value, list) for entry in value}


def _parse_toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def readable_names(texts: Iterable[object]) -> list[ColumnName]:
    """Return names of columns as a run states them, without those that are absent or were written by hand and wrong."""
    names = []
    for text in texts:
        try:
            names += [read_column_name(text)] if isinstance(text, str) else []
        except ValueError:
            continue
    return names


def columns_named(known: Sequence[Column], name: ColumnName) -> list[Column]:
    """Return the columns that a suite's name of a column stands for.

    A metric without coordinates in the name stands for its value without coordinates, if there is one, and else for
    those at the first `MAX_COORDINATES` coordinates.
    """
    matching = [column for column in known if name.matches(column.name, dict(column.at))]
    return [column for column in matching if not column.at] or matching[:MAX_COORDINATES]


def _names_with_value(records: Iterable[Record], names: set[str]) -> set[str]:
    """Return those of some metrics that have a value in a cell."""
    missing = set(names)
    for record in records:
        for position, head in enumerate(heads_of(record)):
            if head.name in missing and value_at(record, position) is not None:
                missing.discard(head.name)
        if not missing:
            break
    return names - missing
