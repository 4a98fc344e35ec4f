"""Which metrics a leaderboard shows: what its suites state, and for those that state nothing some of each probe."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench_suite.components.evaluate_uri import name_of
from bench_suite.contracts import Record
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run

MAX_COLUMNS = 5
"Up to so many columns a suite that states none has a second metric of its first probe."
MAX_COORDINATES = 3
"Columns for one metric that exists at coordinates only, such as batch sizes."


@dataclass(frozen=True)
class Column:
    """A metric at coordinates."""

    name: str
    "`probe/metric`"
    at: tuple[tuple[str, Any], ...] = ()
    unit: str = ""
    better: str = "none"


def all_columns(records: Iterable[Record]) -> list[Column]:
    """Every metric at every coordinate: in the order of the probes, of which one may have failed in some cells."""
    columns: dict[tuple[Any, ...], Column] = {}
    probes: dict[str, int] = {}
    for record in records:
        for label in record.probes:
            probes.setdefault(label, len(probes))
        for row in record.metrics:
            at = tuple(row.at.items())
            columns.setdefault((row.name, at), Column(row.name, at, row.unit, row.better))
    return sorted(columns.values(), key=lambda column: probes.get(label_of(column.name), len(probes)))


def chosen_columns(members: Sequence[tuple[Run, Record]]) -> tuple[Column, ...]:
    """The columns of one table, whose records may be of several suites; the newest run of each speaks for it.

    All that any suite states come first, in order. A suite that states none of what was measured here adds a metric of
    each probe that has no column yet, and each metric that an option of a probe names.
    """
    known = all_columns(record for _, record in members)
    suites: dict[str, list[tuple[Run, Record]]] = {}
    for run, record in members:
        suites.setdefault(str(run.info["suite"]), []).append((run, record))
    names: dict[str, None] = {}
    silent = []
    for mine in suites.values():
        info, records = mine[0][0].info, [record for _, record in mine]
        measured = {column.name for column in all_columns(records)}
        stated = (info.get("report") or {}).get("columns") or ()
        names |= dict.fromkeys(name for name in stated if name in measured)
        if measured.isdisjoint(stated):
            silent.append((info, records))
    added: set[str] = set()
    for info, records in silent:
        added |= _usual(records, _named(info), {*names, *added})
    names |= dict.fromkeys(column.name for column in known if column.name in added)
    return tuple(column for name in names for column in _of_name(known, name))


def _usual(records: Sequence[Record], named: set[str], present: set[str]) -> set[str]:
    """What to add for these records: of each probe the first metric that says most, and what is named."""
    by_probe: dict[str, list[Column]] = {}
    for column in all_columns(records):
        by_probe.setdefault(label_of(column.name), []).append(column)
    shown = {label_of(name) for name in present}
    telling = {
        label: [c.name for c in sorted(columns, key=lambda c: (not _has_value(records, c.name), c.better == "none"))]
        for label, columns in by_probe.items()
    }
    added = {names[0] for label, names in telling.items() if label not in shown}
    added |= {c.name for columns in by_probe.values() for c in columns if c.name in named}
    # The first probe is the one that the suite cares most for.
    first = next(iter(by_probe), None)
    if first is not None and first not in shown and len(added | present) < MAX_COLUMNS:
        more = [c.name for c in by_probe[first] if c.better != "none" and _has_value(records, c.name)]
        added |= {*[name for name in more if name not in added][:1]}
    return added - present


def _named(info: Mapping[str, Any]) -> set[str]:
    """What lists among the options of a suite's probes name, by name or file, as `probe/metric`."""
    settings: list[tuple[str, Any]] = []
    for label, options in _toml(str(info.get("text") or "")).get("probes", {}).items():
        settings += [(label, value) for value in options.values()] if isinstance(options, Mapping) else []
    for override in info.get("overrides") or ():
        key, _, value = str(override).partition("=")
        family, _, option = key.partition(".")
        if family.strip() == "probes":
            settings.append((option.rpartition(".")[0].strip(' "'), _toml(f"value = {value}").get("value")))
    return {f"{label}/{name_of(str(entry))}" for label, value in settings if isinstance(value, list) for entry in value}


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _of_name(known: Sequence[Column], name: str) -> list[Column]:
    every = [column for column in known if column.name == name]
    return [column for column in every if not column.at] or every[:MAX_COORDINATES]


def _has_value(records: Iterable[Record], name: str) -> bool:
    return any(row.name == name and row.value is not None for record in records for row in record.metrics)
