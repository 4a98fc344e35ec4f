"""The metrics of a run as a long table: one row for each metric of each cell, in the columns of `bench_suite.frame`.

A cell without metrics, such as one that failed, has no row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from bench_suite.contracts import Record
from bench_suite.store.columns import heads_of, metric_at
from bench_suite.store.runs import Run

BEFORE_LABELS: Mapping[str, str] = {
    "run": "Id of the run.",
    "suite": "Name of the suite.",
    "id": "Id of the cell, equal across runs and machines.",
}
AFTER_LABELS: Mapping[str, str] = {
    "data": "Name of the data set.",
    "status": "How the cell ended: ok, failed, unavailable or interrupted.",
    "metric": "Name of the metric: PROBE/METRIC.",
}
AFTER_COORDINATES: Mapping[str, str] = {
    "value": "The value in `unit`; missing if it could not be measured.",
    "low": "Lower end of the interval.",
    "high": "Upper end of the interval.",
    "level": "Confidence level of the interval, such as 0.95.",
    "over": "What the interval varies over: examples, clusters, seeds, processes or folds.",
    "n": "Number of examples or samples behind the value.",
    "unit": "Unit of value and interval.",
    "better": "Which values are better: higher, lower or none.",
    "kind": "How the value came about: estimate, exact (a count) or single (one observation).",
    "reason": "Why the value or its interval is missing.",
}
FIXED = {**BEFORE_LABELS, **AFTER_LABELS, **AFTER_COORDINATES}
"Columns that every run has, with what they contain."
facts = attrgetter("n", "unit", "better", "kind", "reason")
"Return the last columns of a metric."


@dataclass(frozen=True)
class LongTable:
    """The table of a run; its rows are made when they are read."""

    run: Run
    records: Sequence[Record]
    labels: Mapping[str, str]
    "Column by label of the cells: `task`, `model`, `seed`, …; `cell.NAME` if a fixed column has the label's name."
    coordinates: tuple[str, ...]
    "Coordinates of the metrics; the column of each is `at.NAME`."

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        at = (f"at.{name}" for name in self.coordinates)
        return (*BEFORE_LABELS, *self.labels.values(), *AFTER_LABELS, *at, *AFTER_COORDINATES)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the values of each row in the order of the columns; None for a missing one."""
        for record in self.records:
            names = (self.run.name, str(self.run.info["suite"]), record.id)
            cell = (*names, *map(record.cell.get, self.labels), record.data.get("name"), record.status)
            for position in range(len(record.metrics)):
                row = metric_at(record, position)  # which is not kept: a large run is written in little memory
                interval = row.interval
                ends = (None,) * 4 if interval is None else (interval.low, interval.high, interval.level, interval.over)
                at = map(row.at.get, self.coordinates)
                yield (*cell, row.name, *at, row.value, *ends, *facts(row))

    def description(self, column: str) -> str:
        """Return what a column contains, for a reader."""
        if column in FIXED:
            return FIXED[column]
        return "Coordinate of the metric." if column.startswith("at.") else "Label of the cell."


def long_table(run: Run) -> LongTable:
    """Return the table of a run."""
    records = run.records()
    labels: dict[str, None] = {}
    coordinates: dict[str, None] = {}
    known: dict[int, object] = {}
    for record in records:
        labels |= dict.fromkeys(record.cell)
        heads = heads_of(record)
        if id(heads) not in known:
            known[id(heads)] = heads  # kept, so that no other object gets its id
            for row in heads:
                coordinates |= dict.fromkeys(row.at)
    columns = {label: f"cell.{label}" if label in FIXED or label.startswith("at.") else label for label in labels}
    return LongTable(run, records, columns, tuple(coordinates))
