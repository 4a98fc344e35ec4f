"""Augmentation: training images changed on the device, drawn anew at each step from PyTorch's global generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from bench_suite.contracts import Batch, BenchError

MIXUP_ALPHA = 0.2
"The α of mixup's Beta(α, α) distribution."

Loss = Callable[[Any, Any, Mapping[str, Any]], torch.Tensor]


@dataclass(frozen=True)
class MixedTargets:
    """Targets of a batch whose examples were mixed with others of it: the loss is weighted likewise."""

    targets: Any
    others: Any
    weight: float
    "Of `targets`, in 0..1; `others` have the rest."


def augment(batch: Batch, changes: tuple[str, ...]) -> Batch:
    """The batch with its `image` (k, H, W, C), uint8 or float on the scale 0..255, changed; others stay as they are.

    `flip`, `shift`, `cutout` and `mixup`, in this order whatever order they are named in. Raises `BenchError` where
    there is no such input.
    """
    image = batch.inputs.get("image")
    if image is None:
        raise BenchError(f"augment changes images, and this model is given {', '.join(batch.inputs)}; leave it out")
    for name, change in (("flip", flip), ("shift", shift), ("cutout", cutout)):
        if name in changes:
            image = change(image)
    targets = batch.targets
    if "mixup" in changes:
        image, targets = mixup(image, targets)
    return Batch({**batch.inputs, "image": image}, targets)


def flip(image: torch.Tensor) -> torch.Tensor:
    """Half of the images, drawn, mirrored left to right."""
    chosen = torch.rand(len(image), device=image.device) < 0.5
    return torch.where(chosen[:, None, None, None], image.flip(2), image)


def shift(image: torch.Tensor) -> torch.Tensor:
    """Each image moved by up to an eighth of its sides, what comes in black: a random crop after padding."""
    count, height, width, _ = image.shape
    most = max(1, height // 8), max(1, width // 8)
    padded = torch.nn.functional.pad(image, (0, 0, most[1], most[1], most[0], most[0]))
    down = torch.randint(2 * most[0] + 1, (count, 1), device=image.device)
    right = torch.randint(2 * most[1] + 1, (count, 1), device=image.device)
    rows = (down + torch.arange(height, device=image.device))[:, :, None]
    columns = (right + torch.arange(width, device=image.device))[:, None, :]
    return padded[torch.arange(count, device=image.device)[:, None, None], rows, columns]


def cutout(image: torch.Tensor) -> torch.Tensor:
    """A square of a quarter of the shorter side at a drawn place of each image, filled with the batch's mean colour.

    DeVries and Taylor 2017, arXiv 1708.04552; a square over the border is cut there.
    """
    count, height, width, _ = image.shape
    side = max(1, min(height, width) // 4)
    top = torch.randint(height, (count, 1, 1), device=image.device) - side // 2
    left = torch.randint(width, (count, 1, 1), device=image.device) - side // 2
    rows = torch.arange(height, device=image.device)[None, :, None]
    columns = torch.arange(width, device=image.device)[None, None, :]
    inside = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
    mean = image.float().mean(dim=(0, 1, 2)).to(image.dtype)
    return torch.where(inside[..., None], mean, image)


def mixup(image: torch.Tensor, targets: Any) -> tuple[torch.Tensor, MixedTargets]:
    """Images mixed with those of the same batch in another order, and both targets: λ x + (1 − λ) x′.

    Zhang et al. 2018, arXiv 1710.09412, one λ of Beta(α, α) a batch.
    """
    weight = float(torch.distributions.Beta(MIXUP_ALPHA, MIXUP_ALPHA).sample())
    order = torch.randperm(len(image), device=image.device)
    values = image.float()
    return weight * values + (1.0 - weight) * values[order], MixedTargets(targets, targets[order], weight)


def mixup_loss(loss: Loss) -> Loss:
    """`loss`, given `MixedTargets` targets: λ times that of the first and 1 − λ times that of the others."""

    def weighted(outputs: Any, targets: MixedTargets, spec: Mapping[str, Any]) -> torch.Tensor:
        first = loss(outputs, targets.targets, spec)
        return targets.weight * first + (1.0 - targets.weight) * loss(outputs, targets.others, spec)

    return weighted
