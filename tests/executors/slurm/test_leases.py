"""Leases of this machine: GPUs go to units as the environment names them, and none to two units."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from bench_suite.execution.sharing import Sharing
from bench_suite.executors.slurm import Options, check
from bench_suite.executors.slurm.leases import Leases, NoLeases
from bench_suite.suite.plan import Cell, Unit


def unit(id: str) -> Unit:
    return Unit(id, (cast(Cell, SimpleNamespace(threads=1, device="cpu", devices=1)),))


def test_gpus_of_this_machine_are_leased_as_the_environment_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a, GPU-b,GPU-c")
    monkeypatch.setattr("bench_suite.executors.slurm.leases.usable_cores", lambda: (0, 1, 2, 3))
    leases = Leases(Sharing(4), 2)
    assert leases.take(unit("a"))[1] == "GPU-a,GPU-b"
    assert leases.take(unit("b")) is None
    leases.give_back("a")
    assert leases.take(unit("b"))[1] == "GPU-c,GPU-a"
    with pytest.raises(ValueError, match="gpus = 4, and this machine has 3"):
        check(Options(cluster="local", gpus=4))
    assert Leases(Sharing(4), None).take(unit("c"))[1] == "GPU-a, GPU-b,GPU-c", "what the user set stays"


def test_on_a_cluster_slurm_gives_cores_and_gpus() -> None:
    assert NoLeases().take(unit("a")) == ((), None)
