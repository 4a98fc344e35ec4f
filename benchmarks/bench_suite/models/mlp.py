"""MLP: a multilayer perceptron, fully connected layers over pixels or the columns of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn

from bench_suite.contracts import BenchError, Data, Network
from bench_suite.data.encoded import stack
from bench_suite.training.inputs import Pixels, image_only, outputs_of, pixels_of, standardisation_of

VERSION = 1
MODALITIES = ("image", "table")
PROBLEMS = ("classification", "regression")
PROVIDES = ("gradients", "rectifiers")
BOUNDS = {"hidden": (1, None), "dropout": (0.0, 0.99)}


@dataclass(frozen=True)
class Options:
    hidden: tuple[int, ...] = (128,)
    "Width of each hidden layer; an empty list makes it a linear model."
    dropout: float = 0.0
    "Probability that a hidden unit is dropped in a training step."
    pixels: Literal["standardised", "centred"] = "standardised"
    "Scale of images: mean 0 and standard deviation 1 over the training images, or from −1 to 1 as in textbooks."
    output: Literal["logits", "softmax"] = "logits"
    """Output of the last layer. `softmax` is a classic mistake whose effect can be measured: the loss applies a softmax
    of its own, so the network learns slowly and its probabilities stay away from 0 and 1."""


class MLP(nn.Module):
    """Linear layers with ReLU between them, over `inputs` numbers for each example."""

    def __init__(self, scale: nn.Module, inputs: int, outputs: int, options: Options) -> None:
        super().__init__()
        self.scale = scale
        self.scalar = outputs == 1
        layers: list[nn.Module] = []
        for width in options.hidden:
            layers += [nn.Linear(inputs, width), nn.ReLU()]
            if options.dropout > 0.0:
                layers.append(nn.Dropout(options.dropout))
            inputs = width
        self.layers = nn.Sequential(*layers, nn.Linear(inputs, outputs))
        if options.output == "softmax":
            self.layers.append(nn.Softmax(dim=-1))

    def forward(self, image: torch.Tensor | None = None, table: torch.Tensor | None = None) -> torch.Tensor:
        """Return logits (k, classes), or standardised values (k,), of images (k, H, W, C) or a table (k, d)."""
        values = table if image is None else image
        assert values is not None
        outputs = self.layers(self.scale(values).flatten(start_dim=1))
        return outputs.squeeze(-1) if self.scalar else outputs


def build(data: Data, options: Options) -> Network:
    """Return the network for images, or for a table that is imputed and standardised by the train split.

    Raises:
        BenchError: the problem is a regression and `output = "softmax"`.
    """
    outputs = outputs_of(data)
    if options.output == "softmax" and data.problem != "classification":
        raise BenchError(
            'mlp: output = "softmax" is for classes; a regression has one value for each example: set output = "logits"'
        )
    first = data.splits["train"].take(np.arange(1))
    if "image" in first:
        channels = first["image"].shape[3]
        pixels = pixels_of(data) if options.pixels == "standardised" else Pixels(np.full(channels, 127.5), 127.5)
        module = MLP(pixels, first["image"][0].size, outputs, options)
        return Network(module, encode=image_only, collate=stack)
    module = MLP(nn.Identity(), first["table"].shape[1], outputs, options)
    return Network(module, encode=standardisation_of(data), collate=stack)
