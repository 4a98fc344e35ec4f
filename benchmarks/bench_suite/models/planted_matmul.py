"""Planted products: a network of matrix products only, whose number of operations is known.

Each example becomes a matrix of `rows` × `width` filled with the first column of its table. It is multiplied by
`products` square weight matrices in turn, and a linear layer maps the mean of its rows to the classes.
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
    "Rows of an example's matrix."
    width: int = 256
    "Columns of an example's matrix, and the side of the weight matrices."
    products: int = 4
    "Number of weight matrices."


@dataclass(frozen=True)
class Costs:
    """The known cost of the network."""

    parameters: int
    flops: int
    "FLOP of the forward pass for an example, two for each multiply-add."
    training_flops: int
    "FLOP of forward and backward pass for an example."


def costs(options: Options, classes: int) -> Costs:
    """Return the costs for r rows, width w, m products and c classes.

    Parameters: m·w² + w·c. FLOP forward: 2·m·r·w² + 2·w·c. Backward, each product costs the same for the gradient of
    its weights and again for that of its inputs; the first product has no gradient of its inputs. So the FLOP are
    2·(2 m − 1)·r·w² + 4·w·c.
    """
    square, last = 2 * options.rows * options.width**2, 2 * options.width * classes
    weights = options.products * options.width**2 + options.width * classes
    return Costs(weights, options.products * square + last, (3 * options.products - 1) * square + 3 * last)


class Products(nn.Module):
    """Linear layers without biases or activations."""

    def __init__(self, options: Options, classes: int) -> None:
        super().__init__()
        self.shape = (options.rows, options.width)
        square = [nn.Linear(options.width, options.width, bias=False) for _ in range(options.products)]
        self.products = nn.Sequential(*square)
        self.last = nn.Linear(options.width, classes, bias=False)

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes) of a table (k, d)."""
        matrices = table[:, :1, None].expand(-1, *self.shape)
        outputs: torch.Tensor = self.last(self.products(matrices).mean(dim=1))
        return outputs


def build(data: Data, options: Options) -> Network:
    """Return the network for a table that is imputed and standardised by the train split."""
    return Network(Products(options, outputs_of(data)), encode=standardisation_of(data), collate=stack)
