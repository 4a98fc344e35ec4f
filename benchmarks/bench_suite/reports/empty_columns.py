"""Columns in which no row has a value: a board leaves them out, and a sentence says why."""

from __future__ import annotations

from dataclasses import replace

from bench_suite.reports.columns import Column
from bench_suite.reports.table import Table


def without_empty_columns(table: Table) -> tuple[Table, list[str]]:
    """Return a table without the columns in which no row has a value, and a sentence for each reason.

    The metric that ranks and metrics that a gate judges stay, since a reader looks for them, and so does one column.

    Args:
        table: the table.
    """
    empty = [column for column in table.columns if _is_empty(table, column)]
    if len(empty) == len(table.columns):
        empty = empty[1:]
    if not empty:
        return table, []
    names: dict[str, dict[str, None]] = {}
    for column in empty:
        reasons = dict.fromkeys(row.values[column].reason or "not measured here" for row in table.rows)
        names.setdefault("; ".join(reasons), {})[column.name] = None
    sentences = [
        f"No column for {', '.join(own)}, which {'has' if len(own) == 1 else 'have'} no value in any row: {reason}"
        for reason, own in names.items()
    ]
    return replace(table, columns=tuple(column for column in table.columns if column not in empty)), sentences


def _is_empty(table: Table, column: Column) -> bool:
    if column == table.sort or column.name in table.gated:
        return False
    return all(row.values[column].value is None for row in table.rows)
