"""What the driver does if something other than a unit ends: the process that starts tasks, or the run before."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("submitit", reason="the extra slurm is not installed")

from bench_suite.execution.event_files import EventReader
from bench_suite.execution.events import WorkerFailed
from bench_suite.executors.slurm import cluster as clusters
from bench_suite.executors.slurm.cluster import Local, State
from bench_suite.executors.slurm.driver import Driver, Watched
from bench_suite.executors.slurm.launcher import LauncherEnded
from bench_suite.executors.slurm.ledger import Task
from bench_suite.executors.slurm.resources import Resources
from bench_suite.executors.slurm.task import Order
from bench_suite.store.atomic import StoreError
from bench_suite.suite.plan import Unit


def order(key: str) -> Order:
    return Order(key, "/run", "/run/job", "unit")


def test_orders_are_given_to_another_process_under_other_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[str]] = []

    class Ends:
        """A launcher; the first one ends at its second order."""

        def __init__(self, folder: Path) -> None:
            given.append([])

        def start(self, order: Order) -> str:
            given[-1].append(order.key)
            if len(given) == 1 and len(given[0]) == 2:
                raise LauncherEnded("it has ended")
            return f"{len(given)}{len(given[-1])}"

    monkeypatch.setattr(clusters, "Launcher", Ends)
    driver = Driver.__new__(Driver)
    driver.cluster = Local(tmp_path)
    orders, jobs = driver._submitted([order("a"), order("b")], Resources(1, alone=False))
    assert jobs == ["21", "22"]
    assert [one.key for one in orders] == given[1]
    assert {"a", "b"} == {*given[0]}
    assert given[0] != given[1], "a task that the first one has started is in no ledger, and runs nothing"


@pytest.mark.parametrize("recovered", [True, False])
def test_what_ended_the_run_before_does_not_end_the_resume(tmp_path: Path, recovered: bool) -> None:
    unit, task = Unit("unit", ()), Task("key", "unit", "7")
    driver: Any = Driver.__new__(Driver)
    driver.run, driver.written, driver.stopping, driver.pending = tmp_path, set(), False, deque()
    driver.work = SimpleNamespace(missing=lambda unit: [SimpleNamespace(id="cell")])
    driver.cluster = SimpleNamespace(lag_seconds=0.0, ended=lambda jobs, now=False: {})
    driver.ledger, driver.leases = (
        SimpleNamespace(remove=lambda task: None),
        SimpleNamespace(give_back=lambda unit: None),
    )
    one = Watched(task, unit, EventReader(tmp_path / "events"), recovered=recovered)
    one.failure = WorkerFailed("no room", 3)
    driver.watched = {"key": one}
    ends = driver._over(one, State(), noted=True)
    if recovered:
        assert [*ends] == []
        assert [*driver.pending] == [unit]
    else:
        with pytest.raises(StoreError, match="no room"):
            next(ends)
