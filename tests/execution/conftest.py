"""A suite of many quick cells, and the program as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench_suite.cli import main

SUITE = """
title = "Many quick cells"

[[tasks]]
use = "loans"

[[models]]
use = "logistic_regression"

[[models]]
use = "mlp"
hidden = [8]

[train]
epochs = 1

[matrix]
seed = [{seeds}]

[probes.quality]
resamples = 100

[probes.slow]
use = "./slow.py"

[probes.generalization]
"""

SLOW = '''
"""A probe that takes its time, so that there is something to kill."""

import time

from bench_suite.contracts import Metric

METRICS = {"count": {"unit": "examples", "better": "none"}}


def probe(trained, options):
    time.sleep(0.03)
    yield Metric("count", len(trained.data.splits["test"]), kind="exact")
'''


class Program:
    """`bench` in its own folder, as a subprocess."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results"
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1", "BENCH_CACHE": str(folder / "cache")}

    def write(self, seeds: int) -> None:
        (self.folder / "suite.toml").write_text(SUITE.format(seeds=", ".join(map(str, range(seeds)))))
        (self.folder / "slow.py").write_text(SLOW)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "bench_suite", *arguments]

    def start(self, *arguments: str, **options) -> subprocess.Popen:
        return subprocess.Popen(
            self.command(*arguments), cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
        )  # fmt: skip

    def run(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            text=True,
            capture_output=True,
            **options,
        )

    def lines(self) -> list[bytes]:
        """Return all record lines of all writers of the only run."""
        return [
            line for path in sorted(self.results.glob("*/records/*.jsonl")) for line in path.read_bytes().splitlines()
        ]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """`program` with `run` as a call in this process, for tests that need no subprocess: each saves 5 s."""

    class Inside(Program):
        def run(self, *arguments: str, **options) -> subprocess.CompletedProcess:
            for name, value in self.environment.items():
                monkeypatch.setenv(name, value)
            monkeypatch.chdir(self.folder)
            monkeypatch.setattr(sys, "argv", ["bench", *arguments])
            capsys.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
            return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), *capsys.readouterr())

    return Inside(tmp_path)
