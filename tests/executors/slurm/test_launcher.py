"""The process that starts tasks may end, or find the disk full."""

from __future__ import annotations

import errno
import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("submitit", reason="the extra slurm is not installed")

from bench_suite.executors.slurm.launcher import Launcher, LauncherEnded
from bench_suite.executors.slurm.task import Order
from bench_suite.store.atomic import StoreFull


def order(key: str) -> Order:
    return Order(key, "/run", "/run/job", "unit")


def test_the_end_of_the_process_is_no_answer(tmp_path: Path) -> None:
    launcher = Launcher(tmp_path)
    launcher._process.kill()
    launcher._process.wait()
    with pytest.raises(LauncherEnded):
        launcher.start(order("key"))


def test_a_full_disk_is_reported_as_such(tmp_path: Path) -> None:
    launcher = Launcher.__new__(Launcher)
    launcher._folder = tmp_path
    answers = io.StringIO(json.dumps({"full": errno.ENOSPC}) + "\n")
    launcher._process = SimpleNamespace(stdin=io.StringIO(), stdout=answers)  # type: ignore[assignment]  # no process
    with pytest.raises(StoreFull, match="no room"):
        launcher.start(order("key"))
