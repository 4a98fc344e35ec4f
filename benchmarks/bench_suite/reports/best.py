"""The best values of a column, which reports show in bold: those that no other value is clearly better than."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench_suite.contracts import MetricRow
from bench_suite.reports.columns import Column
from bench_suite.reports.rows import Row
from bench_suite.reports.table import Table
from bench_suite.store.columns import heads_of, value_at

LEVEL = 0.95
"Level of the intervals over seeds, as of every other interval of a table."
MAX_COMPARED = 20
"The rows with the best means that every row is compared with over seeds, at most."
Ends = tuple[float, float]
"The two ends of an interval."

READING = (
    "Bold: the best values of a column if the rows can be told apart: no other row is clearly better, and at least one "
    "is clearly worse. In the column that ranks, these are the rows of rank 1. In other columns a row is clearly "
    "better if its difference from the reference says so, or else if the two 95 % intervals do not overlap. Timings "
    "and other values without an interval are compared over seeds, each pair at 5 % (Welch's test, of logarithms). A "
    "column has no bold value if there is one row, if no row can be told from another, or if a value has neither an "
    "interval nor a second seed."
)


def best_values(table: Table) -> dict[Column, frozenset[int]]:
    """Return the positions of the rows with the best values, by column; columns without a best value are left out.

    A column has no best value if it has no direction, if it contains differences, if fewer than two rows have a value,
    if the uncertainty of a value is not known, or if no row can be told from another. No value of a smoke run is best.
    """
    best = {}
    for column in table.columns:
        if table.smoke or column.better == "none" or column.reference:
            continue
        if column == table.sort and any(row.rank is not None for row in table.rows):
            ranked = [number for number, row in enumerate(table.rows) if row.rank is not None]
            first = [number for number in ranked if table.rows[number].rank == 1]
        else:
            ranked = [number for number, row in enumerate(table.rows) if row.values[column].value is not None]
            first = _not_worse(table, column, ranked)
        if 0 < len(first) < len(ranked):
            best[column] = frozenset(first)
    return best


def not_worse(ends: Sequence[Ends], better: str) -> list[int]:
    """Return the positions of the intervals that lie below no other one; above no other one if lower is better."""
    if better == "lower":
        ends = [(-high, -low) for low, high in ends]
    limit = max((low for low, _ in ends), default=-math.inf)
    return [number for number, (_, high) in enumerate(ends) if high >= limit]


def _not_worse(table: Table, column: Column, numbers: Sequence[int]) -> list[int]:
    """Return those of some rows that no other row is clearly better than; none if an uncertainty is not known."""
    rows = [table.rows[number] for number in numbers]
    if rows and all(row.values[column].interval is None for row in rows):
        return [numbers[position] for position in _not_worse_over_seeds(_values_of(rows, column), column.better)]
    ends = _ends_of(rows, column)
    if ends is None:
        return []
    differences = next((c for c in table.columns if _has_differences(table, c, column)), None)
    if differences is None:
        return [numbers[position] for position in not_worse(ends, column.better)]
    signed = ends if column.better != "lower" else [(-high, -low) for low, high in ends]
    better = _known_pairs(rows, differences)
    worse = {
        one
        for one, (_, high) in enumerate(signed)
        if any(better.get((other, one), low > high) for other, (low, _) in enumerate(signed) if other != one)
    }
    return [number for position, number in enumerate(numbers) if position not in worse]


def _has_differences(table: Table, one: Column, metric: Column) -> bool:
    """Return whether a column has the differences of a metric from a reference, and not those from a baseline."""
    return one.reference not in ("", table.baseline) and (one.name, one.at) == (metric.name, metric.at)


def _known_pairs(rows: Sequence[Row], differences: Column) -> dict[tuple[int, int], bool]:
    """Return whether the first row is better than the second one, for each row and its reference, in both orders."""
    references = [number for number, row in enumerate(rows) if row.values[differences].is_reference]
    known = {}
    for number, row in enumerate(rows):
        value = row.values[differences]
        if value.verdict is None or value.verdict == "not compared":
            continue
        own = references if len(references) == 1 else [one for one in references if rows[one].axes == row.axes]
        for reference in own[:1]:
            known[number, reference] = value.verdict == "better"
            known[reference, number] = value.verdict == "worse"
    return known


def _ends_of(rows: Sequence[Row], column: Column) -> list[Ends] | None:
    """Return the ends of the interval of each row; None if one is not known."""
    ends: list[Ends] = []
    for row in rows:
        interval = row.values[column].interval
        if interval is not None:
            ends.append((interval.low, interval.high))
            continue
        (values,) = _values_of([row], column)
        if values and min(values) == max(values) and len(values) > 1:
            ends.append((values[0], values[0]))  # all seeds and examples agree
        else:
            return None
    return ends


def known_ends(row: Row, column: Column) -> Ends | None:
    """Return the ends of a value: of its interval, or else of its spread; None if its uncertainty is not known.

    An exact value, or one that is the same in several cells, has two equal ends.
    """
    value = row.values[column]
    ends = _ends_of([row], column)
    return ends[0] if ends else value.spread


def _values_of(rows: Sequence[Row], column: Column) -> list[list[float]]:
    """Return the value of a metric in each cell of each row; an exact value counts twice, because it would not vary."""
    positions: dict[int, tuple[Sequence[MetricRow], list[int]]] = {}  # with the object, so that no other gets its id
    key = (column.name, column.at)
    values = []
    for row in rows:
        own: list[float] = []
        for record in row.cells:
            heads = heads_of(record)
            if id(heads) not in positions:
                same = [number for number, head in enumerate(heads) if (head.name, tuple(head.at.items())) == key]
                positions[id(heads)] = (heads, same)
            for position in positions[id(heads)][1]:
                value = value_at(record, position)
                if value is not None and math.isfinite(value):
                    own += [float(value)] * (2 if heads[position].kind == "exact" else 1)
        values.append(own)
    return values


def _not_worse_over_seeds(values: Sequence[Sequence[float]], better: str) -> list[int]:
    """Return the positions of rows that none of the best rows is clearly better than, by Welch's test over seeds.

    Positive values, such as rates and sizes, are compared by their logarithms. None if a row has a single value.

    Args:
        values: those of each row.
        better: `higher` or `lower`.
    """
    from scipy import special

    if any(len(own) < 2 for own in values):
        return []
    logarithmic = all(value > 0 for own in values for value in own)
    sign = -1.0 if better == "lower" else 1.0
    scaled = [sign * (np.log(own) if logarithmic else np.asarray(own)) for own in values]
    means = np.array([own.mean() for own in scaled])
    variances = np.array([own.var(ddof=1) / len(own) for own in scaled])
    df = np.array([len(own) - 1.0 for own in scaled])
    worse = np.zeros(len(values), dtype=bool)
    for best in np.argsort(-means, kind="stable")[:MAX_COMPARED]:
        variance = variances + variances[best]
        with np.errstate(divide="ignore", invalid="ignore"):
            total_df = variance**2 / (variances**2 / df + variances[best] ** 2 / df[best])
        # Without any variance, as of exact values, each difference counts.
        margin = np.where(variance > 0, special.stdtrit(total_df, (1 + LEVEL) / 2) * np.sqrt(variance), 0.0)
        worse |= means[best] - means > margin
    return np.flatnonzero(~worse).tolist()


def bold(text: str, *, is_best: bool) -> str:
    """Return a value as Markdown, in bold if it is one of the best."""
    return f"**{text}**" if is_best else text


def best_by_ends(ends: Sequence[Ends | None], better: str) -> frozenset[int]:
    """Return the positions of the best intervals; none if one is not known or if none can be told from another."""
    known = [own for own in ends if own is not None]
    if better == "none" or len(known) < len(ends):
        return frozenset()
    best = not_worse(known, better)
    return frozenset(best) if len(best) < len(known) else frozenset()
