"""VGG: plain deep convolutional networks (Simonyan and Zisserman 2015, arXiv 1409.1556).

They have five groups of 3×3 convolutions, each followed by pooling that halves both sides. For pictures of more than 64
pixels, the paper's three linear layers over 7×7 pixels follow. For smaller ones, one linear layer over the mean of the
remaining pixels follows, as is usual on CIFAR. Depths 11, 13, 16 and 19 are the paper's A, B, D and E. By default each
convolution has batch normalisation, which is newer than the paper; `norm = "none"` is the network of the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from bench_suite.contracts import Data, Network
from bench_suite.training.images import MAX_SMALL_SIDE, image_network, require_side, shape_of
from bench_suite.training.inputs import outputs_of

VERSION = 1
MODALITIES = ("image",)
PROBLEMS = ("classification", "regression")
PROVIDES = ("gradients", "convolutions", "rectifiers")
NO_EXAMPLE_GRADIENTS = {"norm": {"batch": "BatchNorm2d"}}
BOUNDS = {"width": (0.0625, 16.0), "dropout": (0.0, 0.99)}

CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"Convolutions in each group, by depth: table 1 of the paper."
CHANNELS = (64, 128, 256, 512, 512)
SMALLEST = 16
"Least side, in pixels: four of the five poolings halve it, and the last one may get a single pixel."


@dataclass(frozen=True)
class Options:
    depth: Literal[11, 13, 16, 19] = 11
    "Layers with weights in the paper's network, the three linear ones included."
    width: float = 1.0
    "Factor of the channels of all convolutions; at 1, the groups have 64, 128, 256, 512 and 512."
    dropout: float = 0.5
    "Probability that a feature is dropped before each linear layer, in training."
    norm: Literal["batch", "none"] = "batch"
    "Normalisation after each convolution: batch normalisation, or none as in the paper."


class VGG(nn.Module):
    """Groups of convolution, normalisation and ReLU over planes (k, C, H, W), with pooling after each group."""

    def __init__(self, shape: tuple[int, int, int], outputs: int, options: Options) -> None:
        super().__init__()
        channels = shape[2]
        layers: list[nn.Module] = []
        for count, wide in zip(CONVOLUTIONS[options.depth], CHANNELS):
            wider = max(1, round(options.width * wide))
            for _ in range(count):
                normalised = options.norm == "batch"
                layers.append(nn.Conv2d(channels, wider, 3, padding=1, bias=not normalised))
                layers += [nn.BatchNorm2d(wider), nn.ReLU()] if normalised else [nn.ReLU()]
                channels = wider
            # Rounded up, so that 28 pixels can be halved five times; even sides are not affected.
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        if max(shape[:2]) <= MAX_SMALL_SIDE:
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.head = nn.Sequential(nn.Dropout(options.dropout), nn.Linear(channels, outputs))
        else:
            self.pool = nn.AdaptiveAvgPool2d(7)
            self.head = nn.Sequential(
                *(nn.Linear(49 * channels, 4096), nn.ReLU(), nn.Dropout(options.dropout)),
                *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(options.dropout)),
                nn.Linear(4096, outputs),
            )
        for part in self.modules():
            if isinstance(part, nn.Conv2d):  # He et al. 2015, arXiv 1502.01852
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
                if part.bias is not None:
                    nn.init.zeros_(part.bias)

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """Return logits (k, outputs) of planes (k, C, H, W)."""
        return self.head(self.pool(self.features(planes)).flatten(start_dim=1))


def build(data: Data, options: Options) -> Network:
    """Return the network for the task's images; raise BenchError if they are too small for five poolings."""
    shape = shape_of(data)
    require_side(f"vgg of depth {options.depth}", shape, SMALLEST, "five poolings would leave nothing to halve")
    return image_network(data, VGG(shape, outputs_of(data), options))
