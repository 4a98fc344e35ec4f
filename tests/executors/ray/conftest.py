"""Ray clusters of this machine whose nodes have made-up resources, and what is left of processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
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


def started_by(process: int) -> list[int]:
    """Return the ids of the processes that a process has started, and that these have started."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    tree = [process]
    for one in tree:
        tree += [child for child, parent in parents.items() if parent == one]
    return tree[1:]


def running(ids: list[int]) -> list[str]:
    """Return the commands of those processes that run; one that has ended and was not waited for does not."""
    still = []
    for id in ids:
        try:
            state = Path(f"/proc/{id}/stat").read_text().rpartition(")")[2].split()[0]
            command = Path(f"/proc/{id}/cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        if state != "Z":
            still.append(f"{id} {command}")
    return still


@pytest.fixture
def descendants() -> Callable[[int], list[int]]:
    return started_by


@pytest.fixture
def left() -> Callable[[list[int], float], list[str]]:
    """Return a function that returns the commands of the processes that still run after some seconds."""

    def left(ids: list[int], seconds: float) -> list[str]:
        deadline = time.monotonic() + seconds
        while running(ids) and time.monotonic() < deadline:
            time.sleep(0.05)
        return running(ids)

    return left


@pytest.fixture
def wait_for() -> Callable[..., None]:
    """Return a function that waits until something holds while a process runs."""

    def wait_for(holds: Callable[[], object], process: Any) -> None:
        while not holds():
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)

    return wait_for


@pytest.fixture(autouse=True)
def _restore_environment() -> Iterator[None]:
    """Undo what Ray sets in this process."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
