"""The executor `processes`: run several units at the same time, each in a process of its own on cores of its own.

The processes are fresh interpreters that run one unit after another. A unit leases as many cores as it has threads:
with `threads = "auto"`, an equal part of all. A unit that is timed runs alone on the machine, so that nothing disturbs
its timings. If a process crashes, its unit is tried again, and then recorded as failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench_suite.execution.sharing import Sharing, share_machine
from bench_suite.suite.plan import Plan

if TYPE_CHECKING:
    from bench_suite.contracts import Record
    from bench_suite.execution.work import Work

BOUNDS = {"jobs": (1, None), "timeout": (0.1, None), "retries": (0, 10)}


@dataclass(frozen=True)
class Options:
    jobs: int | None = None
    "Number of units that run at the same time; default: as many as there are cores."
    timeout: float | None = None
    "Seconds after which a unit is stopped, as if it had crashed; default: none."
    retries: int = 1
    "Number of times that a step is tried again in which a process crashed; after that its cell is failed."
    share_timed: bool = False
    "Let units that are timed run beside others: faster, and with timings that are disturbed."


def sharing(plan: Plan, options: Options) -> Sharing:
    """Return how the units of a plan share this machine."""
    return share_machine(plan, options.jobs, share_timed=options.share_timed)


def execute(work: Work, options: Options) -> Iterator[Record]:
    """Yield the records of all units, each when it is on disk.

    Args:
        work: the units of the run.
        options: how many at a time, and what happens if a process ends.

    Raises:
        KeyboardInterrupt: after the records of the cells that were interrupted.
        StoreError: a worker cannot write the run's files.
        BenchError: workers end before they begin with a unit.
    """
    from bench_suite.executors.processes.pool import Pool

    with Pool(work, options, Sharing(work.context.jobs, work.context.exclusive)) as pool:
        yield from pool.records()
