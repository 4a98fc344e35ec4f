"""Claims about a call in a fresh process: its result, its errors, and that it does not outlive its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench_suite.contracts import BenchError
from bench_suite.training import fresh_process
from bench_suite.training.fresh_process import call_in_fresh_process

PARENT = """
import sys, time
from bench_suite.training.fresh_process import call_in_fresh_process

if __name__ == "__main__":
    call_in_fresh_process(eval, "[open(name, 'w').close() for name in ['began']] and __import__('time').sleep(3600)")
"""


def test_a_result_comes_back_from_another_process():
    assert call_in_fresh_process(divmod, 7, 2) == (3, 1)
    assert call_in_fresh_process(os.getpid) != os.getpid()


def test_an_error_and_a_crash_of_the_process_are_errors_here():
    with pytest.raises(RuntimeError, match="in a further process: ZeroDivisionError"):
        call_in_fresh_process(divmod, 1, 0)
    with pytest.raises(RuntimeError, match="was ended by SIGABRT without a result"):
        call_in_fresh_process(os.abort)
    with pytest.raises(RuntimeError, match="ended with exit status 0 without a result"):
        call_in_fresh_process(os._exit, 0)


def test_an_expected_error_stays_one():
    program = "raise __import__('bench_suite.contracts').contracts.BenchError('no such layer')"
    with pytest.raises(BenchError, match=r"^no such layer$"):
        call_in_fresh_process(exec, program)


def processes_in(folder: Path) -> list[int]:
    """Return the ids of the processes whose working folder this is, on Linux."""
    ids = []
    for entry in Path("/proc").iterdir():
        try:
            if (
                entry.name.isdigit()
                and (entry / "cwd").resolve() == folder
                and b"\0" in (entry / "cmdline").read_bytes()
            ):
                ids.append(int(entry.name))
        except OSError:
            continue
    return ids


@pytest.mark.skipif(sys.platform != "linux", reason="the test finds processes through /proc, which Linux has")
@pytest.mark.parametrize("by_kernel", [True, False], ids=["kernel", "watch of the pipe"])
def test_a_killed_parent_takes_the_process_along(tmp_path, by_kernel):
    source = PARENT
    if not by_kernel:  # as on a system without the signal; the other process runs this file too
        without = "import bench_suite.training.fresh_process as m\nm._PR_SET_PDEATHSIG = 0  # an unknown request\n"
        source = source.replace("if __name__", without + "if __name__")
    (tmp_path / "parent.py").write_text(source)
    parent = subprocess.Popen([sys.executable, "parent.py"], cwd=tmp_path)
    while not (tmp_path / "began").exists() and parent.poll() is None:
        time.sleep(0.01)
    assert len(processes_in(tmp_path)) >= 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while processes_in(tmp_path):  # only pytest's timeout limits the wait
        time.sleep(0.01)


def test_an_interrupt_here_ends_the_process(monkeypatch):
    started = []
    start = fresh_process.multiprocessing.context.SpawnProcess.start
    monkeypatch.setattr(
        fresh_process.multiprocessing.context.SpawnProcess,
        "start",
        lambda self: (start(self), started.append(self), signal.raise_signal(signal.SIGINT)),
    )
    # A process that was started in the background ignores Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            call_in_fresh_process(time.sleep, 3600)
    finally:
        signal.signal(signal.SIGINT, before)
    assert started[0].exitcode == -signal.SIGKILL
