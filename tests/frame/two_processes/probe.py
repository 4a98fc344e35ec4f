"""The number of training processes, from the engine's history."""

from __future__ import annotations

from collections.abc import Iterator

from bench_suite.contracts import Metric, Trained

VERSION = 1
METRICS = {"processes": {"unit": "processes", "better": "none"}}


def probe(trained: Trained, options: None) -> Iterator[Metric]:
    """Yield the number; it is one if the engine's history does not state it."""
    assert trained.history is not None
    yield Metric("processes", trained.history.epochs[-1].get("processes", 1.0), kind="exact")
