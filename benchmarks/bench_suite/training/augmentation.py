"""Augmentation: change training images on the device; PyTorch's global generator draws the changes at each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from bench_suite.contracts import Batch, BenchError

MIXUP_ALPHA = 0.2
"Parameter α of mixup's Beta(α, α) distribution."

Loss = Callable[[Any, Any, Mapping[str, Any]], torch.Tensor]


@dataclass(frozen=True)
class MixedTargets:
    """Targets of a batch whose examples were mixed in pairs; the loss has the same weights."""

    targets: Any
    others: Any
    weight: float
    "Weight of `targets`, in [0, 1]; that of `others` is 1 minus it."


def augment(batch: Batch, changes: tuple[str, ...]) -> Batch:
    """Return the batch with changed images.

    Args:
        batch: with the input `image` (k, H, W, C), uint8 or float on the scale 0..255; other inputs are not changed.
        changes: of `flip`, `shift`, `cutout` and `mixup`; they are always applied in this order.

    Raises:
        BenchError: the batch has no images.
    """
    image = batch.inputs.get("image")
    if image is None:
        raise BenchError(f"augment changes images, but this model reads {', '.join(batch.inputs)}; leave it out")
    for name, change in (("flip", flip), ("shift", shift), ("cutout", cutout)):
        if name in changes:
            image = change(image)
    targets = batch.targets
    if "mixup" in changes:
        image, targets = mixup(image, targets)
    return Batch({**batch.inputs, "image": image}, targets)


def changes_of(
    own: Callable[..., Batch] | None, names: tuple[str, ...], generator: torch.Generator
) -> Callable[[Batch], Batch] | None:
    """Return the function that changes a batch: the model's own `augment`, and then those of `names`; None if neither.

    Args:
        own: `Network.augment`.
        names: the training option `augment`.
        generator: from which the model's own changes are drawn, on the device of the training.
    """
    if own is None:
        return (lambda batch: augment(batch, tuple(names))) if names else None
    if not names:
        return lambda batch: changed_batch(own, batch, generator)
    return lambda batch: augment(changed_batch(own, batch, generator), tuple(names))


def changed_batch(change: Callable[..., Batch], batch: Batch, generator: torch.Generator) -> Batch:
    """Return the batch that a model's own `augment` makes of one.

    Args:
        change: `Network.augment`.
        batch: of the training, on its device.
        generator: on the same device, from which the changes are drawn.

    Raises:
        BenchError: the function returned something else than a batch with as many targets.
    """
    changed = change(batch=batch, generator=generator)
    if not isinstance(changed, Batch):
        raise BenchError(f"the model's own augment must return a Batch; it returned {type(changed).__name__}")
    if len(changed.targets) != len(batch.targets):
        raise BenchError(
            f"the model's own augment must keep the number of examples; it returned {len(changed.targets)} targets for "
            f"{len(batch.targets)}"
        )
    return changed


def flip(image: torch.Tensor) -> torch.Tensor:
    """Mirror a random half of the images left to right."""
    chosen = torch.rand(len(image), device=image.device) < 0.5
    return torch.where(chosen[:, None, None, None], image.flip(2), image)


def shift(image: torch.Tensor) -> torch.Tensor:
    """Move each image by up to an eighth of its sides and fill with black: a random crop after padding."""
    count, height, width, _ = image.shape
    margin = max(1, height // 8), max(1, width // 8)
    padded = torch.nn.functional.pad(image, (0, 0, margin[1], margin[1], margin[0], margin[0]))
    down = torch.randint(2 * margin[0] + 1, (count, 1), device=image.device)
    right = torch.randint(2 * margin[1] + 1, (count, 1), device=image.device)
    rows = (down + torch.arange(height, device=image.device))[:, :, None]
    columns = (right + torch.arange(width, device=image.device))[:, None, :]
    return padded[torch.arange(count, device=image.device)[:, None, None], rows, columns]


def cutout(image: torch.Tensor) -> torch.Tensor:
    """Fill a square at a random position of each image with the batch's mean colour.

    Its side is a quarter of the image's shorter side; a square that crosses the border is cut there. Source: DeVries
    and Taylor 2017, arXiv 1708.04552.
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
    """Return λ x + (1 − λ) x′, where x′ are the images of the same batch in a random order, and both targets.

    Each batch draws one λ from Beta(α, α). Source: Zhang et al. 2018, arXiv 1710.09412.
    """
    weight = float(torch.distributions.Beta(MIXUP_ALPHA, MIXUP_ALPHA).sample())
    order = torch.randperm(len(image), device=image.device)
    values = image.float()
    return weight * values + (1.0 - weight) * values[order], MixedTargets(targets, targets[order], weight)


def mixup_loss(loss: Loss) -> Loss:
    """Return a loss for `MixedTargets`: λ · `loss` of the targets + (1 − λ) · `loss` of the others."""

    def weighted(outputs: Any, targets: MixedTargets, spec: Mapping[str, Any]) -> torch.Tensor:
        first = loss(outputs, targets.targets, spec)
        return targets.weight * first + (1.0 - targets.weight) * loss(outputs, targets.others, spec)

    return weighted
