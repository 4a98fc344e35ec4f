"""Placement: resolve `auto` to a device, threads and a precision of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench_suite.contracts import ANY_DEVICE, BenchError, Placement
from bench_suite.environment import usable_cores


def resolve_placement(
    device: str,
    precision: str,
    threads: int | str,
    *,
    jobs: int = 1,
    deterministic: bool = False,
    compiled: bool | str = False,
    devices: int = 1,
    strategy: str = "ddp",
    honoured: Sequence[str] | None = None,
    precisions: Sequence[str] | None = None,
) -> Placement:
    """Resolve the axes of a cell to the placement that it has on this machine.

    Args:
        device: `auto`: a CUDA device if there is one, else Metal, else another accelerator that PyTorch has, else the
            processor; of several devices, the first kind of which there are enough.
        precision: `auto`: the faster one (`precision.fastest_precision`).
        threads: of each device; `auto`: the cores divided among the jobs and devices.
        jobs: cells that share the machine.
        deterministic: whether to use deterministic kernels only.
        compiled: whether networks are compiled, or how (`contracts.COMPILE_MODES`).
        devices: number of devices that train a network together.
        strategy: how they share the training.
        honoured: devices that the cell's engine honours, of which `auto` takes one; None, or `any` among them, for all.
        precisions: precisions that the cell's engine honours, of which `auto` takes one; None for all.

    Raises:
        BenchError: this machine does not support the placement (`precision.check`), or has none of the devices.
    """
    from bench_suite.training.devices import CPU, kinds
    from bench_suite.training.devices import count as count_of
    from bench_suite.training.precision import PRECISIONS, check, fastest_precision

    if device == "auto":
        every = honoured is None or ANY_DEVICE in honoured
        usable = [kind for kind in kinds() if every or kind in (honoured or ())]
        if not usable:
            listed = " or ".join(honoured or ())
            raise BenchError(f"the engine computes on {listed} only, and this machine has no such device")
        enough = [kind for kind in usable if devices == 1 or kind == CPU or count_of(kind) >= devices]
        device = (enough or usable)[0]
    if device != CPU and devices > 1 and (there := count_of(device)) < devices:
        raise BenchError(f"devices = {devices}, and this process sees {there} of {device}: set a smaller `devices`")
    count = max(1, len(usable_cores()) // (jobs * devices)) if threads == "auto" else int(threads)
    choices = [precision]
    if precision == "auto":
        choices = [known for known in PRECISIONS if precisions is None or known in precisions]
    placement = Placement(device, count, choices[0], deterministic, compiled, devices, strategy)
    check(placement)
    return placement if len(choices) == 1 else replace(placement, precision=fastest_precision(device, count))
