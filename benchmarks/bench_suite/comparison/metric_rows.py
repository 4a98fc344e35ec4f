"""A metric's rows of base and head: by name and coordinates, one pair a cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench_suite.comparison.judged_cells import Part
from bench_suite.contracts import MetricRow, Record
from bench_suite.store.columns import metric_at, positions_of

Key = tuple[str, tuple[tuple[str, Any], ...]]
"A metric's name and coordinates."
Rows = Sequence[tuple[MetricRow | None, MetricRow | None]]
"A metric's rows of base and head, one pair a cell; None if a side has none."


def rows_of(part: Part) -> dict[Key, Rows]:
    """Return the metrics of paired cells, each with its rows of base and head, one pair a seed."""
    sides = [[(side, positions_of(side)) for side in (pair.base, pair.head)] for pair in part.group.pairs]
    keys = _each_once(positions for pair in sides for _, positions in pair)
    return {
        key: [(_row_at(*base, key), _row_at(*head, key)) for base, head in sides]
        for key in keys
        if key[0] in part.gates
    }


def keys_of(records: Iterable[Record]) -> dict[Key, None]:
    """Return the metrics that any of these cells has, each once, in order of first appearance."""
    return _each_once(map(positions_of, records))


def _each_once(layouts: Iterable[Mapping[Key, int]]) -> dict[Key, None]:
    # Nearly all cells of a large run have the same metrics, and share one object with their positions.
    different = {id(positions): positions for positions in layouts}
    return dict.fromkeys(key for positions in different.values() for key in positions)


def _row_at(record: Record, positions: Mapping[Key, int], key: Key) -> MetricRow | None:
    """Return a metric of a cell, which the record does not keep; None if the cell has none."""
    position = positions.get(key)
    return None if position is None else metric_at(record, position)


def without_value(rows: Mapping[Key, Rows]) -> dict[Key, str]:
    """Return the metrics that neither side has a value of under any seed, with the reasons: a group too small, say.

    Both sides must have measured it, and the metric must have values at other coordinates: a metric without any value
    is never fine.
    """
    valueless = {}
    for key, pairs in rows.items():
        both = [row for pair in pairs for row in pair]
        if key[1] and all(row is not None and row.value is None for row in both):
            reasons = dict.fromkeys(row.reason for row in both if row is not None and row.reason)
            valueless[key] = " / ".join(reasons)
    elsewhere = {key[0] for key in rows.keys() - valueless.keys()}
    return {key: reason for key, reason in valueless.items() if key[0] in elsewhere}


def by_key(rows: Sequence[MetricRow]) -> dict[Key, MetricRow]:
    """Return the rows of one cell by name and coordinates."""
    return {(row.name, tuple(sorted(row.at.items()))): row for row in rows}


def coordinates_text(key: Key) -> str:
    """Return the coordinates in words: `group few, batch_size 64`."""
    return ", ".join(f"{axis} {value}" for axis, value in key[1])


def key_text(key: Key) -> str:
    """Return name and coordinates in words: `fairness/accuracy (group few)`."""
    return f"{key[0]} ({coordinates_text(key)})" if key[1] else key[0]
