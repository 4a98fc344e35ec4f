"""The executor `slurm` with a Slurm of scripts: what it submits, asks and cancels."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("submitit", reason="the extra slurm is not installed")

from bench_suite.executors.slurm import Options, check
from bench_suite.executors.slurm.cluster import Slurm, State, parameters
from bench_suite.executors.slurm.resources import Resources
from bench_suite.executors.slurm.task import Order

SLURM = ("--executor", "slurm")


@pytest.fixture
def cluster(slurm, monkeypatch: pytest.MonkeyPatch) -> object:
    """The commands of the fake are those of this process, and jobs wait for ever."""
    (slurm.folder / "accept_only").touch()
    for name, value in slurm.environment.items():
        monkeypatch.setenv(name, value)
    return slurm


def orders(count: int) -> list[Order]:
    return [Order(f"key{number}", "/run", "/run/job", f"unit{number}") for number in range(count)]


def flags(script: str) -> dict[str, str]:
    lines = (line.removeprefix("#SBATCH --") for line in script.splitlines() if line.startswith("#SBATCH --"))
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def test_an_array_asks_for_what_the_suite_states(cluster, tmp_path: Path) -> None:
    options = Options(
        partition="gpu", account="lab", jobs=2, timeout=90, memory=1.5, gpus=1, setup=("module load cuda",),
        extra={"qos": "long", "mail-type": "END"},
    )  # fmt: skip
    ids = Slurm(tmp_path / "jobs", options).submit(orders(3), Resources(4, alone=True))
    assert ids == ["100_0", "100_1", "100_2"]
    (script,) = cluster.scripts()
    stated = flags(script)
    expected = {
        "array": "0-2%2", "partition": "gpu", "account": "lab", "time": "7", "mem": "1536M", "gpus-per-node": "1",
        "cpus-per-task": "4", "exclusive": "", "no-requeue": "", "qos": "long", "mail-type": "END",
    }  # fmt: skip
    assert {name: stated.get(name) for name in expected} == expected
    assert "wckey" not in stated
    assert "module load cuda" in script
    assert "--cpus-per-task=4" in next(line for line in script.splitlines() if line.startswith("srun "))


def test_without_options_the_cluster_decides(cluster, tmp_path: Path) -> None:
    assert Slurm(tmp_path / "jobs", Options()).submit(orders(1), Resources(None, alone=False)) == ["100"]
    stated = flags(cluster.scripts()[0])
    absent = {"time", "mem", "gpus-per-node", "cpus-per-task", "exclusive", "partition", "account", "array", "wckey"}
    assert absent.isdisjoint(stated)


def test_an_option_of_sbatch_replaces_the_one_that_the_executor_would_state() -> None:
    stated = parameters(Options(extra={"cpus-per-task": 8}), Resources(4, alone=False))
    assert stated["additional_parameters"]["cpus_per_task"] == 8
    assert stated["srun_args"] == ["--cpus-per-task=8"]


def test_what_sacct_says_is_how_a_job_has_ended(cluster, tmp_path: Path) -> None:
    slurm = Slurm(tmp_path / "jobs", Options())
    jobs = slurm.submit(orders(4), Resources(1, alone=False))
    assert slurm.ended(jobs, now=True) == {}
    for job, state in zip(jobs, ("TIMEOUT|0:0", "CANCELLED by 7|0:0", "FAILED|0:11")):
        (cluster.folder / f"{job}.state").write_text(state)
    ended = slurm.ended(jobs, now=True)
    assert {job: state.name for job, state in ended.items()} == {
        "100_0": "TIMEOUT", "100_1": "CANCELLED", "100_2": "FAILED",
    }  # fmt: skip
    assert ended["100_2"].text == "SIGSEGV"
    assert slurm.ended(jobs) == ended, "nothing is asked again at once"


def test_a_job_that_only_the_queue_knew_has_ended_when_the_queue_lacks_it(cluster, tmp_path: Path) -> None:
    slurm = Slurm(tmp_path / "jobs", Options())
    jobs = slurm.submit(orders(2), Resources(1, alone=False))
    shutil.copy(tmp_path / "commands" / "squeue", tmp_path / "commands" / "kept")
    (tmp_path / "commands" / "sacct").write_text("#!/bin/sh\nexit 1\n")
    assert slurm.ended(jobs, now=True) == {}
    (cluster.folder / "100_1.state").write_text("COMPLETED|0:0")
    assert slurm.ended(jobs, now=True) == {"100_1": State()}
    (tmp_path / "commands" / "squeue").write_text("#!/bin/sh\nexit 1\n")
    assert slurm.ended(jobs, now=True) == {"100_1": State()}, "a controller that does not answer ends no job"


def test_jobs_are_interrupted_if_they_run_and_cancelled_if_they_wait(cluster, tmp_path: Path) -> None:
    slurm = Slurm(tmp_path / "jobs", Options())
    jobs = slurm.submit(orders(2), Resources(1, alone=False))
    slurm.interrupt(jobs)
    slurm.cancel(jobs, [])
    assert cluster.calls("scancel") == [
        "--state=PENDING 100_0 100_1", "--signal=INT 100_0 100_1", "100_0 100_1",
    ]  # fmt: skip


def test_without_slurm_nothing_is_spent(program) -> None:
    program.write({"good": "pass"})
    program.environment["PATH"] = "/usr/bin:/bin"
    status, _, errors = program.run(*SLURM)
    assert status == 2, errors
    assert "this machine has no Slurm" in errors
    assert "--cluster local" in errors
    assert not (program.folder / "results").exists()


def test_without_submitit_nothing_is_spent(program) -> None:
    program.write({"good": "pass"})
    hidden = program.folder / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['submitit'] = None\n")
    program.environment["PYTHONPATH"] = f"{hidden}:{program.environment.get('PYTHONPATH', '')}"
    status, _, errors = program.run(*SLURM, "--cluster", "local")
    assert status == 2, errors
    assert "pip install 'bench-suite[slurm]'" in errors
    assert not (program.folder / "results").exists()


def test_only_bench_run_tries_a_task_again() -> None:
    with pytest.raises(ValueError, match=r"extra\.requeue: only bench run tries a task again"):
        check(Options(extra={"requeue": True}))


@pytest.mark.slow
def test_a_refused_job_ends_the_run_with_what_sbatch_said(program, slurm) -> None:
    program.write({"good": "pass"})
    program.environment |= slurm.environment
    (slurm.folder / "refuse").touch()
    status, _, errors = program.run(*SLURM)
    assert status == 2, errors
    assert "Invalid account" in errors


@pytest.mark.slow
def test_the_cells_of_a_suite_are_the_tasks_of_an_array(program, slurm) -> None:
    program.write({"a": "pass", "b": "pass  # b", "c": "pass  # c"}, run="jobs = 2")
    program.environment |= slurm.environment
    status, _, errors = program.run(*SLURM)
    assert status == 0, errors
    assert "submitted job 100 with 3 tasks" in errors
    assert flags(slurm.scripts()[0])["array"] == "0-2%2"
    assert Counter(entry["cell"]["model"] for entry in program.entries()) == {"a": 1, "b": 1, "c": 1}
    (written,) = (program.folder / "results").glob("*/slurm.json")
    assert json.loads(written.read_text())["arrays"] == ["100"]


@pytest.mark.slow
def test_the_state_of_slurm_is_the_cause_of_a_failure(program, slurm) -> None:
    program.write({"memory": "os.kill(os.getpid(), 9)"}, run="executor = 'slurm'\nretries = 0")
    program.environment |= slurm.environment
    (slurm.folder / "state").write_text("OUT_OF_MEMORY")
    status, _, errors = program.run()
    assert status == 3, errors
    (entry,) = program.entries()
    assert "OUT_OF_MEMORY" in entry["reason"]


@pytest.mark.slow
def test_the_driver_may_be_killed_and_ctrl_c_interrupts_the_tasks(program, slurm, processes) -> None:
    wait = "Path('began').touch()\nwhile not Path('go').exists(): time.sleep(0.1)"
    program.write({"waits": wait, "next": "pass"}, run="jobs = 1")
    program.environment |= slurm.environment
    process = program.start(*SLURM)
    processes.wait_for((program.folder / "began").exists, process)
    process.kill()
    process.communicate()
    resumed = program.start(*SLURM, "--resume")
    processes.wait_for(lambda: any((program.folder / "results").glob("*/driver.json")), resumed)
    line = next(line for line in iter(resumed.stderr.readline, "") if "are collected" in line)
    assert line.startswith("2 tasks of an earlier bench run are collected (job 100)")
    resumed.send_signal(signal.SIGINT)
    _, errors = resumed.communicate()
    assert resumed.returncode == 130, errors
    assert [(e["cell"]["model"], e["status"]) for e in program.entries()] == [("waits", "interrupted")]
    (program.folder / "go").touch()
    status, _, errors = program.run(*SLURM, "--resume")
    assert status == 0, errors
    assert Counter(e["cell"]["model"] for e in program.entries() if e["status"] == "ok") == {"waits": 1, "next": 1}
