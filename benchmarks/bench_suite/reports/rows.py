"""The rows of a table: cells that differ only in their seed and fold, and what tells rows of one model apart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from bench_suite.contracts import MetricRow, Record
from bench_suite.reports.canonical_json import as_json
from bench_suite.reports.columns import Column
from bench_suite.reports.values import Measured, Value, partial_note, row_value
from bench_suite.store.columns import heads_of, metric_at
from bench_suite.store.records import file_in_words

_Key = tuple[str, tuple[tuple[str, Any], ...]]
"A metric's name and coordinates."
_POOLED = ("seed", "fold")
"Axes and options in which the cells of one row differ."
_ROW_AXES = ("task", "model", *_POOLED)


@dataclass(frozen=True)
class Row:
    """The cells that differ only in their seed and their fold, and were trained from the same files."""

    model: str
    axes: Mapping[str, Any]
    "The axes and options that distinguish it from other rows of the same model."
    values: Mapping[Column, Value]
    cells: tuple[Record, ...]
    rank: int | None = None
    "1 + the number of rows that are better, beyond what chance explains; None if the row is not ranked."
    tied: bool = False
    "Whether another row has the same rank."
    letters: str = ""
    "Rows that share a letter cannot be told apart; empty for two rows, or if they were not compared in pairs."
    beats: Set[str] = frozenset()
    "Labels of the rows that it is better than, beyond what chance explains."
    chosen: str = ""
    "How the row was chosen among several configurations of its model, or why none was; empty without a choice."
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

    @cached_property
    def label(self) -> str:
        """The model, with the axes that distinguish the row from others of this model."""
        axes = ", ".join(f"{name}={value}" for name, value in self.axes.items())
        return f"{self.model} ({axes})" if axes else self.model


def rows_of(records: Sequence[Record], columns: Sequence[Column]) -> list[Row]:
    """Return the rows of some records of one task, without ranks, in order of first appearance.

    Args:
        records: the records.
        columns: the columns of the rows.
    """
    groups = _groups(records)
    members = list(groups.values())
    by_model: dict[str, list[int]] = {}
    sources: dict[str, list[Mapping[str, str]]] = {}
    for number, ((key, _), group) in enumerate(groups.items()):
        by_model.setdefault(str(group[0].cell.get("model")), []).append(number)
        sources.setdefault(key, []).append(group[0].sources)
    necessary: dict[tuple[str, frozenset[str]], list[str]] = {}
    positions = _Positions(columns)
    rows = []
    for (key, _), group in groups.items():
        model, known = str(group[0].cell.get("model")), frozenset(group[0].cell)
        if (distinguishing := necessary.get((model, known))) is None:
            namesakes = [_distinguishing_labels(members[index][0]) for index in by_model[model]]
            distinguishing = necessary[model, known] = _necessary_names(namesakes, known)
        own = _distinguishing_labels(group[0]) if distinguishing else {}
        axes = {name: own[name] for name in distinguishing if name in own}
        note = None
        if len(sources[key]) > 1:
            axes["files"], note = _files_of(group[0].sources, sources[key])
        by_column: dict[_Key, list[Measured]] = {}
        for record in group:
            for column_key, position in positions.of(record):
                by_column.setdefault(column_key, []).append((metric_at(record, position), record))
        values = {}
        for column in columns:
            value = row_value(group, column, by_column.get((column.name, column.at), []))
            missing = partial_note(group, column, value.seeds)
            values[column] = value if missing is None else replace(value, partial=missing)
        rows.append(Row(model, axes, values, tuple(group), note=note))
    return rows


def _groups(records: Sequence[Record]) -> dict[tuple[str, str], list[Record]]:
    """Return the records that differ in seed and fold only, by what they share: cell and options, and source files."""
    texts: dict[int, str] = {}  # of options and sources, which records of a large run share

    def text_of(shared: object, value: Callable[[], Any]) -> str:
        if (text := texts.get(id(shared))) is None:
            text = texts[id(shared)] = as_json(value())
        return text

    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        cell = {name: value for name, value in record.cell.items() if name not in _POOLED and value is not None}
        options = text_of(record.options, partial(_options, record))
        sources = text_of(record.sources, partial(dict, record.sources))
        groups.setdefault((as_json(cell) + options, sources), []).append(record)
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
        short = hashlib.sha256(as_json(values).encode()).hexdigest()[:8]
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
    varying = [name for name in names if len({as_json(label.get(name)) for label in labels}) > 1]
    chosen = [name for name in varying if name in axes]
    distinct_count = len({as_json([label.get(name) for name in chosen]) for label in labels})
    for name in varying:
        if name not in chosen and distinct_count < len(labels):
            count = len({as_json([label.get(chosen_name) for chosen_name in (*chosen, name)]) for label in labels})
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
