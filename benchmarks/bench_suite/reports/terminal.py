"""The leaderboard as plain text that fits the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench_suite.reports import escaping, formatting
from bench_suite.reports.across_tasks import about, across_tasks, as_text
from bench_suite.reports.columns import Column
from bench_suite.reports.leaderboard import has_clusters, name, ranked_runs, value_text
from bench_suite.reports.rows import Row
from bench_suite.reports.shortening import cut, shorten
from bench_suite.reports.table import Standings, Table, tables
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run

GAP = "  "
MAX_ROWS = 60
"Rows of a table at most; a line counts the others."
MAX_HEADING = 36
"Maximum number of columns that a heading takes."


def terminal_table(runs: Run | Sequence[Run], width: int = 80, known: Standings | None = None) -> str:
    """Return a table for each task of some runs as plain text.

    Columns that do not fit are left out from the right, and named below the table. The column that ranks, and those of
    gated metrics, are never left out: if they do not fit, they follow in further blocks with the same rows. Smoke runs
    are left out if there are other runs. The text has no control characters: it is the same on a terminal, in a pipe
    and in a log.

    Args:
        runs: a run, or several runs, newest first.
        width: the maximum number of columns of a line.
        known: the standings of the runs that are not smoke runs, if they were computed before.
    """
    selected = [runs] if isinstance(runs, Run) else list(runs)
    ranked = ranked_runs(selected)
    shown_tables = known.tables if known and ranked else tables(ranked or selected)
    if not shown_tables:
        return "no results: no cell has succeeded"
    smoke = any(table.smoke for table in shown_tables)
    parts = [_wrap("smoke run: at most 64 examples per split, one epoch; not ranked", width)] if smoke else []
    parts += [_table(table, width) for table in shown_tables]
    if (summary := across_tasks(shown_tables)) is not None:
        lines = [
            _wrap(f"across {flat(about(summary))}", width),
            *(cut(line, width) for line in as_text(summary)),
        ]
        parts.append("\n".join(lines))
    legend = [
        "↑ higher is better, ↓ lower.",
        "± half of the 95 % interval, [ ] all of it; ( ) the middle half of the samples, or all of two or three.",
    ]
    if any(row.folds > 1 for table in shown_tables for row in table.rows):
        legend.append("Means over folds have intervals that allow for the training data that folds share.")
    if has_clusters(row for table in shown_tables for row in table.rows):
        legend.append("Intervals are over clusters if examples are not independent, such as repetitions of an item.")
    tied = [table for table in shown_tables if any(row.tied for row in table.rows)]
    if any(table.ranked_by != "intervals" for table in tied):
        legend.append("= rows that share a rank cannot be told apart, compared pair by pair.")
    if any(table.ranked_by == "intervals" for table in tied):
        legend.append("= rows that share a rank cannot be told apart by their intervals.")
    if any(row.letters for table in shown_tables for row in table.rows):
        legend.append("a, b: rows that share a letter cannot be told apart.")
    references = {(table.baseline, column.reference) for table in shown_tables for column in table.columns}
    legend += [
        f"− {flat(own)}: change since that run, over the same test examples."
        for own in sorted({reference for baseline, reference in references if reference and baseline == reference})
    ]
    if any(reference and baseline != reference for baseline, reference in references):
        legend.append("− MODEL: difference from that model; interval and p are corrected for all in a table.")
    parts.append("\n".join(_wrap(line, width) for line in legend))
    return "\n\n".join(parts)


def _table(table: Table, width: int) -> str:
    more = len(table.rows) - MAX_ROWS
    table = replace(table, rows=table.rows[:MAX_ROWS])
    scales = {c: formatting.scale_for((row.values[c].value for row in table.rows), c.unit) for c in table.columns}
    ranks = any(row.rank is not None for row in table.rows)
    # The model with its rank, then each metric: three or four lines of heading, then one line per row.
    ranks_text = [f"{rank_text(row)} " if ranks else "" for row in table.rows]
    rank_width = max(map(escaping.width, ranks_text))
    forms = forms_of(table.rows)
    metrics, _ = metric_columns(table, table.columns, scales)
    required = [c for c in table.columns if is_sort(c, table.sort) or c.name in table.gated]
    empty = without_values(table)
    left = list(table.columns)
    blocks: list[list[Column]] = []
    while left and (not blocks or any(c in required for c in left)):
        candidates = left if not blocks else [c for c in left if c in required]
        blocks.append(fitting_columns(candidates, required, metrics, ["model", *forms[-1]], width - rank_width, empty))
        left = [c for c in left if c not in blocks[-1]]
    metrics, notes = metric_columns(table, [c for visible in blocks for c in visible], scales)
    widest = max(total_width([metrics[c] for c in visible]) for visible in blocks or [[]])
    label_width = max(width - rank_width - widest - len(GAP), 12)
    form = next((form for form in forms if max(map(escaping.width, form)) <= label_width), forms[-1])
    labels = [escaping.pad(number, rank_width) + label for number, label in zip(ranks_text, shorten(form, label_width))]
    body = [cut(flat(name(table)), width)]
    for number, visible in enumerate(blocks or [[]]):
        lines = filter(None, _block(visible, metrics, labels, rank_width))
        body += [*([""] if number else []), *(cut(line, width) for line in lines)]
    axes = dict.fromkeys(axis for row in table.rows for axis in row.axes)
    if axes and form is not forms[0]:
        body.append(_wrap(f"in parentheses after the model: {', '.join(map(flat, axes))}", width))
    body += [_wrap(f"files: {note}", width) for note in dict.fromkeys(row.note for row in table.rows if row.note)]
    body += [_wrap(f"{flat(row.label)}: {row.chosen}", width) for row in table.rows if row.chosen]
    body += [f"and {more:,} more rows (see the report)"] if more > 0 else []
    body += [_wrap(flat(note), width) for note in notes]
    body += [_wrap(flat(note), width) for note in table.notes]
    if left:
        hidden_names = ", ".join(flat(column_name(column)) for column in left)
        body.append(_wrap(f"not shown in {width} columns: {hidden_names} (see the report)", width))
    return "\n".join(body)


def metric_columns(
    table: Table,
    columns: Sequence[Column],
    scales: Mapping[Column, formatting.Scale],
    heading: Callable[[Column, str], list[str]] | None = None,
) -> tuple[dict[Column, list[str]], list[str]]:
    """Return the heading and the values of each column, and the footnotes of values that some seeds of a row lack.

    Args:
        table: the table.
        columns: some of its columns.
        scales: the scale of each column.
        heading: returns the lines of a heading for a column and its unit; None for those of a full table.
    """
    notes = escaping.Notes()
    metrics = {}
    for column in columns:
        values = [
            value_text(row.values[column], column, scales[column]) + notes.mark(row.values[column].partial)
            for row in table.rows
        ]
        metrics[column] = [*(heading or _heading)(column, scales[column].unit), *values]
    return metrics, notes.lines()


def _block(
    columns: Sequence[Column], metrics: Mapping[Column, list[str]], labels: Sequence[str], rank_width: int
) -> list[str]:
    """Return the lines of some columns, with the labels of the rows before them."""
    model = " " * rank_width + "model"
    heading = ["", "", "", model] if any(metrics[c][3] for c in columns) else ["", "", model, ""]
    cells = [[*heading, *labels], *(metrics[column] for column in columns)]
    widths = [max(map(escaping.width, column)) for column in cells]
    lines = []
    for line in zip(*cells):
        padded = (escaping.pad(text, widths[number], right=number > 0) for number, text in enumerate(line))
        lines.append(GAP.join(padded).rstrip())
    return lines


def forms_of(rows: Sequence[Row]) -> list[list[str]]:
    """Return the labels of the rows in several forms, from long to short.

    The forms have dotted names (`train.epochs=5`), last parts of names (`epochs=5`), and values alone (`5`). A form in
    which two rows would have the same label is left out.
    """

    def labels(write_axis: Callable[[str, Any], str]) -> list[str]:
        axes = [", ".join(write_axis(name, value) for name, value in row.axes.items()) for row in rows]
        return [flat(f"{row.model} ({text})" if text else row.model) for row, text in zip(rows, axes)]

    long = labels(lambda name, value: f"{name}={value}")
    shorter = [labels(lambda name, value: f"{name.rpartition('.')[2]}={value}"), labels(lambda _, value: str(value))]
    return [long, *(form for form in shorter if len(set(form)) == len(set(long)))]


def _heading(column: Column, unit: str) -> list[str]:
    """Return the lines of a heading: probe, metric, coordinates, unit; or probe, metric, unit without coordinates.

    Coordinates that are too long lose their names: `shift:rotten_tomatoes max_softmax`.
    """
    probe, _, metric = column.name.partition("/")
    arrow = {"higher": " ↑", "lower": " ↓"}.get(column.better, "")
    at = " ".join(f"{name}={value}" for name, value in column.at)
    if escaping.width(at) > MAX_HEADING:
        at = " ".join(str(value) for _, value in column.at)
    if column.reference:
        at, unit = f"− {column.reference}", " ".join(filter(None, (at, unit)))
    under = (at, unit) if at else (unit, "")
    return [cut(flat(text), MAX_HEADING, 0.6) for text in (probe, metric + arrow, *under)]


def column_name(column: Column) -> str:
    """Return the full name of a column, with its coordinates."""
    reference = f" − {column.reference}" if column.reference else ""
    return column.name + "".join(f" {name}={value}" for name, value in column.at) + reference


def fitting_columns(
    columns: Sequence[Column], required: Sequence[Column], metrics: dict[Column, list[str]], labels: Sequence[str],
    width: int, empty: Collection[Column] = (),
) -> list[Column]:  # fmt: skip
    """Return the columns that fit, at least one.

    The model takes its shortest label, or 22 columns of it. The columns that must not be left out have priority, then
    the first column of each probe; those without any value, `empty`, come last.
    """
    model = min(22, max(map(escaping.width, labels)))
    first_of_probe = {label_of(column.name): column for column in reversed(columns)}.values()
    selected: list[Column] = []
    for column in sorted(columns, key=lambda c: (c not in required, c in empty, c not in first_of_probe)):
        columns_taken = total_width([metrics[c] for c in [*selected, column]]) + len(GAP) + model
        if not selected or columns_taken <= width:
            selected.append(column)
    return [c for c in columns if c in selected]


def without_values(table: Table) -> frozenset[Column]:
    """Return the columns in which no row has a value."""
    return frozenset(c for c in table.columns if all(row.values[c].value is None for row in table.rows))


def total_width(columns: list[list[str]]) -> int:
    """Return the width of some columns with the gaps between them."""
    return sum(max(map(escaping.width, column)) for column in columns) + len(GAP) * max(len(columns) - 1, 0)


def is_sort(column: Column, sort: Column | None) -> bool:
    """Return whether a column shows the metric that ranks, or its differences from the reference."""
    return sort is not None and (column.name, column.at) == (sort.name, sort.at)


def rank_text(row: Row) -> str:
    """Return the rank of a row, `=` if it is shared, and the row's letters."""
    number = formatting.NOTHING if row.rank is None else f"{row.rank}{'=' if row.tied else ' '}"
    return f"{number} {row.letters}" if row.letters else number


def flat(text: str) -> str:
    """Return a text as one line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _wrap(text: str, width: int) -> str:
    lines = textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(cut(line, width) for line in lines)
