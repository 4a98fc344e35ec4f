"""A task runs only what the ledger lists, and its end is known by its cause."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from bench_suite.executors.slurm import task
from bench_suite.executors.slurm.ledger import Ledger, Task
from bench_suite.executors.slurm.task import Order, cause_of, ending_file, read_ending, run_task


@pytest.fixture(autouse=True)
def handlers():
    """The signal handlers of a task are not those of the tests."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGCONT, signal.SIGUSR1, signal.SIGUSR2)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("status", "cause"), [(0, ""), (3, "exit status 3"), (-11, "SIGSEGV")])
def test_a_cause_is_the_name_of_a_signal_or_an_exit_status(status: int, cause: str) -> None:
    assert cause_of(status) == cause


def test_a_task_that_nobody_lists_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "LISTED_SECONDS", 0.2)
    run_task(Order("orphan", str(tmp_path), str(tmp_path / "job"), "unit"))
    assert [*tmp_path.iterdir()] == [], "its process was killed before it could list the task"


@pytest.mark.parametrize("name", ["USR2", "USR1"])
def test_submitit_does_not_start_a_task_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    number = signal.Signals[f"SIG{name}"]
    if name != "USR2":
        monkeypatch.setenv("SUBMITIT_PREEMPT_SIGNAL", name)
    monkeypatch.setattr(task, "LISTED_SECONDS", 0.0)
    signal.signal(number, lambda number, frame: pytest.fail("submitit requeues the task"))
    run_task(Order("key", str(tmp_path), str(tmp_path / "job"), "unit"))
    signal.raise_signal(number)
    assert signal.getsignal(number) is signal.SIG_IGN


def test_a_worker_that_cannot_begin_is_noted(tmp_path: Path) -> None:
    (tmp_path / "slurm").mkdir()
    Ledger(tmp_path, "slurm").add([Task("key", "unit", "7")])
    run_task(Order("key", str(tmp_path), str(tmp_path / "no job"), "unit"))
    ending = read_ending(ending_file(tmp_path, "key"))
    assert ending is not None
    assert ending.cause == "exit status 2"
    assert read_ending(ending_file(tmp_path, "other")) is None
