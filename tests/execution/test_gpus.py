"""Claims about GPUs: which ones a process may use, by index or UUID, and that no executor changes what a user set."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from bench_suite.execution.gpus import VISIBLE, GpuLeases, environment_of, visible_gpus
from bench_suite.suite.plan import Cell, Unit

UUIDS = ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "GPU-11111111-d72c-4106-c12f-20bd9faed9f6")


def unit_on(device: str, id: str = "a", devices: int = 1) -> Unit:
    return Unit(id, (cast(Cell, SimpleNamespace(device=device, devices=devices)),))


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("", ()),
        ("2", ("2",)),
        ("1,0", ("1", "0")),
        (" 3 , 4 ", ("3", "4")),
        ("0,-1,1", ("0",)),
        ("NoDevFiles", ()),
        (",".join(UUIDS), UUIDS),
        ("MIG-GPU-8932f937/1/0", ("MIG-GPU-8932f937/1/0",)),
        ("0,0", ("0",)),
    ],
)
def test_the_variable_names_gpus_by_index_or_uuid_up_to_the_first_that_is_none(
    stated: str, expected: tuple[str, ...]
) -> None:
    assert visible_gpus({VISIBLE: stated}) == expected


def nvidia_smi(folder: Path, lines: str, status: int = 0) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf '{lines}'\nexit {status}\n")
    program.chmod(0o755)


def test_without_the_variable_the_gpus_are_those_of_the_machine_by_uuid(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    nvidia_smi(tmp_path, "\\n".join(UUIDS) + "\\n")
    assert visible_gpus({}) == UUIDS
    nvidia_smi(tmp_path, "NVIDIA-SMI has failed", 9)
    assert visible_gpus({}) == ()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert visible_gpus({}) == ()


def test_a_gpu_is_leased_to_one_unit_at_a_time() -> None:
    leases = GpuLeases(("3", "1"))
    assert leases.take(unit_on("cpu", "c")) is None
    assert leases.take(unit_on("cuda", "a")) == "3"
    assert leases.take(unit_on("auto", "b")) == "1"
    assert leases.has_room(unit_on("cpu", "e"))
    assert not leases.has_room(unit_on("cuda", "d"))
    with pytest.raises(LookupError):
        leases.take(unit_on("cuda", "d"))
    leases.give_back("a")
    assert leases.take(unit_on("cuda", "d")) == "3"
    assert GpuLeases(()).take(unit_on("auto")) is None, "a machine without GPUs"


def test_a_training_on_several_gpus_leases_them_together() -> None:
    leases = GpuLeases(("0", "1", "2"))
    assert leases.take(unit_on("cuda", "a", devices=2)) == "0,1"
    assert not leases.has_room(unit_on("cuda", "b", devices=2))
    assert leases.take(unit_on("cuda", "c")) == "2"
    leases.give_back("a")
    assert leases.take(unit_on("auto", "b", devices=2)) == "0,1"


def test_a_process_sees_its_own_gpu_and_otherwise_what_the_user_has_set(monkeypatch) -> None:
    monkeypatch.setenv(VISIBLE, "5,7")
    assert environment_of("7")[VISIBLE] == "7"
    assert environment_of(None)[VISIBLE] == "5,7"
    monkeypatch.setenv(VISIBLE, "")
    assert environment_of(None)[VISIBLE] == "", "all GPUs stay hidden"
    monkeypatch.delenv(VISIBLE)
    assert VISIBLE not in environment_of(None)
