"""The executor `slurm`: run each unit as a task of a Slurm job array, which goes on without `bench run`.

Units that need the same resources form an array. A task asks for as many CPUs as its unit has threads; a unit that is
timed asks for a node of its own. Each task writes its own records, and `bench run` only watches: if it is killed, or
the connection is lost, `bench run SUITE --resume` collects the results. Ctrl-C interrupts the tasks. With
`cluster = "local"`, submitit runs the same tasks on this machine.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench_suite.contracts import BenchError
from bench_suite.execution.sharing import Sharing, share_machine, timed_units
from bench_suite.suite.plan import Plan

if TYPE_CHECKING:
    from bench_suite.contracts import Record
    from bench_suite.execution.work import Work

IMPORTS = ("submitit",)
BOUNDS = {
    "jobs": (1, None),
    "timeout": (0.1, None),
    "retries": (0, 10),
    "memory": (0.001, None),
    "gpus": (0, 64),
}
REQUEUE = ("requeue", "no_requeue")
"Options of `sbatch` by which Slurm or submitit would start a task again, whose cells may have their records already."
COMMANDS = ("sbatch", "srun", "squeue", "scancel")
"The commands of Slurm without which nothing is submitted; `sacct` is used if it is there."


@dataclass(frozen=True)
class Options:
    cluster: Literal["slurm", "local"] = "slurm"
    "`slurm`, or `local`: submitit runs the tasks on this machine, without Slurm."
    partition: str | None = None
    "Partition of Slurm; default: the cluster's own."
    account: str | None = None
    "Account that pays for the jobs."
    jobs: int | None = None
    "Number of tasks of an array that run at the same time; default: 256, and one for each core with `local`."
    timeout: float | None = None
    "Seconds after which a unit is stopped, as if it had crashed; default: none but that of the partition."
    retries: int = 1
    "Number of times that a step is tried again in which a task ended; after that its cell is failed."
    memory: float | None = None
    "Gigabytes (2^30 bytes) of memory of a task; default: the cluster's own."
    gpus: int | None = None
    "GPUs of a task; default: `devices` if that is above 1, else none, and with `local` those that a unit computes on."
    setup: tuple[str, ...] = ()
    "Shell commands that each job of Slurm runs first, such as `module load cuda`."
    extra: Mapping[str, str | int | bool] | None = None
    'Further options of `sbatch` by name, such as `{ qos = "long", constraint = "a100" }`.'
    share_timed: bool = False
    "Let units that are timed run beside others: faster, and with timings that are disturbed."


def check(options: Options) -> None:
    """Raise ValueError if this machine cannot submit the jobs, or if others than `bench run` would try them again."""
    requeue = [name for name in options.extra or () if name.replace("-", "_") in REQUEUE]
    if requeue:
        raise ValueError(f"extra.{requeue[0]}: only bench run tries a task again; state run.retries instead")
    if options.cluster == "local":
        from bench_suite.execution.gpus import visible_gpus

        there = len(visible_gpus()) if options.gpus else 0
        if options.gpus and options.gpus > there:
            raise ValueError(f"gpus = {options.gpus}, and this machine has {there}")
        return
    missing = [command for command in COMMANDS if shutil.which(command) is None]
    if missing:
        raise ValueError(
            f"this machine has no Slurm: {', '.join(missing)} not found; run this on a login node of the cluster, "
            "or try the same tasks on this machine with --cluster local"
        )


def sharing(plan: Plan, options: Options) -> Sharing:
    """Return how the units of a plan share the machine, or the cluster.

    Raises:
        BenchError: `gpus` is below the devices of a training.
    """
    several = [cell.devices for cell in plan.cells if cell.devices > 1 and cell.device in ("auto", "cuda")]
    wanted = max(several, default=0)
    if options.gpus and options.gpus < wanted:
        raise BenchError(f"gpus = {options.gpus} in [run], and a training wants devices = {wanted}: leave gpus out")
    exclusive = frozenset() if options.share_timed else timed_units(plan)
    if options.cluster == "slurm":
        return Sharing(exclusive=exclusive, elsewhere=True, notes=tuple(_array_notes(plan, exclusive)))
    return share_machine(plan, options.jobs, share_timed=options.share_timed)


def _array_notes(plan: Plan, exclusive: frozenset[str]) -> Iterator[str]:
    from bench_suite.executors.slurm.resources import by_resources

    for resources, units in by_resources(plan.units, exclusive).items():
        yield f"{len(units)} task{'s' if len(units) != 1 else ''}, {resources}"


def execute(work: Work, options: Options) -> Iterator[Record]:
    """Yield the records of all units, each when it is on disk.

    Args:
        work: the units of the run.
        options: of the jobs.

    Raises:
        KeyboardInterrupt: after the records of the cells that were interrupted.
        StoreError: a task cannot write the run's files.
        BenchError: Slurm refuses the jobs, or the tasks end before they begin with a unit.
    """
    from bench_suite.executors.slurm.driver import Driver

    with Driver(work, options, Sharing(work.context.jobs, work.context.exclusive)) as driver:
        yield from driver.records()
