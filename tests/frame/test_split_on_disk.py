"""A split larger than the memory: the operating system enforces the limit, and the harness stays below it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

MEBIBYTE = 2**20
SPLIT = 256 * MEBIBYTE
ALLOWED = 64 * MEBIBYTE
"More than a process holds that has all it needs but the data: a chunk of 4,096 rows is 32 MiB."

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="RLIMIT_DATA counts a process's own memory only on Linux"
)

STEADY = {
    **os.environ,
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(MEBIBYTE),
}
"""One thread a library, and large arrays given back to the system when they are freed. By default glibc raises the
threshold with what is freed, up to 32 MiB, and keeps such arrays in a heap whose gaps are another size each time:
between less than 40 and more than 60 MiB were needed, with this always between 40 and 48."""

# The program runs the suite's smoke test first, so that all libraries are imported and have made one-time allocations.
# After that the process may allocate ALLOWED more bytes than Linux counts as its own data at that moment.
LIMITED = """
import resource, sys
from contextlib import redirect_stdout
from bench_suite.cli import main

def bench(*arguments):
    sys.argv = ["bench", *arguments]
    try:
        main()
    except SystemExit as end:
        return end.code

with redirect_stdout(sys.stderr):
    assert bench("run", "suite.toml", "--trust", "--smoke", "--results", "smoke") == 0
held = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmData:"))
limit = held + ALLOWED
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
sys.exit(bench(*ARGUMENTS))
"""


@pytest.fixture(scope="module")
def limited(walk: Callable[[str], Any]) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run `bench run` on the frame in a process that may allocate ALLOWED bytes."""
    folder: Path = walk("split_on_disk").folder

    def run(results: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["run", "suite.toml", "--trust", "--json", "--results", results, *arguments]
        program = [sys.executable, "-c", f"ALLOWED, ARGUMENTS = {ALLOWED}, {command}\n{LIMITED}"]
        return subprocess.run(program, cwd=folder, env=STEADY, capture_output=True, text=True, check=False)

    yield run
    (folder / "rows.bin").unlink()


@pytest.mark.slow
def test_it_is_trained_and_predicted_in_less_memory_than_it_takes(limited: Any) -> None:
    assert ALLOWED <= SPLIT / 4
    done = limited("disk")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_limit_is_real_held_in_memory_the_same_split_does_not_fit(limited: Any) -> None:
    done = limited("memory", "--set", "tasks.rows.in_memory=true")
    assert done.returncode == 3
    assert "out of memory" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_was_read_from_disk_was_learnt(walk: Any, metric: Callable[..., float]) -> None:
    record = walk("split_on_disk").records[0]
    assert record.data["notes"]["bytes"] == SPLIT
    assert record.data["train"] + record.data["validation"] + record.data["test"] == 32_768
    assert metric(record, "quality/accuracy") > 0.95
