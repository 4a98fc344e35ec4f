"""Kill the driver or a worker at random moments, or fill the disk: no record is lost or doubled, every unit is done."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

CELLS = 12
KILLS = 34
"Kills for each executor: with three of them, about a hundred."
MODEL = '''
"""Sleeps for a moment, so that there is something to kill."""

import time

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)


class Sleeps:
    def fit(self, data, options, report):
        time.sleep(0.2)

    def predict(self, split):
        return {"predictions": np.zeros(len(split), dtype=int)}


def build(data, options):
    return Sleeps()
'''
SUITE = f"""
[[tasks]]
use = "loans"
[[models]]
use = "./sleeps.py"
[matrix]
seed = {list(range(CELLS))}
threads = 1
[probes.quality]
resamples = 100
"""
EXECUTORS = {"inline": "", "processes": "jobs = 2\nretries = 10"}


class Program:
    """`bench run` of the suite in a folder of its own."""

    def __init__(self, folder: Path, executor: str) -> None:
        self.folder = folder
        (folder / "sleeps.py").write_text(MODEL)
        run = f"[run]\nexecutor = '{executor}'\n{EXECUTORS[executor]}\n"
        (folder / "suite.toml").write_text(SUITE + run)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start or resume the run."""
        command = [sys.executable, "-m", "bench_suite", "run", "suite.toml", "--trust", "--resume", *arguments]
        return subprocess.Popen(
            command, cwd=self.folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "BENCH_CACHE": str(self.folder / "cache")}, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options,
        )  # fmt: skip

    def entries(self) -> list[dict[str, Any]]:
        """Return all records, in the order of the files."""
        return [
            json.loads(line)
            for path in sorted((self.folder / "results").glob("*/records/*.jsonl"))
            for line in path.read_text().splitlines()
        ]

    def done(self) -> Counter[int]:
        """Return by seed the number of records of a cell that ended well, with its probes.

        A step in which two processes ended, one after the other, is recorded as failed, and a resume repeats it.
        """
        return Counter(
            entry["cell"]["seed"]
            for entry in self.entries()
            if entry["status"] == "ok" and all(row["status"] == "ok" for row in entry["probes"].values())
        )


def children(process: int) -> list[int]:
    """Return the ids of the processes that a process has started."""
    ids = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == process:
            ids.append(int(path.parent.name))
    return ids


@pytest.mark.parametrize("executor", EXECUTORS)
def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path, executor: str) -> None:
    moments = random.Random(time.time_ns())
    kills: Counter[str] = Counter()
    rounds = 0
    while kills.total() < KILLS:
        folder = tmp_path / str(rounds)
        folder.mkdir()
        program, rounds = Program(folder, executor), rounds + 1
        status: int | None = 1
        while status != 0:
            process = program.start()
            pause = moments.uniform(0.2, 6.0)
            try:
                process.wait(pause)
            except subprocess.TimeoutExpired:
                workers = children(process.pid)
                if workers and moments.random() < 0.6:
                    victim, name = moments.choice(workers), "worker"
                else:
                    victim, name = process.pid, "driver"
                if kills.total() < KILLS:
                    try:
                        os.kill(victim, signal.SIGKILL)
                    except ProcessLookupError:
                        continue
                    kills[name] += 1
            _, errors = process.communicate()
            status = process.returncode
            assert status in (0, 3, -signal.SIGKILL), errors
        assert program.done() == dict.fromkeys(range(CELLS), 1), "each cell has one good record"
    print(f"\n{executor}: {dict(kills)} killed in {rounds} runs of {CELLS} cells: 0 records lost, 0 doubled, all done")


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_full_disk_ends_the_run_and_a_resume_does_the_rest(tmp_path: Path, executor: str) -> None:
    program = Program(tmp_path, executor)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    one_writer = [] if executor == "inline" else ["--jobs", "1"]
    process = program.start(*one_writer, preexec_fn=limit)
    _, errors = process.communicate()
    assert process.returncode in (2, 3), errors
    assert "no room" in errors
    before = program.done()
    assert sum(before.values()) < CELLS
    process = program.start()
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert program.done() == dict.fromkeys(range(CELLS), 1)
