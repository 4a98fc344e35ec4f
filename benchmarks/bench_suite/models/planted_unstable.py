"""Planted unstable: a network with a classic mistake, so that its predictions depend on more than the example.

Without the mistake it predicts the sign of the first column of a table. It has nothing to learn: set `epochs = 0`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from bench_suite.contracts import Data, Network
from bench_suite.data.encoded import stack
from bench_suite.training.inputs import outputs_of, standardisation_of

VERSION = 1
MODALITIES = ("table",)
PROBLEMS = ("classification",)
PROVIDES = ("gradients",)
BOUNDS = {"dropped": (0.0, 1.0)}


@dataclass(frozen=True)
class Options:
    mistake: Literal["none", "batch_norm", "dropout", "position"] = "none"
    """`batch_norm` normalises each batch by itself; `dropout` turns the sign of some examples at random; `position`
    turns the sign of every second example of a batch. All of them in evaluation mode too."""
    dropped: float = 0.25
    "Probability that `dropout` turns a sign."


class Unstable(nn.Module):
    """The sign of the first column, in two logits."""

    def __init__(self, options: Options, classes: int) -> None:
        super().__init__()
        self.mistake = options.mistake
        self.dropped = options.dropped
        self.scale = nn.Parameter(torch.full((classes,), 4.0))

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes) of a table (k, d): those of the last class have the sign of the first column."""
        first = table[:, :1]
        if self.mistake == "batch_norm":
            first = functional.batch_norm(first, None, None, training=True)
        elif self.mistake == "dropout":
            same_sign = functional.dropout(torch.ones_like(first), self.dropped, training=True) > 0
            first = torch.where(same_sign, first, -first)
        elif self.mistake == "position":
            first = first * (1 - 2 * (torch.arange(len(first), device=first.device)[:, None] % 2))
        logits = torch.zeros((len(first), len(self.scale)), device=first.device)
        logits[:, -1:] = first
        return logits * self.scale


def build(data: Data, options: Options) -> Network:
    """Return the network for a table that is imputed and standardised by the train split."""
    return Network(Unstable(options, outputs_of(data)), encode=standardisation_of(data), collate=stack)
