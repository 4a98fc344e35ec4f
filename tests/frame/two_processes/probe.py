"""The number of training processes, from the engine's history."""

from __future__ import annotations

from collections.abc import Iterator

from bench_suite.contracts import Metric, Trained

VERSION = 1
METRICS = {"processes": {"unit": "processes", "better": "none"}}


def probe(trained: Trained, options: None) -> Iterator[Metric]:
    """One, where the engine says nothing of it."""
    assert trained.history is not None
    yield Metric("processes", trained.history.epochs[-1].get("processes", 1.0), kind="exact")
