"""Memory: how many examples may go through a network at once, so that it is quick and no more is held than agreed."""

from __future__ import annotations

import torch

from bench_suite.probes.attribution.adapters import Inputs, Subject

CPU_BYTES = 32 << 20
"""What a forward pass may keep for its backward pass on a CPU: about what its caches hold. With much more, the C
library gives memory back to the system after each pass and takes it again for the next, page by page."""
GPU_SHARE = 0.25
"Of a GPU's free memory."
MAX = {"cpu": 1024, "cuda": 16_384}
"Rows beyond which nothing is gained: the cost of a call is spread over enough of them."


def rows_at_once(subject: Subject, inputs: Inputs) -> int:
    """Examples for one forward and backward pass, from what the first of `inputs` leaves behind for the latter.

    On one thread and on two it is as fast as the best number by hand (`docs/appendix/attribution.md`).
    """
    device = inputs.values.device
    free = int(torch.cuda.mem_get_info(device)[0] * GPU_SHARE) if device.type == "cuda" else CPU_BYTES
    return max(1, min(MAX.get(device.type, MAX["cpu"]), free // max(1, bytes_of_one(subject, inputs))))


def bytes_of_one(subject: Subject, inputs: Inputs) -> int:
    """Bytes that the forward pass of one example keeps for the backward pass, and of its input."""
    one = inputs.at(slice(0, 1))
    values = one.values.detach().clone().requires_grad_()
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    weights = {
        weight.untyped_storage().data_ptr() for weight in (*subject.module.parameters(), *subject.module.buffers())
    }
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        subject.module(values, *one.context)
    return sum(kept.values()) + 2 * values.nbytes
