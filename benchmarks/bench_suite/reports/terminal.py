"""The leaderboard at the end of a run: plain text that fits the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from bench_suite.reports import escaping, formatting
from bench_suite.reports.columns import Column
from bench_suite.reports.leaderboard import name
from bench_suite.reports.table import Row, Table, tables
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run

_GAP = "  "


def terminal_table(runs: Run | Sequence[Run], width: int = 80) -> str:
    """A table for each task of a run, or of several, newest first; no line is wider than `width` characters.

    Columns that do not fit are left out from the right, and named below. Smoke runs are left aside where others are.
    Plain text without control characters: the same on a terminal, in a pipe and in a log.
    """
    chosen = [runs] if isinstance(runs, Run) else list(runs)
    ranked = [run for run in chosen if not run.info.get("smoke")] or chosen
    found = tables(ranked)
    if not found:
        return "no results to show: no cell has ended well"
    smoke = any(table.smoke for table in found)
    parts = [_wrapped("smoke run: 64 examples a split, one epoch; not ranked", width)] if smoke else []
    parts += [_table(table, width) for table in found]
    legend = [
        "↑ higher is better, ↓ lower.",
        "± half of the 95 % interval, [ ] all of it; ( ) the middle half of the samples.",
    ]
    if any(row.tied for table in found for row in table.rows):
        legend.append("= rows that share a rank cannot be told apart by their intervals.")
    parts.append("\n".join(_wrapped(line, width) for line in legend))
    return "\n\n".join(parts)


def _table(table: Table, width: int) -> str:
    scales = {c: formatting.scale_for((row.values[c].value for row in table.rows), c.unit) for c in table.columns}
    ranks = any(row.rank is not None for row in table.rows)
    # Model, its rank before it, and each metric: three or four lines of heading, then one line a row.
    rank = [f"{_rank(row.rank, row.tied)} " if ranks else "" for row in table.rows]
    before = max(map(escaping.width, rank))
    forms = _forms(table.rows)
    width -= before
    metrics = {
        c: [*_heading(c, scales[c].unit), *(formatting.short(r.values[c], scales[c]) for r in table.rows)]
        for c in table.columns
    }
    shown, hidden = _fitting(table.columns, metrics, ["model", *forms[-1]], width)
    room = max(width - _taken([metrics[c] for c in shown]) - len(_GAP), 12)
    form = next((form for form in forms if max(map(escaping.width, form)) <= room), forms[-1])
    width += before
    labels = [escaping.pad(number, before) + label for number, label in zip(rank, distinct(form, room))]
    model = " " * before + "model"
    heading = ["", "", "", model] if any(metrics[c][3] for c in shown) else ["", "", model, ""]
    columns = [[*heading, *labels], *(metrics[column] for column in shown)]
    widths = [max(map(escaping.width, column)) for column in columns]
    lines = [
        _GAP.join(
            escaping.pad(cell, to, right=place > 0) for place, (cell, to) in enumerate(zip(cells, widths))
        ).rstrip()
        for cells in zip(*columns)
    ]
    body = [_cut(_printable(name(table)), width), *(_cut(line, width) for line in lines if line)]
    axes = dict.fromkeys(axis for row in table.rows for axis in row.axes)
    if axes and form is not forms[0]:
        body.append(_wrapped(f"in parentheses after the model: {', '.join(map(_printable, axes))}", width))
    if hidden:
        named = ", ".join(_printable(_spoken(column)) for column in hidden)
        body.append(_wrapped(f"not shown in {width} columns: {named} (see the report)", width))
    return "\n".join(body)


def _forms(rows: Sequence[Row]) -> list[list[str]]:
    """The rows' labels from long to short: with dotted names, with the last part of them, with the values alone.

    A form in which two rows would look the same is left out.
    """

    def labels(written: Callable[[str, Any], str]) -> list[str]:
        axes = [", ".join(written(name, value) for name, value in row.axes.items()) for row in rows]
        return [_printable(f"{row.model} ({text})" if text else row.model) for row, text in zip(rows, axes)]

    long = labels(lambda name, value: f"{name}={value}")
    shorter = [labels(lambda name, value: f"{name.rpartition('.')[2]}={value}"), labels(lambda _, value: str(value))]
    return [long, *(form for form in shorter if len(set(form)) == len(set(long)))]


def _heading(column: Column, unit: str) -> list[str]:
    """Probe, metric, coordinates and unit; where there are no coordinates, the unit stands in their line."""
    probe, _, metric = column.name.partition("/")
    arrow = {"higher": " ↑", "lower": " ↓"}.get(column.better, "")
    at = " ".join(f"{name}={value}" for name, value in column.at)
    under = (at, unit) if at else (unit, "")
    return [_cut(_printable(text), 36) for text in (probe, metric + arrow, *under)]


def _spoken(column: Column) -> str:
    return column.name + "".join(f" {name}={value}" for name, value in column.at)


def _fitting(
    columns: tuple[Column, ...], metrics: dict[Column, list[str]], labels: Sequence[str], width: int
) -> tuple[list[Column], list[Column]]:
    """The columns that fit beside the model in its shortest form, or 22 characters of it; first those of each probe."""
    model = min(22, max(map(escaping.width, labels)))
    first = {label_of(column.name): column for column in reversed(columns)}.values()
    shown: list[Column] = []
    for column in sorted(columns, key=lambda column: column not in first):
        taken = _taken([metrics[c] for c in [*shown, column]]) + len(_GAP) + model
        if not shown or taken <= width:
            shown.append(column)
    return [c for c in columns if c in shown], [c for c in columns if c not in shown]


def _taken(columns: list[list[str]]) -> int:
    return sum(max(map(escaping.width, column)) for column in columns) + len(_GAP) * max(len(columns) - 1, 0)


def _rank(rank: int | None, tied: bool) -> str:
    return formatting.NOTHING if rank is None else f"{rank}{'=' if tied else ' '}"


def _printable(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _wrapped(text: str, width: int) -> str:
    lines = textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(_cut(line, width) for line in lines)


def distinct(labels: Sequence[str], most: int) -> list[str]:
    """Labels of at most so many characters: longer ones are cut in the middle, and no two that differ become the same.

    As much of the end is kept as tells them apart; where no cut does, those that look the same are numbered.
    """
    for share in (0.5, 0.7, 0.85, 1.0, 0.25, 0.0):
        tried = [_cut(label, most, share) for label in labels]
        if len(set(tried)) == len(set(labels)):
            return tried
    tried = [_cut(label, most, 0.5) for label in labels]
    numbers_of = {label: number for number, label in enumerate(dict.fromkeys(labels), 1)}
    return [
        text if tried.count(text) == labels.count(label) else _cut(label, most - len(end), 0.5) + end
        for label, text in zip(labels, tried)
        for end in (f" #{numbers_of[label]}",)
    ]


def _cut(text: str, most: int, tail: float = 0.0) -> str:
    """The text on at most so many columns: `…` stands for what is left out before its last part, a share `tail`."""
    if escaping.width(text) <= most:
        return text
    last = ""
    while len(last) < len(text) and escaping.width(text[-len(last) - 1 :]) <= tail * (most - 1):
        last = text[-len(last) - 1 :]
    first = ""
    while escaping.width(text[: len(first) + 1]) + escaping.width(last) <= most - 1:
        first = text[: len(first) + 1]
    return f"{first}…{last}"
