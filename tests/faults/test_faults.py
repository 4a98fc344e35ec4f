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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench_suite.execution import child
from bench_suite.executors.slurm import task

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

CELLS = 12
KILLS = 25
"Kills for each of the four executors: a hundred."
ROOM = {"inline": 128, "processes": 160, "ray": 160, "slurm": 260}
"Kilobytes of a disk on which some cells have room, and not all."
MODEL = '''
"""Sleeps for a moment, so that there is something to kill."""

import time

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)


class Sleeps:
    def fit(self, data, options, report):
        time.sleep(0.5)

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


@dataclass(frozen=True)
class Executor:
    """An executor, and how it is disturbed."""

    run: str
    "Its options in `[run]`."
    once: tuple[str, ...] = ()
    "Kinds of processes without which the run cannot go on: each is killed once."
    imports: str = "bench_suite"
    "The package that it needs."


EXECUTORS = {
    "inline": Executor(""),
    "processes": Executor("jobs = 2\nretries = 10"),
    "ray": Executor("jobs = 2\nretries = 10", once=("raylet", "gcs_server"), imports="ray"),
    "slurm": Executor("cluster = 'local'\njobs = 2\nretries = 10", imports="submitit"),
}


class Program:
    """`bench run` of the suite in a folder of its own."""

    def __init__(self, folder: Path, executor: str) -> None:
        self.folder = folder
        self.executor = executor
        self.cache = folder / "cache"
        (folder / "sleeps.py").write_text(MODEL)
        run = f"[run]\nexecutor = '{executor}'\n{EXECUTORS[executor].run}\n"
        (folder / "suite.toml").write_text(SUITE + run)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start or resume the run."""
        command = [sys.executable, "-m", "bench_suite", "run", "suite.toml", "--trust", "--resume", *arguments]
        return subprocess.Popen(
            command, cwd=self.folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "BENCH_CACHE": str(self.cache)}, text=True,
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
        return Counter(entry["cell"]["seed"] for entry in self.entries() if is_good(entry))


def is_good(entry: dict[str, Any]) -> bool:
    """Return whether a cell ended well, with its probes."""
    return entry["status"] == "ok" and all(row["status"] == "ok" for row in entry["probes"].values())


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> str:
    """Name of an executor."""
    pytest.importorskip(EXECUTORS[request.param].imports, reason="the package of the executor is not installed")
    return str(request.param)


def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path, executor: str) -> None:
    seed = time.time_ns()
    moments, once = random.Random(seed), EXECUTORS[executor].once
    expected = {"driver": (-signal.SIGKILL,)} | dict.fromkeys(once, (0, 2, 3))
    kills: Counter[str] = Counter()
    rounds = 0
    while kills.total() < KILLS:
        folder = tmp_path / str(rounds)
        folder.mkdir()
        program, rounds = Program(folder, executor), rounds + 1
        status: int | None = 1
        while status != 0:
            process = program.start()
            killed = ""
            while killed not in expected and kills.total() < KILLS:
                if not wait_for_a_moment(program, process, moments):
                    break
                killed = kill_one(program, process.pid, moments, [kind for kind in once if not kills[kind]])
                kills[killed] += bool(killed)
            _, errors = process.communicate(timeout=300)
            status = process.returncode
            assert status in expected.get(killed, (0, 3)), (seed, killed, status, errors)
            assert "Traceback" not in errors, (seed, killed, errors)
        assert program.done() == dict.fromkeys(range(CELLS), 1), f"each cell has one good record (seed {seed})"
        left = {entry["cell"]["seed"]: entry["reason"] for entry in program.entries() if not is_good(entry)}
        assert executor == "inline" or left == {}, (seed, left)
    print(f"\n{executor}: {dict(+kills)} killed in {rounds} runs of {CELLS} cells: 0 records lost, 0 doubled, all done")


def wait_for_a_moment(program: Program, process: subprocess.Popen[str], moments: random.Random) -> bool:
    """Wait for a random moment, mostly one at which a worker runs; return whether the driver runs still."""
    if moments.random() < 0.8:
        while process.poll() is None and "worker" not in processes_of(program).values():
            if program.executor == "inline" and program.entries():
                break
            time.sleep(0.1)
        longest = 2.0
    else:
        longest = 8.0
    try:
        process.wait(moments.uniform(0.0, longest))
    except subprocess.TimeoutExpired:
        return True
    return False


def kill_one(program: Program, driver: int, moments: random.Random, once: list[str]) -> str:
    """Kill the driver or another process of the run; return its kind, or nothing if it has ended by itself.

    Args:
        program: the program.
        driver: id of its process.
        moments: the random numbers.
        once: kinds that are to be killed before others.
    """
    by_kind: dict[str, list[int]] = {}
    for id, kind in processes_of(program).items():
        by_kind.setdefault(kind, []).append(id)
    rare = [kind for kind in once if kind in by_kind]
    others = [kind for kind in by_kind if kind not in EXECUTORS[program.executor].once]
    if rare and moments.random() < 0.3:
        kind = rare[0]
    elif others and moments.random() < 0.6:
        kind = moments.choice(others)
    else:
        kind, by_kind = "driver", {"driver": [driver]}
    try:
        os.kill(moments.choice(by_kind[kind]), signal.SIGKILL)
    except ProcessLookupError:
        return ""
    return kind


def processes_of(program: Program) -> dict[int, str]:
    """Return the kinds of the processes that the run of a program has started, by id.

    They have its cache in their environment; which one it is says the module or the statement that it was started with.
    """
    mark = f"BENCH_CACHE={program.cache}".encode()
    statements = {child._START: "worker", task._START: "worker"}
    if program.executor == "slurm":  # submitit may be missing
        from bench_suite.executors.slurm import launcher

        statements[launcher._START] = "launcher"
    modules = {"submitit.local._local": "controller", "submitit.core._submit": "task"}
    kinds, parents = {}, {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if mark not in (path / "environ").read_bytes().split(b"\0"):
                continue
            words = (path / "cmdline").read_bytes().decode(errors="replace").split("\0")
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        name = Path(words[0]).name
        if name in ("raylet", "gcs_server"):
            kinds[int(path.name)] = name
        for flag, known in (("-c", statements), ("-m", modules)):
            if flag in words and (kind := known.get(words[words.index(flag) + 1])):
                kinds[int(path.name)] = kind
    if program.executor == "ray":
        kinds |= {parents[id]: "actor" for id, kind in kinds.items() if kind == "worker" and parents[id] in parents}
    return kinds


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_a_file_that_may_not_grow_ends_the_run_and_a_resume_does_the_rest(tmp_path: Path, executor: str) -> None:
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


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can mount a disk of a few pages")
def test_a_full_disk_ends_the_run_and_a_resume_does_the_rest(tmp_path: Path, executor: str) -> None:
    program = Program(tmp_path, executor)
    disk = tmp_path / "results"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM[executor]}k", "tmpfs", disk], check=True)
    try:
        process = program.start()
        _, errors = process.communicate()
        assert process.returncode in (2, 3), errors
        assert "no room" in errors
        assert "Traceback" not in errors
        before = program.done()
        subprocess.run(["mount", "-o", "remount,size=100m", disk], check=True)
        process = program.start()
        _, resumed = process.communicate()
        assert process.returncode == 0, (errors, resumed)
        assert program.done() == dict.fromkeys(range(CELLS), 1)
        print(
            f"\n{executor}: full disk after {sum(before.values())} of {CELLS} cells; 0 lost, 0 doubled, all done later"
        )
        assert 0 < sum(before.values()) < CELLS
    finally:
        subprocess.run(["umount", disk], check=True)
