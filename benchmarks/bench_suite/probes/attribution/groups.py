"""Groups: squares of pixels, columns or tokens that methods remove together, and models fitted to such inputs."""

from __future__ import annotations

from typing import Any

import torch

from bench_suite.probes.attribution.adapters import Inputs, Subject


def groups_of(subject: Subject, inputs: Inputs, patch: int) -> torch.Tensor:
    """Return the number of the group of each element: squares of pixels, columns, or tokens.

    Returns:
        int64 from 0. (1, …) for images and tables, whose groups are the same for all inputs. (k, L, width) for texts:
        padding after the end belongs to the last token, and padding before the beginning to the first.
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
    """Return (k,) int64: the number of groups that each example has by `groups_of`."""
    return (groups_of(subject, inputs, patch).flatten(start_dim=1).amax(dim=1) + 1).expand(len(inputs))


class Fitted:
    """Captum's KernelShap or LIME, applied to one text at a time, with a special case for examples with one group.

    For several texts at once, Captum fits each a model with as many groups as the longest text has, most of which have
    no effect. KernelShap refuses an example with one group, whose Shapley value is the whole change of the logit.
    """

    def __init__(self, attribution: Any, subject: Subject, several: torch.Tensor) -> None:
        self.attribution = attribution
        self.subject = subject
        self.several = several
        "(k,) bool: False for examples that get the whole change of the logit."

    def attribute(
        self, values: torch.Tensor, target: torch.Tensor, additional_forward_args: tuple[torch.Tensor, ...] | None,
        baselines: torch.Tensor, feature_mask: torch.Tensor, **rest: Any,
    ) -> torch.Tensor:  # fmt: skip
        """Return a number for each element of `values` (k, …); `feature_mask` (1 or k, …) comes from `groups_of`."""
        context = additional_forward_args or ()
        attributions = self._whole_change(values, target, context, baselines)
        fitted: list[int] = self.several.nonzero().flatten().tolist()
        together = len(feature_mask) == 1 and len(fitted) == len(values)
        for rows in [slice(None)] if together else [slice(row, row + 1) for row in fitted]:
            arguments = {
                "target": target[rows],
                "additional_forward_args": tuple(extra[rows] for extra in context) or None,
                "feature_mask": feature_mask if together else feature_mask[rows],
            }
            fit = self.attribution.attribute(values[rows], baselines=baselines, **arguments, **rest)
            attributions[rows] = fit.detach()
        return attributions

    def _whole_change(
        self, values: torch.Tensor, target: torch.Tensor, context: tuple[torch.Tensor, ...], baselines: torch.Tensor
    ) -> torch.Tensor:
        """Return the change of the logit at each element of examples with one group; zeros for the others."""
        changes, alone = torch.zeros_like(values.detach()), ~self.several.to(values.device)
        if alone.any():
            both = values[alone].detach(), baselines.expand_as(values[alone])
            context = tuple(extra[alone] for extra in context)
            with torch.no_grad():
                whole, nothing = (self.subject.module(inputs, *context).float() for inputs in both)
            change = (whole - nothing).gather(1, target[alone][:, None])
            changes[alone] = change.reshape(-1, *[1] * (values.ndim - 1)).expand_as(values[alone])
        return changes
