"""Summed gradients: one backward pass from the sum of the rows' logits, in place of one number for each row.

Captum hands autograd a list with the logit of each row (`captum._utils.gradient.compute_gradients`). PyTorch checks
these and makes a gradient of 1 for each of them in Python: half of the time of integrated gradients of small images.
The gradient of their sum is the same, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def with_summed_gradients(attribution: Any) -> Any:
    """Return a `captum.attr.GradientAttribution` that takes its gradients by `summed_gradients`."""
    attribution.gradient_func = summed_gradients
    return attribution


def summed_logits(module: Callable[..., torch.Tensor], target: torch.Tensor) -> Callable[..., torch.Tensor]:
    """Return a function of the arguments of `module` that returns the sum of the explained logits, (1,).

    Args:
        module: maps inputs to logits (k, classes).
        target: (k,) int64, the class that is explained.
    """

    def total(values: torch.Tensor, *context: torch.Tensor) -> torch.Tensor:
        return module(values, *context).gather(1, target[:, None]).sum(dim=0)

    return total


def summed_gradients(
    forward_fn: Callable[..., torch.Tensor],
    inputs: tuple[torch.Tensor, ...],
    target_ind: Any = None,
    additional_forward_args: Any = None,
) -> tuple[torch.Tensor, ...]:
    """Return the gradients of the explained logits with respect to the inputs.

    The arguments are those of Captum's `compute_gradients`, which calls them by these names.

    Args:
        forward_fn: the network, or a function without arguments that runs it.
        inputs: tensors with one row for each example.
        target_ind: (k,) the class that is explained; None if `forward_fn` returns the explained logits (k,).
        additional_forward_args: further arguments of `forward_fn`.
    """
    from captum._utils.common import _run_forward

    with torch.enable_grad():
        logits = _run_forward(forward_fn, inputs, target_ind, additional_forward_args)
        gradients: tuple[torch.Tensor, ...] = torch.autograd.grad(logits.sum(), inputs)
    return gradients
