"""A real run that goes on while the test looks at it."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def live_run(tmp_path: Path) -> Iterator[Any]:
    """Return a run whose first cell waits: see `tests/live_run.py`."""
    names = runpy.run_path(str(Path(__file__).parents[2] / "live_run.py"))
    run = names["LiveRun"](tmp_path)
    try:
        yield run
    finally:
        run.kill()
