"""The actor's environment for a worker: visible GPUs, threads, what the driver passes on; and the leases of cores."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench_suite.executors.ray.actor import CoreLocks, digest_of, sees_file, worker_environment

DRIVER = {"PATH": "/bin", "BENCH_DATA": "/data", "HF_HUB_OFFLINE": "1", "SECRET": "s"}


@pytest.mark.parametrize(
    ("users", "of_ray", "leased", "visible"),
    [
        ("3,4", "", (), "3,4"),  # hydra#2757: Ray writes an empty value over the user's for num_gpus=0
        ("0", "", (), "0"),  # ray#28215: the value of a runtime environment is lost in the same way
        (None, "", (), None),  # a value that nobody has set is not set
        ("GPU-aaa,GPU-bbb", "1", ("GPU-bbb",), "GPU-bbb"),  # ray#47319: UUIDs become indices
        ("3,4", "1", ("4",), "4"),  # the second of the user's GPUs, not GPU 1
        (None, "1", ("1",), "1"),
    ],
)
def test_the_visible_gpus_are_the_leased_ones_and_what_the_user_has_set_is_never_lost(users, of_ray, leased, visible):
    driver = DRIVER if users is None else {**DRIVER, "CUDA_VISIBLE_DEVICES": users}
    node = {**driver, "CUDA_VISIBLE_DEVICES": of_ray}
    environment = worker_environment(node, driver, leased, same_machine=True)
    assert environment.get("CUDA_VISIBLE_DEVICES") == visible


def test_on_another_machine_the_node_decides_about_gpus_and_paths() -> None:
    driver = {**DRIVER, "CUDA_VISIBLE_DEVICES": "7"}
    node = {"PATH": "/node/bin", "CUDA_VISIBLE_DEVICES": "0,1", "OMP_NUM_THREADS": "4", "HOME": "/home/node"}
    environment = worker_environment(node, driver, (), same_machine=False)
    assert environment["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert worker_environment(node, driver, ("1",), same_machine=False)["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment["PATH"] == "/node/bin"
    assert environment["BENCH_DATA"] == "/data"
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert "SECRET" not in environment


def test_threads_are_those_of_the_driver_not_those_that_ray_sets() -> None:
    node = {"OMP_NUM_THREADS": "4"}
    assert "OMP_NUM_THREADS" not in worker_environment(node, {}, (), same_machine=False)
    passed = worker_environment(node, {"OMP_NUM_THREADS": "2"}, (), same_machine=False)
    assert passed["OMP_NUM_THREADS"] == "2"


def test_a_worker_imports_the_program_from_where_the_actor_has_it() -> None:
    environment = worker_environment({}, {"PYTHONPATH": "/mine"}, (), same_machine=True)
    first, second = environment["PYTHONPATH"].split(os.pathsep)
    assert (Path(first) / "bench_suite" / "executors").is_dir()
    assert second == "/mine"


@pytest.mark.skipif(sys.platform != "linux", reason="cores are leased by names that only Linux has")
def test_two_actors_lease_different_cores_and_a_lease_ends_with_its_process(monkeypatch) -> None:
    cores = tuple(range(9000, 9004))  # no machine of today has them: nobody else leases them
    monkeypatch.setattr("bench_suite.executors.ray.actor.usable_cores", lambda: cores)
    hold = (
        "import sys; from bench_suite.executors.ray import actor\n"
        "actor.usable_cores = lambda: tuple(range(9000, 9004))\n"
        "locks = actor.CoreLocks(); print(*locks.take(2), flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline().split() == ["9000", "9001"]
    locks = CoreLocks()
    assert locks.take(1) == (9002,)
    assert len(CoreLocks().take(3)) == 3, "if others have too many, a unit still runs"
    other.kill()
    other.wait()
    assert CoreLocks().take(2) == (9000, 9001)


def test_a_file_is_seen_by_its_content_and_waited_for_a_short_time(tmp_path) -> None:
    (tmp_path / "job").write_text("this run")
    digest = digest_of(tmp_path / "job")
    assert sees_file(tmp_path / "job", digest, 0)
    (tmp_path / "job").write_text("another run of the same name")
    began = time.monotonic()
    assert not sees_file(tmp_path / "job", digest, 0.3)
    assert not sees_file(tmp_path / "missing", digest, 0)
    assert time.monotonic() - began >= 0.3
