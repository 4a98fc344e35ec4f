"""Charts of the metrics of some rows, by the form of their coordinates: a page knows no probe by name.

A metric without coordinates becomes dots with intervals, one row for each model. With a numeric coordinate, such as a
batch size, it becomes lines; with another one, such as a group or a class, dots by category. Further coordinates
become charts of their own. Metrics called `NAME_p50`, `NAME_p99` are percentiles of one distribution and share a chart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from bench_suite.reports import formatting, leaderboard
from bench_suite.reports.best import known_ends
from bench_suite.reports.columns import Column
from bench_suite.reports.html import svg
from bench_suite.reports.html.svg import Mark, Point
from bench_suite.reports.html.view import Figure, Grid
from bench_suite.reports.metric_texts import MetricText
from bench_suite.reports.rows import Row
from bench_suite.reports.values import Value
from bench_suite.stats.pareto import pareto_front
from bench_suite.store.records import label_of

MAX_SERIES = 8
"Rows of a table that its charts show: the best ones. Its tables show more."
MAX_FACETS = 6
"Charts of one metric at most, for its coordinates but the last."
MAX_CATEGORIES = 40
"Categories of a chart at most."
MAX_SCALARS = 6
"Charts of metrics without coordinates for one probe at most."
NO_COSTS = ("fraction", "score", "ratio")
"Units of metrics that are no amount of time, memory, energy or work."
MAX_COSTS = 4
"Charts of quality against cost at most."
_PERCENTILE = re.compile(r"(?P<name>.+)_p(?P<digits>\d{2,})")


def metric_figures(
    rows: Sequence[Row],
    columns: Sequence[Column],
    shown: Sequence[Column],
    order: Sequence[str] = (),
    texts: Mapping[str, MetricText] = MappingProxyType({}),
) -> list[Figure]:
    """Return the charts of the metrics of one probe.

    Args:
        rows: the rows of a table, the best first, with values of the columns.
        columns: the metrics of the probe.
        shown: columns of the board, whose intervals the board draws already.
        order: labels of all rows of the page, so that each has one colour everywhere; default: those of `rows`.
        texts: what each metric means, by its name.
    """
    order = order or _order(rows)
    rows = [row for row in rows if any(row.values[column].value is not None for column in columns)][:MAX_SERIES]
    if not rows:
        return []
    by_name: dict[str, list[Column]] = {}
    for column in columns:
        by_name.setdefault(column.name, []).append(column)
    figures = []
    percentiles: dict[str, list[tuple[float, Column]]] = {}
    scalars: list[Column] = []
    for name, own in by_name.items():
        scalar = [column for column in own if not column.at]
        match = _PERCENTILE.fullmatch(name)
        if scalar and match:
            digits = match["digits"]
            percentile = float(digits[:2] + "." + digits[2:] if len(digits) > 2 else digits)
            percentiles.setdefault(match["name"], []).append((percentile, scalar[0]))
        elif scalar:
            scalars += scalar
        if with_coordinates := [column for column in own if column.at]:
            about = texts[name].sentence if name in texts else ""
            figures += [replace(figure, about=about) for figure in _faceted(rows, with_coordinates, order)]
    drawn = [column for column in scalars if column not in shown and column.better != "none" and _varies(rows, column)]
    scalar_figures = [
        replace(_scalar(rows, column, order), about=texts[column.name].sentence if column.name in texts else "")
        for column in drawn[:MAX_SCALARS]
    ]
    figures = scalar_figures + figures
    return [*figures, *(_percentiles(rows, name, own, order) for name, own in percentiles.items() if len(own) > 2)]


def cost_figures(
    rows: Sequence[Row], quality: Column | None, costs: Sequence[Column], order: Sequence[str] = ()
) -> list[Figure]:
    """Return charts of the metric that ranks against metrics of cost, with the Pareto front.

    A row is called beaten only if another one is clearly better in both: its `beats` has the row, and the intervals of
    the cost do not overlap.

    Args:
        rows: the rows of a table, with values of the columns, and with what each row beats.
        quality: the metric that ranks.
        costs: metrics of cost.
        order: as for `metric_figures`.
    """
    order = order or _order(rows)
    if quality is None or quality.better == "none":
        return []
    chosen: dict[str, Column] = {}
    for column in costs:
        measured = sum(row.values[column].value is not None and row.values[quality].value is not None for row in rows)
        if column.better == "none" or column.name == quality.name or column.unit in NO_COSTS or measured < 2:
            continue
        if _PERCENTILE.fullmatch(column.name):
            continue
        if not column.at or len(column.at) == 1:
            chosen[column.name] = column  # of several batch sizes, the largest
    return [_against(rows, quality, column, order) for column in list(chosen.values())[:MAX_COSTS]]


def _against(rows: Sequence[Row], quality: Column, cost: Column, order: Sequence[str]) -> Figure:
    both = [row for row in rows if row.values[quality].value is not None and row.values[cost].value is not None]
    x_scale = formatting.scale_for((row.values[cost].value for row in both), cost.unit)
    y_scale = formatting.scale_for((row.values[quality].value for row in both), quality.unit)
    shown = both[:MAX_SERIES]
    points = {}
    for row in shown:
        low, high = _ends(row.values[quality], y_scale)
        left, right = _ends(row.values[cost], x_scale)
        numbers = formatting.full(row.values[quality], y_scale), formatting.full(row.values[cost], x_scale)
        title = f"{row.label}: {', '.join(numbers)}"
        x, y = (row.values[cost].value or 0.0) / x_scale.divisor, (row.values[quality].value or 0.0) / y_scale.divisor
        points[row.label] = [Point(x, y, low, high, title, left, right)]
    xs, ys = [own[0].x for own in points.values()], [own[0].y for own in points.values()]
    best = pareto_front(
        [-x if cost.better == "lower" else x for x in xs], [-y if quality.better == "lower" else y for y in ys]
    )
    front = sorted((xs[number], ys[number]) for number in best)
    edges = xs + [end for own in points.values() for end in (own[0].left, own[0].right) if end is not None]
    wide = ["x"] if min(edges) > 0 and max(edges) > 20 * min(edges) else []
    x_title, y_title = leaderboard.title(cost, x_scale), leaderboard.title(quality, y_scale)
    chart = svg.scatter(points, x_title, y_title, logarithmic=wide, front=front, order=order)
    beaten = {row.label: [other.label for other in shown if _beats(other, row, cost)] for row in shown}
    table = Grid(
        ["Model", y_title, x_title, "Clearly beaten in both by"],
        [
            [row.label, formatting.full(row.values[quality], y_scale), formatting.full(row.values[cost], x_scale),
             ", ".join(beaten[row.label]) or "none"]
            for row in shown
        ],
    )  # fmt: skip
    worse = [f"{label} (by {', '.join(others)})" for label, others in beaten.items() if others]
    near = [row.label for number, row in enumerate(shown) if number not in best and not beaten[row.label]]
    lines = [f"{y_title} against {x_title}. The dashed line joins the best measured values (the Pareto front)"]
    lines += [f"Clearly beaten in both: {', '.join(worse)}"] if worse else []
    some = "it cannot be told apart from" if len(near) == 1 else "they cannot be told apart from"
    lines += [f"Behind the line, but {some} a model on it in both: {', '.join(near)}"] if near else []
    how = [f"{row.label}: {note}" for row in shown if (note := row.values[cost].note)]
    about = f"How {cost.name} was measured. {'; '.join(how)}." if how else ""
    return Figure(f"{'. '.join(lines)}.", chart, table, about=about)


def _beats(one: Row, other: Row, cost: Column) -> bool:
    """Return whether a row is clearly better than another one in the metric that ranks and in its cost."""
    if other.label not in one.beats:
        return False
    first, second = known_ends(one, cost), known_ends(other, cost)
    if first is None or second is None:
        return False
    return first[1] < second[0] if cost.better == "lower" else first[0] > second[1]


def _scalar(rows: Sequence[Row], column: Column, order: Sequence[str]) -> Figure:
    scale = formatting.scale_for((row.values[column].value for row in rows), column.unit)
    title = leaderboard.title(column, scale)
    marks = {row.label: {"": _mark(row.values[column], scale, row.label)} for row in rows}
    table = Grid(["Model", title], [[row.label, formatting.full(row.values[column], scale)] for row in rows])
    return Figure(title, svg.dots(marks, "", order=order, by_category=True), table)


def _percentiles(
    rows: Sequence[Row], name: str, columns: Sequence[tuple[float, Column]], order: Sequence[str]
) -> Figure:
    ordered = sorted(columns, key=lambda pair: pair[0])
    unit = ordered[0][1].unit
    scale = formatting.scale_for((row.values[column].value for row in rows for _, column in ordered), unit)
    labels = [f"p{percentile:g}" for percentile, _ in ordered]
    marks = {
        label: {row.label: _mark(row.values[column], scale, f"{row.label}, {label}") for row in rows}
        for label, (_, column) in zip(labels, ordered)
    }
    title = f"{name} ({scale.unit})" if scale.unit else name
    table = Grid(
        ["Model", *labels],
        [[row.label, *(formatting.full(row.values[column], scale) for _, column in ordered)] for row in rows],
    )
    return Figure(f"{title}: percentiles", svg.dots(marks, scale.unit, order=order), table)


def _faceted(rows: Sequence[Row], columns: Sequence[Column], order: Sequence[str]) -> Iterator[Figure]:
    """Yield a chart of a metric for each combination of its coordinates but the last."""
    facets: dict[tuple[Any, ...], list[Column]] = {}
    for column in columns:
        facets.setdefault((tuple(name for name, _ in column.at), column.at[:-1]), []).append(column)
    for (names, fixed), own in list(facets.items())[:MAX_FACETS]:
        if len(own) > 1 or len(facets) == 1:
            yield _one_coordinate(rows, own, names[-1], fixed, order)


def _one_coordinate(
    rows: Sequence[Row], columns: Sequence[Column], name: str, fixed: tuple[Any, ...], order: Sequence[str]
) -> Figure:
    if len(columns) == 1 and name != "to":
        return replace(_scalar(rows, columns[0], order), directed=columns[0].better != "none")
    scale = formatting.scale_for((row.values[column].value for row in rows for column in columns), columns[0].unit)
    changed = fixed[-1] if name == "to" and fixed and fixed[-1][0] == "from" else None
    stated = fixed[:-1] if changed else fixed
    title = leaderboard.title(Column(columns[0].name, stated, columns[0].unit, columns[0].better), scale)
    short = leaderboard.title(Column(columns[0].name, (), columns[0].unit, columns[0].better), scale)
    labels = [str(column.at[-1][1]) for column in columns]
    table = Grid(
        [name, *(row.label for row in rows)],
        [
            [label, *(formatting.full(row.values[column], scale) for row in rows)]
            for label, column in zip(labels, columns)
        ],
    )
    coordinates = [column.at[-1][1] for column in columns]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in coordinates)
    if numeric and len(columns) > 2:
        series = {row.label: list(_points(row, columns, coordinates, scale)) for row in rows}
        wide = ["x"] if min(coordinates) > 0 and max(coordinates) > 20 * min(coordinates) else []
        values = [point.y for points in series.values() for point in points]
        tall = ["y"] if values and min(values) > 0 and max(values) > 50 * min(values) else []
        chart = svg.lines(series, name, short, logarithmic=[*wide, *tall], order=order)
    else:
        marks = {
            label: {row.label: _mark(row.values[column], scale, f"{row.label}, {label}") for row in rows}
            for label, column in list(zip(labels, columns))[:MAX_CATEGORIES]
        }
        chart = svg.dots(marks, "", order=order)
    if changed:
        return Figure(
            f"{title}: from “{changed[1]}” to each other one", chart, table, directed=columns[0].better != "none"
        )
    where = f"by {name}" if numeric and len(columns) > 2 else f"for each value of “{name}”"
    return Figure(f"{title}, {where}", chart, table, directed=columns[0].better != "none")


def _points(
    row: Row, columns: Sequence[Column], coordinates: Sequence[float], scale: formatting.Scale
) -> Iterator[Point]:
    for column, x in zip(columns, coordinates):
        value = row.values[column]
        if value.value is not None:
            low, high = _ends(value, scale)
            title = f"{row.label}, {column.at[-1][0]} {x:g}: {formatting.full(value, scale)}"
            yield Point(float(x), value.value / scale.divisor, low, high, title)


def _mark(value: Value, scale: formatting.Scale, name: str) -> Mark:
    if value.value is None:
        return Mark(None, reason=value.reason or "")
    low, high = _ends(value, scale)
    return Mark(value.value / scale.divisor, low, high, f"{name}: {formatting.full(value, scale)}")


def _ends(value: Value, scale: formatting.Scale) -> tuple[float, float] | tuple[None, None]:
    ends = (value.interval.low, value.interval.high) if value.interval is not None else value.spread
    return (None, None) if ends is None else (ends[0] / scale.divisor, ends[1] / scale.divisor)


def _order(rows: Sequence[Row]) -> list[str]:
    return [row.label for row in rows]


def _varies(rows: Sequence[Row], column: Column) -> bool:
    values = {row.values[column].value for row in rows} - {None}
    return len(values) > 1


def columns_by_probe(columns: Sequence[Column]) -> Mapping[str, list[Column]]:
    """Return the columns of each probe, by its label."""
    by_probe: dict[str, list[Column]] = {}
    for column in columns:
        by_probe.setdefault(label_of(column.name), []).append(column)
    return by_probe
