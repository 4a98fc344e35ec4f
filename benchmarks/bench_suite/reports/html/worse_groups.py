"""Whom a model treats worse, in a sentence: the groups, or else the classes, that differ most, with an interval.

The difference of two rates has the interval of Newcombe (1998, method 10), from their own intervals. The pair is one of
all pairs that share an attribute, chosen by the data, so the interval is as wide as their number demands (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

from bench_suite.reports import formatting
from bench_suite.reports.columns import Column
from bench_suite.reports.rows import Row

LEVEL = 0.95
GROUP, CLASS = ("attribute", "group"), ("class",)
"Coordinates of a metric of each group of a sensitive attribute, and of each class."
BETWEEN = " × "
"Joins the attributes of an intersection, whose groups are small: they are not compared if there are others."
UNKNOWN = "unknown"
"The group of those whose attribute is missing."
MAX_ROWS = 3
"Best rows at most that have a sentence."


@dataclass(frozen=True)
class Gap:
    """Two groups of one attribute that differ, or two classes."""

    attribute: str
    worse: str
    better: str
    column: Column
    "The metric of the group that fares worse."
    other: Column
    "The metric of the other group."
    difference: float
    "By how much the one fares worse, 0 or more."
    low: float
    high: float
    pairs: int
    "Number of pairs that it was chosen from."

    @property
    def is_clear(self) -> bool:
        """Whether its interval excludes 0."""
        return self.low > 0


def worse_groups(rows: Sequence[Row], columns: Sequence[Column]) -> list[str]:
    """Return for each of the best rows which group, or else which class, fares worse than which, in a sentence.

    Args:
        rows: the rows of a table with values of the columns, the best first.
        columns: metrics, of which the first one of groups with a better direction is compared.
    """
    best = [row for row in rows if row.rank == 1] or list(rows[:1])
    return [_sentence(row, gap) for row in best[:MAX_ROWS] if (gap := largest_gap(row, columns)) is not None]


def largest_gap(row: Row, columns: Sequence[Column]) -> Gap | None:
    """Return the pair of groups of one attribute, or else of classes, that differs most; a clear difference first.

    None if fewer than two have a value with an interval.
    """
    for names in (GROUP, CLASS):
        own = [column for column in columns if _coordinates(column) == names and column.better != "none"]
        own = [column for column in own if column.name == own[0].name]
        gaps = _gaps(row, own)
        if gaps:
            return max(gaps, key=lambda gap: (gap.is_clear, gap.difference))
    return None


def _gaps(row: Row, columns: Sequence[Column]) -> list[Gap]:
    simple = [column for column in columns if BETWEEN not in _attribute(column)]
    members: dict[str, list[Column]] = {}
    for column in simple or columns:
        value = row.values[column]
        if value.value is not None and value.interval is not None and _group(column) != UNKNOWN:
            members.setdefault(_attribute(column), []).append(column)
    pairs = [pair for own in members.values() for pair in combinations(own, 2)]
    # The pair is chosen by the data, so the intervals must hold for all pairs at once.
    wide = _quantile(1 - (1 - LEVEL) / max(len(pairs), 1)) / _quantile(LEVEL)
    return [_gap(row, one, other, wide, len(pairs)) for one, other in pairs]


def _gap(row: Row, one: Column, other: Column, wide: float, pairs: int) -> Gap:
    sign = -1.0 if one.better == "lower" else 1.0
    ends = [sorted(_ends(row, column, sign, wide)) for column in (one, other)]
    if ends[0][1] > ends[1][1]:
        one, other, ends = other, one, ends[::-1]
    (low, worse, high), (other_low, better, other_high) = ends
    difference = better - worse
    below = difference - math.hypot(better - other_low, high - worse)
    above = difference + math.hypot(other_high - better, worse - low)
    return Gap(_attribute(one), _group(one), _group(other), one, other, difference, below, above, pairs)


def _ends(row: Row, column: Column, sign: float, wide: float) -> Iterator[float]:
    """Yield the lower end, the value and the upper end, such that higher is better."""
    value = row.values[column]
    if value.value is not None and value.interval is not None:
        for end in (value.interval.low, value.value, value.interval.high):
            yield sign * (value.value + wide * (end - value.value))


def _sentence(row: Row, gap: Gap) -> str:
    decimals = max(formatting.decimals_for((gap.high - gap.low) / 2), 2)
    difference, low, high = (formatting.rounded(number, decimals) for number in (gap.difference, gap.low, gap.high))
    metric = gap.column.name.rpartition("/")[2].replace("_", " ")
    direction = "higher" if gap.column.better == "lower" else "lower"
    worse, better = (
        f"{gap.attribute} = {name} ({_shown(row, column, decimals)})"
        for name, column in ((gap.worse, gap.column), (gap.better, gap.other))
    )
    verdict = "This is more than chance explains" if gap.is_clear else "This cannot be told from chance"
    chosen = f", the largest of {gap.pairs} differences" if gap.pairs > 1 else ""
    return (
        f"{row.label}: {metric} is {difference} {direction} for {worse} than for {better}{chosen}; 95 % interval "
        f"{low} to {high}. {verdict}."
    )


def _shown(row: Row, column: Column, decimals: int) -> str:
    value = row.values[column]
    number = formatting.rounded(value.value or 0.0, decimals)
    return number if value.n is None else f"{number}, n = {value.n:,}"


def _coordinates(column: Column) -> tuple[str, ...]:
    return tuple(name for name, _ in column.at)


def _attribute(column: Column) -> str:
    return str(column.at[0][1]) if len(column.at) == 2 else str(column.at[0][0])


def _group(column: Column) -> str:
    return str(column.at[-1][1])


def _quantile(level: float) -> float:
    """Return the half width, in standard deviations, of a normal interval of a level."""
    return NormalDist().inv_cdf(0.5 + level / 2)
