"""Input gradients: find inputs that decide the logits but have no gradient, such as codes that pass through `.long()`.

Methods that follow gradients give such an input 0, and a mean or a step between two codes is rounded to some code. So
no attribution of it means what it should.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from bench_suite.probes.attribution.adapters import Inputs, Subject

EXAMPLES = 32
"Test examples with which it is tried."
SHARES = (1.0, 0.7, 0.4, 0.1)
"Points between the reference and an input at which gradients are taken, as shares of the way."
SHIFTS = (1, 2, 5)
"An input takes the values of the examples so many rows further, to see whether it decides the logits."
MAX_NAMES = 5
"Columns that a reason names; it counts the others."


def missing_gradients(subject: Subject, inputs: Inputs, columns: Sequence[str]) -> str | None:
    """Return why some inputs cannot be explained; None if each has gradients or does not decide the logits.

    A column of a table, or a channel of an image, has no gradient if the gradient is 0 at every point tried. It decides
    the logits if they change when it takes the values of other examples. An input that the network ignores has no
    gradient either, and 0 is its right attribution.

    Args:
        subject: the network.
        inputs: several examples.
        columns: names of a table's columns; others are numbered.
    """
    if subject.kind == "text":
        return None
    logits = subject.logits(inputs)
    if not bool(logits.isfinite().all()):
        return None
    without = [number for number in _without_gradient(subject, inputs) if _decides(subject, inputs, logits, number)]
    if not without:
        return None
    count = inputs.values.shape[-1]
    part = "column" if subject.kind == "table" else "channel"
    known = subject.kind == "table" and len(columns) == count
    names = [f'"{columns[number]}"' if known else str(number) for number in without]
    listed = ", ".join(names[:MAX_NAMES]) + (f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else "")
    return (
        f"attribution needs a network that uses fractions of its input; {part}{'s' if len(names) > 1 else ''} {listed} "
        "decide" + ("" if len(names) > 1 else "s") + " the logits without a gradient, like a code that passes through "
        "`.long()`: encode codes as one number for each code (0 or 1)"
    )


def _without_gradient(subject: Subject, inputs: Inputs) -> list[int]:
    """Return the positions in the last dimension of the inputs whose gradients are 0 for all examples and points."""
    largest = torch.zeros(inputs.values.shape[-1], device=inputs.values.device)
    for share in SHARES:
        values = (subject.reference + share * (inputs.values - subject.reference)).detach().requires_grad_()
        with torch.enable_grad():
            logits = subject.module(values, *inputs.context).float()
            if not logits.requires_grad:
                continue
            # The logits of all classes, with weights, so that no two cancel each other.
            weights = torch.linspace(1.0, 2.0, logits.shape[1], device=logits.device)
            (gradient,) = torch.autograd.grad((logits * weights).sum(), values, allow_unused=True)
        if gradient is not None:
            largest = torch.maximum(largest, gradient.abs().flatten(end_dim=-2).amax(dim=0).nan_to_num(nan=1.0))
    return (largest == 0).nonzero().flatten().tolist()


def _decides(subject: Subject, inputs: Inputs, logits: torch.Tensor, number: int) -> bool:
    tolerance = 1e-4 * max(1.0, float(logits.abs().max()))
    for shift in SHIFTS:
        values = inputs.values.clone()
        values[..., number] = inputs.values[..., number].roll(shift, dims=0)
        changed = subject.logits(replace(inputs, values=values))
        if float((changed - logits).abs().max()) > tolerance:
            return True
    return False
