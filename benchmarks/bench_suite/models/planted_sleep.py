"""Planted sleep: a linear network that sleeps for each example, so that no clock can honestly find it faster.

A forward pass over k examples takes k times `milliseconds`, and what the rest of it takes. So training and inference
come to just under 1,000 / `milliseconds` examples a second, and never to more.
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
    "How long it sleeps for each example of a batch, in training as in inference."


def training_flops(inputs: int, classes: int) -> int:
    """FLOP an example of forward and backward pass: of a table's `inputs` columns no gradient is asked."""
    return 2 * (2 * inputs * classes)


class Sleeper(nn.Module):
    """One linear layer, after a sleep of `seconds` an example."""

    def __init__(self, seconds: float, inputs: int, classes: int) -> None:
        super().__init__()
        self.seconds = seconds
        self.layer = nn.Linear(inputs, classes)

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        """Logits (k, classes) of a table (k, d)."""
        time.sleep(self.seconds * len(table))
        outputs: torch.Tensor = self.layer(table)
        return outputs


def build(data: Data, options: Options) -> Network:
    """The network for a table that is imputed and standardised from the train split."""
    inputs = data.splits["train"].take(np.arange(1))["table"].shape[1]
    module = Sleeper(options.milliseconds / 1000.0, inputs, outputs_of(data))
    return Network(module, encode=standardisation_of(data), collate=stack)
