"""Claims about the callback of a tracker: every point once, in intervals, and everything is passed on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bench_suite.contracts import Window
from bench_suite.execution.callbacks import RunCallback
from bench_suite.tracking.callback import TrackerCallback
from bench_suite.tracking.tracker import Tracker, Written


class Memory(Tracker):
    """A tracker that notes what it gets."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def add_points(self, cell, points):
        self.calls.append((cell.name, [(point.curve, point.step) for point in points]))

    def finish(self, cell, record):
        self.calls.append((cell.name, record.status))

    def close(self, *, complete):
        self.calls.append(complete)
        return Written("here", "open: it")


@pytest.fixture
def cell(stored) -> Any:
    """Return what the callback reads of a cell."""
    record = stored.records()[0]
    return SimpleNamespace(id=record.id, labels=record.cell)


def of_curve(calls: list[Any], curve: str) -> list[int]:
    return [step for call in calls if isinstance(call, tuple) for name, step in call[1] if name == curve]


def test_every_point_is_written_once_also_if_only_some_were_reported(cell, stored):
    from bench_suite.store.histories import read_history

    tracker, history = Memory(), read_history(stored.path, cell.id)
    callback = TrackerCallback(RunCallback(), tracker, send_seconds=0.0)
    callback.window(cell, Window(1, 8, 0.5, 0.0, 3.0, 0.1))  # the warm-up, which is not in the history
    callback.window(cell, history.windows[0])
    callback.epoch(cell, history.epochs[0])
    callback.trained(cell, history)
    assert of_curve(tracker.calls, "train/loss") == [1, 2, 4]
    assert of_curve(tracker.calls, "epoch/loss") == [1, 2]


def test_points_are_sent_together_and_before_the_record(cell, stored):
    tracker = Memory()
    callback = TrackerCallback(RunCallback(), tracker, send_seconds=1000.0)
    for step in (1, 2, 3):
        callback.window(cell, Window(step, 8, 0.0, 0.0, 3.0))
    assert of_curve(tracker.calls, "train/loss") == [1]  # the first one at once, so that the cell appears
    callback.record(cell, stored.records()[0])
    callback.end(complete=True)
    assert tracker.calls[1:] == [
        ("digits, mlp, seed 0", [("train/loss", 2), ("train/loss", 3)]), ("digits, mlp, seed 0", "ok"), True,
    ]  # fmt: skip
    assert callback.where == "open: it"


def test_each_call_is_passed_on(cell, stored):
    calls: list[str] = []

    class Listener(RunCallback):
        def __getattribute__(self, name: str) -> Any:
            if not name.startswith("_"):
                calls.append(name)
            return super().__getattribute__(name)

    callback = TrackerCallback(Listener(), Memory())
    callback.begin("run", resumed=False, wanted=False, done=0, notes=(), busy=False)
    callback.data_notes("digits", {})
    callback.findings("digits", ())
    callback.cell(cell)
    callback.step(cell, "training")
    callback.training(cell, 1, 8)
    callback.window(cell, Window(1, 8, 0.5, 0.0, 3.0))
    callback.epoch(cell, {"epoch": 1.0})
    callback.trained(cell, None)
    callback.record(cell, stored.records()[0])
    callback.warning("text")
    callback.end(complete=True)
    assert sorted(calls) == sorted(name for name in vars(RunCallback) if not name.startswith("_"))
