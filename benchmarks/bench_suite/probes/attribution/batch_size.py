"""Batch size: the number of examples in one pass through a network that is fast and stays within a memory limit."""

from __future__ import annotations

import torch

from bench_suite.probes.attribution.adapters import Inputs, Subject
from bench_suite.training import devices

CPU_BYTES = 32 << 20
"""Most bytes that a forward pass keeps for its backward pass on a CPU: about the size of its caches. With much more,
the C library returns memory to the system after each pass and requests it again for the next, page by page."""
GPU_SHARE = 0.25
"The same for a GPU, as a share of its free memory."
CPU_MAX, GPU_MAX = 1024, 16_384
"Rows beyond which a pass is no faster for each row, since the overhead of a call is negligible."


def rows_at_once(subject: Subject, inputs: Inputs) -> int:
    """Return the number of examples for one forward and backward pass, from the memory for the first of `inputs`.

    On one thread and on two it is as fast as the best number found by hand (`docs/appendix/attribution.md`).
    """
    device = inputs.values.device
    memory = devices.free_memory(device.type)
    free = CPU_BYTES if memory is None else int(memory * GPU_SHARE)
    return max(1, min(CPU_MAX if memory is None else GPU_MAX, free // max(1, bytes_of_one(subject, inputs))))


def bytes_of_one(subject: Subject, inputs: Inputs) -> int:
    """Return the bytes that the forward pass of one example keeps for the backward pass, and those of its input."""
    one = inputs.at(slice(0, 1))
    values = one.values.detach().clone().requires_grad_()
    sizes: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    weights = {
        weight.untyped_storage().data_ptr() for weight in (*subject.module.parameters(), *subject.module.buffers())
    }
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        subject.module(values, *one.context)
    return sum(sizes.values()) + 2 * values.nbytes
