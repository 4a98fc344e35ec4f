"""Where a cell computes: `auto` resolved to this machine's device and threads."""

from __future__ import annotations

import os

from bench_suite.contracts import BenchError, Placement


def cores() -> int:
    """Processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def placement(
    device: str, precision: str, threads: int | str, *, jobs: int = 1, deterministic: bool = False
) -> Placement:
    """The placement that a cell's axes come to here; `jobs` cells share the machine.

    Raises BenchError where the device is not there, or has no bfloat16.
    """
    import torch

    found = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        device = next(name for name in ("cuda", "mps", "cpu") if found[name])
    elif not found[device]:
        here = ", ".join(name for name, there in found.items() if there)
        raise BenchError(f"there is no {device} here (there is: {here}); leave `device` out to take what there is")
    if precision == "bf16-mixed" and device == "cuda" and not torch.cuda.is_bf16_supported():
        raise BenchError("this GPU has no bfloat16; use precision 32-true")
    count = max(1, cores() // jobs) if threads == "auto" else int(threads)
    return Placement(device, count, precision, deterministic)
