"""Curves of trainings: loss, metrics of the validation split and learning rate, of the first seed of each row."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from bench_suite.contracts import History
from bench_suite.reports import formatting
from bench_suite.reports.html import svg
from bench_suite.reports.html.charts import MAX_SERIES
from bench_suite.reports.html.svg import Point
from bench_suite.reports.html.view import Figure, Grid
from bench_suite.reports.rows import Row
from bench_suite.store.histories import read_history
from bench_suite.store.runs import Run

MAX_POINTS = 120
"Points of a curve at most."
MAX_TABLED = 40
"Rows of the table of a curve at most."


def training_figures(run: Run, rows: Sequence[Row], order: Sequence[str] = ()) -> list[Figure]:
    """Return the curves of the trainings of some rows; none if no history was stored.

    Args:
        run: the run.
        rows: the rows of a table, the best first.
        order: labels of all rows of the page, so that each has one colour everywhere; default: those of `rows`.
    """
    histories: dict[str, History] = {}
    for row in rows[:MAX_SERIES]:
        history = next(filter(None, (read_history(run.path, cell.id) for cell in row.cells)), None)
        if history is not None:
            histories[row.label] = history
    names = dict.fromkeys(name for own in histories.values() for epoch in own.epochs for name in epoch)
    order = order or [row.label for row in rows]
    figures = [
        _figure(histories, f"{name} by epoch", "epoch", name, partial(_epochs, name), order)
        for name in names
        if name not in ("epoch", "learning_rate")
    ]
    figures += [
        _figure(histories, "loss by optimizer step", "step", "loss", _losses, order),
        _figure(histories, "learning rate by optimizer step", "step", "learning rate", _rates, order),
    ]
    return [figure for figure in figures if figure is not None]


def _figure(
    histories: dict[str, History], title: str, x: str, y: str,
    points: Callable[[History], Iterator[tuple[float, float]]], order: Sequence[str],
) -> Figure | None:  # fmt: skip
    """Return the chart of one quantity over all trainings; None without two points of any."""
    curves = {
        label: [pair for pair in points(own) if all(map(math.isfinite, pair))] for label, own in histories.items()
    }
    curves = {label: _thinned(own, MAX_POINTS) for label, own in curves.items() if len(own) > 1}
    if not curves:
        return None
    series = {label: [Point(x, y) for x, y in own] for label, own in curves.items()}
    lines = [
        [label, formatting.plain_number(at), formatting.plain_number(value, 4)]
        for label, own in curves.items()
        for at, value in _thinned(own, MAX_TABLED // len(curves) or 2)
    ]
    name = y.replace("_", " ")
    return Figure(
        f"{title.replace('_', ' ')}, first seed of each row", svg.lines(series, x, name, order=order),
        Grid(["Model", x, name], lines),
    )  # fmt: skip


def _epochs(name: str, history: History) -> Iterator[tuple[float, float]]:
    return ((float(epoch["epoch"]), float(epoch[name])) for epoch in history.epochs if epoch.get(name) is not None)


def _losses(history: History) -> Iterator[tuple[float, float]]:
    return ((float(window.step), float(window.loss)) for window in history.windows if window.loss is not None)


def _rates(history: History) -> Iterator[tuple[float, float]]:
    return (
        (float(window.step), float(window.learning_rate))
        for window in history.windows
        if window.learning_rate is not None
    )


def _thinned(points: Sequence[tuple[float, float]], limit: int) -> list[tuple[float, float]]:
    """Return evenly spaced points, the last one among them."""
    every = -(-len(points) // limit)
    return [*points[::-1][::every][::-1]]
