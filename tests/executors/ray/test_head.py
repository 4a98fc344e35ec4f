"""A head that answers no more ends the run soon, with one message, and what workers still write does not count."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ray", reason="needs the package ray")

import ray

from bench_suite.execution.retries import Retries, WorkerState
from bench_suite.executors.ray import cluster as clusters
from bench_suite.executors.ray.cluster import Cluster, Head, HeadLost, Shape
from bench_suite.executors.ray.pool import Member, Pool

OWN = {"NodeID": "own", "Alive": True, "Resources": {"CPU": 2.0}}
OTHER = {"NodeID": "other", "Alive": True, "Resources": {"CPU": 8.0}}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Return a list of the nodes that the head states; when it is empty, the head does not answer."""
    stated: list[Any] = [OWN, OTHER]
    end = threading.Event()

    def nodes() -> list[Any]:
        while not stated and not end.is_set():
            time.sleep(0.01)
        return [*stated]

    monkeypatch.setattr(ray, "nodes", nodes)
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(get_node_id=lambda: "own"))
    monkeypatch.setattr(clusters, "ASK_SECONDS", 0.01)
    yield stated
    end.set()


def raised_by(head: Head) -> HeadLost:
    """Return the error that the head raises, when it does."""
    while True:
        try:
            head.nodes()
        except HeadLost as error:
            return error
        time.sleep(0.01)


def test_a_head_that_answers_states_the_nodes_that_are_alive(answers: list[Any]) -> None:
    head = Head("10.0.0.5:6379")
    assert head.nodes() == [{"CPU": 2.0}, {"CPU": 8.0}]
    answers[:] = [OWN, {**OTHER, "Alive": False}]
    while head.nodes() != [{"CPU": 2.0}]:
        time.sleep(0.01)
    head.stop()


def test_a_head_that_answers_no_more_is_lost_after_a_bounded_time(
    answers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "HEAD_SECONDS", 0.3)
    head = Head("10.0.0.5:6379")
    head.nodes()
    answers.clear()
    error = raised_by(head)
    assert str(error).startswith("the Ray cluster at 10.0.0.5:6379 does not answer any more")
    assert "when it is there again, go on with: bench run … --resume" in str(error)


def test_a_head_that_never_answers_is_lost(answers: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "HEAD_SECONDS", 0.2)
    answers.clear()
    raised_by(Head("10.0.0.5:6379"))


def test_a_head_that_has_given_up_the_node_of_the_driver_is_lost_at_once(answers: list[Any]) -> None:
    head = Head(None)
    answers[:] = [{**OWN, "Alive": False}, OTHER]
    assert "the Ray cluster of this machine" in str(raised_by(head))


def test_a_process_that_leaves_a_lost_cluster_ends_well_though_ray_still_waits() -> None:
    code = (
        "import sys, time, ray; from bench_suite.executors.ray import cluster\n"
        "cluster.SHUTDOWN_SECONDS = 0.1; ray.shutdown = lambda: time.sleep(60)\n"
        "cluster._leave([], ended=True); sys.stdout.write('the last words'); sys.exit(2)"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "the last words"), done.stderr
    assert time.monotonic() - began < 60


def test_what_workers_of_a_lost_cluster_still_write_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    path = tmp_path / "records" / "00001.jsonl"
    path.write_text("{}\n")
    killed: list[str] = []
    actor = SimpleNamespace(kill=SimpleNamespace(remote=lambda: killed.append("actor")))
    work: Any = SimpleNamespace(
        todo=list, context=SimpleNamespace(run=SimpleNamespace(path=tmp_path), plan=SimpleNamespace(units=()))
    )
    pool = Pool.__new__(Pool)
    pool.cluster, pool.retries = Cluster(False, {}), Retries(work, 1, 1, lambda unit: None)
    pool.members = [Member(actor, Shape(1), None, WorkerState(records=path.name))]
    pool._stack = SimpleNamespace(close=lambda: None)  # type: ignore[assignment]  # there is nothing to close
    with path.open("a") as worker:
        error = HeadLost("lost")
        pool.__exit__(type(error), error, None)
        worker.write("{}\n")
    assert path.read_text() == "{}\n"
    assert killed == ["actor"]
    assert pool.members == []
