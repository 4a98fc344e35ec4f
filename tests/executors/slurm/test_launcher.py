"""A process that starts tasks may end: the tasks are started by another one, and none runs twice."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("submitit", reason="the extra slurm is not installed")

from bench_suite.executors.slurm import cluster as clusters
from bench_suite.executors.slurm.cluster import Local
from bench_suite.executors.slurm.driver import Driver
from bench_suite.executors.slurm.launcher import Launcher, LauncherEnded
from bench_suite.executors.slurm.resources import Resources
from bench_suite.executors.slurm.task import Order


def order(key: str) -> Order:
    return Order(key, "/run", "/run/job", "unit")


def test_the_end_of_the_process_is_no_answer(tmp_path: Path) -> None:
    launcher = Launcher(tmp_path)
    launcher._process.kill()
    launcher._process.wait()
    with pytest.raises(LauncherEnded):
        launcher.start(order("key"))


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
