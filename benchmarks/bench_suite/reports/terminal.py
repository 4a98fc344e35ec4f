"""The leaderboard at the end of a run: plain text that fits the terminal."""

from __future__ import annotations

from bench_suite.reports import marks, numbers
from bench_suite.reports.leaderboard import name
from bench_suite.reports.table import Column, Table, tables
from bench_suite.store import Run

_GAP = "  "


def terminal_table(run: Run, width: int = 80) -> str:
    """A table for each task; columns that do not fit are left out from the right, and named below.

    Plain text without control characters: the same on a terminal, in a pipe and in a log.
    """
    found = tables([run])
    if not found:
        return "no results to show: no cell has ended well"
    parts = ["smoke run: 64 examples a split, one epoch; not ranked"] if run.info.get("smoke") else []
    parts += [_table(table, width) for table in found]
    tied = any(row.tied for table in found for row in table.rows)
    parts.append(
        "↑ higher is better, ↓ lower.\n± half of the 95 % interval; in brackets the middle half of the samples."
        + ("\n= rows that share a rank cannot be told apart by their intervals." if tied else "")
    )
    return "\n\n".join(parts)


def _table(table: Table, width: int) -> str:
    scales = {c: numbers.scale_for((row.values[c].value for row in table.rows), c.unit) for c in table.columns}
    ranks = any(row.rank is not None for row in table.rows)
    # Rank, model and each metric: three lines of heading, then one line a row.
    left = [["", "", "", *(_rank(row.rank, row.tied) for row in table.rows)]] if ranks else []
    left.append(["", "", "model", *(_printable(row.label) for row in table.rows)])
    metrics = {
        c: [*_heading(c, scales[c].unit), *(numbers.short(r.values[c], scales[c]) for r in table.rows)]
        for c in table.columns
    }
    shown, hidden = _fitting(table.columns, metrics, left, width)
    room = width - _taken([*left[:-1], *(metrics[c] for c in shown)]) - len(_GAP)
    left[-1] = [_cut(text, max(room, 12)) for text in left[-1]]
    columns = [*left, *(metrics[column] for column in shown)]
    widths = [max(map(marks.width, column)) for column in columns]
    flush = [position != len(left) - 1 for position in range(len(columns))]  # all but the model
    lines = [
        _GAP.join(marks.pad(cell, to, right=right) for cell, to, right in zip(cells, widths, flush)).rstrip()
        for cells in zip(*columns)
    ]
    body = [_cut(_printable(name(table)), width), *(line for line in lines if line)]
    if hidden:
        body.append(_cut(f"not shown: {', '.join(_printable(_spoken(column)) for column in hidden)}", width))
    return "\n".join(body)


def _heading(column: Column, unit: str) -> list[str]:
    probe, _, metric = column.name.partition("/")
    arrow = {"higher": " ↑", "lower": " ↓"}.get(column.better, "")
    at = " ".join(f"{name}={value}" for name, value in column.at)
    under = " ".join(part for part in (at, unit) if part)
    return [_cut(_printable(text), 24) for text in (probe, metric + arrow, under)]


def _spoken(column: Column) -> str:
    return column.name + "".join(f" {name}={value}" for name, value in column.at)


def _fitting(
    columns: tuple[Column, ...], metrics: dict[Column, list[str]], left: list[list[str]], width: int
) -> tuple[list[Column], list[Column]]:
    """The columns that fit beside at least 16 characters of the model's name, the first of each probe before others."""
    model = min(16, max(map(marks.width, left[-1])))
    first = {column.name.partition("/")[0]: column for column in reversed(columns)}.values()
    shown: list[Column] = []
    for column in sorted(columns, key=lambda column: column not in first):
        taken = _taken([*left[:-1], *(metrics[c] for c in [*shown, column])]) + len(_GAP) + model
        if not shown or taken <= width:
            shown.append(column)
    return [c for c in columns if c in shown], [c for c in columns if c not in shown]


def _taken(columns: list[list[str]]) -> int:
    return sum(max(map(marks.width, column)) for column in columns) + len(_GAP) * max(len(columns) - 1, 0)


def _rank(rank: int | None, tied: bool) -> str:
    return numbers.NOTHING if rank is None else f"{rank}{'=' if tied else ' '}"


def _printable(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _cut(text: str, most: int) -> str:
    if marks.width(text) <= most:
        return text
    while text and marks.width(text) > most - 1:
        text = text[:-1]
    return f"{text}…"
