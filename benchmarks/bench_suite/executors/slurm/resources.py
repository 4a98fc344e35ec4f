"""What a task needs of the cluster: units that need the same form an array."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench_suite.suite.plan import Unit


@dataclass(frozen=True)
class Resources:
    """What each task of an array asks for; its memory is the same for all arrays of a run."""

    cpus: int | None
    "Number of CPUs; None for as many as Slurm gives."
    alone: bool
    "Whether the task has a node of its own."
    gpus: int | None = None
    "GPUs that a training on several needs; None leaves their number to the executor's option."

    def __str__(self) -> str:
        cpus = "CPUs as Slurm gives them" if self.cpus is None else f"{self.cpus} CPU{'s' if self.cpus != 1 else ''}"
        cpus += f" and {self.gpus} GPUs" if self.gpus else ""
        return cpus + (", each alone on its node, since its training is timed" if self.alone else "")


def by_resources(units: Iterable[Unit], alone: frozenset[str]) -> dict[Resources, list[Unit]]:
    """Return the units by what they need, in the order in which they come.

    Args:
        units: the units.
        alone: ids of those that have a node of their own.
    """
    grouped: dict[Resources, list[Unit]] = {}
    for unit in units:
        stated = [int(cell.threads) * cell.devices for cell in unit.cells if cell.threads != "auto"]
        cpus = max(stated) if len(stated) == len(unit.cells) else None
        gpus = max((cell.devices for cell in unit.cells if cell.device == "cuda" and cell.devices > 1), default=None)
        grouped.setdefault(Resources(cpus, unit.id in alone, gpus), []).append(unit)
    return grouped
