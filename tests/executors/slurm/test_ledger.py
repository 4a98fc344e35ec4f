"""The ledger lists what may still run, so that no unit runs twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.executors.slurm.ledger import FILE, Ledger, Task, read_ledger
from bench_suite.store.atomic import StoreError


def test_the_ledger_is_on_disk_before_a_task_may_run(tmp_path: Path) -> None:
    first = Ledger(tmp_path, "slurm")
    tasks = [Task(f"key{number}", "unit", f"7_{number}") for number in range(2)]
    first.add(tasks)
    again = Ledger(tmp_path, "slurm")
    assert ([*again.tasks.values()], again.arrays) == (tasks, ["7"])
    again.remove(tasks[0])
    again.save()
    assert [*Ledger(tmp_path, "slurm").tasks] == ["key1"]
    with pytest.raises(StoreError, match="resume with: --cluster slurm"):
        Ledger(tmp_path, "local")


def test_a_damaged_ledger_is_no_empty_one(tmp_path: Path) -> None:
    assert read_ledger(tmp_path / FILE) is None
    (tmp_path / FILE).write_text('{"arrays": ["7"], "cluster": "slurm", "tasks": [{"key": 1}]}')
    with pytest.raises(StoreError, match="cancel them with scancel"):
        Ledger(tmp_path, "slurm")
