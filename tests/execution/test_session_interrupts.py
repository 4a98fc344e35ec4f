"""Claims about `kill -9`, Ctrl-C, full disks and folders that cannot be written."""

import collections
import errno
import json
import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench_suite.store.records import read_lines
from bench_suite.store.runs import Store

RUN = ("run", "suite.toml", "--trust")
STUBBORN = """
import time
from pathlib import Path

METRICS = {}


def probe(trained, options):
    try:
        Path("began").touch()
        time.sleep(3600)
    finally:
        Path("refuses").touch()
        time.sleep(3600)
    yield
"""
WHOLE = """
from bench_suite.contracts import Metric

METRICS = {"count": {"unit": "examples", "better": "none"}}


def probe(trained, options):
    yield Metric("count", 1, kind="exact")


def summarise(records, options):
    yield Metric("count", len(records), kind="exact")
"""


def wait_for(sign: Callable[[], object], process: subprocess.Popen) -> None:
    """Wait until `sign` holds or the process has ended; only pytest's timeout limits the wait."""
    while not sign() and process.poll() is None:
        time.sleep(0.02)


def wait_for_a_record(program, process, more_than: int = 0) -> None:
    """Wait until another record is on disk or the process has ended."""
    wait_for(lambda: len(program.lines()) > more_than, process)


@pytest.mark.parametrize("wanted", [pytest.param(1, id="one"), pytest.param(20, id="twenty", marks=pytest.mark.slow)])
def test_after_many_kills_resume_has_done_each_cell_and_probe_exactly_once(program, inside, wanted):
    """Kill at random moments: during import, loading, training, measurement, writing and reporting."""
    program.write(seeds=6 * wanted if wanted < 10 else 3 * wanted)
    random_moment = random.Random(time.time_ns())
    kills, killed_with_records = 0, 0
    while kills < wanted:
        resume = ["--resume"] if kills else []
        process = program.start(*RUN, *resume, start_new_session=True)
        before = len(program.lines())
        if random_moment.random() < 0.75:  # most kills during cells, the others at any moment, including start-up
            wait_for_a_record(program, process, before)
            time.sleep(random_moment.uniform(0.0, 0.6))
        else:
            time.sleep(random_moment.uniform(0.0, 3.0))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        _, err = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), err
        if process.returncode == -signal.SIGKILL:
            kills += 1
            for note in program.results.glob("*/unfinished/*.json"):
                note.unlink()  # two kills in one step are a repeated crash, which is a claim of test_endings.py
            killed_with_records += bool(program.lines())
        else:
            break  # the run was complete before the last kill
    last = inside.run(*RUN, "--resume")
    assert last.returncode == 0, last.stderr
    planned = json.loads(inside.run("plan", "suite.toml", "--json").stdout)["cells"]
    (info,) = [i for i in Store(program.results).runs() if i.records] or Store(program.results).runs()[:1]
    done = collections.Counter()
    torn = 0
    for path in sorted(info.path.glob("records/*.jsonl")):
        records, lost = read_lines(path.read_bytes())
        torn += lost
        done.update((r.id, label) for r in records for label, row in r.probes.items() if row.status == "ok")
    assert set(done) == {(cell["id"], label) for cell in planned for label in cell["probes"]}
    assert set(done.values()) == {1}, "a (cell, probe) was done twice"
    assert kills == wanted, f"only {kills} kills found something to kill"
    print(f"{kills} kills, {killed_with_records} of them with records on disk, {torn} torn lines;")
    print(f"{len(done)} (cell, probe) pairs, each done once")
    again = inside.run(*RUN, "--resume")
    assert again.returncode == 0
    assert sum(done.values()) == sum(len(json.loads(line)["probes"]) for line in program.lines()), (
        "a finished run was done again"
    )


def test_ctrl_c_once_ends_the_cell_as_interrupted_and_reports_what_is_done(program, inside):
    program.write(seeds=5)
    process = program.start(*RUN)
    wait_for_a_record(program, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    run = Store(program.results).open("latest")
    statuses = collections.Counter(record.status for record in run.records())
    assert statuses["ok"] >= 1
    assert statuses["interrupted"] <= 1
    assert set(statuses) <= {"ok", "interrupted"}
    assert (run.path / "report.md").is_file()
    assert "--resume" in out
    assert inside.run(*RUN, "--resume").returncode == 0
    assert {record.status for record in run.records()} == {"ok"}
    assert len(run.records()) == 10


def test_ctrl_c_twice_ends_at_once(program):
    program.write(seeds=40)
    (program.folder / "slow.py").write_text(STUBBORN)
    process = program.start(*RUN)
    wait_for((program.folder / "began").exists, process)
    process.send_signal(signal.SIGINT)
    wait_for((program.folder / "refuses").exists, process)
    assert process.poll() is None, "the probe refuses to end, so the first Ctrl-C waits"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in err


@pytest.mark.parametrize("results", ["a-file", "a-file/below", "/proc/nowhere/results"])
def test_results_that_cannot_be_a_folder_are_one_clear_message(inside, results):
    inside.write(seeds=1)
    (inside.folder / "a-file").write_text("kept")
    ended = inside.run(*RUN, "--results", results)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") <= 3
    assert "Traceback" not in ended.stderr
    assert results.split("/")[0] in ended.stderr or "nowhere" in ended.stderr
    assert (inside.folder / "a-file").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; /proc stands in for a read-only folder above")
def test_results_that_are_read_only_are_one_clear_message(program):
    program.write(seeds=1)
    program.results.mkdir(mode=0o500)
    ended = program.run(*RUN)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def full_after(size: int):
    """Limit every file to `size` bytes, which simulates a full disk."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def test_a_disk_that_is_full_before_a_cell_is_done_exits_2(program):
    program.write(seeds=1)
    ended = program.run(*RUN, preexec_fn=full_after(2_000))
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "full" in ended.stderr or "room" in ended.stderr or "large" in ended.stderr


def test_a_disk_that_fills_up_later_exits_3_and_keeps_what_was_done(program, inside):
    program.write(seeds=5)
    # All records of one writer are in one file: it reaches 36 kB after some cells, and no other file does.
    ended = program.run(*RUN, preexec_fn=full_after(36_000))
    assert ended.returncode == 3, ended.stderr
    assert "Traceback" not in ended.stderr
    run = Store(program.results).open("latest")
    records = run.records()
    assert 1 <= len(records) < 10
    assert run.torn == 0
    assert not list(run.path.rglob("*.tmp*"))
    assert inside.run(*RUN, "--resume").returncode == 0
    assert len(run.records()) == 10


@pytest.mark.parametrize("flags", [(), ("--json",)])
@pytest.mark.parametrize("name", ["report.md", "summaries.json"])
def test_a_disk_that_is_full_after_the_last_record_exits_3(inside, monkeypatch, name, flags):
    """Every write under this name fails, as on a disk that a last picture has filled."""
    write_bytes, open_file = Path.write_bytes, Path.open

    def refuse(path: Path) -> None:
        if name in path.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", lambda path, content: (refuse(path), write_bytes(path, content))[1])
    monkeypatch.setattr(Path, "open", lambda path, *args, **more: (refuse(path), open_file(path, *args, **more))[1])
    (inside.folder / "whole.py").write_text(WHOLE)
    (inside.folder / "suite.toml").write_text(
        "[[tasks]]\nuse = 'loans'\n[[models]]\nuse = 'logistic_regression'\n[probes.whole]\nuse = './whole.py'\n"
    )
    ended = inside.run(*RUN, *flags)
    assert ended.returncode == 3, ended.stderr
    assert "No space left" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(Store(inside.results).open("latest").records()) == 1
    if name == "report.md":
        assert "the report is not" in ended.stderr
        assert json.loads(ended.stdout)["status"] == 3 if flags else "records  results" in ended.stdout


LONG_NAME, LONG_PATH = "x" * 300, "/".join(["x" * 200] * 19)


@pytest.mark.parametrize(
    "results", [LONG_NAME, f"new/{LONG_NAME}", LONG_PATH, f"{LONG_PATH}/{LONG_PATH}"], ids=range(4)
)
def test_results_whose_path_is_too_long_are_one_message_before_anything_runs(inside, results):
    inside.write(seeds=1)
    for arguments in (RUN, (*RUN, "--resume"), (*RUN, "--lf"), ("results",), ("report",), ("leaderboard",)):
        ended = inside.run(*arguments, "--results", results)
        assert "Traceback" not in ended.stderr, arguments
        if arguments[0] == "run":
            assert ended.returncode == 2, arguments
            assert "choose a shorter path" in ended.stderr or "cannot be read" in ended.stderr
            assert len(ended.stderr) < 1000
    assert sorted(path.name for path in inside.folder.iterdir()) == ["slow.py", "suite.toml"]


@pytest.mark.parametrize("command", [("report",), ("compare",), ("baseline", "set"), (*RUN, "--resume")])
def test_the_name_of_a_run_that_is_too_long_is_an_unknown_run(inside, command):
    inside.write(seeds=1)
    ended = inside.run(*command, LONG_PATH)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def test_a_second_driver_of_one_run_gets_a_message(inside):
    inside.write(seeds=20)
    process = inside.start(*RUN)
    try:
        wait_for_a_record(inside, process)
        second = inside.run(*RUN, "--resume")
        assert second.returncode == 2
        assert "being driven" in second.stderr
    finally:
        process.kill()
        process.communicate()


def test_both_programs_end_alike_when_the_reader_of_the_output_goes(program):
    piped = subprocess.run(
        f"{' '.join(program.command('list'))} | head -n 1",
        shell=True,
        cwd=program.folder,
        env=program.environment,
        capture_output=True,
        text=True,
    )
    assert piped.returncode == 0
    assert "Traceback" not in piped.stderr


def test_the_suite_may_stand_after_resume(inside):
    inside.write(seeds=1)
    assert inside.run(*RUN).returncode == 0
    again = inside.run("run", "--trust", "--resume", "suite.toml")
    assert again.returncode == 0, again.stderr
    assert "2 of 2 cells are done" in again.stderr
