"""A probe that emits one metric and then raises an error."""

from __future__ import annotations

from collections.abc import Iterator

from bench_suite.contracts import Metric, Trained

VERSION = 1
METRICS = {"half": {"unit": "examples", "better": "none"}}


def probe(trained: Trained, options: None) -> Iterator[Metric]:
    """Yield half of the declared metrics, then raise."""
    yield Metric("half", len(trained.data.splits["test"]) // 2, kind="exact")
    raise LookupError("the other half is not here")
