"""The executor `ray`: run the units on a Ray cluster, of this machine or of many.

Without `address`, the cluster is this machine's, and ends with the run. A unit leases as many CPUs as it has threads,
and a GPU if it computes on one. It runs in a fresh process, which runs one unit after another. A unit that is timed has
a node to itself. If a process or a node is lost, its units are tried again, and then recorded as failed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench_suite.environment import usable_cores
from bench_suite.execution.sharing import Sharing, share_machine, timed_share, timed_units
from bench_suite.suite.plan import Plan

if TYPE_CHECKING:
    from bench_suite.contracts import Record
    from bench_suite.execution.work import Work

IMPORTS = ("ray",)
BOUNDS = {"jobs": (1, None), "timeout": (0.1, None), "retries": (0, 10), "memory": (0.001, None)}


@dataclass(frozen=True)
class Options:
    address: str | None = None
    "Address of a cluster: `auto`, `host:port` or `ray://host:port`; default: a cluster of this machine, for the run."
    jobs: int | None = None
    "Number of units that run at the same time; default: as many as the cluster has room for."
    timeout: float | None = None
    "Seconds after which a unit is stopped, as if it had crashed; default: none."
    retries: int = 1
    "Number of times that a step is tried again in which a process crashed; after that its cell is failed."
    memory: float | None = None
    "Gigabytes (2^30 bytes) that a unit reserves; default: none, so that only CPUs and GPUs limit the units on a node."
    share_timed: bool = False
    "Let units that are timed run beside others: faster, and with timings that are disturbed."


def check(options: Options) -> None:
    """Raise ValueError if no cluster answers at the address; the folder of the run is not made then."""
    if options.address is None:
        return
    from bench_suite.contracts import BenchError
    from bench_suite.executors.ray.cluster import connected

    before = dict(os.environ)
    try:
        with connected(options.address):
            pass
    except BenchError as error:
        raise ValueError(str(error)) from error
    finally:
        os.environ.clear()
        os.environ.update(before)


def sharing(plan: Plan, options: Options) -> Sharing:
    """Return how the units of a plan share this machine; on a cluster elsewhere, `threads = "auto"` means one."""
    if options.address is None:
        return share_machine(plan, options.jobs, share_timed=options.share_timed)
    timed = timed_units(plan)
    auto = any(cell.threads == "auto" for cell in plan.cells)
    notes = ['on this cluster, threads = "auto" means 1: state `threads` in [matrix]'] if auto else []
    if timed:
        notes.append(
            f"{timed_share(plan, timed)} "
            + (
                "and run beside others, which disturbs their timings (share_timed)"
                if options.share_timed
                else "and have a node to themselves each (--set run.share_timed=true lets them run beside others)"
            )
        )
    return Sharing(len(usable_cores()), frozenset(), tuple(notes))


def execute(work: Work, options: Options) -> Iterator[Record]:
    """Yield the records of all units, each when it is on disk.

    Args:
        work: the units of the run.
        options: where the cluster is, and what happens if a process ends.

    Raises:
        KeyboardInterrupt: after the records of the cells that were interrupted.
        StoreError: a worker cannot write the run's files.
        BenchError: the cluster does not answer, or has no node for a unit; or workers end before they begin with one.
    """
    from bench_suite.executors.ray.cluster import connected
    from bench_suite.executors.ray.pool import Pool

    if not work.todo():
        return
    with connected(options.address) as cluster, Pool(work, options, cluster) as pool:
        yield from pool.records()
