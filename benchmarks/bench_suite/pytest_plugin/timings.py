"""Timings of cells as benchmarks of pytest-benchmark, if it is installed: for `--benchmark-json` and its comparisons.

pytest-benchmark has no interface for times that were measured elsewhere, so its session is given what its own fixture
would give it. Its file is then what `bench export --format pytest-benchmark` writes of the run.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bench_suite.contracts import Record
from bench_suite.pytest_plugin.selection import is_timed
from bench_suite.suite.cell import Cell
from bench_suite.suite.plan import Plan

FIXTURE = "benchmark"
"Tests that name this fixture are benchmarks: `--benchmark-only` runs them, `--benchmark-skip` skips them."


def fixture_names(config: pytest.Config, cell: Cell, plan: Plan) -> list[str]:
    """Return the fixtures that a cell's test names: that of pytest-benchmark, if a probe of the cell measures times."""
    return [FIXTURE] if _session(config) is not None and is_timed(cell, plan) else []


def report(config: pytest.Config, record: Record, word: str) -> None:
    """Give the timings of a cell to pytest-benchmark; nothing if it is not installed or is disabled.

    Args:
        config: of pytest.
        record: of the cell.
        word: the name of the cell's test.
    """
    session = _session(config)
    if session is None or session.disabled or session.skip:
        return
    from pytest_benchmark.stats import Metadata

    from bench_suite.exporters.pytest_benchmark import OPTIONS, benchmarks

    for entry in benchmarks(record, word):
        fixture = SimpleNamespace(
            name=entry.name, fullname=entry.fullname, group=entry.group, param=entry.param, params=dict(entry.params),
            extra_info=dict(entry.extra_info), cprofile_stats=None, has_error=False,
        )  # fmt: skip
        benchmark = Metadata(fixture, iterations=1, options=dict(OPTIONS))
        for seconds in entry.seconds:
            benchmark.update(seconds)
        session.benchmarks.append(benchmark)


def _session(config: pytest.Config) -> Any:
    """Return the session of pytest-benchmark; None without it."""
    return getattr(config, "_benchmarksession", None)
