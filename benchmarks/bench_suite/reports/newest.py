"""The newest record of each cell: which run's record counts, and what older runs add."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench_suite.contracts import Record
from bench_suite.environment import without_memory
from bench_suite.reports.canonical_json import as_json
from bench_suite.reports.same_data import representatives
from bench_suite.store.columns import heads_of
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run


@dataclass(frozen=True)
class NewestRecords:
    """The newest record of each cell on each hardware, of some runs."""

    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    "By id and hardware."
    groups: dict[tuple[Any, ...], list[tuple[Run, Record]]] = field(default_factory=dict)
    "The records of each table, newest first, by task, name and fingerprint of the data, hardware and `smoke`."
    superseded: Counter[tuple[str, str]] = field(default_factory=Counter)
    "Number of cells by the older and the newer run."


def newest_records(runs: Sequence[Run]) -> NewestRecords:
    """Return the newest record of each cell on each hardware; the run that began last is the newest.

    A probe that it lacks is taken from an older record with the same code and data.
    """
    newest = NewestRecords()
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
                hardware = as_json(without_memory(run.environment(record.environment).get("hardware", {})))
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
