"""One process drives a run at a time, and names itself."""

import json
import os
import socket
import subprocess
import sys
import time
from datetime import datetime

import pytest

from bench_suite.store.atomic import StoreError
from bench_suite.store.run_lock import DRIVER, driver_of
from bench_suite.store.runs import Run

_DRIVE = """
import sys, time
from bench_suite.store.runs import Run
from pathlib import Path
with Run(Path(sys.argv[1])).lock():
    print("held", flush=True)
    time.sleep(3600)
"""


def test_a_second_driver_is_told_who_drives_and_a_killed_one_holds_nothing(run: Run) -> None:
    driver = subprocess.Popen([sys.executable, "-c", _DRIVE, str(run.path)], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    assert driver.stdout.readline() == "held\n"
    for _ in range(2):  # the attempt itself must not spoil the message
        with pytest.raises(StoreError, match=f"process {driver.pid}, since 2"), run.lock():
            pass
    driver.kill()
    driver.wait()
    with run.lock(), pytest.raises(StoreError, match=f"process {os.getpid()}"), Run(run.path).lock():
        pass
    with run.lock():
        pass


def test_the_driver_of_a_run_names_itself_and_the_time_while_it_drives(run: Run) -> None:
    with run.lock():
        driver = json.loads((run.path / "driver.json").read_bytes())
        assert driver["process"] == os.getpid()
        assert driver["host"] == socket.gethostname()
        assert driver["since"].endswith("Z")
        assert abs(datetime.fromisoformat(driver["since"]).timestamp() - time.time()) < 60
    assert not (run.path / "driver.json").exists()


def _fork_inside_the_lock(run: Run) -> None:
    with run.lock():
        child = os.fork()
        if child == 0:
            raise SystemExit
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        assert (run.path / "driver.json").is_file()
        with pytest.raises(StoreError, match=f"process {os.getpid()}"), Run(run.path).lock():
            pass


def test_a_forked_child_that_unwinds_leaves_the_lock_to_its_parent(run: Run) -> None:
    try:
        _fork_inside_the_lock(run)
    except SystemExit:
        os._exit(9)


def _note(run: Run, process: int, **more: str) -> None:
    (run.path / DRIVER).write_text(json.dumps({"process": process, "since": "2026-11-30T12:00:00Z", **more}))


def _ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_driver_is_alive_while_it_holds_the_lock(run: Run) -> None:
    assert driver_of(run.path) is None
    with run.lock():
        driver = driver_of(run.path)
        assert driver is not None
        assert (driver.process, driver.host, driver.alive) == (os.getpid(), socket.gethostname(), True)
        with pytest.raises(StoreError), Run(run.path).lock():  # asking has not taken the lock
            pass
    assert driver_of(run.path) is None


def test_a_driver_that_was_killed_is_not_alive_even_if_its_id_belongs_to_another_process(run: Run) -> None:
    with run.lock():
        pass
    for process in (_ended_process(), os.getpid()):
        _note(run, process, host=socket.gethostname())
        driver = driver_of(run.path)
        assert driver is not None
        assert driver.alive is False
    with run.lock():  # asking has left no lock
        pass


def test_nobody_can_tell_whether_a_driver_on_another_machine_is_alive(run: Run) -> None:
    _note(run, os.getpid(), host="another-machine")
    first = driver_of(run.path)
    _note(run, _ended_process())  # of an older version, which noted no machine
    second = driver_of(run.path)
    assert first is not None
    assert second is not None
    assert (first.alive, second.alive) == (None, None)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"process": "1", "since": "2026"}'])
def test_a_damaged_note_names_no_driver(run: Run, content: str) -> None:
    (run.path / DRIVER).write_text(content)
    assert driver_of(run.path) is None
