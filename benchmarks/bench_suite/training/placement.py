"""Placement: resolve `auto` to a device, threads and a precision of this machine."""

from __future__ import annotations

import os
from dataclasses import replace

from bench_suite.contracts import Placement


def cores() -> int:
    """Return the number of processors that this process may use."""
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
    """Return the placement of a cell on this machine.

    Args:
        device: `auto`: a CUDA device if there is one, else Metal, else the processor.
        precision: `auto`: the faster one (`precision.fastest_precision`).
        threads: `auto`: the cores divided among the jobs.
        jobs: cells that share the machine.
        deterministic: whether to use deterministic kernels only.
        compiled: whether networks are compiled.

    Raises:
        BenchError: this machine does not support the placement (`precision.check`).
    """
    import torch

    from bench_suite.training.precision import check, fastest_precision

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    count = max(1, cores() // jobs) if threads == "auto" else int(threads)
    placement = Placement(device, count, "32-true" if precision == "auto" else precision, deterministic, compiled)
    check(placement)
    return replace(placement, precision=fastest_precision(device, count)) if precision == "auto" else placement
