"""Suites of quick cells, the program as a user runs it, and the context of a run in this process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bench_suite
from bench_suite.cli import main
from bench_suite.data.sources import Sources
from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.context import RunContext
from bench_suite.store.runs import Store
from bench_suite.suite.document import parse_document
from bench_suite.suite.parser import suite_of
from bench_suite.suite.plan import make_plan

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

TWO_SEEDS = """
[[tasks]]
use = "loans"
[[models]]
use = "mlp"
hidden = [8]
{model}
[train]
epochs = 2
[matrix]
seed = [0, 1]
[probes.quality]
resamples = 100
{probes}
"""

THREE_CELLS = """
[[tasks]]
use = "loans"
[[models]]
use = "mlp"
hidden = [8]
[[models]]
use = "logistic_regression"
[train]
epochs = 1
[matrix]
seed = 0
threads = 1
device = "cpu"
"evaluate.batch_size" = [16, 256]
exclude = [{ model = "logistic_regression", "evaluate.batch_size" = 16 }]
[probes.quality]
resamples = 100
[probes.generalization]
"""


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


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """Return a function that writes the suite and runs it in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))

    def run(probes: str = "", model: str = "", **options):
        (tmp_path / "suite.toml").write_text(TWO_SEEDS.format(probes=probes, model=model))
        return bench_suite.run("suite.toml", **options)

    return run


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunContext:
    """Return the context of a new run: two cells that share the training of a network, and one of an estimator."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    plan = make_plan(suite_of(parse_document(THREE_CELLS, "three.toml"), "three", Path()))
    run = Store(tmp_path / "results").create("three", {})
    return RunContext(plan, run, Sources(offline=True), RunCallback(), environment="", code="c")
