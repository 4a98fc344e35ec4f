"""The executor `processes`: what a crash, a hang, Ctrl-C or a kill costs, and what the records then say."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter

import pytest

from bench_suite.suite.document import SuiteError
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan


def test_a_crash_costs_its_cell_only_and_is_recorded_with_its_cause_after_the_retries(program, crashes) -> None:
    """A crash that the process notes itself, an exit that it notes, and an end that it cannot note."""
    check_crashes(
        program, {name: crashes[name] for name in ("segmentation fault", "exit with 0", "killed")}, "jobs = 2"
    )


def test_a_cell_that_hangs_is_ended_at_the_timeout(program, crashes) -> None:
    program.write({"hang": crashes["hang"][0]}, run="timeout = 5\nretries = 0\njobs = 1")
    status, _, errors = program.run()
    assert status == 3, errors
    (entry,) = program.entries()
    assert entry["status"] == "failed"
    assert "no end after 5 s, the timeout" in entry["reason"]
    assert program.unfinished() == []


@pytest.mark.slow
def test_every_way_to_crash_costs_its_cell_only_although_all_happen_in_one_run(program, crashes) -> None:
    check_crashes(program, crashes, "timeout = 15\njobs = 2")


def check_crashes(program, crashes, run) -> None:
    """Run a good model beside some that crash, and check the records of all."""
    program.write({"good": "pass", **{name: does for name, (does, _) in crashes.items()}}, run=run)
    status, _, errors = program.run()
    assert status == 3, errors
    entries = {entry["cell"]["model"]: entry for entry in program.entries()}
    assert len(program.entries()) == len(entries) == len(crashes) + 1, "no record is lost or doubled"
    assert entries["good"]["status"] == "ok"
    for name, (_, cause) in crashes.items():
        assert entries[name]["status"] == "failed"
        reason = entries[name]["reason"]
        assert cause in reason, reason
        assert "2 times" in reason, reason
    assert program.unfinished() == []


def test_a_process_that_crashed_once_is_replaced_and_the_cell_is_measured(program) -> None:
    once = "p = Path('was_here'); ended = p.exists(); p.touch(); ended or os.abort()"
    prints = "print('hello from a worker'); sys.stderr.write('and an error\\n')"
    program.write({"once": once, "prints": prints}, run="executor = 'processes'\njobs = 1")
    status, output, errors = program.run()
    assert status == 0, errors
    assert "hello from a worker" in errors
    assert "and an error" in errors
    assert "hello" not in output, "the output is for the results"
    assert [entry["status"] for entry in program.entries()] == ["ok", "ok"]
    assert any("ended while the model was trained (SIGABRT)" in note for note in program.entries()[0]["notes"])


@pytest.mark.slow
def test_without_retries_the_first_crash_is_recorded(program, crashes) -> None:
    program.write({"killed": crashes["killed"][0]}, run="jobs = 1\nretries = 0")
    status, _, errors = program.run()
    assert status == 3, errors
    assert "SIGKILL" in program.entries()[0]["reason"]


def test_ctrl_c_once_records_the_running_cells_as_interrupted_and_resume_runs_the_rest(program, processes) -> None:
    wait = "Path(f'began-{os.getpid()}').touch(); time.sleep(0.01 if Path('go').exists() else 3600)"
    program.write({"a": wait, "b": f"{wait}  # b", "c": "pass"})
    process = program.start("--jobs", "2")
    count = min(2, len(os.sched_getaffinity(0)))
    processes.wait_for(lambda: len([*program.folder.glob("began-*")]) == count, process)
    workers = processes.started_by(process.pid)
    process.send_signal(signal.SIGINT)
    _output, errors = process.communicate()
    assert process.returncode == 130, errors
    assert Counter(entry["status"] for entry in program.entries()) == {"interrupted": count}
    assert processes.running(workers) == {}
    assert program.unfinished() == []
    (program.folder / "go").touch()
    status, _, errors = program.run("--resume", "--jobs", "2")
    assert status == 0, errors
    last = {entry["cell"]["model"]: entry["status"] for entry in program.entries()}
    assert last == {"a": "ok", "b": "ok", "c": "ok"}


def test_ctrl_c_twice_ends_at_once_and_leaves_no_process(program, processes) -> None:
    stubborn = (
        "import subprocess; subprocess.Popen(['sleep', '3600']); Path('began').touch()\n"
        "while True:\n    try:\n        time.sleep(3600)\n"
        "    except KeyboardInterrupt:\n        Path('swallowed').touch()"
    )
    program.write({"stubborn": stubborn})
    process = program.start("--jobs", "1")
    processes.wait_for((program.folder / "began").exists, process)
    started = processes.started_by(process.pid)
    assert len(started) >= 2, "a worker, and what it started"
    process.send_signal(signal.SIGINT)
    processes.wait_for((program.folder / "swallowed").exists, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert processes.left(started, 60) == {}


def test_a_killed_driver_leaves_no_worker_and_loses_no_record(program, processes) -> None:
    program.write({"good": "pass", "waits": "Path('began').touch(); time.sleep(0 if Path('go').exists() else 3600)"})
    process = program.start("--jobs", "1")
    processes.wait_for((program.folder / "began").exists, process)
    workers = processes.started_by(process.pid)
    process.kill()
    process.communicate()
    assert processes.left(workers, 60) == {}
    assert [entry["cell"]["model"] for entry in program.entries()] == ["good"]
    (program.folder / "go").touch()
    status, _, errors = program.run("--resume", "--jobs", "1")
    assert status == 0, errors
    assert [entry["cell"]["model"] for entry in program.entries()] == ["good", "waits"], "no cell ran twice"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("run.jobs=0",), "0 is out of bounds: 1 or more"),
        (("run.jobs=two",), "run.jobs"),
        (("run.executor=proceses",), 'did you mean "processes"'),
        (("run.executor=inline", "run.jobs=2"), "unknown key"),
        (("run.executor=processes", "run.timeout=-1"), "-1.0 is out of bounds"),
        (("run=2",), "must be a table"),
    ],
)
def test_wrong_input_is_refused_before_anything_runs(program, overrides, message) -> None:
    program.write({"good": "pass"})
    with pytest.raises(SuiteError, match=re.escape(message)):
        read_suite(str(program.folder / "suite.toml"), overrides)


@pytest.mark.parametrize("arguments", [("--jobs", "0"), ("--executor", "ray", "--jobs", "0"), ("--executor", "lsf")])
def test_what_is_refused_leaves_no_folder(program, arguments) -> None:
    program.write({"good": "pass"})
    status, _, errors = program.run(*arguments)
    assert status == 2, errors
    assert not (program.folder / "results").exists()


def test_the_executor_is_no_part_of_a_cell(program) -> None:
    program.write({"good": "pass"})
    plans = [
        make_plan(read_suite(str(program.folder / "suite.toml"), overrides)) for overrides in ((), ("run.jobs=2",))
    ]
    assert [plan.suite.executor is None for plan in plans] == [True, False]
    assert [cell.id for cell in plans[0].cells] == [cell.id for cell in plans[1].cells]


def test_the_predictions_are_those_of_inline_bit_for_bit(run_under) -> None:
    runs = [run_under(f"run.executor={executor}") for executor in ("inline", "processes")]
    keys = [{record.id: record.weights_key for record in outcome.records} for outcome, _ in runs]
    assert runs[0][1] == runs[1][1]
    assert keys[0] == keys[1]


def test_each_process_sees_one_gpu_by_the_word_that_the_user_gave(program) -> None:
    writes = "Path(f'gpu-{os.getpid()}').write_text(os.environ.get('CUDA_VISIBLE_DEVICES', 'unset')); time.sleep(0.5)"
    program.write({"a": writes, "b": f"{writes}  # b", "c": f"{writes}  # c"})
    program.environment["CUDA_VISIBLE_DEVICES"] = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,7"
    status, _, errors = program.run("--jobs", "2", "--set", "matrix.device=auto")
    assert status == 0, errors
    seen = {path.read_text() for path in program.folder.glob("gpu-*")}
    allowed = {"GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "7"}
    assert seen <= allowed
    assert len(seen) == min(2, len(os.sched_getaffinity(0)))
