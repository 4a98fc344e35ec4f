"""Differences between the rows of a table: ranks and letters from all pairs, and columns against a reference.

Rows are paired by seed and test example where their predictions are stored, and else compared by what their records
contain; `comparison.between` says which. What an earlier command has found is not found again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench_suite.comparison.between import Configuration, PairedDifference, PredictionCache
from bench_suite.comparison.known_differences import differences
from bench_suite.comparison.metric_rows import Key
from bench_suite.comparison.verdicts import Row as VerdictRow
from bench_suite.contracts import Interval
from bench_suite.reports.columns import Column
from bench_suite.reports.rows import Row
from bench_suite.reports.values import Value
from bench_suite.stats.letters import letter_display
from bench_suite.store.runs import Run
from bench_suite.suite.spec import BEST

MIN_LETTERED = 3
"Rows that it takes for letters: of two rows, the ranks say all."
MAX_PAIRED_ROWS = 20
"Rows of a table at most that are compared in all pairs (190 pairs); rows of larger tables are ranked by intervals."
SHARE = "%"
"Unit of differences of timings: percent of the reference."


RankedBy = Literal["pairs", "pairs and intervals", "intervals"]
"""How ranks are decided: `pairs`, by the difference of each pair of rows; `intervals`, by whether intervals overlap."""


@dataclass(frozen=True)
class Ranking:
    """How the rows of a table compare by the metric that ranks."""

    ranks: tuple[int, ...]
    "1 + the number of rows that are better, as far as their difference is known; one for each row, best value first."
    letters: tuple[str, ...]
    "Rows that share a letter cannot be told apart."
    beats: tuple[frozenset[str], ...]
    "Labels of the rows that each row is better than."
    by: RankedBy


def configurations_of(rows: Sequence[Row], owners: Mapping[str, Run]) -> list[Configuration]:
    """Return the rows of a table with the run of each cell.

    Args:
        rows: the rows.
        owners: the run of each cell, by its id.
    """
    return [
        Configuration(row.label, tuple((owners[cell.id], cell) for cell in row.cells if cell.id in owners))
        for row in rows
    ]


def rank(
    rows: Sequence[Row], sort: Column, owners: Mapping[str, Run], ends: Sequence[tuple[float, float]],
    cache: PredictionCache,
) -> Ranking:  # fmt: skip
    """Return the ranks of rows from the differences of all pairs.

    Args:
        rows: the rows with a value of `sort`, best value first.
        sort: the metric that ranks.
        owners: the run of each cell, by its id.
        ends: the interval or spread of each row, with its sign changed if lower is better: whether two of them overlap
            decides where no difference is known.
        cache: predictions that were read before.
    """
    pairs = [(base, head) for head in range(len(rows)) for base in range(head + 1, len(rows))]
    known = {
        (one.base, one.head): one.row
        for one in differences(configurations_of(rows, owners), pairs, [key_of(sort)], cache=cache)
    }
    better: set[tuple[int, int]] = set()
    by_intervals = 0
    for base, head in pairs:
        row = known.get((base, head))
        if row is None or row.verdict == "not compared":
            by_intervals += 1
            better |= {(head, base)} if ends[head][0] > ends[base][1] else set()
        elif row.verdict == "better":
            better.add((head, base))
        elif row.verdict == "worse":  # the mean over the seeds that both have may be in another order
            better.add((base, head))
    ranks = tuple(1 + sum((other, row) in better for other in range(len(rows))) for row in range(len(rows)))
    by: RankedBy = (
        "pairs" if pairs and not by_intervals else "intervals" if by_intervals == len(pairs) else "pairs and intervals"
    )
    letters = (
        letter_display(len(rows), sorted(better))
        if by != "intervals" and len(rows) >= MIN_LETTERED
        else [""] * len(rows)
    )
    beats = tuple(
        frozenset(other.label for number, other in enumerate(rows) if (row, number) in better)
        for row in range(len(rows))
    )
    return Ranking(ranks, tuple(letters), beats, by)


def against_reference(
    rows: Sequence[Row], columns: Sequence[Column], reference: str, owners: Mapping[str, Run], cache: PredictionCache
) -> tuple[tuple[Column, ...], tuple[Row, ...], tuple[str, ...]]:
    """Return columns and rows with a column of differences from the reference after each metric that has any.

    Args:
        rows: the rows of a table, the best first.
        columns: its columns.
        reference: the name of a model, or `BEST`. A model with several rows is the reference of each other row with the
            same axes; a row without such a counterpart has none.
        owners: the run of each cell, by its id.
        cache: predictions that were read before.

    Returns:
        The columns, the rows, and a note if the reference has no row in this table, or if it is `BEST` and the table is
        too large for all pairs.
    """
    bases = _references(rows, reference)
    if not bases:
        missing = reference != BEST and all(row.model != reference for row in rows)
        return tuple(columns), tuple(rows), (f"the reference {reference} has no row here",) if missing else ()
    if reference == BEST and len(rows) > MAX_PAIRED_ROWS:
        note = f"the reference {BEST} is for tables of up to {MAX_PAIRED_ROWS} rows: name a model"
        return tuple(columns), tuple(rows), (note,)
    name = rows[0].label if reference == BEST else reference
    keys = [key_of(column) for column in columns]
    configurations = configurations_of(rows, owners)
    pairs = [(base, head) for head, base in bases.items()]
    if reference == BEST:  # the best row was chosen by these very data, so all pairs count
        pairs = [(base, head) for head in range(len(rows)) for base in range(head)]
    shown = [one for one in differences(configurations, pairs, keys, cache=cache) if bases.get(one.head) == one.base]
    compared = {one.key for one in shown if one.row.verdict != "not compared"}
    extended: list[Column] = []
    values = [dict(row.values) for row in rows]
    for column in columns:
        extended.append(column)
        if key_of(column) not in compared:
            continue
        by_row = {one.head: one for one in shown if one.key == key_of(column)}
        relative = any(one.row.relative for one in by_row.values())
        own = replace(column, unit=SHARE if relative else column.unit, reference=name)
        extended.append(own)
        for number in range(len(rows)):
            values[number][own] = _value(by_row.get(number), is_reference=number not in bases)
    return tuple(extended), tuple(replace(row, values=own) for row, own in zip(rows, values)), ()


def _references(rows: Sequence[Row], reference: str) -> dict[int, int]:
    """Return for each row the row that it is compared with, both as positions."""
    if reference == BEST:
        return dict.fromkeys(range(1, len(rows)), 0)
    own = [number for number, row in enumerate(rows) if row.model == reference]
    chosen = {}
    for number, row in enumerate(rows):
        if row.model == reference:
            continue
        twins = [base for base in own if rows[base].axes == row.axes]
        if len(own) == 1 or twins:
            chosen[number] = (twins or own)[0]
    return chosen


def key_of(column: Column) -> Key:
    """Return the metric of a column."""
    return column.name, tuple(sorted(column.at))


def _value(one: PairedDifference | None, *, is_reference: bool) -> Value:
    """Return a difference as the value of a column."""
    if one is None:
        return Value(None, reason=None if is_reference else "not measured on both sides", is_reference=is_reference)
    return difference_value(one.row)


def difference_value(row: VerdictRow) -> Value:
    """Return a difference with its interval, in percent if it is relative."""
    if row.difference is None:
        return Value(None, reason=row.note or None)
    factor = 100.0 if row.relative else 1.0
    interval = None
    if row.interval is not None and row.levels is not None:
        interval = Interval(row.interval[0] * factor, row.interval[1] * factor, 1 - sum(row.levels))
    return Value(
        row.difference * factor, interval, None, row.seeds, row.examples or None, row.note or None,
        verdict=row.verdict, p=row.p,
    )  # fmt: skip
