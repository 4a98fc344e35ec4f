"""The best values of a column, which reports show in bold: those that no other value is clearly better than."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench_suite.contracts import MetricRow
from bench_suite.reports.columns import Column
from bench_suite.reports.rows import Row
from bench_suite.reports.table import Table
from bench_suite.store.columns import heads_of, metric_at

LEVEL = 0.95
"Level of the intervals over seeds, as of every other interval of a table."
Ends = tuple[float, float]
"The two ends of an interval."

READING = (
    "Bold: the best values of a column, that is, no other row is clearly better. In the column that ranks, these are "
    "the rows of rank 1. In other columns a row is clearly better if its difference from the reference says so, or "
    "else if the two 95 % intervals do not overlap; for timings and single observations these are intervals over "
    "seeds. A column has no bold value if no row can be told from another, or if a value has no interval."
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
    ends = _ends_of(rows, column)
    if ends is None:
        return []
    differences = next((c for c in table.columns if c.reference and _is_same_metric(c, column)), None)
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


def _is_same_metric(one: Column, other: Column) -> bool:
    return (one.name, one.at) == (other.name, other.at)


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
    positions: dict[int, tuple[Sequence[MetricRow], list[int]]] = {}
    for row in rows:
        interval = row.values[column].interval
        own = _over_seeds(_measured(row, column, positions)) if interval is None else (interval.low, interval.high)
        if own is None:
            return None
        ends.append(own)
    return ends


def _measured(row: Row, column: Column, positions: dict[int, tuple[Sequence[MetricRow], list[int]]]) -> list[MetricRow]:
    """Return the metric of a column in the cells of a row.

    Args:
        row: the row.
        column: the metric.
        positions: where the metric is, by the identity of what cells with the same metrics share; kept with the object,
            so that no other one gets its identity.
    """
    measured = []
    for record in row.cells:
        heads = heads_of(record)
        if id(heads) not in positions:
            own = [n for n, head in enumerate(heads) if (head.name, tuple(head.at.items())) == (column.name, column.at)]
            positions[id(heads)] = (heads, own)
        measured += [metric_at(record, position) for position in positions[id(heads)][1]]
    return [one for one in measured if one.value is not None and math.isfinite(one.value)]


def _over_seeds(measured: Sequence[MetricRow]) -> Ends | None:
    """Return an interval over seeds of values without one of their own, by Student's t; None if it is not known.

    Positive values, such as rates and sizes, are compared by their logarithms. Values that agree need no interval.
    """
    from scipy import special

    values = [float(row.value) for row in measured if row.value is not None]
    if not values:
        return None
    if len(set(values)) == 1 and (len(values) > 1 or measured[0].kind == "exact"):
        return values[0], values[0]
    if len(values) < 2:
        return None
    logarithmic = min(values) > 0
    scaled = [math.log(value) for value in values] if logarithmic else values
    count = len(scaled)
    mean = math.fsum(scaled) / count
    variance = math.fsum((value - mean) ** 2 for value in scaled) / (count - 1)
    arm = float(special.stdtrit(count - 1, (1 + LEVEL) / 2)) * math.sqrt(variance / count)
    if not logarithmic:
        return mean - arm, mean + arm
    return math.exp(mean - arm), math.exp(min(mean + arm, 700.0))


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
