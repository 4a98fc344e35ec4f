"""Metrics of a whole run, such as the churn between seeds, as columns of a table: which rows they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench_suite.contracts import MetricRow, Record
from bench_suite.reports.columns import Column, all_columns
from bench_suite.reports.rows import Row
from bench_suite.reports.values import Value, row_value, summary_value
from bench_suite.store.runs import Run

NO_VALUE = "it is a metric of the whole run, and the run has none for these cells"


@dataclass(frozen=True)
class RunMetric:
    """A metric of a whole run that belongs to cells of a table."""

    run: Run
    row: MetricRow
    axes: Mapping[str, str | float]
    "The coordinates that are axes of cells, such as `task` and `model`: they state which cells it belongs to."
    column: Column
    "The metric at its other coordinates."

    def belongs_to(self, record: Record) -> bool:
        """Return whether a cell has the coordinates of the metric; it belongs to all cells if it has none."""
        return all(_is_equal(record.cell.get(axis), coordinate) for axis, coordinate in self.axes.items())


def run_metrics(members: Sequence[tuple[Run, Record]]) -> list[RunMetric]:
    """Return the metrics of the runs of a table that belong to cells of it, newest run first.

    Args:
        members: the records of the table with their runs, newest run first.
    """
    by_run: dict[str, tuple[Run, list[Record]]] = {}
    for run, record in members:
        by_run.setdefault(run.name, (run, []))[1].append(record)
    measured = {(column.name, column.at) for column in all_columns(record for _, record in members)}
    metrics = []
    for run, records in by_run.values():
        names = {axis for record in records for axis in record.cell}
        for row in run.summaries()[0]:
            axes = {name: value for name, value in row.at.items() if name in names}
            at = tuple((name, value) for name, value in row.at.items() if name not in names)
            metric = RunMetric(run, row, axes, Column(row.name, at, row.unit, row.better))
            if (row.name, at) not in measured and any(map(metric.belongs_to, records)):
                metrics.append(metric)
    return metrics


def columns_by_suite(metrics: Sequence[RunMetric]) -> dict[str, list[Column]]:
    """Return the columns of the metrics of whole runs, by the suite of the run."""
    columns: dict[str, dict[Column, None]] = {}
    for metric in metrics:
        columns.setdefault(str(metric.run.info["suite"]), {})[metric.column] = None
    return {suite: list(of_suite) for suite, of_suite in columns.items()}


def with_run_metrics(
    rows: Sequence[Row], columns: Sequence[Column], metrics: Sequence[RunMetric], owners: Mapping[str, Run]
) -> list[Row]:
    """Return the rows of a table with the values of the metrics of whole runs.

    Args:
        rows: the rows.
        columns: the columns of the table.
        metrics: the metrics, newest run first.
        owners: the run of each cell, by the cell's id.
    """
    by_column = {column: [metric for metric in metrics if metric.column == column] for column in columns}
    own = {column: candidates for column, candidates in by_column.items() if candidates}
    return [
        replace(row, values={**row.values, **{column: _value(row, of, owners) for column, of in own.items()}})
        for row in rows
    ]


def _value(row: Row, metrics: Sequence[RunMetric], owners: Mapping[str, Run]) -> Value:
    """Return the value of a row: that of the newest of its runs that has one, or why none has."""
    values = []
    for name in dict.fromkeys(metric.run.name for metric in metrics):
        cells = [record for record in row.cells if record.id in owners and owners[record.id].name == name]
        matching = [metric for metric in metrics if metric.run.name == name and any(map(metric.belongs_to, cells))]
        if matching:
            partial = None if len(cells) == len(row.cells) else f"of {len(cells)} of {len(row.cells)} cells: run {name}"
            values.append(replace(_value_of_cells(cells, matching), seeds=len(cells), partial=partial))
    with_value = (value for value in values if value.value is not None)
    return next(with_value, values[0] if values else Value(None, reason=NO_VALUE))


def _value_of_cells(cells: Sequence[Record], metrics: Sequence[RunMetric]) -> Value:
    """Return the value of cells that differ in seed and fold only: over folds, if each has a metric of its own."""
    # A cell without a value of an axis has one coordinate less than those that it must be told apart from.
    most = max(len(metric.axes) for metric in metrics)
    closest = [metric for metric in metrics if len(metric.axes) == most]
    if len(closest) == 1:
        return summary_value(closest[0].row)
    measured = [(metric.row, next(filter(metric.belongs_to, cells))) for metric in closest]
    return row_value(cells, closest[0].column, measured)


def _is_equal(value: Any, coordinate: str | float) -> bool:
    """Return whether a coordinate stands for the value of an axis, which may be written as a text or a number."""
    if isinstance(value, int | float) and not isinstance(value, bool) and not isinstance(coordinate, str):
        return float(value) == float(coordinate)
    return value is not None and str(value) == str(coordinate)
