"""Claims about the cores of a machine: who gets which, and what runs beside a unit that is timed."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace
from typing import cast

import pytest

from bench_suite.contracts import BenchError
from bench_suite.environment import usable_cores
from bench_suite.execution.sharing import CoreLeases, Sharing, check_devices, layout_of, pin, sharing_of, timed_units
from bench_suite.suite.document import parse_document
from bench_suite.suite.parser import suite_of
from bench_suite.suite.plan import Cell, Plan, Unit, make_plan

SUITE = """
[[tasks]]
use = "loans"
[[models]]
use = "logistic_regression"
[[models]]
use = "mlp"
[probes.quality]
{more}
"""


def plan_of(tmp_path, more: str = "") -> Plan:
    document = parse_document(SUITE.format(more=more), "suite.toml")
    return make_plan(suite_of(document, "suite", tmp_path))


def unit_of(id: str, threads: int | str, devices: int = 1) -> Unit:
    return Unit(id, (cast(Cell, SimpleNamespace(threads=threads, devices=devices)),))


def test_no_core_is_leased_twice_and_a_timed_unit_runs_alone() -> None:
    leases = CoreLeases((2, 3, 5, 7), Sharing(jobs=4, exclusive=frozenset({"timed"})))
    a, b, c = unit_of("a", 2), unit_of("b", "auto"), unit_of("c", 2)
    assert leases.take(a) == (2, 3)
    assert leases.take(b) == (5,), "auto: a fourth of the four cores"
    assert leases.take(c) is None, "one core is left"
    assert leases.take(unit_of("timed", 1)) is None, "others run"
    leases.give_back("a")
    assert leases.take(c) == (2, 3)
    leases.give_back("b")
    leases.give_back("c")
    assert leases.take(unit_of("timed", "auto")) == (2, 3, 5, 7)
    assert leases.take(a) is None, "a timed unit runs"
    leases.give_back("timed")
    assert leases.take(unit_of("large", 64)) == (2, 3, 5, 7), "more threads than cores: all of them"


def test_a_training_on_several_devices_leases_the_cores_of_all() -> None:
    leases = CoreLeases((0, 1, 2, 3), Sharing(jobs=2))
    assert leases.take(unit_of("a", 1, devices=3)) == (0, 1, 2)
    assert leases.take(unit_of("b", 1, devices=2)) is None
    leases.give_back("a")
    assert leases.take(unit_of("c", "auto", devices=2)) == (0, 1), "auto: a half of the cores, one for each device"


def test_more_devices_than_this_machine_has_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("bench_suite.execution.sharing.usable_cores", lambda: (0, 1, 2, 3))
    monkeypatch.setattr("bench_suite.execution.sharing.visible_gpus", lambda: ("0", "1"))
    for matrix in ("device = 'cpu'\ndevices = 4", "device = 'auto'\ndevices = 2", "device = 'cuda'\ndevices = 2"):
        check_devices(plan_of(tmp_path, f"[matrix]\n{matrix}"))
    with pytest.raises(BenchError, match=r"mlp.* on 5 processes of the CPU, and this machine has 4 cores"):
        check_devices(plan_of(tmp_path, "[matrix]\ndevice = 'cpu'\ndevices = 5"))
    for device in ("auto", "cuda"):
        with pytest.raises(BenchError, match=r"mlp.* on 3 devices, and this machine has 2 CUDA devices"):
            sharing_of(plan_of(tmp_path, f"[matrix]\ndevice = '{device}'\ndevices = [1, 3]"))
    with pytest.raises(BenchError, match=r"mlp.* on 2 devices, and Metal has one"):
        check_devices(plan_of(tmp_path, "[matrix]\ndevice = 'mps'\ndevices = 2"))
    few = "[run]\nexecutor = 'slurm'\ngpus = 1\n[matrix]\ndevice = 'cuda'\ndevices = 2"
    with pytest.raises(BenchError, match=r"gpus = 1 .* devices = 2"):
        sharing_of(plan_of(tmp_path, few))
    cluster = "[run]\nexecutor = 'slurm'\n[matrix]\ndevice = 'cuda'\ndevices = 8"
    assert sharing_of(plan_of(tmp_path, cluster)).elsewhere, "another machine may have them"


def test_units_with_timings_are_known_from_their_probes(tmp_path) -> None:
    timed = plan_of(tmp_path, "[probes.throughput]\nonly = { model = 'mlp' }")
    assert timed_units(timed) == {unit.id for unit in timed.units if unit.cells[0].model.label == "mlp"}
    assert timed_units(plan_of(tmp_path)) == frozenset()


def test_an_executor_says_how_units_share_the_machine(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("bench_suite.execution.sharing.usable_cores", lambda: (0, 1, 2, 3))
    assert sharing_of(plan_of(tmp_path)) == Sharing()
    assert sharing_of(plan_of(tmp_path, "[run]\njobs = 2")) == Sharing(jobs=2)
    many = sharing_of(plan_of(tmp_path, "[run]\njobs = 9"))
    assert many.jobs == 4
    assert many.notes == ("4 trainings run at the same time, not 9: this machine has 4 cores",)
    timed = plan_of(tmp_path, "[probes.throughput]\n[run]\njobs = 2")
    assert sharing_of(timed).exclusive == {unit.id for unit in timed.units}
    assert "all trainings are timed and run one at a time" in sharing_of(timed).notes[0]
    shared = plan_of(tmp_path, "[probes.throughput]\n[run]\njobs = 2\nshare_timed = true")
    assert sharing_of(shared).exclusive == frozenset()
    assert "disturbs" in sharing_of(shared).notes[0]


@pytest.mark.parametrize(
    ("more", "layout"),
    [
        ("[run]\njobs = 2", "2 trainings at a time, each on 2 of 4 cores"),
        ("[matrix]\nthreads = 1\nseed = [0, 1, 2]\n[run]\njobs = 9", "4 trainings at a time, each on 1 of 4 cores"),
        ("[matrix]\nthreads = [1, 3]\n[run]\njobs = 4", "4 trainings at a time, each on 1 to 3 of 4 cores"),
        ("[matrix]\nthreads = 3\n[run]\njobs = 4", "one training at a time, on 3 of 4 cores"),
        ("[probes.throughput]\n[run]\njobs = 2", "one training at a time, on 4 of 4 cores"),
        ("[probes.throughput]\nonly = { model = 'mlp' }\n[run]\njobs = 4", "one training at a time, on 1 of 4 cores"),
        ("", None),
        ("[run]\nexecutor = 'ray'\naddress = 'auto'", None),
        ("[run]\nexecutor = 'ray'\njobs = 2", "2 trainings at a time, each on 2 of 4 cores"),
        ("[run]\nexecutor = 'slurm'\ncluster = 'local'", "2 trainings at a time, each on 1 of 4 cores"),
    ],
)
def test_the_layout_says_how_many_trainings_run_at_a_time_and_on_how_many_cores(
    tmp_path, monkeypatch, more, layout
) -> None:
    monkeypatch.setattr("bench_suite.execution.sharing.usable_cores", lambda: (0, 1, 2, 3))
    plan = plan_of(tmp_path, more)
    assert layout_of(plan, sharing_of(plan)) == layout


def test_more_threads_than_cores_are_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("bench_suite.execution.sharing.usable_cores", lambda: (0, 1, 2, 3))
    notes = sharing_of(plan_of(tmp_path, "[matrix]\nthreads = 8\n[run]\njobs = 2")).notes
    assert notes == ("threads = 8, and this machine has 4 cores: such a training takes much longer",)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not pin processes")
def test_all_threads_of_the_process_are_pinned() -> None:
    before = usable_cores()
    ready, release, seen = threading.Event(), threading.Event(), []

    def wait() -> None:
        ready.set()
        release.wait()
        seen.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        ready.wait()
        pin(before[:1])
        release.set()
        thread.join()
        assert usable_cores() == before[:1]
        assert seen == [{before[0]}]
    finally:
        release.set()
        pin(before)
