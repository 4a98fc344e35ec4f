"""Sharing: how the units of a run share the cores of a machine."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, cast

from bench_suite.components import discovery
from bench_suite.contracts import BenchError
from bench_suite.environment import usable_cores
from bench_suite.execution.gpus import visible_gpus
from bench_suite.suite.cell import name
from bench_suite.suite.plan import Plan, Unit
from bench_suite.suite.spec import metrics_of


@dataclass(frozen=True)
class Sharing:
    """How the units of a run share a machine."""

    jobs: int = 1
    "Number of units that run at the same time."
    exclusive: frozenset[str] = frozenset()
    "Ids of the units beside which no other one runs."
    notes: tuple[str, ...] = ()
    "What the user should know before the run, in words."
    elsewhere: bool = False
    "Whether the units run on other machines."
    cores: int = field(default=0, compare=False)
    "Number of cores that the units share; 0 if they are not this machine's, or not leased."


def timed_units(plan: Plan) -> frozenset[str]:
    """Return the ids of the units in which a probe measures times or rates of the machine."""
    timing = {
        probe.label
        for probe in plan.suite.probes
        if any(facts.get("timing") for facts in metrics_of(probe, ()).values())
    }
    return frozenset(
        unit.id
        for unit in plan.units
        if any(cell.probes.get(label, "") is None for cell in unit.cells for label in timing)
    )


def timed_share(plan: Plan, timed: frozenset[str]) -> str:
    """Return in words how many of a plan's units are timed."""
    if len(timed) == len(plan.units):
        return "all trainings are timed"
    return f"{len(timed)} of {len(plan.units)} trainings are timed"


def share_machine(plan: Plan, jobs: int | None, *, share_timed: bool) -> Sharing:
    """Return how the units of a plan share this machine.

    Args:
        plan: the plan.
        jobs: number of units that run at the same time, but not more than there are cores; None: one on each core.
        share_timed: whether a unit that is timed runs beside others.
    """
    cores = len(usable_cores())
    timed = timed_units(plan)
    notes = []
    if jobs is not None and jobs > cores:
        notes.append(f"{cores} trainings run at the same time, not {jobs}: this machine has {cores} cores")
    jobs = min(jobs or cores, cores)
    threads = max((int(cell.threads) for cell in plan.cells if cell.threads != "auto"), default=1)
    if threads > cores:
        notes.append(f"threads = {threads}, and this machine has {cores} cores: such a training takes much longer")
    if timed and jobs > 1:
        notes.append(
            f"{timed_share(plan, timed)} "
            + (
                "and run beside others, which disturbs their timings (share_timed)"
                if share_timed
                else "and run one at a time, alone (--set run.share_timed=true lets them run beside others)"
            )
        )
    return Sharing(jobs, frozenset() if share_timed else timed, tuple(notes), cores=cores)


def layout_of(plan: Plan, sharing: Sharing) -> str | None:
    """Return in words how many units run at a time, and on how many cores; None if they share no cores."""
    if not sharing.cores or not plan.units:
        return None
    leases = CoreLeases(tuple(range(sharing.cores)), sharing)
    beside = [leases.core_count(unit) for unit in plan.units if unit.id not in sharing.exclusive]
    counts = beside or [leases.core_count(unit) for unit in plan.units]
    at_a_time = min(sharing.jobs, len(beside), sharing.cores // min(counts)) if beside else 1
    cores = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    trainings = f"{at_a_time} trainings at a time, each" if at_a_time > 1 else "one training at a time,"
    return f"{trainings} on {cores} of {sharing.cores} core{'s' if sharing.cores > 1 else ''}"


def load_executor(plan: Plan) -> tuple[Any, Any]:
    """Return the module of the suite's executor, and its options."""
    use = plan.suite.executor
    component = discovery.find("executors", "inline", discovery.PACKAGE) if use is None else use.component
    return discovery.load(component), discovery.make_options(component, {} if use is None else use.stated)


def sharing_of(plan: Plan) -> Sharing:
    """Return how the units of a plan share this machine, as its executor says.

    Raises:
        BenchError: this machine has too few devices for a training that is to run on it.
    """
    executor, options = load_executor(plan)
    shared = executor.sharing(plan, options) if hasattr(executor, "sharing") else Sharing()
    if not shared.elsewhere:
        check_devices(plan)
    return cast(Sharing, shared)


def check_devices(plan: Plan) -> None:
    """Raise BenchError if a training of the plan wants more devices than this machine has, which is to run it."""
    for cell in plan.cells:
        if cell.devices == 1 or cell.device not in ("auto", "cpu", "cuda", "mps"):
            continue
        if cell.device == "mps":
            raise BenchError(f"{name(cell)} is to train on {cell.devices} devices, and Metal has one: set devices = 1")
        gpus = len(visible_gpus()) if cell.device != "cpu" else 0
        on_gpus = cell.device == "cuda" or gpus > 0
        there = gpus if on_gpus else len(usable_cores())
        if cell.devices > there:
            kind = "CUDA device" if on_gpus else "core"
            raise BenchError(
                f"{name(cell)} is to train on {cell.devices} {'devices' if on_gpus else 'processes of the CPU'}, and "
                f"this machine has {there} {kind}{'s' if there != 1 else ''}: set a smaller `devices` in [matrix]"
            )


def thread_count(unit: Unit, auto: int) -> int:
    """Return the number of threads that a unit needs: those of each of its devices.

    Args:
        unit: the unit.
        auto: the threads of all devices together that the `threads = "auto"` of a cell means.
    """
    return max(
        (max(1, auto // cell.devices) if cell.threads == "auto" else int(cell.threads)) * cell.devices
        for cell in unit.cells
    )


class CoreLeases:
    """The cores of a machine, each leased to at most one unit at a time."""

    def __init__(self, cores: tuple[int, ...], sharing: Sharing) -> None:
        self.cores = cores
        self._sharing = sharing
        self._leased: dict[str, tuple[int, ...]] = {}

    def take(self, unit: Unit) -> tuple[int, ...] | None:
        """Lease the cores that a unit needs; return None if they are not free now."""
        alone = unit.id in self._sharing.exclusive
        if self._leased and (alone or self._sharing.exclusive & self._leased.keys()):
            return None
        if len(self._leased) >= self._sharing.jobs:
            return None
        leased = {core for cores in self._leased.values() for core in cores}
        free = [core for core in self.cores if core not in leased]
        count = self.core_count(unit)
        if len(free) < count:
            return None
        self._leased[unit.id] = tuple(free[:count])
        return self._leased[unit.id]

    def give_back(self, unit: str) -> None:
        """End the lease of a unit."""
        self._leased.pop(unit, None)

    def core_count(self, unit: Unit) -> int:
        """Return the number of cores that a unit leases: its threads, but not more than there are."""
        auto = len(self.cores) // (1 if unit.id in self._sharing.exclusive else self._sharing.jobs)
        return min(len(self.cores), thread_count(unit, auto))


def pin(cores: tuple[int, ...]) -> None:
    """Let all threads of this process run on these cores only, where the system can do it."""
    if not hasattr(os, "sched_setaffinity"):
        return
    try:
        threads = [int(name) for name in os.listdir("/proc/self/task")]
    except OSError:
        threads = [0]
    for thread in threads:
        try:
            os.sched_setaffinity(thread, cores)
        except OSError:  # the thread has ended, or the system forbids it
            continue
