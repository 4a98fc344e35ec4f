"""Leases of cores and GPUs for tasks on this machine; on a cluster, Slurm gives them."""

from __future__ import annotations

import os

from bench_suite.environment import usable_cores
from bench_suite.execution.gpus import VISIBLE, GpuLeases, visible_gpus
from bench_suite.execution.sharing import CoreLeases, Sharing
from bench_suite.suite.plan import Unit


class Leases:
    """The cores and GPUs of this machine, each leased to at most one unit at a time."""

    def __init__(self, sharing: Sharing, gpus: int | None) -> None:
        """Lease nothing yet.

        Args:
            sharing: how the units share the machine.
            gpus: number of GPUs of each unit; None for those that it computes on.
        """
        self._cores = CoreLeases(usable_cores(), sharing)
        self._count_for = GpuLeases(visible_gpus()).count_for
        self._gpus = gpus
        self._free = list(visible_gpus())
        self._leased: dict[str, list[str]] = {}

    def take(self, unit: Unit) -> tuple[tuple[int, ...], str | None] | None:
        """Return the cores of a unit, and its value of `CUDA_VISIBLE_DEVICES`; None if they are not free now.

        The value is None if the variable is not to be set. A unit without a GPU keeps what the user has set.
        """
        count = self._count_for(unit) if self._gpus is None else self._gpus
        if len(self._free) < count:
            return None
        cores = self._cores.take(unit)
        if cores is None:
            return None
        if not count:
            return cores, os.environ.get(VISIBLE)
        gpus = self._leased[unit.id] = self._free[:count]
        del self._free[:count]
        return cores, ",".join(gpus)

    def give_back(self, unit: str) -> None:
        """End the lease of a unit."""
        self._cores.give_back(unit)
        self._free += self._leased.pop(unit, ())


class NoLeases(Leases):
    """Leases on a cluster: Slurm decides which cores and GPUs a task has, and nothing here changes that."""

    def __init__(self) -> None:
        pass

    def take(self, unit: Unit) -> tuple[tuple[int, ...], str | None] | None:
        """Return no cores: the task uses those of its allocation."""
        return (), None

    def give_back(self, unit: str) -> None:
        """Do nothing."""
