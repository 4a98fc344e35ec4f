"""Leases of cores and GPUs for tasks on this machine; on a cluster, Slurm gives them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from bench_suite.execution.sharing import CoreLeases, Sharing, machine_cores
from bench_suite.suite.plan import Unit

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def visible_gpus() -> tuple[str, ...]:
    """Return the GPUs that this process may use, by index or UUID; as the variable of the environment names them."""
    stated = os.environ.get(_VISIBLE)
    if stated is not None:
        return tuple(word.strip() for word in stated.split(",") if word.strip())
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(line.strip() for line in listed.splitlines() if line.strip())


class Leases:
    """The cores and GPUs of this machine, each leased to at most one unit at a time."""

    def __init__(self, sharing: Sharing, gpus: int | None) -> None:
        """Lease nothing yet.

        Args:
            sharing: how the units share the machine.
            gpus: number of GPUs of a unit; None if a unit sees those that this process sees.
        """
        self._cores = CoreLeases(machine_cores(), sharing)
        self._count = gpus
        self._free = list(visible_gpus()) if gpus else []
        self._leased: dict[str, Sequence[str]] = {}

    def take(self, unit: Unit) -> tuple[tuple[int, ...], str | None] | None:
        """Return the cores of a unit, and its value of `CUDA_VISIBLE_DEVICES`; None if they are not free now.

        The value is None if the variable is not to be set.
        """
        if self._count and len(self._free) < self._count:
            return None
        cores = self._cores.take(unit)
        if cores is None:
            return None
        if self._count is None:
            return cores, os.environ.get(_VISIBLE)
        gpus = self._leased[unit.id] = self._free[: self._count]
        del self._free[: self._count]
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
