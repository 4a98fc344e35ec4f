"""Columns of records that are added one after another."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, cast

from bench_suite.contracts import MetricRow, Record
from bench_suite.store.columns import (
    ARTIFACT,
    CELL_COLUMNS,
    FACTS,
    HEAD,
    NO_TEXT,
    PLAIN_COLUMNS,
    PROBE,
    Columns,
    Texts,
)
from bench_suite.store.records import merge

FIELDS = tuple(name for name in CELL_COLUMNS if name not in (*PLAIN_COLUMNS, "facts"))
"Columns whose texts are the JSON of one field of a record."
EXACT_INTEGER = 2**53
"Integers below it are stored as floats; no other number of a metric is an integer."
_IN_WORDS = ("at", "ideal", "range", "marks")
"Fields of a head whose values are no keys, or are equal as keys and differ as text, such as 1 and 1.0."
_NUMBERS = ("value", "low", "high", "n")
_TEXTS = ("head", "reason", "exact")
_JSON = json.JSONEncoder(separators=(",", ":"))

_head_key = attrgetter(*(name for name in HEAD if name not in _IN_WORDS))
_probe_values, _artifact_values = attrgetter(*PROBE), attrgetter(*ARTIFACT)


class _Collected(Texts):
    """A column of texts that grows."""

    def __init__(self) -> None:
        self.codes: array[int] = array("i")
        self.texts: list[str] = [""]
        self._known: dict[str, int] = {}

    def add(self, text: str | None) -> None:
        self.codes.append(NO_TEXT if text is None else self.code(text))

    def code(self, text: str) -> int:
        """Return the number of a text."""
        code = self._known.setdefault(text, len(self.texts))
        if code == len(self.texts):
            self.texts.append(text)
        return code

    def finish(self) -> None:
        """Free what is needed to add texts."""
        self._known.clear()


class Collector:
    """Makes columns of records, one after another, of which only the columns stay in memory."""

    def __init__(self) -> None:
        self.cells = {name: _Collected() for name in CELL_COLUMNS}
        self.head, self.reason, self.exact = _Collected(), _Collected(), _Collected()
        self._columns = Columns(
            cast("dict[str, Texts]", self.cells), array("q"), self.head, array("d"), array("d"), array("d"),
            array("q"), self.reason, array("q"), array("d"), self.exact,
        )  # fmt: skip
        self.numbers: Any = self._columns
        "The columns of numbers, as arrays that grow."
        self.positions: dict[str, int] = {}
        "Row of each cell, by its id, in order of first appearance."
        self._known_heads: dict[tuple[Any, ...], int] = {}

    def add(self, record: Record) -> None:
        """Add a record. If there is one of the same cell, the two are merged (`records.merge`)."""
        earlier = self.positions.get(record.id)
        if earlier is not None:
            (record,) = merge([self._columns.record(earlier), record])
        self.positions[record.id] = len(self._columns)
        self._append(record)

    def columns(self) -> Columns:
        """Return the columns, in the order in which the cells first appeared; nothing can be added afterwards."""
        for column in (*self.cells.values(), self.head, self.reason, self.exact):
            column.finish()
        if len(self.positions) == len(self._columns):
            return self._columns
        return self._rearranged([*self.positions.values()])

    def _append(self, record: Record) -> None:
        for name in PLAIN_COLUMNS:
            self.cells[name].add(getattr(record, name))
        for name in FIELDS:
            self.cells[name].add(text_of(name, getattr(record, name)))
        self.cells["facts"].add(facts_text(record))
        for row in record.metrics:
            self._append_metric(row)
        self.numbers.ends.append(len(self._columns.value))

    def _append_metric(self, row: MetricRow) -> None:
        columns, value, interval, samples = self.numbers, row.value, row.interval, row.samples
        low, high = (interval.low, interval.high) if interval else (0.0, 0.0)
        integer = type(value) is int
        exact = (
            type(low) is type(high) is float
            and (type(value) is float or value is None or (integer and abs(value) < EXACT_INTEGER))
            and {*map(type, samples)} <= {float}
        )
        self.head.codes.append(self.head_code(row))
        self.reason.add(row.reason)
        columns.n.append(-1 if row.n is None else row.n)
        self.exact.add(None if exact else _text([value, low, high, samples]))
        columns.value.append(float("nan") if value is None or not exact else value)
        columns.low.append(low if exact else 0.0)
        columns.high.append(high if exact else 0.0)
        if exact:
            columns.samples.extend(samples)
        columns.sample_ends.append(len(columns.samples))

    def head_code(self, row: MetricRow) -> int:
        """Return the number of the text in the column `head` that a metric has."""
        level, over = (row.interval.level, row.interval.over) if row.interval else (None, None)
        integer = type(row.value) is int
        key = (_head_key(row), repr([getattr(row, name) for name in _IN_WORDS]), level, over, integer)
        if (code := self._known_heads.get(key)) is None:
            text = _text([*(getattr(row, name) for name in HEAD), level, over, integer])
            code = self._known_heads[key] = self.head.code(text)
        return code

    def _rearranged(self, rows: Sequence[int]) -> Columns:
        """Return columns of these rows, without those of records that were merged with later ones."""
        old, other = self.numbers, Collector()
        new = other.numbers
        for name, column in self.cells.items():
            column.codes = array("i", map(column.codes.__getitem__, rows))
            other.cells[name] = new.cells[name] = column
        for name in _TEXTS:
            getattr(new, name).texts = getattr(old, name).texts
        for row in rows:
            first, end = (old.ends[row - 1] if row else 0), old.ends[row]
            for name in _TEXTS:
                getattr(new, name).codes.extend(getattr(old, name).codes[first:end])
            for name in _NUMBERS:
                getattr(new, name).extend(getattr(old, name)[first:end])
            before = old.sample_ends[first - 1] if first else 0
            shift = len(new.samples) - before
            ends = old.sample_ends[first:end]
            new.samples.extend(old.samples[before : ends[-1] if ends else before])
            new.sample_ends.extend(end + shift for end in ends)
            new.ends.append(len(new.value))
        return other._columns


def text_of(name: str, value: Any) -> str | None:
    """Return the text of a field of a record in the column of that name, one of `FIELDS`; None for no text."""
    if name == "probes":
        return _text({label: _probe_values(row) for label, row in value.items()})
    if name == "artifacts":
        return _text([*map(_artifact_values, value)]) if value else None
    return _text(value)


def facts_text(record: Record) -> str:
    """Return the text of a record in the column `facts`."""
    return _text([getattr(record, name) for name in FACTS])


def _text(value: Any) -> str:
    """Return JSON text that `json.loads` turns into the same value, including names of numbers that are not finite."""
    return _JSON.encode(value)
