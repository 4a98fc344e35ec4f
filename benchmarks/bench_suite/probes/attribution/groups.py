"""Groups: squares of pixels, columns or tokens that methods take away together, and models fitted to what is left."""

from __future__ import annotations

from typing import Any

import torch

from bench_suite.probes.attribution.adapters import Inputs, Subject


def groups_of(subject: Subject, inputs: Inputs, patch: int) -> torch.Tensor:
    """Group numbers from 0, int64, of what is taken away together: squares of pixels, columns, or tokens.

    (1, …) where they are the same for all inputs; of texts (k, L, width), where what stands after the end goes with the
    last token, and what stands before the beginning with the first.
    """
    values, device = inputs.values, inputs.values.device
    if subject.kind == "table":
        return torch.arange(values.shape[1], device=device)[None]
    if subject.kind == "image":
        _, height, width, channels = values.shape
        rows, columns = torch.arange(height, device=device) // patch, torch.arange(width, device=device) // patch
        squares = rows[:, None] * (int(columns[-1]) + 1) + columns
        return squares[None, :, :, None].expand(1, height, width, channels).contiguous()
    tokens = (inputs.valid.long().cumsum(dim=1) - 1).clamp(min=0)
    return tokens[..., None].expand(values.shape).contiguous()


def group_counts(subject: Subject, inputs: Inputs, patch: int) -> torch.Tensor:
    """(k,) int64: how many groups of `groups_of` each example has."""
    return (groups_of(subject, inputs, patch).flatten(start_dim=1).amax(dim=1) + 1).expand(len(inputs))


class Fitted:
    """Captum's KernelShap or LIME, of texts one by one, and of an example with one group the whole change if wanted.

    Of several texts at once Captum fits each a model with as many groups as the longest of them has, most of which move
    nothing. KernelShap refuses an example with one group, whose Shapley value is the whole change.
    """

    def __init__(self, attribution: Any, subject: Subject, several: torch.Tensor) -> None:
        self.attribution = attribution
        self.subject = subject
        self.several = several
        "(k,) bool: False for examples that are to have the whole change."

    def attribute(
        self, values: torch.Tensor, target: torch.Tensor, additional_forward_args: tuple[torch.Tensor, ...] | None,
        baselines: torch.Tensor, feature_mask: torch.Tensor, **rest: Any,
    ) -> torch.Tensor:  # fmt: skip
        """As Captum's: a number an element of `values` (k, …); `feature_mask`, (1, …) or (k, …), is of `groups_of`."""
        context = additional_forward_args or ()
        found = self._whole_change(values, target, context, baselines)
        fitted: list[int] = self.several.nonzero().flatten().tolist()
        alike = len(feature_mask) == 1 and len(fitted) == len(values)
        for rows in [slice(None)] if alike else [slice(row, row + 1) for row in fitted]:
            arguments = {
                "target": target[rows],
                "additional_forward_args": tuple(each[rows] for each in context) or None,
                "feature_mask": feature_mask if alike else feature_mask[rows],
            }
            found[rows] = self.attribution.attribute(values[rows], baselines=baselines, **arguments, **rest).detach()
        return found

    def _whole_change(
        self, values: torch.Tensor, target: torch.Tensor, context: tuple[torch.Tensor, ...], baselines: torch.Tensor
    ) -> torch.Tensor:
        """The change of the logit at each element of examples with one group; zeros of the others."""
        found, alone = torch.zeros_like(values.detach()), ~self.several.to(values.device)
        if alone.any():
            both = values[alone].detach(), baselines.expand_as(values[alone])
            context = tuple(each[alone] for each in context)
            with torch.no_grad():
                whole, nothing = (self.subject.module(each, *context).float() for each in both)
            change = (whole - nothing).gather(1, target[alone][:, None])
            found[alone] = change.reshape(-1, *[1] * (values.ndim - 1)).expand_as(values[alone])
        return found
