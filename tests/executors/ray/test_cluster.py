"""What a unit leases on a cluster, and the errors that say what a cluster lacks before anything is trained."""

from __future__ import annotations

import importlib.util
import re
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench_suite.contracts import BenchError
from bench_suite.execution.sharing import Sharing, sharing_of
from bench_suite.executors.ray import Options
from bench_suite.executors.ray import cluster as clusters
from bench_suite.executors.ray.cluster import Cluster, Shape, connected, shapes_of
from bench_suite.suite.packages import PackagesMissing, check_packages
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the package ray")
SUITE = """
[[tasks]]
use = "loans"
[[models]]
use = "logistic_regression"
[matrix]
seed = [0]
threads = [1, 3]
{matrix}
[probes.quality]
{end}
"""


def plan_of(folder: Path, matrix: str = "", end: str = "", *overrides: str):
    (folder / "s.toml").write_text(SUITE.format(matrix=matrix, end=end))
    return make_plan(read_suite(str(folder / "s.toml"), overrides))


def cluster_of(monkeypatch, *nodes: dict[str, float]) -> Cluster:
    monkeypatch.setattr(Cluster, "nodes", lambda self: [*nodes])
    return Cluster(False, {})


def shapes(plan, cluster: Cluster, *, smoke: bool = False, **options):
    context = cast(Any, SimpleNamespace(plan=plan, jobs=1, exclusive=frozenset(), smoke=smoke))
    by_unit = shapes_of(plan.units, Options(address="auto", **options), cluster, context)
    return [by_unit[unit.id] for unit in plan.units]


def test_a_unit_leases_as_many_cpus_as_it_has_threads_and_a_gpu_if_it_computes_on_one(tmp_path, monkeypatch) -> None:
    cluster = cluster_of(monkeypatch, {"CPU": 4.0}, {"CPU": 8.0, "GPU": 2.0, "memory": 2.0**30})
    assert shapes(plan_of(tmp_path, "device = 'cpu'"), cluster) == [Shape(1), Shape(3)]
    assert shapes(plan_of(tmp_path, "device = 'auto'"), cluster) == [Shape(1, 1), Shape(3, 1)]
    assert shapes(plan_of(tmp_path, "device = 'cpu'"), cluster, memory=0.5) == [Shape(1, 0, 2**29), Shape(3, 0, 2**29)]
    without = cluster_of(monkeypatch, {"CPU": 4.0})
    assert shapes(plan_of(tmp_path, "device = 'auto'"), without) == [Shape(1), Shape(3)]


def test_a_timed_unit_has_a_node_to_itself_unless_the_suite_shares(tmp_path, monkeypatch) -> None:
    cluster = cluster_of(monkeypatch, {"CPU": 4.0}, {"CPU": 8.0})
    plan = plan_of(tmp_path, "device = 'cpu'", "[probes.throughput]")
    assert shapes(plan, cluster) == [Shape(8, alone=True)] * 2
    assert shapes(plan, cluster, share_timed=True) == [Shape(1), Shape(3)]
    assert shapes(plan, cluster, smoke=True) == [Shape(1), Shape(3)]


@pytest.mark.parametrize(
    ("nodes", "options", "message"),
    [
        ([{"CPU": 2.0}, {"CPU": 1.0}], {}, "a training needs 3 CPUs, and no node of the Ray cluster has it"),
        ([], {}, "the largest have 0 CPUs and 0 GPUs"),
        ([{"CPU": 4.0, "memory": 100.0}], {"memory": 1.5}, "1 CPU and 1.5 GB of memory"),
    ],
)
def test_a_unit_for_which_no_node_has_room_is_refused(tmp_path, monkeypatch, nodes, options, message) -> None:
    with pytest.raises(BenchError, match=re.escape(message)):
        shapes(plan_of(tmp_path, "device = 'cpu'"), cluster_of(monkeypatch, *nodes), **options)


def test_a_unit_on_cuda_is_refused_by_a_cluster_without_gpus(tmp_path, monkeypatch) -> None:
    suite = SUITE.replace("logistic_regression", "mlp").format(matrix="device = 'cuda'", end="")
    (tmp_path / "s.toml").write_text(suite)
    plan = make_plan(read_suite(str(tmp_path / "s.toml")))
    with pytest.raises(BenchError, match="1 CPU and a GPU"):
        shapes(plan, cluster_of(monkeypatch, {"CPU": 4.0}))


def test_room_is_counted_by_what_is_scarce() -> None:
    node = {"CPU": 8.0, "GPU": 2.0, "memory": 100.0}
    assert Shape(1).fitting(node) == 8
    assert Shape(3).fitting(node) == 2
    assert Shape(1, 1).fitting(node) == 2
    assert Shape(1, 0, 60).fitting(node) == 1
    assert Shape(1, 1).fitting({"CPU": 8.0}) == 0


def test_without_address_units_share_this_machine_as_processes_do(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("bench_suite.execution.sharing.usable_cores", lambda: (0, 1, 2, 3))
    monkeypatch.setattr("bench_suite.executors.ray.usable_cores", lambda: (0, 1, 2, 3))
    plan = plan_of(tmp_path, "", "", "run.executor=ray", "run.jobs=2")
    assert sharing_of(plan) == Sharing(jobs=2)
    elsewhere = plan_of(tmp_path, "", "[probes.throughput]", "run.executor=ray", "run.address=auto", "run.jobs=2")
    assert sharing_of(elsewhere).jobs == 4, "`auto` is one thread"
    assert [*sharing_of(elsewhere).notes] == [
        "all trainings are timed and have a node to themselves each "
        "(--set run.share_timed=true lets them run beside others)"
    ]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("run.jobs=0",), "0 is out of bounds: 1 or more"),
        (("run.memory=0",), "0.0 is out of bounds: 0.001 or more"),
        (("run.retries=11",), "11 is out of bounds"),
        (("run.adress=auto",), 'did you mean "address"'),
    ],
)
def test_wrong_options_are_refused(tmp_path, overrides, message) -> None:
    with pytest.raises(BenchError, match=re.escape(message)):
        plan_of(tmp_path, "", "", "run.executor=ray", *overrides)


def test_without_the_package_the_message_names_the_command(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    plan = plan_of(tmp_path, "", "", "run.executor=ray")
    with pytest.raises(PackagesMissing, match=re.escape("pip install 'bench-suite[ray]'")) as caught:
        check_packages(plan)
    assert "ray, needed by executor ray" in str(caught.value)
    assert "--executor" in str(caught.value)


@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "ray://127.0.0.1:{port}"])
def test_an_address_at_which_nothing_listens_is_refused_at_once(address) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = address.format(port=unused.getsockname()[1])
    message = f"no Ray cluster answers at {address} ("
    with pytest.raises(BenchError, match=re.escape(message)) as caught, connected(address):
        pass
    assert "RAY_AUTH_MODE" not in str(caught.value), "nobody listens, so no token is missing"


@needs_ray
@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "127.0.0.1", "127.0.0.1:port"])
def test_what_is_no_address_is_refused(address) -> None:
    with pytest.raises(BenchError, match="no Ray cluster answers"), connected(address):
        pass


@needs_ray
@pytest.mark.slow
def test_something_else_that_listens_is_refused_after_a_bounded_wait(monkeypatch) -> None:
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 5.0)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(BenchError, match="no Ray cluster answers") as caught, connected(address):
            pass
    assert "export RAY_AUTH_MODE=token" in str(caught.value), "Ray ends so, too, if a cluster wants a token"
