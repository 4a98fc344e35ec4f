"""The board: the leaderboard of one run in few lines, one for each row, for the end of the run on a terminal.

`reports.terminal` has the full table: every column, with its probe and its coordinates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench_suite.reports import escaping, formatting
from bench_suite.reports.across_tasks import about, across_tasks, as_text
from bench_suite.reports.columns import Column
from bench_suite.reports.leaderboard import name
from bench_suite.reports.shortening import cut, shorten
from bench_suite.reports.table import Table, tables
from bench_suite.reports.terminal import (
    GAP,
    column_name,
    fitting_columns,
    flat,
    forms_of,
    is_sort,
    metric_columns,
    rank_text,
    total_width,
    without_values,
)
from bench_suite.store.runs import Run

MAX_HEADING = 26
"Columns of the terminal that a heading takes at most."
MIN_LABEL = 12
MAX_HIDDEN = 2
"Columns that do not fit and are named."
NO_RESULTS = "no results: no cell has succeeded"
SMOKE = "smoke run: at most 64 examples per split, one epoch; not ranked"


@dataclass(frozen=True)
class BoardTable:
    """The rows of one task; each text is one line, without control characters."""

    heading: str
    rows: tuple[str, ...]
    notes: tuple[str, ...] = ()
    "What a reader must know about the table; perhaps longer than a line."


@dataclass(frozen=True)
class Board:
    """The tables of a run, and how to read them."""

    tables: tuple[BoardTable, ...]
    smoke: bool = False
    across: tuple[str, ...] = ()
    "The mean ranks over several tasks, if the run has them."
    legend: str = ""

    def lines(self) -> list[str]:
        """Return all lines."""
        parts = [*([SMOKE] if self.smoke else [])]
        for table in self.tables:
            parts += [table.heading, *table.rows, *table.notes]
        return [*parts, *self.across, *([self.legend] if self.legend else [])]


def board(run: Run, width: int = 80) -> Board:
    """Return the board of a run; it has no tables if no cell has succeeded.

    Args:
        run: the run.
        width: the maximum number of columns of a heading, a row, and a line on the tasks together.
    """
    shown = tables([run])
    summary = across_tasks(shown)
    across = () if summary is None else (f"across {flat(about(summary))}", *as_text(summary))
    return Board(
        tuple(_table(table, width) for table in shown),
        smoke=any(table.smoke for table in shown),
        across=tuple(cut(line, width) for line in across),
        legend=_legend(shown),
    )


def _legend(shown: Sequence[Table]) -> str:
    rows = [row for table in shown for row in table.rows]
    signs = ["rank (=)"] if any(row.tied for row in rows) else []
    signs += ["letter"] if any(row.letters for row in rows) else []
    ties = f"; rows sharing a {' or '.join(signs)} cannot be told apart" if signs else ""
    return f"± half a 95 % interval{ties}" if rows else ""


def _table(table: Table, width: int) -> BoardTable:
    scales = {c: formatting.scale_for((row.values[c].value for row in table.rows), c.unit) for c in table.columns}
    ranked = any(row.rank is not None for row in table.rows)
    ranks = [f"{rank_text(row)} " if ranked else "" for row in table.rows]
    rank_width = max(map(escaping.width, ranks), default=0)
    forms = forms_of(table.rows)
    short = Counter(_heading(column, scales[column].unit, full=False) for column in table.columns)

    def heading(column: Column, unit: str) -> list[str]:
        text = _heading(column, unit, full=False)
        return [cut(flat(_heading(column, unit, full=True) if short[text] > 1 else text), MAX_HEADING, 0.5)]

    metrics, _ = metric_columns(table, table.columns, scales, heading)
    empty = without_values(table)
    required = [c for c in table.columns if is_sort(c, table.sort) or c.name in table.gated]
    visible = fitting_columns(table.columns, required, metrics, ["model", *forms[-1]], width - rank_width, empty)
    metrics, notes = metric_columns(table, visible, scales, heading)
    room = max(width - total_width([metrics[c] for c in visible]) - len(GAP), MIN_LABEL + rank_width)
    form = next((form for form in forms if max(map(escaping.width, form)) + rank_width <= room), forms[-1])
    labels = [escaping.pad(rank, rank_width) + one for rank, one in zip(ranks, shorten(form, room - rank_width))]
    texts = [[cut(flat(name(table)), room), *labels], *(metrics[column] for column in visible)]
    widths = [max(map(escaping.width, column)) for column in texts]
    lines = [
        GAP.join(escaping.pad(text, widths[number], right=number > 0) for number, text in enumerate(line)).rstrip()
        for line in zip(*texts)
    ]
    axes = dict.fromkeys(axis for row in table.rows for axis in row.axes)
    notes += [f"in parentheses after the model: {', '.join(axes)}"] if axes and form is not forms[0] else []
    notes += [f"files: {note}" for note in dict.fromkeys(row.note for row in table.rows if row.note)]
    notes += [f"{row.label}: {row.chosen}" for row in table.rows if row.chosen]
    hidden = [column_name(column) for column in table.columns if column not in visible]
    if hidden:
        more = f" and {len(hidden) - MAX_HIDDEN} more" if len(hidden) > MAX_HIDDEN else ""
        notes.append(f"not shown in {width} columns: {', '.join(hidden[:MAX_HIDDEN])}{more} (see the report)")
    notes += table.notes
    heading_line, *rows = (cut(line, width) for line in lines)
    return BoardTable(heading_line, tuple(rows), tuple(map(flat, notes)))


def _heading(column: Column, unit: str, *, full: bool) -> str:
    """Return the heading of a column: `accuracy ↑`, `train ↑ samples/s`, `quality/accuracy ↑` if `full` is set."""
    metric = column.name if full else column.name.partition("/")[2]
    arrow = {"higher": " ↑", "lower": " ↓"}.get(column.better, "")
    reference = f" − {column.reference}" if column.reference else ""
    at = "".join(f" {value}" for _, value in column.at)
    return f"{metric}{arrow}{reference}{at}{f' {unit}' if unit else ''}"
