"""Planted products: a network of matrix products and nothing else, whose operations are known before they are counted.

Each example is a matrix of `rows` × `width`, the first column of its table all over; `products` square matrices of
weights are multiplied to it one after the other, then the mean of the rows is brought to the classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from bench_suite.contracts import Data, Network
from bench_suite.data.encoded import stack
from bench_suite.training.inputs import outputs_of, standardisation_of

VERSION = 1
MODALITIES = ("table",)
PROBLEMS = ("classification",)
PROVIDES = ("gradients",)
BOUNDS = {"rows": (1, None), "width": (1, None), "products": (1, None)}


@dataclass(frozen=True)
class Options:
    rows: int = 32
    "Rows of the matrix that an example is."
    width: int = 256
    "Its columns, and the side of the matrices of weights."
    products: int = 4
    "Matrices of weights."


@dataclass(frozen=True)
class Costs:
    """What the network is known to cost."""

    parameters: int
    flops: int
    "FLOP an example of the forward pass, two a multiply-add."
    training_flops: int
    "FLOP an example of forward and backward pass."


def costs(options: Options, classes: int) -> Costs:
    """With r rows, width w, m products and c classes: m·w² + w·c parameters, 2·m·r·w² + 2·w·c FLOP forward.

    Backward, each product costs as much for the gradient of its weights and once more for that of its inputs, which the
    first does not need: 2·(2 m − 1)·r·w² + 4·w·c.
    """
    square, last = 2 * options.rows * options.width**2, 2 * options.width * classes
    weights = options.products * options.width**2 + options.width * classes
    return Costs(weights, options.products * square + last, (3 * options.products - 1) * square + 3 * last)


class Products(nn.Module):
    """Linear layers without biases and without anything between them."""

    def __init__(self, options: Options, classes: int) -> None:
        super().__init__()
        self.shape = (options.rows, options.width)
        square = [nn.Linear(options.width, options.width, bias=False) for _ in range(options.products)]
        self.products = nn.Sequential(*square)
        self.last = nn.Linear(options.width, classes, bias=False)

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        """Logits (k, classes) of a table (k, d)."""
        matrices = table[:, :1, None].expand(-1, *self.shape)
        outputs: torch.Tensor = self.last(self.products(matrices).mean(dim=1))
        return outputs


def build(data: Data, options: Options) -> Network:
    """The network for a table that is imputed and standardised from the train split."""
    return Network(Products(options, outputs_of(data)), encode=standardisation_of(data), collate=stack)
