"""The tables of a leaderboard as HTML for notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench_suite.reports import across_tasks, escaping, formatting, leaderboard, notebook_html
from bench_suite.reports.best import best_values
from bench_suite.reports.columns import Column
from bench_suite.reports.rows import Row
from bench_suite.reports.table import Table, machine


def board_parts(tables: Sequence[Table]) -> Iterator[str]:
    """Yield the tables of a leaderboard, what holds across their tasks, and how to read them, as HTML."""
    if not tables:
        yield notebook_html.paragraph("no results: no cell has succeeded")
        return
    for table in tables:
        yield from _table_parts(table)
    if (summary := across_tasks.across_tasks(tables)) is not None:
        head, lines, notes = across_tasks.table_of(summary)
        yield notebook_html.heading(f"across {across_tasks.about(summary)}")
        yield notebook_html.table([[name] for name in head], lines)
        yield notebook_html.bullets(notes)
    reading = notebook_html.paragraph(leaderboard.reading(tables))
    yield f"<details><summary>how to read this</summary>{reading}</details>"


def _table_parts(table: Table) -> Iterator[str]:
    scales = {c: formatting.scale_for((row.values[c].value for row in table.rows), c.unit) for c in table.columns}
    notes = escaping.Notes()
    ranks = any(row.rank is not None for row in table.rows)
    head = [*([["rank"]] if ranks else []), ["model"], *(_heading(c, scales[c]) for c in table.columns), ["seeds"]]
    rows = []
    for row in table.rows:
        values = (
            leaderboard.value_text(row.values[c], c, scales[c]) + notes.mark(row.values[c].note) for c in table.columns
        )
        label = row.label + notes.mark(row.note) + notes.mark(row.chosen or None)
        rows.append([*([_rank(row)] if ranks else []), label, *values, row.seeds])
    smoke = " (smoke run: few examples, one epoch; not ranked)" if table.smoke else ""
    yield notebook_html.heading(f"{leaderboard.name(table)}{smoke}")
    first = 2 if ranks else 1
    at = {column: first + number for number, column in enumerate(table.columns)}
    bold = {(number, at[column]) for column, numbers in best_values(table).items() for number in numbers}
    yield notebook_html.table(head, rows, left=[first - 1], bold=bold)
    yield notebook_html.bullets([*notes.lines(), *table.notes])
    yield notebook_html.paragraph(f"measured on {machine(table.hardware)}")


def _heading(column: Column, scale: formatting.Scale) -> list[str]:
    """Return the lines of a heading: probe and metric, coordinates, unit, reference."""
    probe, slash, metric = column.name.partition("/")
    arrow = {"higher": " ↑", "lower": " ↓"}.get(column.better, "")
    at = [f"{name}={value}" for name, value in column.at]
    unit = [f"({scale.unit})"] if scale.unit else []
    return [probe + slash, metric + arrow, *at, *unit, *([f"− {column.reference}"] if column.reference else [])]


def _rank(row: Row) -> str:
    """Return the rank of a row, with the letters of the rows that it cannot be told from."""
    if row.rank is None:
        return formatting.NOTHING
    return f"{row.rank}{'=' if row.tied else ''} {row.letters}".strip()
