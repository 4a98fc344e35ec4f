"""A split larger than the memory that there is: the system enforces the limit, and the harness stays below it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MEBIBYTE = 2**20
SPLIT = 256 * MEBIBYTE
ALLOWED = 112 * MEBIBYTE
"More than the process holds once everything is imported: threads' stacks, the optimiser, chunks of 32 MiB."

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts a process's own memory only on Linux")

# What a process may allocate from here on: its data as Linux counts it now, and ALLOWED more. All libraries that a
# cell uses are imported before, as they take what they take on every run.
LIMITED = """
import resource, sys
import torch, numpy, scipy.stats, pyarrow.parquet, safetensors.torch, filelock, rich, sklearn, jinja2, matplotlib
import bench_suite.trained, bench_suite.execution.session, bench_suite.probes.quality, bench_suite.engines.native
torch.nn.functional.cross_entropy(torch.nn.Linear(2, 2)(torch.zeros(2, 2)), torch.zeros(2).long()).backward()
held = next(int(l.split()[1]) * 1024 for l in open("/proc/self/status") if l.startswith("VmData:"))
limit = held + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
sys.argv = ["bench", *sys.argv[2:]]
from bench_suite.cli import main
main()
"""


@pytest.fixture(scope="module")
def limited(prepare: Callable[..., Any]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`bench run` of the frame in a process that may allocate ALLOWED bytes, in one folder."""
    folder: Path = prepare("split_on_disk").folder

    def run(results: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["run", "suite.toml", "--trust", "--json", "--results", results, *arguments]
        return subprocess.run(
            [sys.executable, "-c", LIMITED, str(ALLOWED), *command], cwd=folder, capture_output=True, text=True, check=False
        )

    return run


def test_it_is_trained_and_predicted_in_less_memory_than_it_takes(limited: Any) -> None:
    assert ALLOWED < SPLIT / 2
    done = limited("disk")
    assert done.returncode == 0, done.stderr


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
