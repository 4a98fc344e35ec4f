"""The training curves of a cell: from windows and epochs as they come, and from a stored history."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from bench_suite.contracts import History, Record, Window
from bench_suite.tracking.tracker import Point

STEPS, EPOCHS = "train", "epoch"
"First words of the names of curves over optimizer steps and over epochs."


def window_points(window: Window, at: float) -> list[Point]:
    """Return the points of a window: loss, learning rate, rate, and the share of time spent waiting for data."""
    values = {"loss": window.loss, "learning_rate": window.learning_rate}
    if window.seconds:
        values["samples_per_second"] = window.samples / window.seconds
        values["stalled"] = window.stalled / window.seconds
    return [*_points(STEPS, values, window.step, at)]


def epoch_points(row: Mapping[str, float], at: float) -> list[Point]:
    """Return the points of an epoch: loss, learning rate, and what was measured on the validation split."""
    values = {curve: value for curve, value in row.items() if curve != "epoch"}
    return [*_points(EPOCHS, values, int(row["epoch"]), at)]


def history_points(history: History, began: float) -> Iterator[Point]:
    """Yield all points of a training that has ended.

    Args:
        history: the training's history, whose windows may be thinned.
        began: when the training began, in seconds since 1970. Windows and epochs have times by their share of the
            steps, since the history does not contain the times of day.
    """
    for window in history.windows:
        share = window.step / history.steps if history.steps else 1.0
        yield from window_points(window, began + share * history.seconds)
    for number, row in enumerate(history.epochs, start=1):
        yield from epoch_points(row, began + number / len(history.epochs) * history.seconds)


def training_began(record: Record) -> float:
    """Return when the training of a cell began, in seconds since 1970."""
    return began_at(record) + sum(record.seconds.get(part, 0.0) for part in ("data", "build", "encode"))


def began_at(record: Record) -> float:
    """Return when a cell began, in seconds since 1970; 0 if the record does not state it."""
    try:
        return datetime.fromisoformat(record.started).timestamp()
    except ValueError:
        return 0.0


def without_points(points: Iterable[Point], last: Mapping[str, int]) -> list[Point]:
    """Return the points that lie after the last step of their curve that a tracker has already."""
    return [point for point in points if point.step > last.get(point.curve, -1)]


def _points(kind: str, values: Mapping[str, float | None], step: int, at: float) -> Iterator[Point]:
    for curve, value in values.items():
        if value is not None and math.isfinite(value):
            yield Point(f"{kind}/{curve}", step, float(value), at)
