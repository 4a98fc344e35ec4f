"""Saliency: how strongly each pixel moves the true class's logit, averaged over test images (Simonyan et al. 2013)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from bench_suite.contracts import Artifact, Metric, Trained

VERSION = 1
NEEDS = ("gradients",)
METRICS = {"concentration": {"unit": "share of the gradient", "better": "none"}}
BOUNDS = {"examples": (1, None)}


@dataclass(frozen=True)
class Options:
    examples: int = 100
    "Test images to average over."


def probe(trained: Trained, options: Options) -> Iterator[Metric | Artifact]:
    """Yield the map as an image, and the share of saliency in its strongest tenth of pixels."""
    network = trained.network
    test = trained.encoded("test")
    batch = test.batch(network, torch.arange(min(options.examples, len(test)), device=test.device))
    batch = batch.to(trained.placement.device)
    image = batch.inputs["image"].float().requires_grad_()
    network.module.eval()
    logits = network.module(image=image)
    logits.gather(1, batch.targets[:, None]).sum().backward()
    strength = image.grad.abs().mean(dim=(0, 3)).cpu()
    network.module.zero_grad()
    top = strength.flatten().sort(descending=True).values
    share = float(top[: max(1, len(top) // 10)].sum() / top.sum())
    yield Metric("concentration", share, "one trained model", n=len(image))
    yield Artifact("map", "image", (strength / strength.max()).numpy(), "Mean gradient of the true class's logit")
