"""Claims about a finished run that is written to a tracker: each cell once, and what has no curves is stated."""

from __future__ import annotations

import pytest

from bench_suite.contracts import BenchError
from bench_suite.store.runs import Store
from bench_suite.tracking.finished_run import write_run
from bench_suite.tracking.tracker import Tracker, Written


class Memory(Tracker):
    """A tracker that notes what it gets, and has some cells already."""

    def __init__(self, *known: str) -> None:
        self.known, self.points, self.ended, self.complete = known, {}, [], None

    def is_written(self, cell, record):
        return cell.id in self.known

    def add_points(self, cell, points):
        self.points[cell.id] = len(points)

    def finish(self, cell, record):
        self.ended.append((cell.id, record.status))

    def close(self, *, complete):
        self.complete = complete
        return Written("here", "open: it")


def test_each_cell_is_written_with_its_curves(stored):
    tracker = Memory()
    text = write_run(stored, tracker)
    assert tracker.points == {"1" * 16: 2 * 4 + 2 * 2}
    assert tracker.ended == [("1" * 16, "ok"), ("2" * 16, "failed")]
    assert tracker.complete
    assert text == "here; 1 without curves: no history of their training is stored\nopen: it"


def test_a_cell_that_is_there_is_passed_over(stored):
    tracker = Memory("1" * 16)
    write_run(stored, tracker)
    assert tracker.ended == [("2" * 16, "failed")]


def test_a_run_without_records_is_refused(tmp_path):
    run = Store(tmp_path / "results").create("empty", {"cells": 2})
    with pytest.raises(BenchError, match="has no records yet"):
        write_run(run, Memory())
