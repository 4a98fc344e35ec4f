"""Settings of all tests: properties are tried on the same examples each time, however slow the machine.

A failure is then caused by the change under test and not by chance; `tox -e explore` tries new examples each time.
"""

from __future__ import annotations

import gc
import runpy
import sys
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("explore", deadline=None)
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")

IMPORTS = 20
"Modules that are imported before their objects are exempted from garbage collection."
_exempted = 0


def pytest_runtest_setup() -> None:
    """Exempt what is alive from garbage collection whenever tests have imported more packages.

    PyTorch and the others bring hundreds of thousands of objects that stay, and each full collection visits all of
    them: without this, that is a third of the time of tests that train. Each test creates its own objects afterwards,
    so they are collected as always.
    """
    global _exempted
    if len(sys.modules) >= _exempted + IMPORTS:
        gc.collect()
        gc.freeze()
        _exempted = len(sys.modules)


@pytest.fixture
def history_runs(tmp_path):
    """Return a writer of runs of one suite over many commits, in the folder `results` of the test."""
    names = runpy.run_path(str(Path(__file__).parent / "history_runs.py"))
    return names["HistoryRuns"](tmp_path / "results")


@pytest.fixture
def stored(tmp_path):
    """Return a run in the folder `results` of the test, with a cell that was trained and one that failed."""
    return runpy.run_path(str(Path(__file__).parent / "tracked_run.py"))["write"](tmp_path / "results")
