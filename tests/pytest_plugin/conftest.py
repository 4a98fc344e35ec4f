"""Real runs of pytest on suites, each in a process of its own, as a user starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

SUITE = """
[[tasks]]
use = "digits"
[[tasks]]
use = "mnist"
[[models]]
use = "logistic_regression"
[[models]]
use = "./broken.py"
[matrix]
threads = 1
exclude = [{ task = "mnist", model = "broken" }]
[probes.quality]
resamples = 100
[probes.throughput]
seconds = 0.02
batch_sizes = [8]
[gate]
"quality/accuracy" = [
  { min = 0.5, tolerance = 0.05, only = { model = "logistic_regression" } },
  { min = 0.99, only = { task = "digits", model = "logistic_regression" } },
]
[data]
fail_on = ["D009"]
"""
BROKEN = '''"""A model that does not build."""
import warnings

MODALITIES = ("image",)
PROBLEMS = ("classification",)


def build(*arguments, **settings):
    warnings.warn("as a library may", FutureWarning)
    raise RuntimeError("broken on purpose")
'''


@dataclass(frozen=True)
class Ended:
    """What a run of pytest left."""

    status: int
    output: str
    outcomes: dict[str, tuple[str, str]]
    "By name of the test: passed, failed, skipped or error, and the message."
    benchmarks: dict[str, Any]
    "The file of `--benchmark-json`; empty if there is none."


RunPytest = Callable[..., Ended]


@pytest.fixture(scope="session")
def run_pytest() -> RunPytest:
    """Return `run_pytest(folder, *arguments)`, which runs pytest in a folder, without a hub and its data."""

    def run(folder: Path, *arguments: str) -> Ended:
        (folder / "empty").mkdir(exist_ok=True)
        environment = {
            **os.environ, "HF_HUB_OFFLINE": "1", "BENCH_DATA": str(folder / "empty"), "HF_HOME": str(folder / "empty"),
            "OMP_NUM_THREADS": "1", "COLUMNS": "200", "PY_COLORS": "0",
        }  # fmt: skip
        for name in ("BENCH_RESULTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
            environment.pop(name, None)  # below pytest-xdist, pytest-benchmark turns itself off
        xml, timings = folder / "junit.xml", folder / "timings.json"
        timings.unlink(missing_ok=True)
        command = [
            sys.executable, "-m", "pytest", "-p", "bench_suite.pytest_plugin", "-p", "no:cacheprovider",
            "-c", "strict.ini", "--rootdir", ".", f"--junitxml={xml}", *arguments,
        ]  # fmt: skip
        command += [] if "no:benchmark" in arguments else [f"--benchmark-json={timings}"]
        (folder / "strict.ini").write_text(INI)
        ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        outcomes = {}
        for case in ElementTree.parse(xml).iter("testcase"):
            (tag, message), *_ = [(part.tag, str(part.text)) for part in case if part.tag in TAGS] or [("passed", "")]
            outcomes[str(case.get("name"))] = (TAGS.get(tag, tag), message)
        content = timings.read_text() if timings.is_file() else ""
        return Ended(ended.returncode, ended.stdout + ended.stderr, outcomes, json.loads(content) if content else {})

    return run


INI = """
[pytest]
filterwarnings =
    error
    ignore::pytest_benchmark.logger.PytestBenchmarkWarning
"""
"A project that forbids warnings, except that there was nothing for `--benchmark-json`."
TAGS = {"failure": "failed", "skipped": "skipped", "error": "error"}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a suite: a cell that ends well, one whose model does not build, and one without data."""
    folder = tmp_path_factory.mktemp("suites")
    (folder / "small.toml").write_text(SUITE)
    (folder / "broken.py").write_text(BROKEN)
    return folder


@pytest.fixture(scope="session")
def whole(folder: Path, run_pytest: RunPytest) -> Ended:
    """All tests of the suite."""
    return run_pytest(folder, "small.toml", "--bench-trust")
