"""Suites whose models end their process in a stated way, the program as a user runs it, and the processes it starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import bench_suite
from bench_suite.execution.session import Outcome

MODELS = {
    "mlp": '[[models]]\nuse = "mlp"\nhidden = [8]\ndropout = 0.1',
    "logistic_regression": '[[models]]\nuse = "logistic_regression"',
}
SUITE = """
[[tasks]]
use = "loans"
{models}
[train]
epochs = 1
[matrix]
seed = {seeds}
threads = 1
device = "cpu"
[probes.quality]
resamples = 100
"""

MODEL = '''
"""A model without training, which does what its option says when it is fitted."""
import ctypes, os, signal, sys, time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)


@dataclass(frozen=True)
class Options:
    does: str = "pass"
    "Statements, run in `fit`."


class Model:
    def __init__(self, does):
        self.does = does

    def fit(self, data, options, report):
        exec(self.does)

    def predict(self, split):
        return {"predictions": np.zeros(len(split), dtype=int)}


def build(data, options):
    return Model(options.does)
'''


class Program:
    """`bench` in a folder of its own, with a suite of models that do what they are told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1", "BENCH_CACHE": str(folder / "cache")}
        (folder / "does.py").write_text(MODEL)

    def write(self, models: dict[str, str], *, seeds: int = 1, run: str = "", probes: str = "") -> None:
        """Write `suite.toml`: models by label, each with the statements that it executes in `fit`."""
        blocks = "".join(
            f"[[models]]\nuse = './does.py'\nname = {json.dumps(label)}\ndoes = {json.dumps(does)}\n"
            for label, does in models.items()
        )
        (self.folder / "suite.toml").write_text(
            f"[[tasks]]\nuse = 'loans'\n{blocks}[matrix]\nseed = {list(range(seeds))}\nthreads = 1\n"
            f"[probes.quality]\nresamples = 100\n{probes}\n[run]\n{run}\n"
        )

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start `bench run suite.toml --trust` with further arguments."""
        return subprocess.Popen(
            [sys.executable, "-m", "bench_suite", "run", "suite.toml", "--trust", *arguments], cwd=self.folder,
            env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
        )  # fmt: skip

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run `bench run suite.toml --trust` with further arguments; return status, output and errors."""
        process = self.start(*arguments)
        output, errors = process.communicate()
        return process.returncode, output, errors

    def entries(self) -> list[dict[str, Any]]:
        """Return all records that were written, as JSON values, in the order of the files."""
        return [
            json.loads(line)
            for path in sorted((self.folder / "results").glob("*/records/*.jsonl"))
            for line in path.read_text().splitlines()
        ]

    def unfinished(self) -> list[Path]:
        """Return what is left of cells that began and have no record, and of jobs."""
        results = self.folder / "results"
        return [*results.glob("*/unfinished/*"), *results.glob("*/job.pickle")]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def run_under(tmp_path: Path) -> Callable[..., tuple[Outcome, dict[tuple[str, str], bytes]]]:
    """Return a function that runs a suite of some models and seeds under `--set` overrides.

    It returns the outcome, and the files of predictions by record id and name. All cells must have ended well.
    """

    def run(
        *overrides: str, seeds: Sequence[int] = (0, 1), models: Sequence[str] = tuple(MODELS)
    ) -> tuple[Outcome, dict[tuple[str, str], bytes]]:
        text = SUITE.format(seeds=[*seeds], models="\n".join(MODELS[name] for name in models))
        (tmp_path / "suite.toml").write_text(text)
        outcome = bench_suite.run(tmp_path / "suite.toml", overrides=overrides, results=tmp_path / overrides[0])
        assert [record.status for record in outcome.records] == ["ok"] * len(models) * len(seeds), overrides
        files = {
            (record.id, row.name): (outcome.run.path / row.file).read_bytes()
            for record in outcome.records
            for row in record.artifacts
            if row.kind == "predictions"
        }
        assert len(files) >= len(models) * len(seeds)
        return outcome, files

    return run


CRASHES = {
    "segmentation fault": ("ctypes.string_at(0)", "SIGSEGV"),
    "abort": ("os.abort()", "SIGABRT"),
    "exit with 0": ("os._exit(0)", "os._exit(0)"),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    "hang": ("time.sleep(3600)", "timeout"),
}


@pytest.fixture
def crashes() -> dict[str, tuple[str, str]]:
    """Ways in which a process ends: by name, the statement that does it, and what the reason of the record names."""
    return CRASHES


class Processes:
    """Processes of this machine, as tests of executors look at them."""

    @staticmethod
    def wait_for(holds: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
        """Wait until something holds, as long as the process runs; only pytest's timeout limits the wait."""
        while not holds():
            assert process is None or process.poll() is None, process.communicate()
            time.sleep(0.05)

    @staticmethod
    def started_by(process: int) -> list[int]:
        """Return the ids of the processes that a process has started, and that these have started."""
        parents: dict[int, int] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
        tree = [process]
        for one in tree:
            tree += [child for child, parent in parents.items() if parent == one]
        return tree[1:]

    @staticmethod
    def running(ids: Sequence[int] | None = None, word: str = "") -> dict[int, str]:
        """Return processes that run, with their commands; one that has ended and was not waited for does not.

        Args:
            ids: which ones to look at; None for all but this one.
            word: what the command line or the environment must contain.
        """
        commands = {}
        paths = Path("/proc").glob("[0-9]*") if ids is None else [Path(f"/proc/{id}") for id in ids]
        for path in paths:
            try:
                state = (path / "stat").read_text().rpartition(")")[2].split()[0]
                command = (path / "cmdline").read_bytes()
                text = command + ((path / "environ").read_bytes() if word else b"")
            except OSError:
                continue
            if state != "Z" and word.encode() in text and int(path.name) != os.getpid():
                commands[int(path.name)] = command.decode(errors="replace").replace("\0", " ")
        return commands

    @classmethod
    def left(cls, ids: Sequence[int], seconds: float) -> dict[int, str]:
        """Return those processes that still run after so many seconds, with their commands; at once if none does."""
        deadline = time.monotonic() + seconds
        while cls.running(ids) and time.monotonic() < deadline:
            time.sleep(0.05)
        return cls.running(ids)


@pytest.fixture
def processes() -> type[Processes]:
    return Processes
