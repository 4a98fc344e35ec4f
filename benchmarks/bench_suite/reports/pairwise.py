"""Matrices of all pairs: how much each row of a table differs from each other one, by one metric."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

from bench_suite.comparison.between import PredictionCache
from bench_suite.comparison.known_differences import differences
from bench_suite.comparison.preconditions import ComparisonError, check_no_smoke
from bench_suite.comparison.verdicts import Row as VerdictRow
from bench_suite.components.options import show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import Record
from bench_suite.reports import escaping, formatting, leaderboard
from bench_suite.reports.columns import Column, all_columns, columns_named
from bench_suite.reports.differences import configurations_of, difference_value, key_of
from bench_suite.reports.rows import Row, rows_of
from bench_suite.reports.selection import TUNED
from bench_suite.reports.table import Table, tables
from bench_suite.stats.letters import letter_display
from bench_suite.store.runs import Run
from bench_suite.suite.column_names import read_column_name

POOLED = ("seed", "fold", "task")
OPTIONS_OF_MODELS = "models."
FOUND = ("better", "worse", "differs")
MANY_PAIRS = 100
"More pairs than this are announced: they may take seconds."
LEGEND = (
    "row − column, paired by seed and test example where predictions are stored. The chance of any false * in a matrix "
    "is at most 5 % (Holm). Rows that share a letter cannot be told apart."
)


@dataclass(frozen=True)
class Matrix:
    """The differences of all pairs of some rows by one metric."""

    heading: str
    "Task, data set and the axes that the rows share, in words."
    column: Column
    labels: tuple[str, ...]
    "Best first."
    values: tuple[str, ...]
    "The metric of each row, as text."
    letters: tuple[str, ...]
    "Rows that share a letter cannot be told apart; empty if no pair could be compared."
    rows: Mapping[tuple[int, int], VerdictRow]
    "By the positions of two rows, the better one first: first − second."


def matrices(
    run: Run, axis: str, metrics: Sequence[str] = (), *, trust: bool = False,
    on_progress: Callable[[str], None] = lambda text: None,
) -> list[Matrix]:  # fmt: skip
    """Return the matrices of a run: one for each task, each combination of the other axes, and each metric.

    Args:
        run: the run.
        axis: what the rows of a matrix differ in: `model`, or an axis of the suite, such as `train.epochs`.
        metrics: `probe/metric`, or `probe/metric?key=value`; default: the columns of the leaderboard.
        trust: run the files of metrics that the suite names by path.
        on_progress: is called before a matrix of many pairs, with what is compared.

    Raises:
        ComparisonError: A smoke run, an axis or a metric that the run does not have, or nothing to compare.
    """
    check_no_smoke(run)
    axes = dict.fromkeys(str(name) for record in run.records() for name in record.cell)
    choices = [name for name in axes if name not in POOLED]
    if axis not in choices:
        raise ComparisonError(
            f"--between {axis}: {run.name} has no such axis{nearest(axis, choices)} (its axes: {', '.join(choices)})"
        )
    run_tables = tables([_with_all_configurations(run) if axis.startswith(TUNED) else run])
    known = all_columns(record for table in run_tables for row in table.rows for record in row.cells)
    wanted = [column for name in metrics for column in _columns_of(name, known, run)]
    cache = PredictionCache()
    order = {record.id: number for number, record in enumerate(run.records())}
    shown = []
    for table in run_tables:
        records = sorted((record for row in table.rows for record in row.cells), key=lambda record: order[record.id])
        for heading, members in _groups(table, records, axis):
            columns = wanted or [column for column in table.columns if not column.reference]
            rows = rows_of(members, columns)
            if (pairs := len(rows) * (len(rows) - 1) // 2) > MANY_PAIRS:
                on_progress(f"{heading}: comparing {pairs:,} pairs by {len(columns)} metric{'s' * (len(columns) > 1)}")
            shown += [
                matrix for column in columns if (matrix := _matrix(run, heading, rows, column, cache, trust=trust))
            ]
    if not shown:
        raise ComparisonError(f"{run.name} has no two results that differ in {axis} only, or none with a value")
    return shown


def _with_all_configurations(run: Run) -> Run:
    """Return the run without `[report] select`, which would leave one configuration of each model to compare."""
    whole = copy(run)
    whole.info = {**run.info, "report": {**(run.info.get("report") or {}), "select": None}}
    return whole


def _columns_of(name: str, known: Sequence[Column], run: Run) -> list[Column]:
    try:
        columns = columns_named(known, read_column_name(name))
    except ValueError as error:
        raise ComparisonError(f"--metric {show(name)}: {error}") from None
    if not columns:
        names = list(dict.fromkeys(column.name for column in known))
        raise ComparisonError(f"{run.name} has no metric {show(name)}{nearest(name, names)}")
    return columns


def _groups(table: Table, records: Sequence[Record], axis: str) -> Iterator[tuple[str, list[Record]]]:
    """Yield the records of a table that share all axes but one, with a heading.

    Between models only the axes count that vary within a model: a model that lacks such an axis, as one that is no
    network lacks a precision, belongs to each of its values.
    """
    names = _varying(records, axis)
    labels = [
        {name: str(record.cell[name]) for name in names if record.cell.get(name) is not None} for record in records
    ]
    for shared in dict.fromkeys(tuple(sorted(own.items())) for own in labels):
        if any(set(shared) < set(own.items()) for own in labels):
            continue  # it belongs to several
        members = [record for record, own in zip(records, labels) if set(own.items()) <= set(shared)]
        yield ", ".join([leaderboard.name(table), *(f"{name}={value}" for name, value in shared)]), members


def _varying(records: Sequence[Record], axis: str) -> list[str]:
    """Return the axes, other than `axis`, that tell the records of a table apart."""
    names = dict.fromkeys(name for record in records for name in record.cell if name not in {axis, *POOLED})
    if axis != "model":
        return [name for name in names if len({str(record.cell.get(name)) for record in records}) > 1]
    values: dict[tuple[str, str], set[str]] = {}
    for record in records:
        for name in names:
            if record.cell.get(name) is not None and not name.startswith(OPTIONS_OF_MODELS):
                values.setdefault((name, str(record.cell.get("model"))), set()).add(str(record.cell[name]))
    return list(dict.fromkeys(name for (name, _), own in values.items() if len(own) > 1))


def _matrix(
    run: Run, heading: str, rows: Sequence[Row], column: Column, cache: PredictionCache, *, trust: bool
) -> Matrix | None:
    """Return the matrix of some rows; None if fewer than two have a value."""
    sign = -1.0 if column.better == "lower" else 1.0
    valued = [row for row in rows if row.values[column].value is not None]
    if len(valued) < 2:
        return None
    valued.sort(key=lambda row: -sign * (row.values[column].value or 0.0))
    owners = {record.id: run for row in valued for record in row.cells}
    pairs = [(base, head) for head in range(len(valued)) for base in range(head + 1, len(valued))]
    results = differences(configurations_of(valued, owners), pairs, [key_of(column)], trust=trust, cache=cache)
    scale = formatting.scale_for((row.values[column].value for row in valued), column.unit)
    compared = [one for one in results if one.row.verdict != "not compared"]
    different = [(one.head, one.base) for one in compared if one.row.verdict in FOUND]
    return Matrix(
        heading, column, tuple(row.label for row in valued),
        tuple(formatting.short(row.values[column], scale) for row in valued),
        tuple(letter_display(len(valued), different)) if compared else ("",) * len(valued),
        {(one.head, one.base): one.row for one in results},
    )  # fmt: skip


# ── text ────────────────────────────────────────────────────────────────────────────────────────


def as_text(shown: Sequence[Matrix], width: int) -> str:
    """Return the matrices as plain text of at most `width` columns; a list of pairs where a matrix does not fit."""
    parts = []
    for matrix in shown:
        lines = [f"{matrix.heading}: {_title(matrix.column)}", *_grid(matrix)]
        if max(map(escaping.width, lines[1:])) > width:
            lines[1:] = list(_list(matrix))
        reasons = dict.fromkeys(row.note for row in matrix.rows.values() if row.verdict == "not compared" and row.note)
        parts.append("\n".join([*lines, *(f"  – not compared: {reason}" for reason in reasons)]))
    return "\n\n".join([*parts, textwrap.fill(LEGEND, width)])


def _title(column: Column) -> str:
    return leaderboard.title(column, formatting.Scale(1.0, "" if column.unit in ("fraction", "score") else column.unit))


def _grid(matrix: Matrix) -> list[str]:
    """Return the lines of a matrix: each row with its number, letters, name, value, and its difference from others."""
    count = len(matrix.labels)
    names = [
        f"{number + 1} {letters} {label}" for number, (label, letters) in enumerate(zip(matrix.labels, matrix.letters))
    ]
    columns = [["", *names], ["", *matrix.values]]
    for other in range(1, count):
        cells = [_cell(matrix.rows.get((row, other))) if row < other else "" for row in range(count)]
        columns.append([str(other + 1), *cells])
    widths = [max(map(escaping.width, column)) for column in columns]
    return [
        "  ".join(
            escaping.pad(text, size, right=number > 0) for number, (text, size) in enumerate(zip(line, widths))
        ).rstrip()
        for line in zip(*columns)
    ]


def _list(matrix: Matrix) -> Iterator[str]:
    for number, (label, value) in enumerate(zip(matrix.labels, matrix.values)):
        yield f"  {number + 1} {matrix.letters[number]} {label}  {value}"
    for (first, second), row in matrix.rows.items():
        yield f"  {first + 1} − {second + 1}  {_difference(row)}"


def _cell(row: VerdictRow | None) -> str:
    if row is None or row.verdict == "not compared":
        return formatting.NOTHING
    value = difference_value(row)
    text = formatting.short(value, formatting.Scale())
    sign = "+" if (value.value or 0.0) > 0 else ""
    unit = " %" if row.relative else ""
    return f"{sign}{text}{unit}{' *' if row.verdict in FOUND else '  '}"


def _difference(row: VerdictRow) -> str:
    if row.verdict == "not compared":
        return f"not compared: {row.note}"
    return formatting.difference(difference_value(row), formatting.Scale()) + (" (%)" if row.relative else "")


def as_markdown(shown: Sequence[Matrix]) -> str:
    """Return the matrices as Markdown: a table each, with interval, verdict and p of every pair."""
    parts = []
    for matrix in shown:
        notes = escaping.Notes()
        lines = []
        for row, label in enumerate(matrix.labels):
            cells = []
            for other in range(1, len(matrix.labels)):
                one = matrix.rows.get((row, other)) if row < other else None
                text = "" if one is None else formatting.NOTHING if one.verdict == "not compared" else _difference(one)
                cells.append(text + (notes.mark(one.note) if one is not None and one.note else ""))
            lines.append([str(row + 1), matrix.letters[row], escaping.inline(label), matrix.values[row], *cells])
        header = ["", "Group", "Row", "Value", *(f"− {number + 1}" for number in range(1, len(matrix.labels)))]
        table = escaping.table(header, lines, right=[0, *range(3, len(header))])
        parts += [f"### {escaping.inline(f'{matrix.heading}: {_title(matrix.column)}')}", table]
        parts += [escaping.inline(note) for note in notes.lines()]
    return "\n\n".join([*parts, LEGEND.replace("false *", "false finding")]) + "\n"


def as_document(run: Run, axis: str, shown: Sequence[Matrix]) -> dict[str, object]:
    """Return the matrices as plain values for JSON."""
    return {
        "schema": 1,
        "run": run.name,
        "between": axis,
        "matrices": [
            {
                "where": matrix.heading,
                "metric": matrix.column.name,
                "at": dict(matrix.column.at),
                "better": matrix.column.better,
                "rows": [
                    {"name": label, "letters": letters} for label, letters in zip(matrix.labels, matrix.letters)
                ],
                "pairs": [
                    {
                        "first": matrix.labels[first], "second": matrix.labels[second], "verdict": row.verdict,
                        "difference": row.difference, "interval": row.interval, "levels": row.levels, "p": row.p,
                        "relative": row.relative, "method": row.method, "seeds": row.seeds, "examples": row.examples,
                        "note": row.note,
                    }
                    for (first, second), row in matrix.rows.items()
                ],
            }
            for matrix in shown
        ],
    }  # fmt: skip
