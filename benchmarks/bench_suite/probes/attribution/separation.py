"""Separation: a neutral operation before each nonlinear module, without which DeepLift loses the rule of the next one.

Captum changes gradients by hooks on tensors. If a max-pool follows a rectifier directly, the output of one is the input
of the other, so that both hooks are on one tensor. Then the first module reads the gradient before the second has
changed it (pytorch/captum, issue 1104). With a copy between the modules there are two tensors.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Separated:
    """An attribution of Captum during which each nonlinear module of a network receives a copy of its input."""

    def __init__(self, attribution: Any, module: nn.Module) -> None:
        self.attribution = attribution
        self.module = module

    def attribute(self, inputs: torch.Tensor, **arguments: Any) -> Any:
        """Return what the attribution's own `attribute` returns."""
        from captum.attr._core.deep_lift import SUPPORTED_NON_LINEAR

        # Hooks run in the order of their registration, so that Captum's, which come later, see the copies.
        handles = [
            part.register_forward_pre_hook(_copied)
            for part in self.module.modules()
            if type(part) in SUPPORTED_NON_LINEAR
        ]
        try:
            return self.attribution.attribute(inputs, **arguments)
        finally:
            for handle in handles:
                handle.remove()


def _copied(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.clone() if isinstance(value, torch.Tensor) else value for value in inputs)
