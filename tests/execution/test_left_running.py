"""Units that may still run elsewhere are not run again, and what ran elsewhere is not judged by this machine."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

import bench_suite
from bench_suite.contracts import BenchError
from bench_suite.execution import session
from bench_suite.execution.left_running import check_left_running
from bench_suite.execution.sharing import Sharing
from bench_suite.store.atomic import StoreError


def test_tasks_of_another_executor_are_not_run_again(tmp_path: Path) -> None:
    check_left_running(tmp_path, "inline")
    (tmp_path / "slurm.json").write_text(json.dumps({"tasks": [{}, {}]}))
    check_left_running(tmp_path, "slurm")
    with pytest.raises(BenchError, match="2 tasks of the executor slurm may still run"):
        check_left_running(tmp_path, "inline")
    (tmp_path / "slurm.json").write_text('{"tasks"')
    with pytest.raises(BenchError, match="may still run"):
        check_left_running(tmp_path, "processes")
    (tmp_path / "slurm.json").write_text(json.dumps({"tasks": []}))
    check_left_running(tmp_path, "inline")


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="needs two cores to differ"
)
def test_what_ran_on_another_machine_is_not_stale_because_this_one_has_other_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "suite.toml").write_text(
        "[[tasks]]\nuse = 'loans'\n[[models]]\nuse = 'logistic_regression'\n[probes.quality]\nresamples = 100\n"
    )
    suite, options = tmp_path / "suite.toml", {"results": tmp_path / "results"}
    bench_suite.run(suite, **options)
    other = Sharing(jobs=2)
    monkeypatch.setattr(session, "sharing_of", lambda plan: other)
    with pytest.raises(StoreError, match="threads have changed"):
        bench_suite.run(suite, resume="newest", **options)
    other = replace(other, elsewhere=True)
    assert bench_suite.run(suite, resume="newest", **options).done_before == 1
