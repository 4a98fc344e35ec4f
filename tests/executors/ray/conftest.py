"""Ray clusters of this machine whose nodes have made-up resources."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def cluster(monkeypatch) -> Iterator[Callable[..., Any]]:
    """Return a function that starts a cluster whose head has these resources; more nodes can be added and removed."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    clusters = []

    def start(**resources: Any) -> Any:
        clusters.append(Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **resources}))
        return clusters[-1]

    yield start
    for one in clusters:
        one.shutdown()


@pytest.fixture(autouse=True)
def _restore_environment() -> Iterator[None]:
    """Undo what Ray sets in this process."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
