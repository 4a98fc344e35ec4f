"""Settings of all tests: properties are tried on the same examples each time, however slow the machine.

A failure is then caused by the change under test and not by chance; `tox -e explore` tries new examples each time.
"""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("explore", deadline=None)
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")


@pytest.fixture
def history_runs(tmp_path):
    """Return a writer of runs of one suite over many commits, in the folder `results` of the test."""
    names = runpy.run_path(str(Path(__file__).parent / "history_runs.py"))
    return names["HistoryRuns"](tmp_path / "results")
