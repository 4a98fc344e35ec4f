"""ResNet: residual networks of 8 layers for small pictures, and of 18 and 50 layers as for ImageNet.

Source: He et al. 2016, arXiv 1512.03385. Depth 8 is the CIFAR network of section 4.2, 6n + 2 layers with n = 1: a 3×3
convolution, three stages of one block with 16, 32 and 64 channels, shortcuts without parameters, the mean over all
pixels, a linear layer. Depths 18 and 50 are classes of Transformers. For pictures of up to 64 pixels they get the usual
stem for small pictures, a 3×3 convolution without stride or pooling; larger pictures use the 7×7 convolution and the
pooling of the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from bench_suite.contracts import Data, Network
from bench_suite.training.images import (
    MAX_SMALL_SIDE,
    TRANSFORMERS,
    image_network,
    import_names,
    require_side,
    shape_of,
)
from bench_suite.training.inputs import outputs_of

VERSION = 1
MODALITIES = ("image",)
PROBLEMS = ("classification", "regression")
PROVIDES = ("gradients", "convolutions", "rectifiers")
NO_EXAMPLE_GRADIENTS = "BatchNorm2d"
IMPORTS_BY = {"depth": {18: ("transformers",), 50: ("transformers",)}}
BOUNDS = {"width": (0.0625, 16.0)}


@dataclass(frozen=True)
class Options:
    depth: Literal[8, 18, 50] = 8
    "Layers with weights: 8 for small pictures; 18 and 50 as for ImageNet, which need the extra `pretrained`."
    width: float = 1.0
    "Factor of the channels of all layers; at 1, the stages have 16 to 64 (depth 8), or the paper's 64 to 512 or 2048."


class Block(nn.Module):
    """Two 3×3 convolutions, each with batch normalisation, added to their input.

    If the block halves the sides, the shortcut takes every second pixel and the new channels are zero: the paper's
    option A, without parameters. It is a pooling of one pixel, since the gradient of a slice is not `channels_last`:
    1,720 images a second instead of 1,370, on one core, at batch 128 and in bfloat16.
    """

    def __init__(self, channels: int, wider: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, wider, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(wider)
        self.first_relu = nn.ReLU()
        self.second = nn.Conv2d(wider, wider, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(wider)
        self.second_relu = nn.ReLU()
        self.stride = stride
        self.added = wider - channels

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """Return planes (k, wider, H / stride, W / stride), rounded up, of planes (k, channels, H, W)."""
        inner = self.first_relu(self.first_norm(self.first(planes)))
        inner = self.second_norm(self.second(inner))
        if self.stride > 1:
            planes = functional.avg_pool2d(planes, 1, self.stride)
        if self.added:
            planes = functional.pad(planes, (0, 0, 0, 0, 0, self.added))
        return self.second_relu(inner + planes)


class ResNet8(nn.Module):
    """The CIFAR network of 6n + 2 layers with n = 1, over planes (k, C, H, W)."""

    def __init__(self, channels: int, outputs: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        narrow, middle, wide = widths
        self.stem = nn.Sequential(
            nn.Conv2d(channels, narrow, 3, padding=1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU()
        )
        self.stages = nn.Sequential(Block(narrow, narrow, 1), Block(narrow, middle, 2), Block(middle, wide, 2))
        self.head = nn.Linear(wide, outputs)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):  # He et al. 2015, arXiv 1502.01852
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """Return logits (k, outputs) of planes (k, C, H, W)."""
        features = self.stages(self.stem(planes))
        return self.head(functional.avg_pool2d(features, features.shape[2:]).flatten(start_dim=1))


def build(data: Data, options: Options) -> Network:
    """Return the network for the task's images.

    Raises:
        BenchError: the images are too small, or Transformers is missing.
    """
    shape, outputs = shape_of(data), outputs_of(data)
    halvings = 2 if options.depth == 8 else 3
    why = f"its {halvings} halvings would leave less than a pixel"
    require_side(f"resnet of depth {options.depth}", shape, 2**halvings, why)
    if options.depth == 8:
        narrow, middle, wide = _widths((16, 32, 64), options.width)
        return image_network(data, ResNet8(shape[2], outputs, (narrow, middle, wide)))
    return image_network(data, _build_resnet(shape, outputs, options))


def _build_resnet(shape: tuple[int, int, int], outputs: int, options: Options) -> Any:
    """Return a `ResNetForImageClassification` from a configuration, with another stem for small pictures."""
    configuration, network, layer = import_names(
        "transformers.models.resnet.modeling_resnet",
        ("ResNetConfig", "ResNetForImageClassification", "ResNetConvLayer"),
        TRANSFORMERS,
    )
    basic = options.depth == 18
    (stem,) = _widths((64,), options.width)
    config = configuration(
        num_channels=shape[2],
        embedding_size=stem,
        hidden_sizes=_widths((64, 128, 256, 512) if basic else (256, 512, 1024, 2048), options.width),
        depths=[2, 2, 2, 2] if basic else [3, 4, 6, 3],
        layer_type="basic" if basic else "bottleneck",
        num_labels=outputs,
    )
    module = network(config)
    if max(shape[:2]) <= MAX_SMALL_SIDE:
        embedder = module.resnet.embedder
        embedder.embedder = layer(shape[2], stem, kernel_size=3, stride=1)
        embedder.pooler = nn.Identity()
        # The same initialisation as in Transformers.
        nn.init.kaiming_normal_(embedder.embedder.convolution.weight, mode="fan_out", nonlinearity="relu")
    return module


def _widths(channels: tuple[int, ...], width: float) -> list[int]:
    return [max(1, round(width * count)) for count in channels]
