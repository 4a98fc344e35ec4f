"""Ranks by all pairs of a table: what they cost when they are first found, and when they are only read."""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path

import pytest
from tests.comparison.conftest import Runs
from tests.perf.test_store import measure

from bench_suite.store.derived import FOLDER

pytestmark = pytest.mark.perf

ROWS = 20
SEEDS = 5
EXAMPLES = 10_000


def test_the_ranks_of_a_table_are_found_once(tmp_path: Path) -> None:
    """20 rows of 5 seeds are 190 pairs and 100 files of predictions."""
    runs = Runs(tmp_path)
    run = runs.make(
        (
            (runs.cell(seed, f"model_{row:02d}"), runs.predictions(0.7 + 0.01 * row, ROWS * seed + row, EXAMPLES))
            for row in range(ROWS)
            for seed in range(SEEDS)
        ),
        gate={},
    )
    for command in ("leaderboard", "report", "report --html"):
        first, later = [], []
        for _ in range(3):
            shutil.rmtree(run.path / FOLDER, ignore_errors=True)
            first.append(measure(run, command)[0])
            later.append(measure(run, command)[0])
        before, after = statistics.median(first), statistics.median(later)
        size = sum(path.stat().st_size for path in (run.path / FOLDER).iterdir())
        print(
            f"\n{command} of {ROWS} rows × {SEEDS} seeds × {EXAMPLES:,} examples, imports included: "
            f"first {before:.2f} s, later {after:.2f} s, {size / 1024:.0f} KiB"
        )
        assert after < before
