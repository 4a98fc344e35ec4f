"""CNN: a small convolutional network for small pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from bench_suite.contracts import BenchError, Data, Network
from bench_suite.data.encoded import stack
from bench_suite.training.inputs import Pixels, image_only, outputs_of, pixels_of

VERSION = 1
MODALITIES = ("image",)
PROBLEMS = ("classification",)
PROVIDES = ("gradients", "convolutions", "rectifiers")
NO_EXAMPLE_GRADIENTS = "BatchNorm2d"
BOUNDS = {"channels": (1, None), "dropout": (0.0, 0.99)}


@dataclass(frozen=True)
class Options:
    channels: tuple[int, ...] = (16, 32)
    "Channels of each block: a 5×5 convolution, normalisation, ReLU, and pooling that halves both sides."
    dropout: float = 0.0
    "Probability that a feature is dropped before the last layer, in training."


class CNN(nn.Module):
    """Blocks of convolution, pooling, batch normalisation and ReLU, and a linear layer.

    Source of batch normalisation: Ioffe and Szegedy 2015, arXiv 1502.03167.
    """

    def __init__(self, pixels: Pixels, shape: tuple[int, int, int], classes: int, options: Options) -> None:
        super().__init__()
        self.pixels = pixels
        height, width, channels = shape
        blocks: list[nn.Module] = []
        for wider in options.channels:
            # Pooling before normalisation needs a quarter of the memory traffic.
            blocks += [nn.Conv2d(channels, wider, 5, padding=2, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(wider)]
            blocks.append(nn.ReLU(inplace=True))
            channels, height, width = wider, height // 2, width // 2
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(channels * height * width, classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes) of images (k, H, W, C), uint8 or float on the scale 0..255."""
        planes = self.pixels(image).permute(0, 3, 1, 2)  # a view: channels_last is H, W, C in memory
        return self.head(self.dropout(self.blocks(planes).flatten(start_dim=1)))


def build(data: Data, options: Options) -> Network:
    """Return the network for the task's images; raise BenchError if they are too small for the number of blocks."""
    shape = data.splits["train"].take(np.arange(1))["image"].shape[1:]
    smallest = 2 ** len(options.channels)
    if min(shape[0], shape[1]) < smallest:
        raise BenchError(
            f"cnn: images of {shape[0]}×{shape[1]} are too small for {len(options.channels)} blocks, each of which "
            f"halves them; give fewer channels, or images of at least {smallest}×{smallest}"
        )
    module = CNN(pixels_of(data), shape, outputs_of(data), options)
    return Network(module, encode=image_only, collate=stack)
