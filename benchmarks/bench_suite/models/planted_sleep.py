"""Planted sleep: a linear network that sleeps for each example, so its greatest speed is known.

A forward pass over k examples takes at least k · `milliseconds`. So the throughput of training and inference is just
below 1,000 / `milliseconds` examples a second, and never above.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from bench_suite.contracts import Data, Network
from bench_suite.data.encoded import stack
from bench_suite.training.inputs import outputs_of, standardisation_of

VERSION = 1
MODALITIES = ("table",)
PROBLEMS = ("classification",)
PROVIDES = ("gradients",)
BOUNDS = {"milliseconds": (0.0, 1000.0)}


@dataclass(frozen=True)
class Options:
    milliseconds: float = 1.0
    "Sleep for each example of a batch, in training and inference."


def training_flops(inputs: int, classes: int) -> int:
    """Return the FLOP of forward and backward pass for an example; the `inputs` columns of a table have no gradient."""
    return 2 * (2 * inputs * classes)


class Sleeper(nn.Module):
    """A linear layer after a sleep of `seconds` for each example."""

    def __init__(self, seconds: float, inputs: int, classes: int) -> None:
        super().__init__()
        self.seconds = seconds
        self.layer = nn.Linear(inputs, classes)

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes) of a table (k, d)."""
        time.sleep(self.seconds * len(table))
        outputs: torch.Tensor = self.layer(table)
        return outputs


def build(data: Data, options: Options) -> Network:
    """Return the network for a table that is imputed and standardised by the train split."""
    inputs = data.splits["train"].take(np.arange(1))["table"].shape[1]
    module = Sleeper(options.milliseconds / 1000.0, inputs, outputs_of(data))
    return Network(module, encode=standardisation_of(data), collate=stack)
