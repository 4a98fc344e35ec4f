"""The state of a trained network that one probe may change for the next: noted after the training, and restored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from bench_suite.contracts import Network
from bench_suite.execution.setting import Setting


def model_settings(network: Network) -> Iterator[Setting]:
    """Yield what is noted and restored of a network; its modules and parameters are listed once.

    Parameters that were changed in place are reported, and not restored: a copy of them would cost the memory of a
    model. Of buffers, such as running means, there is a copy.
    """
    parts = [part for part in (network.module, network.frozen) if part is not None]
    modules = [module for part in parts for module in part.modules()]
    parameters = [parameter for part in parts for parameter in part.parameters()]
    buffers = [buffer for part in parts for buffer in part.buffers()]

    # Three registries a module: reading their lengths takes a tenth of the time of copying them.
    hooks = [
        (registry, dict(registry))
        for module in modules
        for registry in (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
    ]

    def set_hooks(lengths: list[int]) -> None:
        for registry, first in hooks:
            registry.clear()
            registry.update(first)

    def set_modes(modes: list[bool]) -> None:
        for module, mode in zip(modules, modes):
            module.training = mode

    def set_gradients(required: list[bool]) -> None:
        for parameter, flag in zip(parameters, required):
            parameter.requires_grad_(flag)

    yield Setting("training mode", lambda: [module.training for module in modules], set_modes)
    yield Setting(
        "requires_grad of parameters", lambda: [parameter.requires_grad for parameter in parameters], set_gradients
    )
    yield Setting("hooks of modules", lambda: [len(registry) for registry, _ in hooks], set_hooks)
    # PyTorch counts the changes in place of each tensor.
    yield Setting("parameters", lambda: [parameter._version for parameter in parameters], _cannot)
    yield Setting(
        "buffers",
        lambda: [buffer.detach().clone() for buffer in buffers],
        lambda copies: _write(buffers, copies),
        comparable=False,
        same=lambda copies: all(map(torch.equal, buffers, copies)),  # batch norm does not count its changes
    )


def _write(tensors: Sequence[torch.Tensor], copies: Sequence[torch.Tensor]) -> None:
    with torch.no_grad():
        for tensor, copy in zip(tensors, copies):
            tensor.copy_(copy)


def _cannot(value: Any) -> None:
    """Do nothing: the earlier numbers are not known."""
