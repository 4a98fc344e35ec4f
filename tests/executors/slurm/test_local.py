"""The executor `slurm` with submitit's local executor: what it records, and what a kill or Ctrl-C costs."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("submitit", reason="the extra slurm is not installed")

LOCAL = ("--executor", "slurm", "--cluster", "local")


def ledger(folder: Path) -> dict:
    (path,) = (folder / "results").glob("*/slurm.json")
    return json.loads(path.read_text())


def test_records_predictions_and_findings_are_those_of_inline(run_under) -> None:
    seen = []
    for overrides in (("run.executor=inline",), ("run.executor=slurm", "run.cluster=local")):
        outcome, predictions = run_under(*overrides, seeds=[0], models=["mlp"])
        keys = {record.id: (record.weights_key, record.environment, record.data) for record in outcome.records}
        seen.append((predictions, keys, outcome.findings))
    assert seen[0] == seen[1]
    assert seen[0][2], "there are findings to compare"
    folder = outcome.run.path
    assert json.loads((folder / "slurm.json").read_text())["tasks"] == []
    left = {path.name.partition("_")[2] for path in (folder / "slurm").iterdir()}
    assert left == {"0_log.err", "0_log.out"}, "what tasks and driver say to each other is removed"


@pytest.mark.slow
def test_a_crash_costs_its_cell_only_and_is_recorded_with_its_cause_after_the_retries(program) -> None:
    once = "p = Path('was_here'); ended = p.exists(); p.touch(); ended or os.abort()"
    causes = {"SIGSEGV": "ctypes.string_at(0)", "SIGKILL": "os.kill(os.getpid(), 9)", "os._exit(0)": "os._exit(0)"}
    program.write({"good": "pass", "once": once, **causes})
    status, _, errors = program.run(*LOCAL, "--jobs", "2")
    assert status == 3, errors
    entries = {entry["cell"]["model"]: entry for entry in program.entries()}
    assert len(program.entries()) == len(entries) == 5, "no record is lost or doubled"
    assert [entries[name]["status"] for name in ("good", "once")] == ["ok", "ok"]
    for cause in causes:
        assert entries[cause]["status"] == "failed"
        assert cause in entries[cause]["reason"]
        assert "2 times" in entries[cause]["reason"]
    assert program.unfinished() == []


@pytest.mark.slow
def test_a_hang_ends_at_the_timeout(program) -> None:
    program.write({"hang": "time.sleep(3600)"})
    status, _, errors = program.run(*LOCAL, "--set", "run.timeout=20", "--set", "run.retries=0")
    assert status == 3, errors
    (entry,) = program.entries()
    assert entry["status"] == "failed"
    assert "no end after 20 s, the timeout" in entry["reason"]


@pytest.mark.slow
def test_resume_collects_what_went_on_after_the_driver_was_killed(program, processes) -> None:
    wait = "Path('began').touch()\nwhile not Path('go').exists(): time.sleep(0.1)"
    program.write({"first": "pass", "waits": wait, "last": "pass  # last"})
    process = program.start(*LOCAL, "--jobs", "1", start_new_session=True)
    processes.wait_for((program.folder / "began").exists, process)
    os.killpg(process.pid, signal.SIGHUP)  # as the system does if the connection is lost
    process.communicate()
    assert [entry["cell"]["model"] for entry in program.entries()] == ["first"]
    status, _, errors = program.run("--resume")
    assert status == 2, errors
    assert "1 task of the executor slurm may still run" in errors
    resumed = program.start(*LOCAL, "--resume", "--jobs", "1")
    processes.wait_for(lambda: any((program.folder / "results").glob("*/driver.json")), resumed)
    resumed.kill()  # a second driver that is killed changes nothing
    resumed.communicate()
    (program.folder / "go").touch()
    status, _, errors = program.run(*LOCAL, "--resume", "--jobs", "1")
    assert status == 0, errors
    assert Counter(entry["cell"]["model"] for entry in program.entries()) == {"first": 1, "waits": 1, "last": 1}
    assert ledger(program.folder)["tasks"] == []
    assert program.unfinished() == []


@pytest.mark.slow
def test_ctrl_c_once_records_the_running_cells_as_interrupted(program, processes) -> None:
    wait = "Path(f'began-{os.getpid()}').touch(); time.sleep(0.01 if Path('go').exists() else 3600)"
    program.write({"a": wait, "b": "pass"})
    process = program.start(*LOCAL, "--jobs", "1")
    processes.wait_for(lambda: any(program.folder.glob("began-*")), process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert [entry["status"] for entry in program.entries()] == ["interrupted"]
    assert ledger(program.folder)["tasks"] == []
    assert program.unfinished() == []
    (program.folder / "go").touch()
    status, _, errors = program.run(*LOCAL, "--resume")
    assert status == 0, errors
    assert {e["cell"]["model"]: e["status"] for e in program.entries()} == {"a": "ok", "b": "ok"}


@pytest.mark.slow
def test_ctrl_c_twice_ends_at_once_and_leaves_no_process(program, processes) -> None:
    stubborn = (
        "import subprocess; subprocess.Popen(['sleep', '3600']); Path('began').touch()\n"
        "while True:\n    try:\n        time.sleep(3600)\n"
        "    except KeyboardInterrupt:\n        Path('swallowed').touch()"
    )
    program.write({"stubborn": stubborn})
    program.environment["MARK_OF_THIS_TEST"] = str(program.folder)
    process = program.start(*LOCAL)
    processes.wait_for((program.folder / "began").exists, process)
    mark = f"MARK_OF_THIS_TEST={program.folder}"
    assert len(processes.running(word=mark)) >= 4, "the driver, the job, its task, the worker, and what it started"
    process.send_signal(signal.SIGINT)
    processes.wait_for((program.folder / "swallowed").exists, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    processes.wait_for(lambda: processes.running(word=mark) == {})
