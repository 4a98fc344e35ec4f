"""The callback that writes a run to a tracker while it goes on; points of curves are sent together in intervals."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from bench_suite.contracts import Finding, History, Record, Window
from bench_suite.execution.callbacks import RunCallback
from bench_suite.suite.plan import Cell
from bench_suite.tracking.curves import epoch_points, history_points, window_points
from bench_suite.tracking.tracker import Point, TrackedCell, Tracker

SEND_SECONDS = 5.0
"Points of a cell are sent at most so often: a server needs some milliseconds for each request, however small."


class TrackerCallback(RunCallback):
    """A callback that writes to a tracker and passes each call on to another callback."""

    def __init__(self, other: RunCallback, tracker: Tracker, send_seconds: float = SEND_SECONDS) -> None:
        """Make the callback.

        Args:
            other: the callback to pass on to.
            tracker: where to write.
            send_seconds: time between two sendings of a cell's points.
        """
        self.where = ""
        "What the tracker says at its end: where it has written, and how to open it."
        self._other = other
        self._tracker = tracker
        self._send_seconds = send_seconds
        self._waiting: dict[str, list[Point]] = {}
        self._sent_at: dict[str, float] = {}
        self._measured: dict[str, set[tuple[str, int]]] = {}

    def begin(self, run: str, *, resumed: bool, wanted: bool, done: int, notes: tuple[str, ...], busy: bool) -> None:
        """Pass the call on."""
        self._other.begin(run, resumed=resumed, wanted=wanted, done=done, notes=notes, busy=busy)

    def data_notes(self, task: str, notes: Mapping[str, object]) -> None:
        """Pass the call on."""
        self._other.data_notes(task, notes)

    def findings(self, task: str, findings: Sequence[Finding]) -> None:
        """Pass the call on."""
        self._other.findings(task, findings)

    def cell(self, cell: Cell) -> None:
        """Pass the call on."""
        self._other.cell(cell)

    def step(self, cell: Cell, what: str) -> None:
        """Pass the call on."""
        self._other.step(cell, what)

    def training(self, cell: Cell, epochs: int, steps: int) -> None:
        """Pass the call on."""
        self._other.training(cell, epochs, steps)

    def window(self, cell: Cell, window: Window) -> None:
        """Add a point to each training curve, at the number of steps done."""
        self._add(cell, window_points(window, time.time()))
        self._other.window(cell, window)

    def epoch(self, cell: Cell, row: Mapping[str, float]) -> None:
        """Add a point to each curve over epochs."""
        self._add(cell, epoch_points(row, time.time()))
        self._other.epoch(cell, row)

    def trained(self, cell: Cell, history: History | None) -> None:
        """Add the points that were not reported one by one: of windows in between, and of engines that report none."""
        measured = self._measured.pop(cell.id, set())
        if history is not None:
            points = history_points(history, time.time() - history.seconds)
            self._add(cell, [point for point in points if (point.curve, point.step) not in measured], later=True)
        self._measured.pop(cell.id, None)
        self._send(cell)
        self._other.trained(cell, history)

    def record(self, cell: Cell, record: Record) -> None:
        """Write the options, final metrics and artifacts of the cell."""
        self._send(cell)
        self._tracker.finish(TrackedCell(cell.id, cell.labels), record)
        self._sent_at.pop(cell.id, None)
        self._other.record(cell, record)

    def warning(self, text: str) -> None:
        """Pass the call on."""
        self._other.warning(text)

    def end(self, *, complete: bool) -> None:
        """End the tracker. Points of a cell without a record are lost: its training is repeated or has failed."""
        self.where = self._tracker.close(complete=complete).command
        self._other.end(complete=complete)

    def _add(self, cell: Cell, points: Sequence[Point], *, later: bool = False) -> None:
        """Keep points until they are sent; `later`: do not send them now."""
        self._waiting.setdefault(cell.id, []).extend(points)
        self._measured.setdefault(cell.id, set()).update((point.curve, point.step) for point in points)
        if not later and time.monotonic() - self._sent_at.get(cell.id, 0.0) >= self._send_seconds:
            self._send(cell)

    def _send(self, cell: Cell) -> None:
        points = self._waiting.pop(cell.id, [])
        if points:
            self._tracker.add_points(TrackedCell(cell.id, cell.labels), sorted(points, key=lambda point: point.step))
        self._sent_at[cell.id] = time.monotonic()
