"""Claims about trackers of a run: a process of its own, every call in order, and a failure costs a warning only."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import bench_suite
from bench_suite.contracts import BenchError
from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.session import Request, execute
from bench_suite.execution.trackers import Trackers
from bench_suite.store.runs import Store
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

SUITE = """
[[tasks]]
use = "loans"
[[models]]
use = "mlp"
hidden = [8]
[[models]]
use = "logistic_regression"
[train]
epochs = 2
[matrix]
threads = 1
device = "cpu"
[probes.quality]
resamples = 100
[run]
log = ["./mine.py"]
"""
TRACKER = '''
"""Write each call as a line of `calls.jsonl`."""

import json
import os
import re

from bench_suite.contracts import BenchError
from bench_suite.execution.callbacks import RunCallback


class Lines(RunCallback):
    def __init__(self, run):
        self._file = (run.path / "calls.jsonl").open("a", buffering=1)
        self._records = 0
        self.where = f"lines: {{run.name}}"

    def __getattribute__(self, name):
        if name not in vars(RunCallback) or name.startswith("_"):
            return super().__getattribute__(name)

        def call(*positional, **named):
            cell = getattr(positional[0], "id", None) if positional else None
            self._file.write(json.dumps([name, cell, os.getpid(), named.get("complete")]) + "\\n")
            if name == "record":
                self._records += 1
                {failure}

        return call


def check(options):
    {check}


def follow(callback, run):
    return Lines(run)
'''


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Return a folder with a suite that is logged to a tracker of its own."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "suite.toml").write_text(SUITE)
    (tmp_path / "mine.py").write_text(TRACKER.format(failure="pass", check="pass"))
    return tmp_path


class Warned(RunCallback):
    """A callback that notes warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)


def run(folder: Path, *overrides: str, callback: RunCallback | None = None, **request: Any) -> Any:
    plan = make_plan(read_suite(str(folder / "suite.toml"), overrides))
    return execute(plan, Store(folder / "results"), Request(trust=True, **request), callback or RunCallback())


def calls_of(path: Path) -> list[list[Any]]:
    return [json.loads(line) for line in (path / "calls.jsonl").read_text().splitlines()]


def test_every_method_of_the_callback_is_passed_on():
    methods = {name for name in vars(RunCallback) if not name.startswith("_")}
    assert methods <= vars(Trackers).keys()


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_a_tracker_gets_every_call_in_order_in_a_process_of_its_own(folder, executor):
    outcome = run(folder, f"run.executor={executor}")
    calls = calls_of(outcome.run.path)
    (process,) = {process for _, _, process, _ in calls}
    assert process != os.getpid()
    network = next(record.id for record in outcome.records if record.cell["model"] == "mlp")
    own = [name for name, cell, _, _ in calls if cell == network and name not in ("step", "window")]
    assert own == ["cell", "training", "epoch", "epoch", "trained", "record"]
    assert (calls[0][0], calls[-1][0], calls[-1][3]) == ("begin", "end", True)
    assert outcome.logged == {"mine": f"lines: {outcome.run.name}"}
    assert outcome.run.info["log"] == ["mine.py"]
    assert all(not record.unrestored for record in outcome.records)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ('raise RuntimeError("boom\\nmore")', "RuntimeError: boom"),
        ('raise BenchError("no room\\n  make some")', "no room"),
        ("os._exit(7)", r"its process ended \(7\)"),
        ("os.kill(os.getpid(), 9)", r"its process ended \(-9\)"),
    ],
)
def test_a_tracker_that_fails_costs_a_warning_and_no_cell(folder, failure, reason):
    (folder / "mine.py").write_text(TRACKER.format(failure=failure, check="pass"))
    callback = Warned()
    outcome = run(folder, callback=callback)
    assert [record.status for record in outcome.records] == ["ok", "ok"]
    assert outcome.tracker_errors == tuple(callback.warnings)
    (warning,) = callback.warnings
    assert warning.startswith("mine: the run goes on without it: ")
    assert "\n" not in warning
    assert re.search(reason, warning)
    traceback = outcome.run.path / "traceback-mine.txt"
    assert ("RuntimeError" in traceback.read_text()) if "RuntimeError" in failure else not traceback.exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (TRACKER.format(failure="pass", check='raise BenchError("no server")'), "mine: no server"),
        ("import no_such_package\ndef follow(callback, run): ...\n", "no_such_package"),
        ('IMPORTS = ("broken",)\ndef follow(callback, run): ...\n', "mine: the package broken does not load: .*half"),
    ],
)
def test_a_tracker_that_cannot_work_here_is_refused_before_anything_is_written(folder, source, message, monkeypatch):
    (folder / "broken.py").write_text("raise RuntimeError('half installed')\n")
    monkeypatch.syspath_prepend(folder)
    (folder / "mine.py").write_text(source)
    with pytest.raises(BenchError, match=message):
        run(folder)
    assert not (folder / "results").exists()


def test_a_resume_is_logged_to_the_same_tracker_again(folder):
    first = run(folder)
    (folder / "suite.toml").write_text(SUITE.replace("[probes.quality]", "[probes.generalization]\n[probes.quality]"))
    second = run(folder, resume="newest")
    assert second.run.name == first.run.name
    assert [name for name, *_ in calls_of(second.run.path)].count("record") == 4
    assert [name for name, *_ in calls_of(second.run.path)].count("end") == 2


def test_a_tracker_that_hangs_does_not_hold_the_run(folder, monkeypatch):
    from bench_suite.execution import trackers

    monkeypatch.setattr(trackers, "CELL_SECONDS", 0.1)
    monkeypatch.setattr(trackers, "END_SECONDS", 1.0)
    (folder / "mine.py").write_text(TRACKER.format(failure="__import__('time').sleep(1000)", check="pass"))
    outcome = run(folder)
    assert [record.status for record in outcome.records] == ["ok", "ok"]
    (warning,) = outcome.tracker_errors
    assert "it had not written everything 1 s after the end of the run" in warning


def test_a_tracker_ends_its_run_as_incomplete_if_the_program_is_killed(folder):
    (folder / "mine.py").write_text(
        TRACKER.format(
            failure="os.kill(os.getppid(), 9)", check="pass"
        )  # the tracker kills the program that it follows
    )
    program = "import bench_suite, sys; bench_suite.run(sys.argv[1], results=sys.argv[2], trust=True)"
    killed = subprocess.run([sys.executable, "-c", program, folder / "suite.toml", folder / "results"], check=False)
    assert killed.returncode == -signal.SIGKILL
    (path,) = (folder / "results").glob("*/calls.jsonl")
    until = time.monotonic() + 60
    while calls_of(path.parent)[-1][0] != "end" and time.monotonic() < until:
        time.sleep(0.05)
    assert calls_of(path.parent)[-1][3] is False


def test_a_run_from_python_has_its_trackers_too(folder):
    outcome = bench_suite.run(folder / "suite.toml", results=folder / "results", trust=True, smoke=True)
    assert outcome.logged == {"mine": f"lines: {outcome.run.name}"}
