"""Records as columns: a run of thousands of cells in little memory, whose rows become objects when they are read.

Strings and plain values that many cells share (options, data, names of metrics) are stored once, as JSON text, and
numbers are stored for each cell. `Columns.records` returns ordinary records; only their metrics and artifacts are made
when somebody reads them. What comes back is equal to what was added, with the type of each number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from bench_suite.contracts import ArtifactRow, Interval, MetricRow, ProbeRow, Record
from bench_suite.store.lazy import Lazy

CELL_COLUMNS = (
    "id", "weights_key", "started", "facts", "cell", "options", "probes", "data", "sources", "seconds", "notes",
    "artifacts",
)  # fmt: skip
"Columns with one text for each cell; all but the first three are JSON."
PLAIN_COLUMNS = CELL_COLUMNS[:3]
_DECODED = tuple(name for name in CELL_COLUMNS if name != "artifacts")
_VALUES = ("cell", "options", "data", "sources", "seconds")
FACTS = tuple(field.name for field in fields(Record) if field.name not in (*CELL_COLUMNS, "metrics"))
"Fields of a record that nearly all cells of a run share; together they are the text of the column `facts`."
_OWN = ("value", "reason", "interval", "samples", "n")
"Fields of a metric that have columns of their own."
HEAD = tuple(field.name for field in fields(MetricRow) if field.name not in _OWN)
"Fields of a metric that the same metric of other cells shares; together they are a text of the column `head`."
NO_TEXT = 0
"Number of the text of a row that has none."

PROBE = tuple(field.name for field in fields(ProbeRow))
ARTIFACT = tuple(field.name for field in fields(ArtifactRow))
LAYOUT = (CELL_COLUMNS, FACTS, HEAD, PROBE, ARTIFACT)
"What the texts of the columns consist of: columns with another layout cannot be read."


Key = tuple[str, tuple[tuple[str, Any], ...]]
"A metric's name and coordinates."


class Heads(tuple[MetricRow, ...]):
    """The heads of the metrics of a record, which cells with equal heads share."""

    @cached_property
    def positions(self) -> Mapping[Key, int]:
        """The position of each metric."""
        return _positions(self)


def _positions(rows: Sequence[MetricRow]) -> dict[Key, int]:
    return {(row.name, tuple(sorted(row.at.items()))): position for position, row in enumerate(rows)}


class Metrics(Lazy[MetricRow]):
    """The metrics of a record: `heads` and single metrics can be read without making the others."""

    __slots__ = ("_columns", "_end", "_first", "_heads")

    def __init__(self, columns: Columns, first: int, end: int) -> None:
        super().__init__()
        self._columns = columns
        self._first = first
        self._end = end
        self._heads: Heads | None = None

    def _make(self) -> tuple[MetricRow, ...]:
        return tuple(map(self._columns.metric, range(self._first, self._end)))

    def __len__(self) -> int:
        return self._end - self._first

    @property
    def heads(self) -> Heads:
        """The metrics without value, interval, samples and reason; the same object for cells with equal heads."""
        if self._heads is None:
            self._heads = self._columns.heads(self._first, self._end)
        return self._heads

    def at(self, position: int) -> MetricRow:
        """Return one metric; it is not kept."""
        return self._items[position] if self._items is not None else self._columns.metric(self._first + position)

    def value(self, position: int) -> float | None:
        """Return the value of one metric, without making the metric."""
        return self._items[position].value if self._items is not None else self._columns.number(self._first + position)


class Artifacts(Lazy[ArtifactRow]):
    """The artifacts of a record, whose text is parsed when somebody reads them."""

    __slots__ = ("_code", "_columns")

    def __init__(self, columns: Columns, code: int) -> None:
        super().__init__()
        self._columns = columns
        self._code = code

    def _make(self) -> tuple[ArtifactRow, ...]:
        return tuple(ArtifactRow(*row) for row in json.loads(self._columns.cells["artifacts"].texts[self._code]))


def heads_of(record: Record) -> Sequence[MetricRow]:
    """Return metrics of which only name, coordinates, unit and direction may be read: those of the record.

    Cells with the same metrics share the returned object, if the record comes from columns.
    """
    metrics: Sequence[MetricRow] = record.metrics
    return metrics.heads if isinstance(metrics, Metrics) else metrics


def positions_of(record: Record) -> Mapping[Key, int]:
    """Return the positions of the metrics of a record by name and sorted coordinates; of two equal keys, the last.

    Cells with the same metrics share the returned object, if the record comes from columns.
    """
    heads = heads_of(record)
    return heads.positions if isinstance(heads, Heads) else _positions(heads)


def metric_at(record: Record, position: int) -> MetricRow:
    """Return the metric of a record at a position of `heads_of`, without making the others."""
    metrics: Sequence[MetricRow] = record.metrics
    return metrics.at(position) if isinstance(metrics, Metrics) else metrics[position]


def value_at(record: Record, position: int) -> float | None:
    """Return the value of the metric of a record at a position of `heads_of`, in a fifth of the time of `metric_at`."""
    metrics: Sequence[MetricRow] = record.metrics
    return metrics.value(position) if isinstance(metrics, Metrics) else metrics[position].value


@dataclass
class Texts:
    """A column of texts: each is stored once."""

    codes: Sequence[int]
    "For each row the number of its text, or 0 if it has none."
    texts: Sequence[str]


@dataclass
class _Head:
    """What the same metric of several cells shares."""

    row: MetricRow
    fields: Mapping[str, Any]
    "Those of `row`."
    level: float | None
    "Level of the intervals; None for metrics without one."
    over: Any
    integer: bool
    "Whether the values are integers."


@dataclass
class Columns:
    """Merged records as columns."""

    cells: dict[str, Texts]
    "The columns CELL_COLUMNS, a row for each cell."
    ends: Sequence[int]
    "For each cell the number of the first metric that belongs to a later cell."
    head: Texts
    "For each metric its `HEAD`, the level of its interval and what it is over, and whether the value is an integer."
    value: Sequence[float]
    "NaN for no value."
    low: Sequence[float]
    high: Sequence[float]
    n: Sequence[int]
    "-1 if it is not known."
    reason: Texts
    sample_ends: Sequence[int]
    samples: Sequence[float]
    exact: Texts
    "Value, low, high and samples of a metric as JSON, if they are not all floats; then the columns do not have them."
    _heads: dict[int, _Head] = field(default_factory=dict)
    _layouts: dict[bytes, Heads] = field(default_factory=dict)

    # ── to records ──────────────────────────────────────────────────────────────────────────────

    def __len__(self) -> int:
        return len(self.ends)

    def records(self) -> list[Record]:
        """Return the records. Equal values of different records are the same objects."""
        # All texts of a column are parsed at once: in a third of the time.
        decoded = {name: _all_decoded(name, column.texts) for name, column in self.cells.items() if name in _DECODED}
        return [self._record(cell, decoded) for cell in range(len(self))]

    def record(self, cell: int) -> Record:
        """Return one record, complete."""
        codes = {name: self.cells[name].codes[cell] for name in _DECODED}
        return self._record(
            cell, {name: {code: _decoded(name, self.cells[name].texts[code])} for name, code in codes.items()}
        )

    def _record(self, cell: int, decoded: Mapping[str, Sequence[Any] | Mapping[int, Any]]) -> Record:
        record = object.__new__(Record)  # a tenth of the time of the constructor of a frozen class
        fields = vars(record)
        for name, values in decoded.items():
            fields[name] = values[self.cells[name].codes[cell]]
        fields.update(fields.pop("facts"))
        fields["metrics"] = Metrics(self, self.ends[cell - 1] if cell else 0, self.ends[cell])
        code = self.cells["artifacts"].codes[cell]
        fields["artifacts"] = () if code == NO_TEXT else Artifacts(self, code)
        return record

    def metric(self, row: int) -> MetricRow:
        """Return one metric."""
        code = self.head.codes[row]
        head = self._heads.get(code) or self._head(code)
        metric = object.__new__(MetricRow)
        fields = vars(metric)
        fields.update(head.fields)
        code = self.reason.codes[row]
        if code != NO_TEXT:
            fields["reason"] = self.reason.texts[code]
        if (n := self.n[row]) >= 0:
            fields["n"] = n
        code = self.exact.codes[row]
        if code != NO_TEXT:
            value, low, high, samples = json.loads(self.exact.texts[code])
        else:
            value, low, high = self.value[row], self.low[row], self.high[row]
            if value != value:
                value = None
            elif head.integer:
                value = int(value)
            first, end = self.sample_ends[row - 1] if row else 0, self.sample_ends[row]
            samples = tuple(self.samples[first:end]) if end > first else ()
        fields["value"] = value
        if head.level is not None:
            fields["interval"] = interval = object.__new__(Interval)
            vars(interval).update(low=low, high=high, level=head.level, over=head.over)
        if samples:
            fields["samples"] = tuple(samples)
        return metric

    def number(self, row: int) -> float | None:
        """Return the value of one metric."""
        code = self.exact.codes[row]
        if code != NO_TEXT:
            exact: float | None = json.loads(self.exact.texts[code])[0]
            return exact
        value = self.value[row]
        if value != value:
            return None
        return int(value) if self._head(self.head.codes[row]).integer else value

    def heads(self, first: int, end: int) -> Heads:
        """Return the heads of some metrics; equal ones are the same object."""
        codes: Any = self.head.codes[first:end]
        key = codes.tobytes()
        if (layout := self._layouts.get(key)) is None:
            layout = self._layouts[key] = Heads(self._head(code).row for code in codes)
        return layout

    def _head(self, code: int) -> _Head:
        if (head := self._heads.get(code)) is None:
            *shared, level, over, integer = json.loads(self.head.texts[code])
            facts = dict(zip(HEAD, shared))
            facts["range"] = facts["range"] and tuple(facts["range"])
            row = MetricRow(value=None, **facts)
            head = self._heads[code] = _Head(row, vars(row), level, over, integer)
        return head


def _decoded(name: str, text: str) -> Any:
    """Return what a text of a cell's column means."""
    if name in PLAIN_COLUMNS:
        return text
    return _from_plain(name, json.loads(text))


def _all_decoded(name: str, texts: Sequence[str]) -> Sequence[Any]:
    """Return what all texts of a cell's column mean; the first of them is the absent one."""
    if name in PLAIN_COLUMNS:
        return texts if isinstance(texts, list) else list(texts)
    values = json.loads(f"[{','.join(texts[1:])}]")
    return [None, *(values if name in _VALUES else (_from_plain(name, value) for value in values))]


def _from_plain(name: str, value: Any) -> Any:
    """Return the value of a field from the plain value that its column states."""
    if name == "facts":
        return dict(zip(FACTS, value))
    if name == "probes":
        return {label: ProbeRow(*row) for label, row in value.items()}
    return tuple(value) if name == "notes" else value
