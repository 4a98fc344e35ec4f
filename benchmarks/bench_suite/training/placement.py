"""Where a cell computes: `auto` resolved to this machine's device and threads."""

from __future__ import annotations

import os
from dataclasses import replace

from bench_suite.contracts import Placement


def cores() -> int:
    """Processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def resolve_placement(
    device: str,
    precision: str,
    threads: int | str,
    *,
    jobs: int = 1,
    deterministic: bool = False,
    compiled: bool = False,
) -> Placement:
    """The placement that a cell's axes come to here; `jobs` cells share the machine.

    `device` may be `auto`: a CUDA device where there is one, else Metal, else the processor. `threads` may be `auto`:
    the cores divided among the jobs. `precision` may be `auto`: the faster one here (`precision.fastest`). Raises
    BenchError where this machine cannot compute so (`precision.check`).
    """
    import torch

    from bench_suite.training.precision import check, fastest_precision

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    count = max(1, cores() // jobs) if threads == "auto" else int(threads)
    placement = Placement(device, count, "32-true" if precision == "auto" else precision, deterministic, compiled)
    check(placement)
    return replace(placement, precision=fastest_precision(device, count)) if precision == "auto" else placement
