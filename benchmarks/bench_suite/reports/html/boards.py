"""Boards of the page: the ranked rows of each task, and the data with which a browser sorts and traces them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from markupsafe import Markup

from bench_suite.contracts import Record
from bench_suite.reports import escaping, formatting, leaderboard
from bench_suite.reports.best import best_values
from bench_suite.reports.columns import Column
from bench_suite.reports.empty_columns import without_empty_columns
from bench_suite.reports.html.svg import interval_bar
from bench_suite.reports.html.ticks import Axis, axis
from bench_suite.reports.html.trivial import Trivial
from bench_suite.reports.html.view import Board, BoardCell, BoardColumn, BoardRow, Meaning, TrivialRow
from bench_suite.reports.labels import plain_label
from bench_suite.reports.metric_texts import MetricText
from bench_suite.reports.rows import Row
from bench_suite.reports.table import Table
from bench_suite.reports.values import Value
from bench_suite.store.columns import heads_of, metric_at

MAX_ROWS = 25
"Rows of a board in the page itself; the others are in its data, for the browser to show."
MAX_CLASS = 40
"Characters of the name of a class."
MAX_NAMED = 4
"Rows that a sentence names."
BOLD = (
    "Bold: no other row is clearly better, and at least one is clearly worse; a column whose rows cannot be told apart "
    "has no bold value."
)
DIGITS = 6
"Digits of the numbers with which a browser sorts."


def board(
    table: Table,
    id: str,
    run: str = "",
    texts: Mapping[str, MetricText] = MappingProxyType({}),
    trivial: Trivial | None = None,
) -> tuple[Board, dict[str, Any]]:
    """Return the board of a table, and its data for the browser.

    Args:
        table: the table.
        id: identity of the board in the page.
        run: name of the run, if the page shows several.
        texts: what each metric means, by its name.
        trivial: what the most frequent class would reach, if it is known.
    """
    table, left_out = without_empty_columns(table)
    scales = {c: formatting.scale_for((row.values[c].value for row in table.rows), c.unit) for c in table.columns}
    notes = escaping.Notes()
    folds = any(row.folds for row in table.rows)
    scale = _scale(table)
    best = best_values(table)
    rows = [_row(number, row, table, scales, notes, scale, best, folds=folds) for number, row in enumerate(table.rows)]
    columns = tuple(_column(column, scales[column], column == table.sort, texts) for column in table.columns)
    names = dict.fromkeys(column.name for column in table.columns)
    meanings = [Meaning(name, texts[name].title, texts[name].line) for name in names if name in texts]
    shown = Board(
        id, run, table.task, leaderboard.name(table), leaderboard.about_text(table), columns, rows[:MAX_ROWS],
        len(rows), notes.lines(len(rows)), (*left_out, *table.notes),
        any(row.rank is not None for row in table.rows), folds, meanings,
        None if trivial is None else _trivial_row(trivial, table, scales), winner(table),
    )  # fmt: skip
    return shown, _data(table, shown, rows, scale)


def shared_remarks(boards: Sequence[Board]) -> tuple[list[Board], list[str]]:
    """Return boards without the remarks that all of them share, and these remarks, so that a page has them once."""
    if len(boards) < 2:
        return list(boards), []
    shared = [remark for remark in dict.fromkeys(boards[0].remarks) if all(remark in one.remarks for one in boards)]
    rest = [[remark for remark in one.remarks if remark not in shared] for one in boards]
    return [replace(one, remarks=own) for one, own in zip(boards, rest)], shared


def legend(tables: Sequence[Table]) -> list[str]:
    """Return how to read the signs that occur in some tables, a sentence each."""
    values = [value for table in tables for row in table.rows for value in row.values.values()]
    lines = []
    if any(value.interval is not None for value in values):
        lines.append("± is half of a 95 % interval and [ ] contains its two ends.")
    if any(value.spread is not None for value in values):
        lines.append("( ) contains the middle half of repeated measurements, or all of two or three.")
    if any(row.tied or row.letters for table in tables for row in table.rows):
        lines.append("= or a shared letter: the rows cannot be told apart.")
    if any(best_values(table) for table in tables):
        lines.append(BOLD)
    return lines


def _trivial_row(trivial: Trivial, table: Table, scales: Mapping[Column, formatting.Scale]) -> TrivialRow:
    value = Value(trivial.value, reason="")
    texts = [
        formatting.short(value, scales[c])
        if (c.name, c.at, c.reference) == (trivial.metric, (), "")
        else formatting.NOTHING
        for c in table.columns
    ]
    return TrivialRow(f"always “{plain_label(trivial.name, MAX_CLASS)}”", "not a model: the most frequent class", texts)


def winner(table: Table) -> str:
    """Return which row of a table is best by the metric that ranks, in a sentence; empty if the rows are not ranked."""
    ranked = [row for row in table.rows if row.rank is not None]
    if table.sort is None or len(ranked) < 2:
        return ""
    scale = formatting.scale_for((row.values[table.sort].value for row in ranked), table.sort.unit)
    first = [row for row in ranked if row.rank == 1]
    if len(first) > 1:
        names = [row.label for row in first[:MAX_NAMED]]
        more = f" and {len(first) - MAX_NAMED} more" if len(first) > MAX_NAMED else ""
        return f"No single best: {', '.join(names)}{more} cannot be told apart by {table.sort.name}."
    unit = f" {scale.unit}" if scale.unit else ""
    best, second = (f"{row.label} ({formatting.short(row.values[table.sort], scale)}{unit})" for row in ranked[:2])
    is_clear = len(first[0].beats) == len(ranked) - 1
    clearly = f", clearly better than {'the other' if len(ranked) == 2 else 'all others'};" if is_clear else ","
    return f"Best by {table.sort.name}: {best}{clearly} then {second}."


def _scale(table: Table) -> Axis | None:
    """Return the scale of the small charts of intervals, which all rows share; None if there is nothing to draw."""
    if table.sort is None:
        return None
    ends = [
        end
        for row in table.rows
        if (value := row.values[table.sort]).value is not None
        for end in _ends(row, table.sort) or (value.value,)
        if end is not None
    ]
    return axis(ends) if ends else None


def _ends(row: Row, column: Column) -> tuple[float, float] | None:
    value = row.values[column]
    return (value.interval.low, value.interval.high) if value.interval is not None else value.spread


def _row(
    number: int, row: Row, table: Table, scales: dict[Column, formatting.Scale], notes: escaping.Notes,
    scale: Axis | None, best: Mapping[Column, frozenset[int]], *, folds: bool,
) -> BoardRow:  # fmt: skip
    rank = formatting.NOTHING if row.rank is None else f"{row.rank}{'=' if row.tied else ''} {row.letters}".strip()
    cells = [
        BoardCell(
            leaderboard.value_text(row.values[c], c, scales[c]),
            notes.mark(row.values[c].note, row.label).strip(),
            number in best.get(c, ()),
        )
        for c in table.columns
    ]
    bar = Markup()
    if scale is not None and table.sort is not None and (value := row.values[table.sort].value) is not None:
        low, high = _ends(row, table.sort) or (value, value)
        bar = interval_bar(value, low, high, scale, formatting.full(row.values[table.sort], scales[table.sort]))
    seeds = f"{row.folds or 1} × {row.seeds}" if folds else str(len(row.cells))
    note = (notes.mark(row.note) + notes.mark(row.chosen or None)).strip()
    axes = {name: str(value) for name, value in row.axes.items()}
    return BoardRow(number, rank, row.label, note, bar, cells, seeds, axes)


def _column(column: Column, scale: formatting.Scale, sorts: bool, texts: Mapping[str, MetricText]) -> BoardColumn:
    probe, _, metric = column.name.rpartition("/")
    about = [f"{name} {value}" for name, value in column.at]
    about += [scale.unit] if scale.unit else []
    about += [f"− {column.reference}"] if column.reference else []
    return BoardColumn(
        leaderboard.title(column, scale) + (f" − {column.reference}" if column.reference else ""),
        probe, metric, ", ".join(about), column.better, sorts, texts[column.name].title if column.name in texts else "",
    )  # fmt: skip


def _data(table: Table, shown: Board, rows: Sequence[BoardRow], scale: Axis | None) -> dict[str, Any]:
    """Return what the browser needs of all rows: texts, numbers to sort by, and the cells behind each number."""
    keys = [(column.name, column.at) for column in table.columns if not column.reference]
    label_numbers = {row.label: number for number, row in enumerate(table.rows)}
    lines = []
    for drawn, row in zip(rows, table.rows):
        values = [_number(row.values[column].value) for column in table.columns]
        bar = None
        if scale is not None and table.sort is not None and row.values[table.sort].value is not None:
            value = row.values[table.sort].value or 0.0
            ends = _ends(row, table.sort) or (value, value)
            bar = [round(4 + 112 * scale.at(number), 1) for number in (ends[0], value, ends[1])]
        cells = [
            [cell.text, cell.note, int(cell.best), _kind(row.values[column])]
            for column, cell in zip(table.columns, drawn.cells)
        ]
        beats = [label_numbers[label] for label in row.beats] if shown.count <= MAX_ROWS else []
        lines.append([
            drawn.rank, drawn.label, drawn.note, bar, cells, values,
            drawn.seeds, [cell.id for cell in row.cells], [cell.cell.get("seed") for cell in row.cells],
            _by_cell(row.cells, keys),
            sorted(beats), dict(drawn.axes),
        ])  # fmt: skip
    return {
        "id": shown.id,
        "run": shown.run,
        "task": table.task,
        "heading": shown.heading,
        "sort": "" if table.sort is None else table.sort.name,
        "notes": list(shown.notes),
        "columns": [
            [column.title, column.better, int(bool(own.reference)), own.name]
            for column, own in zip(shown.columns, table.columns)
        ],
        "rows": lines,
    }


def _kind(value: Value) -> str:
    """Return what a value is of several cells: their `mean`, the `median` of their samples, or `none`."""
    if value.value is None:
        return "none"
    return "mean" if value.interval is not None else "median"


def _by_cell(cells: Sequence[Record], keys: Sequence[tuple[str, Any]]) -> list[list[float | None]]:
    """Return the values of some metrics in each cell of a row."""
    positions: dict[int, list[int | None]] = {}
    values = []
    for cell in cells:
        heads = heads_of(cell)
        if (own := positions.get(id(heads))) is None:
            known = {(head.name, tuple(head.at.items())): at for at, head in enumerate(heads)}
            own = positions[id(heads)] = [known.get(key) for key in keys]
        values.append([None if at is None else _number(metric_at(cell, at).value) for at in own])
    return values


def _number(value: float | None) -> float | None:
    """Return a number with as many digits as sorting needs."""
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.{DIGITS}g}")
