"""The workflow of docs/, step by step, in a clone of a repository whose last commit broke a model."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from bench_suite.cli import bench

yaml = pytest.importorskip("yaml", reason="PyYAML comes with transformers, of the extra `pretrained`")

WORKFLOW = Path(__file__).parents[2] / "docs" / "workflows" / "bench.yml"
SUITE = """
[[tasks]]
use = "digits"
[[models]]
use = "./nearest.py"
[matrix]
threads = 1
[probes.quality]
resamples = 100
[gate]
"quality/accuracy" = { tolerance = 0.03 }
"""
MODEL = '''
"""The class whose mean is nearest."""

import numpy as np
from sklearn.neighbors import NearestCentroid

MODALITIES = ("image",)
PROBLEMS = ("classification",)


class Nearest:
    def fit(self, data, options, report):
        train = data.splits["train"].take(np.arange(len(data.splits["train"])))
        self.rule = NearestCentroid().fit(pixels(train), train["target"])

    def predict(self, split):
        return {"predictions": self.rule.predict(pixels(split.take(np.arange(len(split)))))}


def pixels(raw):
    return raw["image"].reshape(len(raw["image"]), -1).astype(float)


def build(data, options):
    return Nearest()
'''


@pytest.fixture
def git(tmp_path):
    """Return `git(*arguments)`, which runs in the test's repository `tmp_path/checkout` and returns its output."""
    (tmp_path / "checkout").mkdir()
    known = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")

    def run(*arguments: str) -> str:
        command = ["git", *known, *arguments]
        return subprocess.run(command, cwd=tmp_path / "checkout", check=True, capture_output=True, text=True).stdout

    run("init", "-q")
    return run


def steps() -> dict[str, dict[str, str]]:
    """Return the steps with a name; the steps before them fetch the repository and install the program."""
    (job,) = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"].values()
    return {step["name"]: step for step in job["steps"] if "name" in step}


def test_the_commands_of_the_workflow_are_those_of_the_program():
    script = "\n".join(step["run"] for step in steps().values())
    commands = re.findall(r"\bbench (.+?)(?: \|\| .+)?$", script, re.MULTILINE)
    assert len(commands) == 5
    for words in map(shlex.split, commands):
        command, rest = bench.get_command(None, words[0]), words[1:]
        if isinstance(command, click.Group):
            command, rest = command.commands[rest[0]], rest[1:]
        command.make_context("bench", rest, resilient_parsing=False)


@pytest.fixture
def follow(tmp_path, git):
    """Return `follow(suite, model)`, which runs the steps on a pull request and returns each result.

    The base has the suite and the model too, unless `new` is true: then the pull request adds them.
    """
    checkout = tmp_path / "checkout"
    known = {name: value for name, value in os.environ.items() if name != "BENCH_RESULTS"}
    here = {"GITHUB_WORKSPACE": str(checkout), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**known, **here, "OMP_NUM_THREADS": "1", "PATH": path}

    def commit(**files: str) -> str:
        for name, text in files.items():
            (checkout / name.replace("_", ".")).write_text(text)
        git("add", ".")
        git("commit", "-qm", ", ".join(files))
        return git("rev-parse", "HEAD").strip()

    def run(
        suite: str, model: str, new: bool = False, base_suite: str = SUITE
    ) -> dict[str, subprocess.CompletedProcess[str]]:
        base = commit(README_md="") if new else commit(digits_toml=base_suite, nearest_py=MODEL)
        commit(digits_toml=suite, nearest_py=model)
        ended: dict[str, subprocess.CompletedProcess[str]] = {}
        for name, step in steps().items():
            if "if" not in step and any(process.returncode for process in ended.values()):
                continue
            if "if" in step and not holds(step["if"], checkout):
                continue
            script = step["run"].replace("${{ github.event.pull_request.base.sha }}", base)
            assert "${{" not in script
            command = ["bash", "-eo", "pipefail", "-c", script]
            ended[name] = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
        return ended

    return run


def holds(condition: str, checkout: Path) -> bool:
    """Evaluate a step's `if`: `always()`, and required files."""
    first, *others = condition.split(" && ")
    assert first == "always()"
    patterns = [re.fullmatch(r"hashFiles\('(\S+)'\) != ''", other) for other in others]
    return all(list(checkout.glob(pattern[1])) for pattern in patterns)


@pytest.mark.slow
def test_the_steps_of_the_workflow_find_what_a_pull_request_broke(tmp_path, follow):
    ended = follow(SUITE, MODEL.replace("-1).astype(float)", "-1).astype(float)[:, :24]"))
    outputs = {name: process.stdout + process.stderr for name, process in ended.items()}
    assert {name: process.returncode for name, process in ended.items()} == {"Before": 0, "After": 1, "Summary": 1}, (
        outputs
    )
    assert "regressed: quality/accuracy" in outputs["After"]
    assert "| **regressed** | quality/accuracy" in (tmp_path / "summary.md").read_text()
    assert 'failures="1"' in (tmp_path / "checkout" / "results" / "junit.xml").read_text()


@pytest.mark.slow
def test_where_the_pull_request_makes_no_run_nothing_is_compared(tmp_path, follow):
    ended = follow(SUITE.replace("[matrix]", "[matrx]"), MODEL)
    outputs = {name: process.stdout + process.stderr for name, process in ended.items()}
    assert {name: process.returncode for name, process in ended.items()} == {"Before": 0, "After": 2}, outputs
    assert not (tmp_path / "summary.md").exists()


@pytest.mark.slow
def test_the_pull_request_that_brings_the_suite_is_judged_by_its_bounds_alone(tmp_path, follow):
    ended = follow(SUITE.replace("tolerance = 0.03", "tolerance = 0.03, min = 0.8"), MODEL, new=True)
    outputs = {name: process.stdout + process.stderr for name, process in ended.items()}
    assert {name: process.returncode for name, process in ended.items()} == {"Before": 0, "After": 0}, outputs
    assert "The base has no digits.toml" in outputs["Before"]
    assert "gate passed: quality/accuracy" in outputs["After"]
    assert not (tmp_path / "summary.md").exists()


@pytest.mark.slow
def test_the_pull_request_that_mends_a_base_below_its_own_bound_passes(tmp_path, follow):
    ended = follow(SUITE, MODEL, base_suite=SUITE.replace("tolerance = 0.03", "tolerance = 0.03, min = 0.99"))
    outputs = {name: process.stdout + process.stderr for name, process in ended.items()}
    assert {name: process.returncode for name, process in ended.items()} == {"Before": 0, "After": 0, "Summary": 0}, (
        outputs
    )
    assert "gate failed: quality/accuracy" in outputs["Before"]
