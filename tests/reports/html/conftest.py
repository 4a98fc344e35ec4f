"""Runs with predictions for real data."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def runs_of_examples() -> SimpleNamespace:
    """Return the functions of `tests/example_runs.py`."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "example_runs.py")))
