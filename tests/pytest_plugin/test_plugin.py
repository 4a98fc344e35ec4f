"""The hooks: which files are collected, what is refused, and what a pytest without a suite pays."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bench_suite.pytest_plugin import collection

pytest_plugins = "pytester"
PLUGIN = ("-p", "bench_suite.pytest_plugin")
SUITE = """
[[tasks]]
use = "digits"
[[models]]
use = "logistic_regression"
[matrix]
seed = [0, 1]
[probes.quality]
[gate]
"quality/accuracy" = { tolerance = 0.02 }
"quality/log_loss" = { max = 1.0 }
"""
assert collection  # imported here, so that pytester does not forget its modules after a test


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A suite in a folder with a test file."""
    pytester.makepyfile(test_plain="def test_plain(): pass")
    return pytester.makefile(".toml", small=SUITE)


def collected(pytester: pytest.Pytester, *arguments: str) -> list[str]:
    result = pytester.runpytest_inprocess(*PLUGIN, "--collect-only", "-q", *arguments)
    return [line for line in result.outlines if "::" in line]


def test_a_suite_that_is_named_is_collected(pytester: pytest.Pytester, suite: Path) -> None:
    assert collected(pytester, suite.name) == [
        "small.toml::digits-logistic_regression-seed0",
        "small.toml::digits-logistic_regression-seed1",
        "small.toml::gate-quality/log_loss-digits-logistic_regression",
    ]
    assert collected(pytester, "small.toml::digits-logistic_regression-seed1") == [
        "small.toml::digits-logistic_regression-seed1"
    ]
    assert collected(pytester, suite.name, "-k", "seed1") == ["small.toml::digits-logistic_regression-seed1"]
    assert len(collected(pytester, suite.name, "--bench-set", "matrix.seed=[0,1,2]")) == 4


@pytest.mark.usefixtures("suite")
def test_files_that_are_not_named_are_never_collected(pytester: pytest.Pytester) -> None:
    assert collected(pytester) == ["test_plain.py::test_plain"]
    assert collected(pytester, ".") == ["test_plain.py::test_plain"]


def test_a_suite_with_errors_is_reported_as_by_a_run(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", wrong='[[task]]\nuse = "digits"\n')
    result = pytester.runpytest_inprocess(*PLUGIN, "wrong.toml")
    result.stdout.fnmatch_lines(['wrong.toml:1: task: unknown key; did you mean "tasks"? *'])
    result.assert_outcomes(errors=1)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "Traceback" not in result.stdout.str()


def test_files_that_a_suite_names_need_trust(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(net='MODALITIES = ("image",)\nPROBLEMS = ("classification",)\ndef build(): ...')
    pytester.makefile(".toml", own=SUITE.replace("logistic_regression", "./net.py"))
    result = pytester.runpytest_inprocess(*PLUGIN, "own.toml")
    result.stdout.fnmatch_lines(["read them, then add --bench-trust"])
    result.assert_outcomes(errors=1)
    assert len(collected(pytester, "own.toml", "--bench-trust")) == 3


def test_several_processes_are_refused(pytester: pytest.Pytester, suite: Path) -> None:
    pytest.importorskip("xdist")
    result = pytester.runpytest_subprocess(*PLUGIN, suite.name, "-n", "2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*leave out -n*", "*--bench-set run.jobs=2*"])


def test_a_pytest_without_a_suite_imports_nothing_of_the_package() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import bench_suite.pytest_plugin; "
        "print(sorted(set(sys.modules) - before))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "['bench_suite', 'bench_suite._version', 'bench_suite.pytest_plugin']"


def test_the_distribution_names_the_plugin() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    (pair,) = project["entry-points"]["pytest11"].items()
    assert EntryPoint(*pair, "pytest11").load().pytest_collect_file
